"""How many threads take the steps of a training: what trials cost, and what is made of them, by a clock that is set."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not shutil.which("c++"), reason="no C++ compiler")
def test_trials_of_threads_cost_little_and_find_what_is_best(tmp_path):
    program = tmp_path / "pace_test"
    options = ["-std=c++20", "-O1", "-I", ROOT / "cpp", ROOT / "tests" / "native" / "pace_test.cpp", "-o", program]
    subprocess.run(["c++", *options], check=True, capture_output=True, text=True)
    run = subprocess.run([program], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, "as promised\n"), run.stdout
