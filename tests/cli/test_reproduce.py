"""``pellucid reproduce`` and what else the command line does with recipes and pictures."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from pellucid.datasets.idx import write_idx
from pellucid.recipes import RECIPES
from pellucid.training.settings import LEARNING_RATES

DATA = os.environ.get("PELLUCID_DATA")  # before the folder is made one where nothing is found


@pytest.fixture
def tiny_mnist(tmp_path, monkeypatch):
    """A folder with the four files of MNIST, and a few pictures in each: bars at ten places."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    for part, n in (("train", 150), ("t10k", 40)):
        y = np.arange(n) % 10
        X = rng.integers(0, 60, (n, 28, 28))
        for picture, label in zip(X, y, strict=True):
            picture[:, 2 + 2 * label : 5 + 2 * label] = 230
        write_idx(folder / f"{part}-images-idx3-ubyte", X.astype(np.uint8))
        write_idx(folder / f"{part}-labels-idx1-ubyte", y.astype(np.uint8))
    monkeypatch.setattr("pellucid.datasets.locate.find_folder", lambda entry: folder)
    monkeypatch.setattr("pellucid.datasets.find_or_fetch", lambda entry, progress=None: folder)


def test_without_a_row_all_are_listed_with_what_came_of_them(cli, tiny_mnist) -> None:
    said = cli("reproduce")
    assert said.code == 0
    assert all(name in said.out for name in RECIPES)
    assert "0.35 %" in said.out
    rows = cli("reproduce", "--json").json["rows"]
    assert [row["recipe"] for row in rows] == list(RECIPES)
    assert all(row["reproduction"] is None for row in rows)


def test_a_row_is_run_and_shown_beside_the_others(cli, tiny_mnist, tmp_path) -> None:
    said = cli("reproduce", "quick", "--seeds", 2, "--engine", "reference")
    assert said.code == 0, said.err
    assert "published" not in next(line for line in said.out.splitlines() if line.startswith("quick: "))
    assert "2 of 2 runs ended" in said.out
    assert "matplotlib" in said.out  # there is none here: the table is there all the same
    record = json.loads((tmp_path / "reproductions" / "quick" / "reproduction.json").read_text())
    again = cli("reproduce", "quick", "--seeds", 2, "--engine", "reference", "--json")
    assert again.json == record
    assert f"{record['error']:.2f}" in next(
        line for line in cli("reproduce").out.splitlines() if line.startswith("quick")
    )


def test_a_row_whose_time_is_over_says_how_to_go_on(cli, tiny_mnist, tmp_path) -> None:
    words = ["simard-plain", "--seeds", 2, "--engine", "reference", "--precision", "float64", "--out", "my rows"]
    said = cli("reproduce", *words, "--minutes", 1e-9)
    assert said.code == 130
    assert "published: 1.60 %, as cited elsewhere; Simard" in said.out
    assert "stopped after 0 epochs" in said.out
    assert "simard-plain: no run has ended yet, published 1.60 %; " in said.out
    way_on = next(line for line in said.out.splitlines() if line.startswith("Go on with: "))
    assert shlex.split(way_on)[3:] == ["pellucid", "reproduce", *map(str, words)]
    assert "| not ended | 0 of 2 | 0 of 40 |" in (tmp_path / "my rows" / "table.md").read_text()


def test_beside_a_record_that_is_spoiled_nothing_is_trained(cli, tiny_mnist, tmp_path) -> None:
    (tmp_path / "reproductions" / "best").mkdir(parents=True)
    (tmp_path / "reproductions" / "best" / "reproduction.json").write_text("{}")
    said = cli("reproduce", "quick", "--seeds", 1, "--engine", "reference")
    assert said.code == 2
    assert "reproduction.json is spoiled" in said.err
    assert not (tmp_path / "reproductions" / "quick").exists()


@pytest.mark.slow
@pytest.mark.skipif(DATA is None, reason="MNIST itself is needed: set PELLUCID_DATA to the folder that holds mnist/")
def test_two_ctrl_c_leave_the_table_and_the_way_on(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PELLUCID_DATA", DATA)
    command = [sys.executable, "-m", "pellucid", "reproduce", "simard-plain", "--seeds", "1", "--out", "rows"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        history = tmp_path / "rows" / "simard-plain" / "seed-0" / "history.jsonl"
        while not history.exists():
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        for _ in range(2):
            process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert process.returncode == 130
    way_on = "Go on with: pellucid reproduce simard-plain --seeds 1 --out rows"
    assert way_on in " ".join((out + err).split())
    assert re.search(r"\| not ended \| 0 of 1 \| \d+ of 40 \|", (tmp_path / "rows" / "table.md").read_text())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["simard"], "there is no recipe 'simard'"),
        (["quick", "--seeds", 0], "--seeds is 0; expected at least 1"),
        (["quick", "--minutes", -1], "--minutes is -1; expected a positive number"),
        (["quick", "--minutes", "nan"], "--minutes is nan; expected a positive number"),
        (["quick", "--engine", "warp"], "warp"),
        (["quick", "--precision", "float16"], "has no precision 'float16'; expected one of float32, float64"),
        (["quick", "--threads", 0], "the number of threads is 0"),
    ],
)
def test_what_cannot_be_reproduced_is_refused(cli, tiny_mnist, words, message) -> None:
    said = cli("reproduce", *words)
    assert said.code == 2
    assert message in said.err
    assert said.out == ""


# ---- train -------------------------------------------------------------------------------------------------------------


def test_a_recipe_gives_the_options_that_are_not_given(cli, tiny_mnist, tmp_path) -> None:
    run = tmp_path / "run"
    said = cli("train", "--recipe", "best", "--epochs", 2, "--out", run, "--engine", "reference", "--json")
    assert said.code == 0, said.err
    record = json.loads((run / "run.json").read_text())
    assert record["request"]["recipe"] == "best"
    assert record["settings"]["epochs"] == 2
    assert record["settings"]["batch_size"] == RECIPES["best"].options["batch_size"]
    assert record["settings"]["extras"]["augmentation"]["rotation"] > 0
    again = cli("train", "--resume", run, "--json")
    assert again.json["test_accuracy"] == said.json["test_accuracy"]
    other = cli("train", "--resume", run, "--recipe", "quick")
    assert (other.code, "expected best, as it began" in other.err) == (2, True)


def test_a_rate_that_a_recipe_chose_for_its_solver_is_not_another_solvers(cli, tiny_mnist, tmp_path) -> None:
    run = tmp_path / "run"
    words = ["--recipe", "best", "--solver", "adam", "--epochs", 1, "--engine", "reference", "--out", run]
    assert cli("train", *words).code == 0
    assert json.loads((run / "run.json").read_text())["settings"]["learning_rate"] == LEARNING_RATES["adam"]
    assert "learning_rate" in RECIPES["best"].options


@pytest.mark.parametrize(("epochs", "warm_up"), [(1, 0), (3, 2), (4, 3), (9, 3)])
def test_a_warm_up_ends_before_a_shorter_training_does(cli, tiny_mnist, tmp_path, epochs, warm_up) -> None:
    run = tmp_path / "run"
    words = ["--recipe", "ciresan-9x1000", "--hidden", "9", "--engine", "reference", "--out", run]
    said = cli("train", *words, "--epochs", epochs)
    assert said.code == 0, said.err
    assert json.loads((run / "run.json").read_text())["settings"].get("warm_up", 0) == warm_up


def test_a_run_that_goes_on_keeps_what_was_given_beside_its_recipe(cli, tiny_mnist, tmp_path) -> None:
    run = tmp_path / "run"
    words = ["--recipe", "seed", "--engine", "reference"]
    assert cli("train", *words, "--epochs", 2, "--out", run).code == 0
    said = cli("train", *words, "--resume", run)
    assert said.code == 0, said.err
    assert json.loads((run / "run.json").read_text())["settings"]["epochs"] == 2


def test_a_recipe_that_does_not_fit_what_is_beside_it_says_so(cli, tiny_mnist, tmp_path) -> None:
    said = cli("train", "--recipe", "simard-plain", "--loss", "class_squared_error", "--out", tmp_path / "run")
    assert said.code == 2
    words = " ".join(said.err.split())
    assert "the recipe simard-plain does not fit what is given beside it: --label-smoothing is 0.05 beside" in words
    assert "goes before the recipe's own: " in words
    assert not (tmp_path / "run").exists()
    own = cli("train", "--recipe", "simard-plain", "--batch-size", -1, "--out", tmp_path / "run")
    assert "recipe" not in own.err  # it is not the recipe's fault


def test_a_recipe_that_does_not_fit_the_data_says_so_and_the_way_out(cli, tiny_mnist, points, tmp_path) -> None:
    words = ["--data", points, "--engine", "reference", "--out", tmp_path / "run"]
    said = cli("train", *words, "--recipe", "limit")
    assert said.code == 2
    assert "error: the recipe limit does not fit points: augmentation distorts pictures, but an example has" in said.err
    assert "An option beside --recipe goes before the recipe's own: --epochs 1000, --batch-size 32," in said.err
    said = cli("train", *words, "--recipe", "limit", "--augment", "none", "--epochs", 1)
    assert said.code == 0, said.err
    said = cli("train", *words, "--recipe", "lecun-300-deslanted")
    assert said.code == 2
    assert f"the recipe lecun-300-deslanted is for mnist-deslanted, and --data is '{points}'" in said.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--recipe", "limit", "--warm-up", 1000], "--warm-up is 1000; expected a whole number from 0 to 999"),
        (["--recipe", "limit", "--activation", "tanh,relu,tanh"], "--activation names 3 layers; expected 1, or 2"),
    ],
)
def test_what_is_wrong_beside_a_recipe_is_held_against_the_recipe(cli, tiny_mnist, words, message) -> None:
    said = cli("train", *words)
    assert (said.code, message in said.err, "does not fit" in said.err) == (2, True, False), said.err


def test_an_option_that_suits_the_recipe_is_not_blamed_for_what_does_not(cli, points) -> None:
    said = cli("train", "--data", points, "--recipe", "limit", "--warm-up", 30)
    assert said.code == 2
    assert "the recipe limit does not fit points: augmentation distorts pictures" in said.err


def test_what_is_wrong_with_the_options_alone_is_not_the_recipes_fault(cli, tiny_mnist) -> None:
    said = cli("train", "--recipe", "limit", "--dropout", 1)
    assert (said.code, "dropout is 1" in said.err, "recipe" in said.err) == (2, True, False)


def test_a_record_of_extras_that_are_unknown_is_refused_in_a_sentence(cli, tiny_mnist, tmp_path) -> None:
    run = tmp_path / "run"
    assert cli("train", "--augment", "affine", "--epochs", 1, "--engine", "reference", "--out", run).code == 0
    record = json.loads((run / "run.json").read_text())
    record["settings"]["extras"]["augmentation"]["fog"] = 1
    (run / "run.json").write_text(json.dumps(record))
    said = cli("train", "--resume", run)
    assert (said.code, "the record of augmentation holds fog" in said.err) == (2, True), said.err


def test_everything_that_is_added_to_a_step_is_resumed_as_it_was(cli, tiny_mnist, tmp_path) -> None:
    run = tmp_path / "run"
    options = [
        "--augment", "rotation=5,alpha=3", "--dropout", 0.1, "--input-dropout", 0.1, "--label-smoothing", 0.05, "--l2", 0.01,
        "--max-norm", 2, "--clip", 5, "--average", 1, "--warm-up", 1, "--epochs", 2, "--engine", "reference",
    ]  # fmt: skip
    assert cli("train", *options, "--out", run).code == 0
    record = json.loads((run / "run.json").read_text())
    assert record["settings"]["extras"] == {
        "augmentation": {
            "rotation": 5.0, "scale": 0.0, "shear": 0.0, "shift": 0.0, "elastic_alpha": 3.0, "elastic_sigma": 4.0,
        },
        "input_dropout": 0.1, "dropout": 0.1, "l2": 0.01, "clip": 5.0, "max_norm": 2.0,
    }  # fmt: skip
    assert record["settings"]["warm_up"] == 1
    assert record["architecture"]["loss_settings"] == {"label_smoothing": 0.05}
    assert cli("train", "--resume", run).code == 0
    refused = cli("train", "--resume", run, "--dropout", 0.2)
    assert refused.code == 2
    assert "settings.extras was" in refused.err
    refused = cli("train", "--resume", run, "--average", 0)
    assert refused.code == 2
    assert "settings.average was 1, is None" in refused.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--recipe", "bets"], "there is no recipe 'bets'"),
        (["--augment", "wild"], "--augment holds 'wild'"),
        (["--augment", "shift=15"], "shifts by up to 15 pixels; expected at most 14"),
        (["--augment", "rotation=400"], "rotation of the augmentation is 400"),
        (["--warm-up", 20], "--warm-up is 20; expected a whole number from 0 to 19"),
        (["--average", 21], "--average is 21; expected a whole number from 0 to 20"),
        (["--max-norm", 0], "max_norm is 0"),
        (["--dropout", 1], "dropout is 1"),
        (["--label-smoothing", 1], "label_smoothing of cross_entropy is 1"),
    ],
)
def test_options_that_cannot_be_are_refused(cli, tiny_mnist, words, message) -> None:
    said = cli("train", *words)
    assert (said.code, message in said.err) == (2, True), said.err


def test_tables_are_not_distorted(cli, points) -> None:
    said = cli("train", "--data", points, "--augment", "affine")
    assert said.code == 2
    assert "augmentation distorts pictures, but an example has the shape (5,)" in said.err


# ---- data show ---------------------------------------------------------------------------------------------------------


def test_the_column_of_the_labels_is_named_as_when_training(cli, tmp_path) -> None:
    (tmp_path / "t.csv").write_text("a,b,what\n" + "1,2,x\n3,4,y\n" * 10)
    said = cli("data", "show", "t.csv", "--label", "what")
    assert said.code == 2
    assert "an example of t has the shape (2,), which is no picture; expected (rows, columns)" in said.err


def test_pictures_are_shown_in_letters(cli, tiny_mnist) -> None:
    said = cli("data", "show", "--count", 2, "--augment", "affine", "--epochs", 1)
    assert said.code == 0
    assert said.out.count("█") > 50
    assert ["as they are" in said.out, "in epoch 1" in said.out] == [True, True]
    result = cli("data", "show", "--count", 2, "--augment", "affine", "--epochs", 1, "--json").json
    assert result["labels"] == [0, 1]
    assert np.array(result["rows"][1]["pictures"]).shape == (2, 28, 28)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--count", 0], "--count is 0; expected a whole number from 1 to 100"),
        (["--augment", "both", "--epochs", 1000], "--epochs is 1000"),
        (["--augment", "both", "--seed", -1], "--seed is -1; expected a whole number from 0"),
        (["--epochs", 2], "--epochs is 2, but nothing is distorted; expected --augment beside it"),
        (["--seed", 0], "--seed is 0, but nothing is distorted"),
        (["--augment", "none", "--epochs", 2], "--epochs is 2, but nothing is distorted"),
        (["--out", "a.jpg"], "--out is a.jpg; expected the name of a PNG file. Try: --out a.png"),
        (["--augment", "x=1"], "--augment holds 'x=1'"),
        (["--out", "a.png"], "matplotlib"),
    ],
)
def test_pictures_that_cannot_be_shown_are_refused(cli, tiny_mnist, words, message) -> None:
    said = cli("data", "show", *words)
    assert said.code != 0
    assert message in said.err


@pytest.mark.parametrize("option", [["--seeds", 3], ["--precision", "bfloat16"], ["--minutes", 1]])
def test_options_of_a_run_are_refused_where_all_rows_are_listed(cli, option) -> None:
    said = cli("reproduce", *option)
    assert said.code == 2
    assert f"{option[0]} is given without ROW; expected the name of a recipe." in said.err
