from __future__ import annotations

import numpy as np
import pytest

from pellucid import datasets
from pellucid.datasets.deslanting import deslanted_dataset, window_on_ink
from pellucid.datasets.locate import find_folder
from pellucid.equations.beyond.deslanting import slant
from pellucid.errors import DataUnavailableError


def test_a_window_lies_in_the_middle_of_the_ink():
    pictures = np.zeros((3, 28, 28), np.uint8)
    pictures[0, 2:22, 5:15] = 1
    pictures[1, 27, 0] = 2  # a corner: the window cannot go beyond the picture
    found = window_on_ink(pictures).reshape(3, 20, 20)
    assert found[0].any(axis=1).all()
    assert found[0].any(axis=0).tolist() == [False] * 5 + [True] * 10 + [False] * 5
    assert found[1, 19, 0] == 2
    assert not found[2].any()


def test_mnist_upright_keeps_its_ink_and_its_labels():
    try:
        mnist = datasets.load("mnist")
    except DataUnavailableError:
        pytest.skip("MNIST is not on this machine")
    few = slice(0, 300)
    small = type(mnist)(**{**vars(mnist), "X_train": mnist.X_train[few], "X_test": mnist.X_test[few]})
    upright = deslanted_dataset(small, "upright")
    assert (upright.name, upright.input_shape, upright.X_train.shape) == ("upright", (20, 20), (300, 400))
    assert upright.X_train.dtype == np.uint8
    before, after = (slant(d.X_train.reshape(-1, *d.input_shape))[0] for d in (small, upright))
    assert np.abs(before).mean() > 0.15
    assert np.abs(after).mean() < 0.01
    ink = upright.X_train.sum(axis=1, dtype=np.int64) / small.X_train.sum(axis=1, dtype=np.int64)
    assert ink.min() > 0.95  # some lies beyond 20×20
    assert np.median(ink) > 0.999


def test_its_files_are_mnists(tmp_path):
    entry = next(each for each in datasets.available() if each.name == "mnist-deslanted")
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "train-labels-idx1-ubyte").write_bytes(b"")
    assert find_folder(entry, tmp_path) == tmp_path / "mnist"
    assert [check.file for check in datasets.verify("mnist-deslanted", tmp_path)] == [file.name for file in entry.files]
