"""What the reference engine's clarity costs: an epoch of it beside the same epoch in NumPy written by hand.

    python -m benchmarks.reference_epoch [--rounds 15] [--threads 1]

Both train the 784-128-64-10 network on MNIST (or, where MNIST is not there, on random pixels of its size) with the same
first weights, order and rate; batch 64, float32. They take turns in one process, with as many threads as ``pellucid train``
uses unless told otherwise; the figure is the median of the ratios of neighbours, which a machine that slows down now and
then disturbs least.
The hand-written loop (``peers/numpy_by_hand.py``) has its pixels as float32 already divided by 255; the engine gathers uint8
and scales each batch.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.peers.numpy_by_hand import train_an_epoch
from benchmarks.problems import mnist_or_random
from pellucid.engines import ReferenceEngine, State
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.initialization import initialize
from pellucid.equations.optimizers import SGD
from pellucid.equations.random_streams import Purpose, permutation
from pellucid.equations.scaling import Scaling

BATCH_SIZE, LEARNING_RATE = 64, 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    with threadpool_limits(arguments.threads, user_api="blas"):
        measure(arguments.rounds, arguments.threads)


def measure(rounds: int, threads: int) -> None:
    """Let both take turns, and print what they took."""
    data = mnist_or_random()
    X, y = data.X, data.y
    x = X / np.float32(255)
    architecture = Architecture((28, 28), (Hidden(128), Hidden(64)), 10, scaling=Scaling((0.0,), (255.0,)))
    layers = initialize(architecture, seed=0)
    engine, rates = ReferenceEngine(), np.full(-(-len(y) // BATCH_SIZE), LEARNING_RATE)
    seconds: dict[str, list[float]] = {"by hand": [], "reference engine": []}
    losses = {}
    for round_ in range(rounds + 1):  # the first round warms up and does not count
        order = permutation(0, Purpose.ORDER, len(y), round_)
        began = time.perf_counter()
        _, losses["by hand"] = train_an_epoch(layers, x, y, order, BATCH_SIZE, LEARNING_RATE)
        between = time.perf_counter()
        outcome = engine.run(architecture, SGD(), State(layers, ()), X, y, order, rates, batch_size=BATCH_SIZE)
        ended = time.perf_counter()
        losses["reference engine"] = float(outcome.losses.mean())
        if round_:
            seconds["by hand"].append(between - began)
            seconds["reference engine"].append(ended - between)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name, median in medians.items():
        low, high = min(seconds[name]), max(seconds[name])
        print(f"{name:17s} {median:.3f} s an epoch (from {low:.3f} to {high:.3f}), mean loss {losses[name]:.4f}")
    pairs = zip(seconds["reference engine"], seconds["by hand"], strict=True)
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    print(f"median of {rounds} ratios, {threads} thread(s): {ratio:.2f} (at most 1.3 is asked for)")
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    print(
        json.dumps({"data": data.source, "threads": threads, "seconds": seconds, "ratio": ratio, "versions": versions})
    )


if __name__ == "__main__":
    main()
