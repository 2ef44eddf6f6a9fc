"""Where the time of a training step goes: its stages, each beside its floor.

    python -m benchmarks.stages [--target avx2] [--precision float32]
    python -m benchmarks.stages --pictures

The network is 784-128-64-10 on MNIST, batch 64, plain SGD, one thread. ``stages.cpp``, which is compiled first, takes the
steps of five epochs apart; a stage's time is the median. Its floor is the larger of two times: that of its multiply-adds
at the rate that the target's own product reaches in the first cache, and that of the bytes that it must read and write at
the rate of a copy of the first layer's weights. What the quickest epoch took a step beyond the sum of the stages is what
the loop adds: it asks for the next rows, looks up labels, meets. With ``--pictures`` it is a picture that is taken apart,
distorted as the recipe `best` does it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import description
from pellucid import datasets
from pellucid.engines import choose

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build" / "stages"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", default=choose("native").engine.target)
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--pictures", action="store_true", help="a picture that is distorted, in place of a step")
    arguments = parser.parse_args()
    program = _built()
    with tempfile.NamedTemporaryFile() as file:
        file.write(_examples())
        file.flush()
        command = [program, arguments.target, "pictures" if arguments.pictures else arguments.precision, file.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr.strip())
    print(table(json.loads(done.stdout), whole="a whole picture" if arguments.pictures else "a whole step"))
    machine = description()
    print(
        f"\n{machine['processor']}, {arguments.target}, {'float32' if arguments.pictures else arguments.precision}, 1 thread"
    )


def _built() -> Path:
    configure: list[str | Path] = [
        "cmake",
        "-S",
        ROOT,
        "-B",
        BUILD,
        "-G",
        "Ninja",
        "-DPELLUCID_PYTHON=OFF",
        "-DPELLUCID_BENCHMARKS=ON",
    ]
    tools = os.pathsep.join(
        (str(Path(sys.executable).parent), os.environ["PATH"])
    )  # cmake and ninja come with the environment
    build: list[str | Path] = ["cmake", "--build", BUILD]
    for command in (configure, build):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "PATH": tools})
    return BUILD / "stages"


def _examples() -> bytes:
    """Give MNIST's training images in a random order, and their labels behind them."""
    mnist = datasets.load("mnist")
    order = np.random.default_rng(0).permutation(len(mnist.X_train))
    return mnist.X_train[order].tobytes() + mnist.y_train[order].astype(np.uint8).tobytes()


def table(measured: dict[str, Any], whole: str = "a whole step") -> str:
    """Write what was measured as a Markdown table, in microseconds.

    >>> stage = {"name": "z1", "took": 4000.0, "multiply_adds": 60_000, "bytes": 10_000}
    >>> print(table({"step": 5000.0, "products": 30.0, "memory": 20.0, "stages": [stage]}))
    | stage | time, µs | multiply-adds | kB | floor, µs | time / floor |
    | --- | --- | --- | --- | --- | --- |
    | z1 | 4.0 | 60,000 | 10 | 2.0 | 2.0 |
    | all stages | 4.0 | 60,000 | 10 | 2.0 | 2.0 |
    | a whole step | 5.0 | | | | |
    <BLANKLINE>
    Products reach 30 multiply-adds a nanosecond, a copy 20 bytes.
    """
    lines = [
        "| stage | time, µs | multiply-adds | kB | floor, µs | time / floor |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    took, floors = 0.0, 0.0
    for stage in measured["stages"]:
        floor = max(stage["multiply_adds"] / measured["products"], stage["bytes"] / measured["memory"])
        took, floors = took + stage["took"], floors + floor
        lines.append(_line(stage["name"], stage["took"], stage["multiply_adds"], stage["bytes"], floor))
    adds, moved = (sum(stage[what] for stage in measured["stages"]) for what in ("multiply_adds", "bytes"))
    lines += [
        _line("all stages", took, adds, moved, floors),
        f"| {whole} | {measured['step'] / 1e3:.1f} | | | | |",
    ]
    rates = (
        f"Products reach {measured['products']:.0f} multiply-adds a nanosecond, a copy {measured['memory']:.0f} bytes."
    )
    return "\n".join(lines) + f"\n\n{rates}"


def _line(name: str, took: float, multiply_adds: float, moved: float, floor: float) -> str:
    ratio = f"{took / floor:.1f}" if floor else "–"
    return f"| {name} | {took / 1e3:.1f} | {multiply_adds:,.0f} | {moved / 1e3:.0f} | {floor / 1e3:.1f} | {ratio} |"


if __name__ == "__main__":
    main()
