from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.datasets import load
from pellucid.datasets.arrays import read_examples
from pellucid.equations.scaling import Scaling, scaled
from pellucid.errors import DataError

X = np.random.default_rng(0).normal(3, 2, (20, 4))
Y = np.arange(20) % 3


def save(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def refused(path: Path, message: str, label: str | None = None, **arrays: Any) -> None:
    with pytest.raises(DataError, match=message):
        load(save(path, **arrays), label)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.npz"


def test_floats_are_standardised_with_the_training_part_alone(path: Path) -> None:
    a = load(save(path, X=X, y=Y))
    assert (a.name, a.classes, a.input_shape, a.has_own_split) == ("a", (0, 1, 2), (4,), False)
    assert (a.X_train.shape, a.X_test.shape, a.y_train.dtype) == ((16, 4), (4, 4), np.int64)
    np.testing.assert_allclose(a.scaling.offset, a.X_train.mean(axis=0))
    x = scaled(a.X_train, a.scaling, np.float64)
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(x.std(axis=0), 1)


def test_a_feature_that_never_changes_keeps_the_scale_one(path: Path) -> None:
    a = load(save(path, X=np.hstack([X, np.full((20, 1), 0.1)]), y=Y))
    assert (a.scaling.offset[4], a.scaling.scale[4]) == (0.1, 1.0)


@pytest.mark.parametrize("shape", [(20, 2, 2), (20, 4)])
def test_uint8_is_taken_for_pixels_and_kept(path: Path, shape: tuple[int, ...]) -> None:
    a = load(save(path, X=np.arange(80, dtype=np.uint8).reshape(shape), y=Y))
    assert (a.X_train.dtype, a.scaling, a.input_shape) == (np.uint8, Scaling((0.0,), (255.0,)), shape[1:])


@pytest.mark.parametrize(
    ("found", "kept"),
    [("f4", "f4"), ("f2", "f4"), (">f8", "f8"), ("i8", "f8"), ("u2", "f8"), ("?", "f8")],
)
def test_other_numbers_become_floats(path: Path, found: str, kept: str) -> None:
    a = load(save(path, X=(X > 3).astype(found), y=Y))
    assert a.X_train.dtype == np.dtype(kept)
    assert a.scaling != Scaling((0.0,), (255.0,))


@pytest.mark.parametrize("x", ["x", "X"])
def test_a_split_of_its_own_is_kept(path: Path, x: str) -> None:
    a = load(save(path, **{f"{x}_train": X[:12], "y_train": Y[:12], f"{x}_test": X[12:], "y_test": Y[12:]}))
    assert a.has_own_split
    np.testing.assert_array_equal(a.X_test, X[12:])
    np.testing.assert_allclose(a.scaling.offset, X[:12].mean(axis=0))


def test_label_names_another_y(path: Path) -> None:
    assert load(save(path, x=X, y=Y, kind=Y > 1), "kind").classes == (0, 1)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (np.array(["b ", "a"] * 10), ("a", "b ")),
        (np.array([2.0, -1.0] * 10), (-1, 2)),
        (np.array([True, False] * 10), (0, 1)),
        (np.array([2**63 + 1, 7] * 10, np.uint64), (7, 2**63 + 1)),
        (np.array([[1], [0]] * 10), (0, 1)),
    ],
)
def test_labels_are_whole_numbers_or_strings(path: Path, labels: np.ndarray, classes: tuple[object, ...]) -> None:
    assert load(save(path, X=X, y=labels)).classes == classes


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (
            Y + 0.5,
            "y in .* holds 0.5 in row 1, which is no whole number.*looks like a quantity; pellucid train classifies",
        ),
        (np.where(Y == 2, np.nan, Y), "holds nan in row 3, which is no number"),
        (np.full(20, 1e300), "no longer exact"),
        (np.zeros(20), "holds one class only: 0; expected at least two"),
        (np.eye(20), "y in .* has the shape \\(20, 20\\); expected one label for each example"),
        (np.zeros(20, complex), "type complex128; expected whole numbers or strings"),
        (Y[:-1], "y in .* has 19 labels, but X in .* has 20 examples"),
    ],
)
def test_labels_that_are_none_are_refused(path: Path, y: np.ndarray, message: str) -> None:
    refused(path, message, X=X, y=y)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X.astype(complex), "X in .* has the type complex128; expected real numbers"),
        (X.astype(str), "expected real numbers"),
        (X[:, 0], "has the shape \\(20,\\); expected \\(n, d\\)"),
        (X.reshape(20, 2, 2, 1), "Turn colour images into grey ones first"),
        (X[:, :0], "has the shape \\(20, 0\\)"),
        (X[:4], "y in .* has 20 labels"),
        (np.where(X[2, 1] == X, np.nan, X), "X in .* holds nan in row 3, column 2; expected numbers"),
        (np.where(X[0, 3] == X, -np.inf, X), "holds -inf in row 1, column 4"),
        (X * 1e307, "feature 1 are too large"),
    ],
)
def test_examples_that_are_none_are_refused(path: Path, x: np.ndarray, message: str) -> None:
    refused(path, message, X=x, y=Y)


def test_parts_that_do_not_fit_are_refused(path: Path) -> None:
    refused(path, "examples of shape \\(3,\\), but .* of \\(4,\\)", x_train=X, y_train=Y, x_test=X[:, :3], y_test=Y)
    refused(path, "y_test in .* holds 9 in row 1, which is none", x_train=X, y_train=Y, x_test=X, y_test=Y + 9)
    pixels = np.full(X.shape, 200, np.uint8)
    message = r"x_test in .* holds float64, but x_train in .* uint8; expected pixels \(uint8\) in both, or in neither"
    refused(path, message, x_train=pixels, y_train=Y, x_test=pixels / 255, y_test=Y)


def test_python_objects_are_never_loaded(path: Path, tmp_path: Path) -> None:
    refused(path, "holds Python objects, which are not loaded", X=X, y=np.array([1, "a"] * 10, object))
    np.save(tmp_path / "a.npy", np.array([{}]))
    with pytest.raises(DataError, match="holds Python objects"):
        load(tmp_path / "a.npy", "a.npy")


def test_missing_arrays_list_what_is_there(path: Path) -> None:
    refused(path, "holds 'X', 'Y'; expected 'X' and 'y', or 'x_train'", X=X, Y=Y)
    refused(path, "expected 'X' and 'kinds'. Did you mean 'kind'", "kinds", X=X, kind=Y)
    refused(path, "holds none; expected", **{})


def test_a_npy_needs_the_labels_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    np.save("labels.npy", Y)
    assert load("x.npy", "labels.npy").classes == (0, 1, 2)
    monkeypatch.chdir("/")
    assert load(tmp_path / "x.npy", "labels.npy").classes == (0, 1, 2)
    with pytest.raises(DataError, match=r"examples without labels. Name the .npy file"):
        load(tmp_path / "x.npy")
    with pytest.raises(DataError, match=r"there is no file other.npy"):
        load(tmp_path / "x.npy", "other.npy")


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_spoiled_files_are_refused(tmp_path: Path, suffix: str) -> None:
    good = tmp_path / f"good{suffix}"
    np.save(good, X) if suffix == ".npy" else np.savez(good, X=X, y=Y)
    spoiled = tmp_path / f"spoiled{suffix}"
    content = good.read_bytes()
    for part in (b"", b"nonsense", content[:7], content[:200], content[:-40], bytes(20) + content[20:]):
        spoiled.write_bytes(part)
        with pytest.raises(DataError, match="spoiled"):
            load(spoiled, str(spoiled) if suffix == ".npy" else None)


@pytest.mark.parametrize("shape", ["(-20, 3), }", "20, ((((("])
def test_a_header_that_is_no_literal_is_refused(tmp_path: Path, shape: str) -> None:
    header = f'{{"descr": "<f8", "fortran_order": False, "shape": {shape}'.ljust(117).encode() + b"\n"
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00\x76\x00" + header + bytes(480))
    with pytest.raises(DataError, match="spoiled"):
        read_examples(tmp_path / "a.npy")


def test_files_under_the_others_name_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=X, y=Y)
    (tmp_path / "a.npz").rename(tmp_path / "a.npy")
    with pytest.raises(DataError, match=r"it is a .npz file"):
        load(tmp_path / "a.npy", "a.npy")
    np.save(tmp_path / "b.npy", X)
    (tmp_path / "b.npy").rename(tmp_path / "b.npz")
    with pytest.raises(DataError, match="spoiled, or no file of NumPy's"):
        load(tmp_path / "b.npz")


def test_examples_alone_are_read_to_predict_from(path: Path, tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_examples(save(path, X=X, y=Y)), X)
    np.testing.assert_array_equal(read_examples(save(path, anything=X)), X)
    np.save(tmp_path / "b.npy", X.reshape(20, 2, 2))
    np.testing.assert_array_equal(read_examples(tmp_path / "b.npy"), X)
    np.save(tmp_path / "one.npy", X[0])
    np.testing.assert_array_equal(read_examples(tmp_path / "one.npy"), X[:1])
    with pytest.raises(DataError, match="holds 'a', 'b'; expected an array called 'X'"):
        read_examples(save(path, a=X, b=X))
