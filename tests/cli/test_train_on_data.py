"""What ``pellucid train`` makes of the data it is given, or is not."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from pellucid.datasets.dataset import hold_out_a_fifth


def test_without_mnist_train_says_so_and_trains_on_the_digits(cli, monkeypatch) -> None:
    _no_network(monkeypatch)
    said = cli("train", "--epochs", 5, "--json")
    assert said.code == 0
    assert said.json["data"] == "digits"
    assert said.json["test_accuracy"] > 0.8
    assert "MNIST is not on this machine and could not be downloaded: training on scikit-learn's" in said.err


def test_without_mnist_asking_for_it_exits_2_and_says_what_to_do(cli, monkeypatch) -> None:
    _no_network(monkeypatch)
    said = cli("train", "--data", "mnist", "--json")
    assert said.code == 2
    assert said.error["kind"] == "data-unavailable"
    assert "PELLUCID_DATA" in said.error["message"]


def test_a_spoiled_mnist_is_an_error_and_never_a_reason_to_look_elsewhere(cli, monkeypatch, tmp_path) -> None:
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    (folder / "train-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03\0\0")
    said = cli("train", "--json")
    assert said.code == 2
    assert said.error["kind"] == "data"
    assert "mnist" in said.error["message"]


def test_a_table_of_numbers_and_words_is_learned_judged_and_predicted(cli, tmp_path) -> None:
    pytest.importorskip("pandas", reason="tables need pandas: pip install 'pellucid[tables]'")
    random = np.random.default_rng(0)
    sizes, colours = random.normal(10, 3, 200), random.choice(["red", "green"], 200)
    kinds = np.where((sizes > 10) & (colours == "red"), "apple", "pear")
    lines = [f"{size:.4f},{colour},{kind}" for size, colour, kind in zip(sizes, colours, kinds, strict=True)]
    Path("fruit.csv").write_text("\n".join(["size,colour,kind", *lines]))
    options = ["--hidden", "8", "--epochs", "60", "--batch-size", "8"]
    trained = cli("train", "--data", "fruit.csv", "--label", "kind", *options, "--out", "fruit", "--json").json
    assert trained["test_accuracy"] >= 0.9
    judged = cli("evaluate", "fruit", "--json").json
    assert judged["accuracy"] == trained["test_accuracy"]  # the data it was trained on: its test part
    Path("new.csv").write_text("colour,size\nred,15.5\ngreen,15.5\n")
    labels = [each["label"] for each in cli("predict", "fruit", "new.csv", "--json").json["predictions"]]
    assert labels == ["apple", "pear"]
    Path("odd.csv").write_text("colour,size\nblue,15.5\n")
    said = cli("predict", "fruit", "odd.csv")
    assert said.code == 2
    assert "'blue'" in said.err
    Path("lame.csv").write_text("colour,weight\nred,1\n")
    assert "size" in cli("predict", "fruit", "lame.csv").err


def _save_fruit(name: str, n: int = 60, *, labels: tuple[str, str] = ("apple", "pear")) -> str:
    Path(name).write_text("\n".join(["size,kind", *[f"{each % 7},{labels[each % 7 > 3]}" for each in range(n)]]))
    return name


QUICK = ("--hidden", 4, "--epochs", 20, "--batch-size", 8)


@pytest.mark.parametrize(("number", "loss"), [("1e60", "not finite"), ("7e37", r"\d+\.\d{4}")])
def test_a_test_row_too_large_to_compute_with_costs_neither_the_result_nor_the_page(cli, number, loss) -> None:
    pytest.importorskip("pandas", reason="tables need pandas: pip install 'pellucid[tables]'")
    sizes = np.random.default_rng(0).normal(0, 1, 200)
    lines = [f"{size:.4f},{'large' if size > 0 else 'small'}" for size in sizes]
    row = int(hold_out_a_fifth(200)[1][0])
    lines[row] = f"{number},large"
    Path("sizes.csv").write_text("\n".join(["size,kind", *lines]))
    options = ["--label", "kind", "--hidden", "8", "--epochs", "6", "--report", "--out", "run"]
    trained = cli("train", "--data", "sizes.csv", *options)
    assert trained.code == 0, trained.err
    assert re.search(rf"Test accuracy .* wrong\), loss {loss}", trained.out)
    assert "report.html" in trained.out
    record = json.loads(Path("run/run.json").read_text(), parse_constant=pytest.fail)
    judged = cli("evaluate", "run")
    assert re.search(rf" wrong\), loss {loss}, expected calibration error \d", judged.out)
    for said in (trained.out, judged.out):
        assert ("1 example holds numbers that are too large to compute with. It counts as wrong." in said) == (
            loss == "not finite"
        )
    for command in (["evaluate", "run"], ["train", "--resume", "run"]):
        found = json.loads(cli(*command, "--json").out, parse_constant=pytest.fail)
        assert found.get("accuracy", found.get("test_accuracy")) == record["test_accuracy"]


def test_a_column_stays_a_column_though_a_file_is_called_as_it_is(cli) -> None:
    pytest.importorskip("pandas", reason="tables need pandas: pip install 'pellucid[tables]'")
    X = np.arange(60.0).reshape(-1, 2)
    np.savez("arrays.npz", X=X, kind=(X[:, 0] > 30).astype(int))
    Path("kind").touch()
    for data in (_save_fruit("fruit.csv"), "arrays.npz"):
        words = ("train", "--data", data, "--label", "kind", *QUICK, "--out", f"{data}.run")
        assert cli(*words).code == 0
        assert json.loads(Path(f"{data}.run/run.json").read_text())["request"]["label"] == "kind"
        assert cli("evaluate", f"{data}.run").code == 0
        assert cli("train", "--resume", f"{data}.run").code == 0


@pytest.mark.parametrize("name", ["y.npy", "y[1].npy", "y?.npy"])
def test_a_file_of_labels_is_found_again_from_anywhere(cli, tmp_path, monkeypatch, name) -> None:
    X = np.arange(60.0).reshape(-1, 2)
    np.save("X1.npy", X)
    np.save(name.replace("?", "1"), (X[:, 0] > 30).astype(int))
    data = "X?.npy" if "?" in name else "X1.npy"
    assert cli("train", "--data", data, "--label", name, *QUICK, "--out", "run").code == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert cli("evaluate", tmp_path / "run").code == 0
    assert cli("train", "--resume", tmp_path / "run").code == 0


def test_a_table_is_evaluated_however_its_ending_and_its_truth_values_are_spelled(cli) -> None:
    pytest.importorskip("pandas", reason="tables need pandas: pip install 'pellucid[tables]'")
    data = _save_fruit("FRUIT.CSV", labels=("FALSE", "TRUE"))
    assert cli("train", "--data", data, "--label", "kind", *QUICK, "--out", "run").code == 0
    _save_fruit("OTHER.CSV", 8, labels=("FALSE", "TRUE"))
    said = cli("evaluate", "run", "--data", "OTHER.CSV", "--label", "kind", "--json")
    assert said.code == 0, said.err
    assert (said.json["examples"], said.json["classes"]) == (8, ["False", "True"])


def test_the_column_of_the_labels_is_named_once(cli) -> None:
    pytest.importorskip("pandas", reason="tables need pandas: pip install 'pellucid[tables]'")
    data = _save_fruit("fruit.csv")
    assert cli("train", "--data", data, "--label", "kind", *QUICK, "--out", "run").code == 0
    said = cli("evaluate", "run/model.safetensors", "--data", data, "--json")
    assert said.json["examples"] == 12, "the test part of what it was trained on"
    assert cli("explain", "run/model.safetensors", "--data", data, "--json").json["label"] in {"apple", "pear"}
    table = Path(_save_fruit("other.csv", 8)).read_text().splitlines()
    both = [table[0] + ",label", *[row + ",other" for row in table[1:]]]
    for name, rows in {"renamed": [table[0].replace("kind", "class"), *table[1:]], "both": both}.items():
        Path(f"{name}.csv").write_text("\n".join(rows))
        said = cli("evaluate", "run/model.safetensors", "--data", f"{name}.csv", "--json")
        assert said.json["examples"] == 8, said.err


def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refused(*_arguments: object, **_options: object) -> None:
        raise OSError(101, os.strerror(101))

    monkeypatch.setattr(socket, "create_connection", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
