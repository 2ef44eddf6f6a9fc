"""``pellucid train --dask``: files as shards, a run as any other; and what cannot be, in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pellucid

distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # sockets that Dask leaves to the collector


@pytest.fixture(scope="module")
def address():
    with distributed.LocalCluster(
        n_workers=1, processes=False, protocol="tcp://", threads_per_worker=2, dashboard_address=":0"
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Four files; the third holds one class alone, and the last has fewer rows than a fifth could be taken of."""
    folder = tmp_path / "shards"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number, rows in enumerate((200, 150, 100, 4)):
        X = random.normal(size=(rows, 3)) * [1, 100, 0.01] + 5
        label = np.where(X[:, 0] > 5, "large", "small")
        if number == 2:
            X[:, 0] += 10
            label[:] = "large"
        frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(label=label)
        frame.to_parquet(folder / f"{number}.parquet")
    return folder / "*.parquet"


def test_a_run_over_files_is_a_run(cli, address, shards):
    done = cli(
        "train",
        "--dask",
        address,
        "--data",
        shards,
        "--hidden",
        "8",
        "--epochs",
        "15",
        "--batch-size",
        "8",
        "--learning-rate",
        "0.5",
        "--out",
        "run",
        "--json",
    )
    assert done.code == 0
    found = done.json
    assert (found["data"], found["layers"], found["epochs"]) == ("shards/*.parquet", [3, 8, 2], 15)
    assert found["test_accuracy"] > 0.9
    network = pellucid.load("run")
    assert network.classes == ("large", "small")
    frame = pd.read_parquet(shards.parent / "0.parquet")
    right = network.predict(frame[["a", "b", "c"]].to_numpy()) == frame["label"].to_numpy()
    assert right.mean() > 0.9
    frame.to_csv("one.csv", index=False)
    assert cli("evaluate", "run", "--data", "one.csv", "--json").json["accuracy"] > 0.9
    record = json.loads(Path("run/run.json").read_text())
    assert record["rows"] == {"train": 364, "test": 90}


def test_a_run_goes_on_to_the_bit_and_no_further_than_its_own(cli, address, shards, tmp_path):
    usual = ("train", "--dask", address, "--data", shards, "--hidden", "8", "--solver", "adam", "--json")
    assert cli(*usual, "--epochs", "5", "--out", "whole").code == 0
    assert cli(*usual, "--epochs", "3", "--out", "part").code == 0
    resumed = cli(*usual, "--epochs", "5", "--resume", "part").json
    assert resumed.get("epochs") == 5, resumed
    assert Path("whole/model.safetensors").read_bytes() == Path("part/model.safetensors").read_bytes()
    frame = pd.read_parquet(shards.parent / "1.parquet")
    frame.loc[3, "a"] += 1
    frame.to_parquet(shards.parent / "1.parquet")
    refused = cli(*usual, "--epochs", "9", "--resume", "part")
    assert refused.code == 2
    assert "the data is not the same" in refused.error["message"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda frame: frame.drop(columns="b"), "0.parquet has 3 columns, but 1.parquet 2; expected the same columns"),
        (
            lambda frame: frame.rename(columns={"b": "d"}),
            "0.parquet has the column 'b', but 1.parquet 'd' in its place",
        ),
        (
            lambda frame: frame.assign(b=frame.b.mask(frame.index == 7)),
            "column 'b' of {folder}/1.parquet has no value in row 8",
        ),
        (lambda frame: frame.assign(b="red"), "column 'b' of {folder}/1.parquet holds words; expected numbers"),
        (lambda frame: frame.assign(label=1), "0.parquet has labels that are words, but 1.parquet numbers"),
        (lambda frame: frame[:0], "1.parquet has no rows; expected at least one"),
    ],
    ids=["columns", "names", "missing", "words", "labels", "no rows"],
)
def test_files_that_do_not_fit_together(cli, address, shards, change, sentence):
    path = shards.parent / "1.parquet"
    change(pd.read_parquet(path)).to_parquet(path)
    said = cli("train", "--dask", address, "--data", shards, "--label", "label", "--json")
    assert said.code == 2
    assert sentence.format(folder=shards.parent) in said.error["message"]


def test_what_cannot_be_asked_for_is_a_sentence(cli, address, shards):
    for words, sentence in (
        ((), "--dask is given without --data"),
        (("--data", shards, "--validation", "9"), "--validation is given beside --dask"),
        (("--data", shards, "--report"), "--report is given beside --dask"),
        (("--data", "none/*.parquet"), "no file is called 'none/*.parquet'; expected tables"),
        (("--data", shards, "--engine", "native:none"), "not all workers have the engine 'native:none'"),
    ):
        said = cli("train", "--dask", address, *words, "--json")
        assert said.code == 2
        assert sentence in said.error["message"]


@pytest.mark.slow
def test_a_scheduler_that_does_not_answer_is_a_sentence_after_ten_seconds(cli, shards):
    said = cli("train", "--dask", "tcp://127.0.0.1:9", "--data", shards, "--json")
    assert said.code == 2
    assert said.error["message"].startswith("no Dask scheduler answers at 'tcp://127.0.0.1:9'; expected the address")
