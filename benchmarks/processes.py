"""Whole processes: ``pellucid train`` beside the plain PyTorch script, from the shell to a saved model.

How many epochs it takes to read 97 % is partly luck. So both sides are given the number of the round as their seed, and
the epochs of each round are said.

A child's peak of memory, as the system counts it, is never below its parent's. So each is started by a small process,
``child.py``, which has loaded nothing.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from benchmarks.contests import is_chosen
from benchmarks.machine import environment
from benchmarks.peers.peer import installed
from benchmarks.problems import ProcessProblem
from benchmarks.turns import Contestant
from pellucid import __version__, datasets
from pellucid.engines import available, choose

HERE = Path(__file__).parent
Command = Callable[[str], list[str]]


def contestants_of(
    problem: ProcessProblem, threads: int, chosen: Collection[str]
) -> tuple[list[Contestant], dict[str, str]]:
    """Make a contestant of each engine and precision, and one of the PyTorch script: → those, and who cannot and why."""
    contestants, absent = [], {}
    for engine in available():
        for precision in choose(engine).engine.precisions:
            variant = f"{engine} {precision}"
            if is_chosen("pellucid", variant, chosen):
                who = f"Pellucid {variant}", "pellucid", __version__, precision
                contestants.append(_contestant(problem, threads, who, _ours(problem, engine, precision, threads)))
    if is_chosen("pytorch", "script", chosen):
        if version := installed("torch"):
            who = "PyTorch script", "pytorch", version, "float32"
            contestants.append(_contestant(problem, threads, who, _script(problem, threads)))
        else:
            absent["PyTorch script"] = "not installed"
    return contestants, absent


def _ours(problem: ProcessProblem, engine: str, precision: str, threads: int) -> Command:
    options = ["--data", "mnist", *problem.options, "--engine", engine, "--precision", precision]
    start = [sys.executable, "-m", "pellucid", "train", *options, "--threads", str(threads), "--json", "--out"]
    return lambda folder: [*start, f"{folder}/run"]


def _script(problem: ProcessProblem, threads: int) -> Command:
    for place in datasets.data_folders():
        if (place / "mnist").is_dir():
            script = [sys.executable, str(HERE / "peers/pytorch_script.py"), str(place / "mnist")]
            options = [*problem.options, "--threads", str(threads), "--out"]
            return lambda folder: [*script, *options, f"{folder}/model.pt"]
    return lambda folder: [sys.executable, "-c", "raise SystemExit('MNIST is not on this machine')"]


def _contestant(problem: ProcessProblem, threads: int, who: tuple[str, str, str, str], command: Command) -> Contestant:
    runs: list[dict[str, Any]] = []

    def turn(number: int) -> float:
        runs.append(_run(command, number, threads))
        return float(runs[-1][problem.figure])

    def about() -> Mapping[str, Any]:
        counted = runs[1:]
        accuracy = statistics.mean(run["test_accuracy"] for run in counted)
        return {"accuracy": accuracy, "epochs": [run["epochs"] for run in counted]}

    return Contestant(*who, turn, about)


def _run(command: Command, seed: int, threads: int) -> dict[str, Any]:
    """Run a command: → what it says of itself as JSON, its wall time in seconds, its peak memory in megabytes."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, str(HERE / "child.py"), *command(folder), "--seed", str(seed)],
            capture_output=True,
            text=True,
            env={**os.environ, **environment(threads)},
            check=False,
        )
    if done.returncode:
        raise RuntimeError(done.stderr.strip() or done.stdout.strip())
    said, measured = done.stdout.strip().splitlines()[-2:]
    return {**json.loads(said), **json.loads(measured)}
