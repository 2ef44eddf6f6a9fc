"""What distorted pictures cost: an epoch of 784-128-64-10 on MNIST with and without, in turns.

    python -m benchmarks.augmentation [--rounds 5] [--threads 2] [--precision float32]

The median of the rounds' times, and of their ratios to the plain epoch of the same round. "map" is [affine-map] and
[bilinear], "all" is [elastic], too.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from benchmarks.machine import description
from pellucid import datasets
from pellucid.engines import State, choose
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.beyond.augmentation import Augmentation
from pellucid.equations.beyond.extras import PLAIN, Extras
from pellucid.equations.initialization import initialize
from pellucid.equations.optimizers import SGD
from pellucid.equations.random_streams import Streams

BATCH, RATE = 64, 0.1
MAP = Augmentation(rotation=10, scale=0.12, shear=0.15, shift=1.5)
ALL = Augmentation(rotation=10, scale=0.12, shear=0.15, shift=1.5, elastic_alpha=24, elastic_sigma=4)
WAYS = {"plain": PLAIN, "map": Extras(augmentation=MAP), "all": Extras(augmentation=ALL)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", default="float32")
    arguments = parser.parse_args()
    mnist = datasets.load("mnist")
    n, steps = len(mnist.X_train), -(-len(mnist.X_train) // BATCH)
    architecture = Architecture(mnist.input_shape, (Hidden(128), Hidden(64)), 10, scaling=mnist.scaling)
    layers = initialize(architecture, 0)
    engine = choose(None, threads=arguments.threads).engine.at(arguments.precision)
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for epoch in range(arguments.rounds + 1):
        order = engine.order(0, n, epoch)
        for way, extras in WAYS.items():
            began = time.perf_counter()
            engine.run(
                architecture, SGD(), State(layers, ()), mnist.X_train, mnist.y_train, order, np.full(steps, RATE),
                batch_size=BATCH, extras=extras, streams=Streams(0, epoch),
            )  # fmt: skip
            if epoch:  # the first round warms up
                seconds[way].append(time.perf_counter() - began)
    print(f"{description()['processor']}, {engine.target}, {arguments.precision}, {arguments.threads} threads")
    for way, times in seconds.items():
        ratios = [time / plain for time, plain in zip(times, seconds["plain"], strict=True)]
        milliseconds, ratio = 1000 * statistics.median(times), statistics.median(ratios)
        print(f"{way:6} {milliseconds:5.0f} ms an epoch, {ratio:.2f} times the plain one")


if __name__ == "__main__":
    main()
