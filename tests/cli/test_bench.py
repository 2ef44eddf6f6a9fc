"""`pellucid bench`, on so few rows that it takes a moment: what it tells, not how fast anything is."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid import datasets, measuring
from pellucid.engines import available, choose
from pellucid.measuring import Contestant, contestants, made_up_problem, measure


@pytest.fixture(autouse=True)
def _few_rows(monkeypatch):
    monkeypatch.setattr(measuring, "SINGLE_ROWS", 3)
    monkeypatch.setattr(measuring, "made_up_problem", lambda: made_up_problem(300, 50))


def test_every_engine_is_measured_in_every_precision_beside_the_reference(cli) -> None:
    said = cli("bench", "--rounds", 2, "--json")
    assert said.code == 0
    results = said.json["results"]
    assert {(each["engine"], each["precision"]) for each in results} == {
        (name, precision) for name in available() for precision in choose(name).engine.precisions
    }
    for each in results:
        assert each["threads"] >= 1
        assert min(each[f"{what}_seconds"] for what in ("epoch", "one_row", "all_rows")) > 0
        if each["engine"] == "reference":
            assert each["epoch_ratio"] == each["one_row_ratio"] == each["all_rows_ratio"] == 1.0
    exact = [each["loss"] for each in results if each["precision"] != "bfloat16"]
    rounded = [each["loss"] for each in results if each["precision"] == "bfloat16"]
    assert np.ptp(exact) < 1e-4
    assert np.allclose(rounded, exact[0], rtol=2**-8)
    assert said.json["layers"] == [784, 128, 64, 10]


def test_without_mnist_the_pixels_are_made_up_and_it_says_so(cli) -> None:
    said = cli("bench", "--rounds", 1)
    assert said.code == 0
    assert "MNIST is not on this machine: the pixels are made up" in said.out.replace("\n", " ")
    assert "reference" in said.out
    assert "%" not in said.out


def test_with_mnist_the_accuracy_is_told(cli, monkeypatch, tmp_path) -> None:
    folder, random = tmp_path / "data" / "mnist", np.random.default_rng(0)
    folder.mkdir(parents=True)
    for part, n in (("train", 200), ("t10k", 50)):
        datasets.write_idx(folder / f"{part}-images-idx3-ubyte", random.integers(0, 256, (n, 28, 28), dtype=np.uint8))
        datasets.write_idx(folder / f"{part}-labels-idx1-ubyte", (np.arange(n) % 10).astype(np.uint8))
    record = cli("bench", "--rounds", 1, "--json").json
    assert (record["data"], record["rows"]) == ("mnist", {"epoch": 200, "all_rows": 50})
    assert all(0 <= each["accuracy"] <= 1 for each in record["results"])


def test_no_rounds_are_refused(cli) -> None:
    assert "--rounds is 0; expected at least 1." in cli("bench", "--rounds", 0).err


def test_made_up_pixels_are_as_dark_as_those_of_mnist() -> None:
    problem = made_up_problem(500, 10)
    assert abs(np.count_nonzero(problem.X_train) / problem.X_train.size - 0.19) < 0.01


def test_time_that_is_up_ends_the_rounds_after_the_first() -> None:
    turns: list[tuple[Contestant, int, int]] = []
    everyone = contestants(["reference"])
    results = measure(
        made_up_problem(100, 10), everyone, rounds=5, seconds=0.0, progress=lambda *turn: turns.append(turn)
    )
    assert [turn[0] for turn in turns] == everyone == [(r.engine, r.precision, r.threads) for r in results]
    assert turns[-1][1:] == (1, 10)
