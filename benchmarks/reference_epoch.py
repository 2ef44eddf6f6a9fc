"""What the reference engine's clarity costs: an epoch of it beside the same epoch in NumPy written by hand.

    python benchmarks/reference_epoch.py [--rounds 15] [--threads 1]

Both train the 784-128-64-10 network on MNIST (or, where MNIST is not there, on random pixels of its size) with the same
first weights, order and rate; batch 64, float32. They take turns in one process, with as many threads as ``pellucid train``
uses unless told otherwise; the figure is the median of the ratios of neighbours, which a machine that slows down now and
then disturbs least.
The hand-written loop has its pixels as float32 already divided by 255; the engine gathers uint8 and scales each batch.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from pellucid import datasets
from pellucid.engines import ReferenceEngine, State
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.initialization import initialize
from pellucid.equations.optimizers import SGD
from pellucid.equations.parameters import Layer, Layers
from pellucid.equations.random_streams import Purpose, permutation
from pellucid.equations.scaling import Scaling
from pellucid.errors import DataUnavailableError

BATCH_SIZE, LEARNING_RATE = 64, 0.1


def by_hand(layers: Layers, x_all: NDArray[Any], y_all: NDArray[Any], order: NDArray[Any]) -> tuple[Layers, float]:
    """Train for one epoch as one would write it for this network alone: no names, no records, in place."""
    (W1, b1), (W2, b2), (W3, b3) = [(W.copy(), b.copy()) for W, b in layers]
    rate, total = np.float32(LEARNING_RATE), 0.0
    for start in range(0, len(order), BATCH_SIZE):
        rows = order[start : start + BATCH_SIZE]
        x, y = x_all[rows], y_all[rows]
        n = len(rows)
        z1 = x @ W1.T + b1
        a1 = np.maximum(z1, 0)
        z2 = a1 @ W2.T + b2
        a2 = np.maximum(z2, 0)
        z3 = a2 @ W3.T + b3
        e = np.exp(z3 - z3.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        total -= float(np.log(p[np.arange(n), y]).sum())
        d3 = p
        d3[np.arange(n), y] -= 1
        d3 /= n
        d2 = (d3 @ W3) * (z2 > 0)
        d1 = (d2 @ W2) * (z1 > 0)
        W3 -= rate * (d3.T @ a2)
        b3 -= rate * d3.sum(axis=0)
        W2 -= rate * (d2.T @ a1)
        b2 -= rate * d2.sum(axis=0)
        W1 -= rate * (d1.T @ x)
        b1 -= rate * d1.sum(axis=0)
    return (Layer(W1, b1), Layer(W2, b2), Layer(W3, b3)), total / len(order)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    with threadpool_limits(arguments.threads, user_api="blas"):
        measure(arguments.rounds, arguments.threads)


def measure(rounds: int, threads: int) -> None:
    """Let both take turns, and print what they took."""
    X, y, what = _data()
    x = X / np.float32(255)
    architecture = Architecture((28, 28), (Hidden(128), Hidden(64)), 10, scaling=Scaling((0.0,), (255.0,)))
    layers = initialize(architecture, seed=0)
    engine, rates = ReferenceEngine(), np.full(-(-len(y) // BATCH_SIZE), LEARNING_RATE)
    seconds: dict[str, list[float]] = {"by hand": [], "reference engine": []}
    losses = {}
    for round_ in range(rounds + 1):  # the first round warms up and does not count
        order = permutation(0, Purpose.ORDER, len(y), round_)
        began = time.perf_counter()
        _, losses["by hand"] = by_hand(layers, x, y, order)
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
    print(json.dumps({"data": what, "threads": threads, "seconds": seconds, "ratio": ratio, "versions": versions}))


def _data() -> tuple[NDArray[Any], NDArray[Any], str]:
    try:
        mnist = datasets.load("mnist")
    except DataUnavailableError:
        random = np.random.default_rng(0)
        return random.integers(0, 256, (60_000, 784), np.uint8), random.integers(0, 10, 60_000), "random pixels"
    return mnist.X_train, mnist.y_train, "mnist"


if __name__ == "__main__":
    main()
