"""``pellucid train --dask``: files as shards, a run as any other; and what cannot be, in a sentence."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pellucid
from pellucid.formats.model_file import read_model

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


def test_files_without_rows_say_nothing_unless_nobody_has_any(cli, address, shards):
    usual = ("train", "--dask", address, "--hidden", "8", "--epochs", "3", "--json")
    assert cli(*usual, "--data", shards, "--out", "without").code == 0
    frame = pd.read_parquet(shards.parent / "0.parquet")[:0]
    frame.drop(columns="c").to_parquet(shards.parent / "8.parquet")
    frame.to_csv(shards.parent / "9.csv", index=False)
    found = cli(*usual, "--data", f"{shards.parent}/*.*", "--out", "with")
    assert found.code == 0
    assert found.json["layers"] == [3, 8, 2]
    one, other = (pellucid.load(run) for run in ("without", "with"))
    for layer, same in zip(one.layers, other.layers, strict=True):
        np.testing.assert_array_equal(layer.W, same.W)
    for path in shards.parent.glob("[0-3].parquet"):
        frame.to_parquet(path)
    refused = cli(*usual, "--data", shards)
    assert refused.code == 2
    assert "0.parquet has no rows, nor has any other file; expected at least one example" in refused.error["message"]


def test_words_are_those_of_all_files_as_of_one_table(cli, address, tmp_path):
    """A word that one file alone knows, columns in another order, CSV beside Parquet; and the labels are words, too."""
    random = np.random.default_rng(1)
    frames = []
    for number, colours in enumerate((["red", "green"], ["blue", "red"], ["green"])):
        colour = random.choice(colours, 120)
        size = random.normal(50, 20, 120)
        label = np.where((colour == "red") ^ (size > 50), "yes", "no")
        frames.append(pd.DataFrame({"size": size, "colour": colour, "good": size > 60, "label": label}))
        if number == 1:
            frames[1][["label", "colour", "good", "size"]].to_csv("1.csv", index=False)
        else:
            frames[number].to_parquet(f"{number}.parquet", row_group_size=50)
    options = ("--hidden", "16", "--epochs", "30", "--batch-size", "8", "--learning-rate", "0.2", "--json")
    done = cli("train", "--dask", address, "--data", "[0-2].*", "--out", "run", *options)
    assert done.code == 0
    assert done.json["layers"] == [5, 16, 2]
    assert done.json["test_accuracy"] > 0.9
    pd.concat(frames).to_csv("all.csv", index=False)
    assert cli("train", "--data", "all.csv", "--out", "at-once", *options).code == 0
    run, at_once = (read_model(Path(name) / "model.safetensors") for name in ("run", "at-once"))
    assert (run.columns, run.feature_names, run.classes) == (at_once.columns, at_once.feature_names, at_once.classes)
    assert run.columns is not None
    assert [words for _, words in run.columns] == [None, ("blue", "green", "red"), None]
    # Words are 0 or 1 as they are; only numbers are standardised, here by other rows, as other fifths were held out.
    ours, theirs = run.architecture.scaling, at_once.architecture.scaling
    assert (ours.offset[1:4], ours.scale[1:4]) == (theirs.offset[1:4], theirs.scale[1:4]) == ((0.0,) * 3, (1.0,) * 3)
    assert (ours.offset[0], ours.scale[0]) == pytest.approx((theirs.offset[0], theirs.scale[0]), rel=0.2)
    assert cli("evaluate", "run", "--data", "all.csv", "--json").json["accuracy"] > 0.9
    on_two = cli("evaluate", "run", "--data", "[02].parquet", "--json").json
    assert (on_two["data"], on_two["examples"]) == ("all of [02].parquet", 240)
    assert on_two["accuracy"] > 0.9
    # The same files, by the name under which the run's record has them.
    longer = cli("train", "--dask", address, "--resume", "run", "--epochs", "31", "--json")
    assert (longer.code, longer.json["epochs"]) == (0, 31)
    implied = cli("evaluate", "run", "--json").error["message"]
    assert f"was trained on {tmp_path}/[0-2].* in 3 shards, and tested on a fifth of each where it lay" in implied
    assert f"To use all of it: --data '{tmp_path}/[0-2].*'" in implied


def test_more_words_than_one_would_tell_apart_are_counted_over_all_files(cli, address, tmp_path):
    for number in range(2):
        words = [f"word {600 * number + row}" for row in range(600)]
        pd.DataFrame({"x": words, "label": ["a", "b"] * 300}).to_csv(f"{number}.csv", index=False)
    said = cli("train", "--dask", address, "--data", "?.csv", "--json")
    assert said.code == 2
    assert "holds 1,200 different words; expected at most 1,000" in said.error["message"]


def test_what_a_round_is_can_be_said_and_is_part_of_the_run(cli, address, shards):
    usual = ("train", "--dask", address, "--data", shards, "--hidden", "8", "--epochs", "4", "--json")
    ways = {
        "usual": (),
        "momentum": ("--outer-momentum", "0.5"),
        "rate": ("--outer-rate", "0.5"),
        "longer": ("--epochs-per-round", "2"),
        "shorter": ("--steps-per-round", "2"),
        "warmed up": ("--warm-up", "1"),
        "exact": ("--exact",),
    }
    models = {}
    for name, options in ways.items():
        assert cli(*usual, *options, "--out", name).code == 0
        models[name] = pellucid.load(name)
    assert len({network.layers[0].W.tobytes() for network in models.values()}) == len(ways)
    record = json.loads(Path("momentum/run.json").read_text())
    assert record["settings"]["outer_momentum"] == 0.5
    again = cli(*usual, "--resume", "momentum", "--epochs", "6", "--outer-momentum", "0.9")
    assert again.code == 2
    assert "settings.outer_momentum was 0.5, is 0.9" in again.error["message"]
    # What is not given is what the run began with.
    assert cli("train", "--dask", address, "--resume", "momentum", "--epochs", "6", "--json").code == 0
    assert cli(*usual, "--outer-momentum", "0.5", "--epochs", "6", "--out", "at-once").code == 0
    assert Path("momentum/model.safetensors").read_bytes() == Path("at-once/model.safetensors").read_bytes()
    alone = cli("train", "--resume", "exact", "--epochs", "9", "--json")
    assert alone.code == 2
    assert "--exact belongs to rounds on a cluster" in alone.error["message"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda frame: frame.drop(columns="b"),
            "0.parquet and {folder}/1.parquet do not have the same columns: only one of them has 'b'",
        ),
        (
            lambda frame: frame.rename(columns={"b": "d"}),
            "0.parquet and {folder}/1.parquet do not have the same columns: only one of them has 'b', 'd'",
        ),
        (
            lambda frame: frame.assign(b=frame.b.mask(frame.index == 7)),
            "column 'b' of {folder}/1.parquet has no value in row 8",
        ),
        (
            lambda frame: frame.assign(b="red"),
            "column 'b' holds words in {folder}/1.parquet, but numbers in {folder}/0.parquet; expected the same kind",
        ),
        (lambda frame: frame.assign(label=1), "0.parquet has labels that are words, but 1.parquet numbers"),
    ],
    ids=["columns", "names", "missing", "words", "labels"],
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
        (("--data", shards, "--outer-momentum", "1.5"), "--outer-momentum is 1.5; expected at least 0 and below 1"),
        (("--data", shards, "--outer-rate", "0"), "--outer-rate is 0.0; expected a positive number"),
        (
            ("--data", shards, "--steps-per-round", "2", "--epochs-per-round", "2"),
            "both --epochs-per-round and --steps-",
        ),
        (("--data", shards, "--exact", "--outer-rate", "0.5"), "--exact is given with settings of longer rounds"),
        (("--data", shards, "--exact", "--dropout", "0.5"), "--dropout is given beside --exact"),
        (("--data", "none/*.parquet"), "no file is called 'none/*.parquet'; expected tables"),
        (("--data", shards, "--engine", "native:none"), "not all workers have the engine 'native:none'"),
    ):
        said = cli("train", "--dask", address, *words, "--json")
        assert said.code == 2
        assert sentence in said.error["message"]


def test_rounds_without_a_cluster_are_refused(cli):
    for option in ("--exact", "--outer-momentum=0.5", "--outer-rate=1", "--epochs-per-round=1", "--steps-per-round=9"):
        said = cli("train", option, "--json")
        assert said.code == 2
        name = option.partition("=")[0]
        assert f"{name} belongs to rounds on a cluster, and --dask is not given. Try --dask" in said.error["message"]


@pytest.mark.slow
def test_a_scheduler_that_does_not_answer_is_a_sentence_within_ten_seconds(cli, shards):
    began = time.monotonic()
    said = cli("train", "--dask", "tcp://127.0.0.1:9", "--data", shards, "--json")
    assert said.code == 2
    assert said.error["message"].startswith("no Dask scheduler answers at 'tcp://127.0.0.1:9'; expected the address")
    assert time.monotonic() - began < 10
