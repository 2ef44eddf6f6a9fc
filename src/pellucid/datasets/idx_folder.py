"""Folders of IDX files, laid out as MNIST's: images and labels to learn from, images and labels to be tested on."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from pellucid.datasets.assembling import PIXELS, Part, assemble
from pellucid.datasets.catalogue import CATALOGUE, IDX_STEMS, Entry
from pellucid.datasets.dataset import Dataset
from pellucid.datasets.idx import read_idx
from pellucid.datasets.labels import tidy
from pellucid.datasets.wording import listed, unreadable
from pellucid.errors import DataError


def idx_files(folder: Path) -> dict[str, Path]:
    """Find MNIST's four files in ``folder``, by stem; those that are not there are left out.

    Each may be gzipped or not, and some copies write ``train-images.idx3-ubyte``; the gzipped one, whose checksum is
    published, goes first. Raises ``DataError`` for a folder that may not be read.
    """
    found = {}
    for stem in IDX_STEMS:
        spellings = (stem, stem.replace("-idx", ".idx"))
        candidates = [folder / f"{spelling}{suffix}" for suffix in (".gz", "") for spelling in spellings]
        try:
            here = [path for path in candidates if path.is_file()]
        except OSError as error:
            raise unreadable(folder, error) from error
        if here:
            found[stem] = here[0]
    return found


def load_idx_folder(folder: Path, entry: Entry | None = None) -> Dataset:
    """Load a folder with MNIST's four files; ``entry`` or, failing that, the folder's name tells whose classes they are.

    X is uint8 (n, h·w); of other types it stays what it is and is standardised. Raises ``DataError`` where a file is
    missing or spoiled, or images and labels do not fit each other.
    """
    files = idx_files(folder)
    missing = [stem for stem in IDX_STEMS if stem not in files]
    if missing:
        raise DataError(
            f"{folder} holds only {len(files)} of the four IDX files; missing: {listed(missing)}",
            advice="Add what is missing, gzipped or not, or take the others away.",
        )
    entry = entry or CATALOGUE.get(folder.resolve().name)
    train_images, train_labels, test_images, test_labels = (files[stem] for stem in IDX_STEMS)
    train, shape = _read_pair(train_images, train_labels)
    test, test_shape = _read_pair(test_images, test_labels)
    if test_shape != shape:
        raise DataError(f"{test_images} holds images of {test_shape} pixels, but {train_images} of {shape}")
    if test.X.dtype != train.X.dtype:
        raise DataError(f"{test_images} holds {test.X.dtype}, but {train_images} {train.X.dtype}", "one type for both")
    dataset = assemble(
        entry.name if entry else folder.resolve().name,
        train,
        test,
        input_shape=shape,
        scaling=PIXELS if train.X.dtype == np.uint8 else None,
        classes=tuple(range(len(entry.classes))) if entry else None,
        source=f"IDX files in {folder}",
    )
    # The files hold numbers; what they stand for is written in the catalogue.
    return replace(dataset, classes=entry.classes) if entry else dataset


def is_idx_name(path: Path) -> bool:
    """Tell by its name whether a file is IDX.

    >>> is_idx_name(Path("a/t10k-images.idx3-ubyte.gz")), is_idx_name(Path("a.idx")), is_idx_name(Path("a.csv"))
    (True, True, False)
    """
    return re.search(r"(idx\d-[a-z]+|\.idx)(\.gz)?$", path.name) is not None


def load_idx_pair(path: Path) -> Dataset:
    """Load one file of images and the file of labels beside it; a seeded fifth becomes the test part.

    The labels' file is called as the images', with ``labels`` for ``images`` and ``idx1`` for ``idx3``. Raises
    ``DataError`` where it is not there, or the two do not fit each other.
    """
    labels_path = idx_labels_beside(path)
    part, shape = _read_pair(path, labels_path)
    return assemble(
        path.name.removesuffix(".gz"),
        part,
        None,
        input_shape=shape,
        scaling=PIXELS if part.X.dtype == np.uint8 else None,
        source=f"IDX files {path} and {labels_path.name}",
    )


def idx_labels_beside(path: Path) -> Path:
    """Find the labels' file of an IDX file of images. Raises ``DataError`` where it is not there."""
    if "images" not in path.name:
        raise DataError(
            f"{path} does not say in its name that it holds images",
            "a name such as train-images-idx3-ubyte.gz, with train-labels-idx1-ubyte.gz beside it",
        )
    name = path.name.replace("images", "labels").replace("idx3", "idx1").removesuffix(".gz")
    beside = [path.with_name(name + suffix) for suffix in ((".gz", "") if path.suffix == ".gz" else ("", ".gz"))]
    labels_path = next((candidate for candidate in beside if candidate.is_file()), None)
    if labels_path is None:
        raise DataError(f"{path} has no labels beside it", f"{beside[0].name} in {path.parent}")
    return labels_path


def _read_pair(images_path: Path, labels_path: Path) -> tuple[Part, tuple[int, ...]]:
    images = read_idx(images_path)
    if images.ndim != 3:
        hint = "These are labels; is the file misnamed?" if images.ndim == 1 else ""
        raise DataError(f"{images_path} holds an array of shape {images.shape}", "(how many, height, width)", hint)
    labels = read_idx(labels_path)
    if labels.ndim != 1:
        hint = "These are images; is the file misnamed?" if labels.ndim == 3 else ""
        raise DataError(f"{labels_path} holds an array of shape {labels.shape}", "one label for each image", hint)
    X = images.reshape(len(images), -1)
    return Part(X, tidy(labels, str(labels_path)), str(images_path), str(labels_path)), images.shape[1:]
