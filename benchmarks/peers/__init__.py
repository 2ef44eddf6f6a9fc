"""Who takes part: a module for each library, Pellucid's own among them, all with the contract of ``peer.py``."""

from benchmarks.peers import jax_scan, numpy_by_hand, onnx_runtime, pellucid_engines, pytorch, scikit_learn
from benchmarks.peers.peer import Peer, Predictor, Trainer

__all__ = ["PEERS", "Peer", "Predictor", "Trainer"]

PEERS: dict[str, Peer] = {
    "pellucid": pellucid_engines,
    "numpy": numpy_by_hand,
    "pytorch": pytorch,
    "jax": jax_scan,
    "scikit-learn": scikit_learn,
    "onnxruntime": onnx_runtime,
}
