"""Data for a network that is trained already: read as its training data were, whatever else the files may hold."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.answers import Classes, labels_as_array
from pellucid.datasets import load_within_memory
from pellucid.datasets.arrays import read_examples
from pellucid.datasets.dataset import Column, Dataset
from pellucid.datasets.drawing import SIDE, of_picture
from pellucid.datasets.idx import read_idx
from pellucid.datasets.idx_folder import is_idx_name
from pellucid.datasets.images import SUFFIXES as PICTURE_SUFFIXES
from pellucid.datasets.images import read_image, read_pixels
from pellucid.datasets.labels import indices_of
from pellucid.datasets.paths import ARRAY_SUFFIXES, TABLE_SUFFIXES
from pellucid.datasets.streamed import StreamedDataset, StreamedPart
from pellucid.datasets.streaming import matching
from pellucid.datasets.tables import encode_table, read_labelled, table_in
from pellucid.equations.parameters import Indices
from pellucid.errors import DataError, SettingError, ShapeError


class Trained(NamedTuple):
    """What a network knows of its data: the shape of an example, its classes, the columns of its table if it was one,
    the fingerprint of the data set that it was trained on, the number of its shards if it lay in such, the column of
    its labels if that was named, and whether an input is a pixel, a whole number from 0 up.
    """

    input_shape: tuple[int, ...]
    classes: Classes
    columns: tuple[Column, ...] | None = None
    fingerprint: str | None = None
    shards: int | None = None
    label: str | None = None
    takes_pixels: bool = True


class Labelled(NamedTuple):
    """Examples X (n, d), class indices y (n,), and in words what they are."""

    X: NDArray[Any]
    y: Indices
    what: str


class LabelledInFiles(NamedTuple):
    """Examples that are larger than memory: the parts of a data set, and the class of the network for each of its own."""

    parts: tuple[StreamedPart, ...]
    rows_of_a_portion: int
    classes: Indices
    what: str

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    def portions(self) -> Iterator[tuple[NDArray[Any], Indices]]:
        """Read all of them, some at a time: X (k, d), y (k,) class indices."""
        for part in self.parts:
            for X, y in part.portions(self.rows_of_a_portion):
                yield X, self.classes[y]


def labelled_examples(
    name_or_path: str, trained: Trained, label: str | None = None, *, must_be_the_same: bool = False
) -> Labelled:
    """Load labelled data as ``labelled_within``, at once. Raises ``DataError`` where they are too large for that."""
    found = labelled_within(name_or_path, trained, label, must_be_the_same=must_be_the_same)
    if isinstance(found, LabelledInFiles):
        raise DataError(f"{found.what} is larger than memory", "data that fit into it", "Name others with --data.")
    return found


def labelled_within(
    name_or_path: str,
    trained: Trained,
    label: str | None = None,
    memory: int | None = None,
    *,
    must_be_the_same: bool = False,
) -> Labelled | LabelledInFiles:
    """Load labelled data to hold a network against; those that are too large for ``memory`` are read as they are wanted.

    Of data with a test part of its own, and of the data that the network was trained on, the test part; of other data, all.
    With ``must_be_the_same``, data whose test part depends on being the same is refused if it is not: some of it was
    learned. Raises ``DataError`` where the data cannot be read or has a class that the network does not know,
    ``ShapeError`` where its examples have another size.
    """
    if trained.columns is None:
        dataset = load_within_memory(name_or_path, label, memory)
        if prod(dataset.input_shape) != prod(trained.input_shape):
            got = f"the examples of {name_or_path} have {_by(dataset.input_shape)} inputs"
            raise ShapeError(got, _by(trained.input_shape))
        if must_be_the_same and not dataset.has_own_split and dataset.fingerprint != trained.fingerprint:
            raise _changed(name_or_path, trained)
        return _part(dataset, trained)
    # Where nobody names it, the column of the labels may have another name than in training.
    for column in dict.fromkeys((label or trained.label, label)):
        with suppress(DataError):  # too small to train on, or of one class: it may do to be judged by
            dataset = load_within_memory(name_or_path, column, memory)
            if dataset.fingerprint == trained.fingerprint:
                return _part(dataset, trained)
            if isinstance(dataset, StreamedDataset) and dataset.columns == trained.columns and not must_be_the_same:
                return _part(dataset, trained)
    if must_be_the_same:
        raise _changed(name_or_path, trained)
    path = Path(name_or_path)
    test = table_in(path, "test") if path.is_dir() else None
    tables = [test] if test is not None else matching(path)
    for table in tables:
        if table.suffix.lower() not in TABLE_SUFFIXES:
            raise DataError(f"{table} is no table", "a .csv or .parquet file: the network was trained on a table")
    by = (trained.columns, trained.classes, label, trained.label)
    Xs, ys = zip(*(read_labelled(table, *by) for table in tables), strict=True)
    return Labelled(np.concatenate(Xs), np.concatenate(ys), f"all of {test or path}")


NORMALISATIONS = ("mnist",)


def examples_to_predict(path: Path, trained: Trained, normalise: str | None = None) -> NDArray[Any]:
    """Read examples whose labels are not asked for: a picture, IDX, NPY, NPZ, CSV or Parquet file → X (n, d).

    With ``normalise``, "mnist", the file is a photo or a scan of one digit, of any size, and becomes a picture as MNIST's
    were made. Raises ``DataError`` where the file cannot be read, or is of a kind that the network was not trained on;
    ``SettingError`` for a normalisation that there is not, or that does not fit the network.
    """
    suffix = path.suffix.lower()
    if normalise is not None:
        return _normalised(path, trained, normalise)
    if path.is_dir():
        raise DataError(f"{path} is a folder", "a file", "Name the files in it.")
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    if suffix in TABLE_SUFFIXES:
        if trained.columns is None:
            raise DataError(
                f"{path} is a table", "pictures, IDX or NumPy files: the network was not trained on a table"
            )
        return encode_table(path, trained.columns)[0]
    if suffix in PICTURE_SUFFIXES:
        _check_unit(path, trained)
        return read_image(path, trained.input_shape)
    if suffix in ARRAY_SUFFIXES:
        return _one_or_many(read_examples(path), trained)
    if is_idx_name(path) or suffix in (".gz", ""):
        return _one_or_many(read_idx(path), trained)
    raise DataError(f"{path} is of an unknown kind", "a picture, or a .npy, .npz, .csv, .parquet or IDX file")


def _normalised(path: Path, trained: Trained, normalise: str) -> NDArray[Any]:
    if normalise not in NORMALISATIONS:
        raise SettingError(f"--normalise is {normalise!r}", f"one of {', '.join(NORMALISATIONS)}")
    if trained.input_shape != (SIDE, SIDE):
        raise SettingError(f"the network takes {_by(trained.input_shape)}", f"{SIDE}×{SIDE} pixels, to be normalised")
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise DataError(f"{path} is no picture", f"one of {', '.join(PICTURE_SUFFIXES)}, to be normalised")
    _check_unit(path, trained)
    try:
        return of_picture(read_pixels(path)).picture.reshape(1, -1)
    except DataError as error:
        raise DataError(f"{path}: {error.got}", error.expected, error.advice) from error


def _check_unit(path: Path, trained: Trained) -> None:
    """Refuse a picture where what was learned from are numbers of another unit."""
    if not trained.takes_pixels:
        got = f"{path} holds pixels, whole numbers up to 255, but the network was trained on numbers of another unit"
        raise DataError(got, "numbers as in training", "Save them as .npy.")


def _changed(name_or_path: str, trained: Trained) -> DataError:
    advice = f"To use all of it: --data {shlex.quote(name_or_path)}"
    if trained.shards is not None:
        where = f"in {trained.shards} shards, and tested on a fifth of each where it lay"
        return DataError(f"the network was trained on {name_or_path} {where}", advice=advice)
    got = f"{name_or_path} is no longer what the network was trained on, and what was its test part is not known"
    return DataError(got, advice=advice)


def _part(dataset: Dataset | StreamedDataset, trained: Trained) -> Labelled | LabelledInFiles:
    wants_test = dataset.has_own_split or dataset.fingerprint == trained.fingerprint
    if isinstance(dataset, StreamedDataset):
        parts = (dataset.test,) if wants_test else (dataset.train, dataset.test)
        classes = indices_of(labels_as_array(dataset.classes), trained.classes, f"the label of {dataset.name}")
        what = f"{'the test part' if wants_test else 'all'} of {dataset.name}"
        return LabelledInFiles(parts, dataset.rows_of_a_portion, classes, what)
    if wants_test:
        X, y, what = dataset.X_test, dataset.y_test, f"the test part of {dataset.name}"
    else:
        X = np.concatenate([dataset.X_train, dataset.X_test])
        y, what = np.concatenate([dataset.y_train, dataset.y_test]), f"all of {dataset.name}"
    if dataset.classes != trained.classes:
        y = indices_of(labels_as_array(dataset.classes)[y], trained.classes, f"the label of {dataset.name}")
    return Labelled(X, y, what)


def _one_or_many(X: NDArray[Any], trained: Trained) -> NDArray[Any]:
    """Bring a single example, flat or as people see it, to a batch of one."""
    single = X.shape in (trained.input_shape, (prod(trained.input_shape),))
    return X.reshape(1, -1) if single else X.reshape(len(X), -1) if X.ndim > 1 else X


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
