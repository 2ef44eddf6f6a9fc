"""NumPy's files: ``.npz`` with X and y, or with a training and a test part; ``.npy`` with the labels in another one."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets.assembling import PIXELS, Part, assemble
from pellucid.datasets.dataset import Dataset
from pellucid.datasets.labels import tidy
from pellucid.datasets.wording import did_you_mean, listed, unreadable
from pellucid.errors import DataError

Arrays = dict[str, NDArray[Any]]
Named = tuple[str, NDArray[Any]]
"""An array, and what to call it in messages."""


def load_arrays(path: Path, label: str | None = None) -> Dataset:
    """Load examples and labels from a ``.npz`` or ``.npy`` file.

    A ``.npz`` holds X and y, of which a seeded fifth becomes the test part, or x_train, y_train, x_test, y_test (as Keras'
    mnist.npz; X_train … too); ``label`` names another y. Beside a ``.npy``, ``label`` is the path of the labels' ``.npy``.
    X is (n, d), or (n, h, w) for images. uint8 is taken for pixels and scaled by 255, whatever its shape; of other numbers
    each feature is standardised with the training part's mean and standard deviation. Pickled objects are never loaded.

    Raises ``DataError`` for files that are spoiled or hold something else.
    """
    pairs = _npy_pair(path, label) if path.suffix.lower() == ".npy" else _npz_pairs(path, label)
    parts = [_part(*pair) for pair in pairs]
    shapes = [examples[1].shape[1:] for examples, _ in pairs]
    if len(set(shapes)) > 1:
        raise DataError(f"{pairs[1][0][0]} has examples of shape {shapes[1]}, but {pairs[0][0][0]} of {shapes[0]}")
    if len({examples[1].dtype == np.uint8 for examples, _ in pairs}) > 1:
        (name, X), (other, other_X) = (examples for examples, _ in pairs)
        raise DataError(
            f"{other} holds {other_X.dtype}, but {name} {X.dtype}",
            "pixels (uint8) in both, or in neither",
            "Bring one of them to the unit and the type of the other.",
        )
    return assemble(
        path.stem,
        parts[0],
        parts[1] if len(parts) > 1 else None,
        input_shape=shapes[0],
        scaling=PIXELS if all(examples[1].dtype == np.uint8 for examples, _ in pairs) else None,
        source=f"the NumPy file {path}",
    )


def read_examples(path: Path) -> NDArray[Any]:
    """Read examples alone, to predict from: X (n, d) of uint8, float32 or float64.

    Of a ``.npz``, the array called X or x is taken, or the only one; an array (d,) is a single example. Raises ``DataError``
    as ``load_arrays`` does.
    """
    if path.suffix.lower() == ".npy":
        return _examples(str(path), _read_npy(path))
    arrays = _read_npz(path)
    name = next((name for name in ("X", "x") if name in arrays), next(iter(arrays)) if len(arrays) == 1 else None)
    if name is None:
        raise DataError(f"{path} holds {listed(arrays)}", "an array called 'X', or one array only")
    return _examples(f"{name} in {path}", arrays[name])


def _examples(where: str, X: NDArray[Any]) -> NDArray[Any]:
    return flat_numbers(where, X[np.newaxis] if X.ndim == 1 else X)


def flat_numbers(where: str, X: NDArray[Any]) -> NDArray[Any]:
    """Make X (n, d), or (n, h, w), an array (n, d) of uint8, float32 or float64, the types that everything else takes.

    Raises ``DataError`` for another number of dimensions and for what is no real number.

    >>> flat_numbers("X", np.ones((2, 2, 3), bool))
    array([[1., 1., 1., 1., 1., 1.],
           [1., 1., 1., 1., 1., 1.]])
    """
    if X.dtype.kind not in "biuf":
        raise DataError(f"{where} has the type {X.dtype}", "real numbers")
    if X.ndim not in (2, 3) or 0 in X.shape:
        advice = "Turn colour images into grey ones first." if X.ndim == 4 else ""
        raise DataError(f"{where} has the shape {X.shape}", "(n, d), or (n, height, width) for images", advice)
    X = X.reshape(len(X), -1)
    if X.dtype == np.uint8:
        return X
    return X.astype(np.float32 if X.dtype in (np.float16, np.float32) else np.float64, copy=False)


def _part(examples: Named, labels: Named) -> Part:
    return Part(flat_numbers(*examples), tidy(labels[1], labels[0]), examples[0], labels[0])


def _npy_pair(path: Path, label: str | None) -> list[tuple[Named, Named]]:
    labels_path = labels_beside(path, label)
    return [((str(path), _read_npy(path)), (str(labels_path), _read_npy(labels_path)))]


def labels_beside(path: Path, label: str | None) -> Path:
    """Find the labels' file of a NPY file, here or beside it. Raises ``DataError`` where it is not there."""
    if label is None:
        raise DataError(
            f"{path} holds examples without labels", advice="Name the .npy file of the labels with --label."
        )
    beside = [Path(label), path.parent / label]
    labels_path = next((candidate for candidate in beside if candidate.is_file()), None)
    if labels_path is None:
        raise DataError(f"there is no file {label}, neither here nor beside {path}", "the .npy file of the labels")
    return labels_path


def _npz_pairs(path: Path, label: str | None) -> list[tuple[Named, Named]]:
    arrays = _read_npz(path)
    names = _choose_names(path, arrays, label)
    named = [(f"{name} in {path}", arrays[name]) for name in names]
    return list(zip(named[::2], named[1::2], strict=True))


def _choose_names(path: Path, arrays: Arrays, label: str | None) -> tuple[str, ...]:
    """Choose (X, y), or (X, y) of the training and of the test part."""
    if label is None:
        for x in "xX":
            split = (f"{x}_train", "y_train", f"{x}_test", "y_test")
            if all(name in arrays for name in split):
                return split
    examples = next((name for name in ("X", "x") if name in arrays), None)
    if examples and (label or "y") in arrays:
        return examples, label or "y"
    raise DataError(
        f"{path} holds {listed(arrays)}",
        f"'X' and {label!r}" if label else "'X' and 'y', or 'x_train', 'y_train', 'x_test' and 'y_test'",
        did_you_mean(label or "y", list(arrays)) if examples else "",
    )


def _read_npy(path: Path) -> NDArray[Any]:
    with refusing_arrays(path):
        # Mapped first: a header that declares more than the file holds is refused before anything is allocated.
        mapped = np.load(path, allow_pickle=False, mmap_mode="r")
        if not isinstance(mapped, np.ndarray):
            mapped.close()
            raise ValueError("it is a .npz file")
        return np.array(mapped)


def _read_npz(path: Path) -> Arrays:
    with refusing_arrays(path), zipfile.ZipFile(path):
        pass
    with refusing_arrays(path), np.load(path, allow_pickle=False) as loaded:
        arrays = {name: loaded[name] for name in loaded.files}
        if not all(isinstance(array, np.ndarray) for array in arrays.values()):
            raise ValueError("it is another kind of zip file")
        return arrays


SPOILED = (
    *(ValueError, KeyError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error),
    *(OverflowError, SyntaxError, TypeError, tokenize.TokenError),  # of a header, which is a literal of Python's
)
"""What NumPy raises for files that are not what they should be."""


@contextmanager
def refusing_arrays(path: Path) -> Iterator[None]:
    """Turn what NumPy raises for a file that it cannot read into sentences."""
    try:
        yield
    except SPOILED as error:
        if "pickle" in str(error) or "Python objects" in str(error):
            raise DataError(
                f"{path} holds Python objects, which are not loaded because loading them can run any program",
                "arrays of numbers or strings",
            ) from error
        raise DataError(f"{path} is spoiled, or no file of NumPy's ({error})") from error
    except OSError as error:
        raise unreadable(path, error) from error
