"""What ``pellucid train`` makes of the data it is given, or is not."""

import os
from pathlib import Path

import numpy as np
import pytest


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


def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refused(*_arguments: object, **_options: object) -> None:
        raise OSError(101, os.strerror(101))

    monkeypatch.setattr(socket, "create_connection", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
