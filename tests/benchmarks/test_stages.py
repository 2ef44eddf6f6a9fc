"""The program that takes a step apart takes the step that is trained: its stages are all there, and add up to most of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pellucid import datasets
from pellucid.errors import DataUnavailableError

ROOT = Path(__file__).parents[2]
STAGES = {
    "float32": ["gather", "turn bits", "z1", "z2", "z3", "loss", "da2", "da1", "dW3", "dW2", "dW1"],
    "bfloat16": ["gather", "round x", "z1", "z2", "z3", "loss", "da2", "da1", "turn", "pair dz", "dW3", "dW2", "dW1"],
}


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="not installed: g++")
@pytest.mark.parametrize("precision", STAGES)
def test_the_stages_of_a_step_are_all_there_and_add_up(precision):
    try:
        datasets.load("mnist")
    except DataUnavailableError:
        pytest.skip("MNIST is neither on this machine nor to be had")
    for _ in range(
        3
    ):  # the two are timed one after the other: whatever else runs may slow one of them alone, not thrice
        times = times_of(precision)
        assert [name for name in times if name not in ("all stages", "a whole step")] == STAGES[precision]
        assert times["all stages"] == pytest.approx(sum(times[name] for name in STAGES[precision]), abs=1)
        if 0.4 < times["all stages"] / times["a whole step"] < 2:
            return
    pytest.fail(f"what is timed is not what a step does: {times}")


def times_of(precision):
    command = [sys.executable, "-m", "benchmarks.stages", "--target", "scalar", "--precision", precision]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines() if line.startswith("|")
    ]
    return {row[0]: float(row[1]) for row in rows[2:]}
