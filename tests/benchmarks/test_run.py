"""All who take part in the benchmarks train the same thing: otherwise their times say nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROUNDS = 2
AGREEMENT = {"float32": 1e-4, "float64": 1e-9, "bfloat16": 1e-2}  # of a mean loss, relative
WHERE_THE_MATHEMATICS_DIFFERS = 1e-4


def started(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the runner in a process of its own, where a library's threads and settings disturb no other test."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.run", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(word for word in sys.path if word)},
        capture_output=True,
        text=True,
        check=False,
    )


def measured(problem: str, peers: str, folder: Path) -> dict:
    done = started(problem, "--rounds", str(ROUNDS), "--peers", peers, "--out", str(folder))
    assert done.returncode == 0, done.stderr
    record = json.loads((folder / f"{problem}.json").read_text())
    assert not [reason for reason in record["absent"].values() if "failed" in reason], done.stderr
    for result in record["results"]:
        assert result["name"] in done.stdout
        assert result["version"] in done.stdout
    return record


def assert_all_train_the_same(record: dict) -> None:
    results = record["results"]
    (right,) = [result for result in results if result["name"].startswith("Pellucid reference")]
    assert len(right["losses"]) == 2 * (ROUNDS + 1)  # two epochs a turn, and a turn to warm up
    assert right["losses"][-1] < right["losses"][0]  # it learns
    for result in results:
        tolerance = WHERE_THE_MATHEMATICS_DIFFERS if "remark" in result else AGREEMENT[result["precision"]]
        assert result["losses"] == pytest.approx(right["losses"], rel=tolerance), result["name"]


def test_our_engines_and_those_that_are_always_there_train_the_same_thing(tmp_path: Path) -> None:
    record = measured("tiny-sgd", "pellucid,numpy,scikit-learn", tmp_path)
    assert_all_train_the_same(record)
    ratios = record["ratios"]["Pellucid reference float32"]
    assert ratios.keys() == {"NumPy by hand", "scikit-learn"}
    for name in (os.uname().nodename, str(ROOT), str(tmp_path), str(Path.home())):
        assert name not in json.dumps(record)


@pytest.mark.slow
def test_our_engines_and_scikit_learn_train_the_same_thing_with_adam_in_float64(tmp_path: Path) -> None:
    record = measured("tiny-adam", "pellucid,scikit-learn", tmp_path)
    assert len(record["results"]) >= 2
    assert_all_train_the_same(record)


@pytest.mark.peer
@pytest.mark.slow
@pytest.mark.parametrize("problem", ["tiny-sgd", "tiny-adam"])
@pytest.mark.parametrize(("package", "peer"), [("torch", "pytorch:eager,pytorch:bfloat16"), ("jax", "jax")])
def test_peers_train_the_same_thing(problem: str, package: str, peer: str, tmp_path: Path) -> None:
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed (groups 'compare' and 'bench')")
    record = measured(problem, f"pellucid:reference,{peer}", tmp_path)
    assert len(record["results"]) >= 2
    assert_all_train_the_same(record)


@pytest.mark.slow
@pytest.mark.parametrize("words", [["tiny"], ["tiny-sgd", "--peers", "numpi"]])
def test_an_unknown_problem_or_peer_is_a_sentence(words: list[str], tmp_path: Path) -> None:
    done = started(*words, "--out", str(tmp_path))
    assert done.returncode == 2
    assert "known: " in done.stderr
