"""onnxruntime, which predicts only: the network as an ONNX model of Gemm, Relu and Softmax."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.peer import Predictor, Trainer, installed
from benchmarks.problems import PredictionProblem, TrainingProblem
from pellucid.equations.parameters import Layers

NAME = "onnxruntime"
VARIANTS: tuple[str, ...] = ("",)

OPSET = 17


def version() -> str | None:
    """Without the package ``onnx`` there is no model to run."""
    return installed("onnxruntime") if installed("onnx") else None


def trainer(problem: TrainingProblem, variant: str, threads: int) -> Trainer | None:
    return None


def predictor(problem: PredictionProblem, variant: str, threads: int) -> Predictor | None:
    onnxruntime = import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(_model(problem.layers), options, providers=["CPUExecutionProvider"])
    feeds = {"x": problem.x}

    def predict() -> NDArray[Any]:
        p: NDArray[Any] = session.run(None, feeds)[0]
        return p

    return Predictor("float32", predict)


def _model(layers: Layers) -> bytes:
    """Write the network down; W (fan_out, fan_in) is what Gemm takes with transB = 1."""
    onnx, helper, numpy_helper = map(import_module, ("onnx", "onnx.helper", "onnx.numpy_helper"))
    nodes, tensors, given = [], [], "x"
    for number, (W, b) in enumerate(layers, start=1):
        last = number == len(layers)
        tensors += [numpy_helper.from_array(W, f"W{number}"), numpy_helper.from_array(b, f"b{number}")]
        nodes.append(helper.make_node("Gemm", [given, f"W{number}", f"b{number}"], [f"z{number}"], transB=1))
        given = "p" if last else f"a{number}"
        bend = {"axis": 1} if last else {}
        nodes.append(helper.make_node("Softmax" if last else "Relu", [f"z{number}"], [given], **bend))
    real = onnx.TensorProto.FLOAT
    inputs = [helper.make_tensor_value_info("x", real, ["n", layers[0].W.shape[1]])]
    outputs = [helper.make_tensor_value_info("p", real, ["n", len(layers[-1].b)])]
    graph = helper.make_graph(nodes, "network", inputs, outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    serialized: bytes = model.SerializeToString()
    assert all(tensor.dtype == np.float32 for layer in layers for tensor in layer)
    return serialized
