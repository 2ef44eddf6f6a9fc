"""Real data: from bytes on a disk or a server to X and y.

The journey: ``load`` takes a name or a path. A name is looked up in ``catalogue``, found by ``locate`` or fetched by
``download``, and read by ``idx_folder`` (or ``digits``); ``paths`` finds the reader of a path: ``idx_folder``, ``arrays``,
``tables`` or ``images``. All of them end in ``assembling``, which gives a ``Dataset``.

>>> from pellucid import datasets
>>> digits = datasets.load("digits")
>>> digits.X_train.shape, digits.X_train.dtype.name, digits.input_shape
((1438, 64), 'uint8', (8, 8))
"""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike, fspath
from pathlib import Path

from pellucid.datasets import catalogue, download
from pellucid.datasets.catalogue import Entry
from pellucid.datasets.dataset import Column, Dataset
from pellucid.datasets.deslanting import deslanted_dataset
from pellucid.datasets.digits import load_digits
from pellucid.datasets.download import Progress, cache_folder
from pellucid.datasets.idx import read_idx, write_idx
from pellucid.datasets.idx_folder import load_idx_folder
from pellucid.datasets.images import read_image
from pellucid.datasets.locate import data_folders, find_or_fetch
from pellucid.datasets.memory import parse_size
from pellucid.datasets.paths import load_path, refuse_label
from pellucid.datasets.streamed import StreamedDataset
from pellucid.datasets.streaming import is_pattern, load_pattern, load_within
from pellucid.datasets.tables import encode_table, read_labelled
from pellucid.datasets.verification import FileCheck, verify_files
from pellucid.datasets.wording import did_you_mean, listed, unreadable
from pellucid.errors import DataError

__all__ = [
    "Column",
    "Dataset",
    "Entry",
    "FileCheck",
    "Progress",
    "StreamedDataset",
    "available",
    "cache_folder",
    "data_folders",
    "encode_table",
    "fetch",
    "load",
    "load_within_memory",
    "parse_size",
    "read_idx",
    "read_image",
    "read_labelled",
    "verify",
    "write_idx",
]


def load(
    name_or_path: str | PathLike[str] = "mnist", label: str | None = None, progress: Progress | None = None
) -> Dataset:
    """Load a data set by its name, or from a path.

    A name of the catalogue goes first: for a folder ``mnist`` in the current one, say ``./mnist``. It is looked for in
    ``data_folders()``, and downloaded to the last of them if it is in none; ``progress`` is then told how that goes. A path
    is a folder of IDX files, of pictures by class, of Parquet files, or with train.csv and test.csv, or a .csv, .parquet,
    .npz, .npy or IDX file; or a pattern for several .parquet or .npy files; ``label`` names the column or the array of its
    labels.

    Raises ``DataUnavailableError`` for a data set that is neither here nor to be had, ``DataError`` for one that is spoiled
    or cannot be understood, and for a name that is neither known nor a path.
    """
    name = fspath(name_or_path)
    if isinstance(name_or_path, str) and name in catalogue.CATALOGUE:
        return _load_entry(catalogue.find(name), label, progress)
    path = Path(name)
    try:
        there = bool(name) and path.exists()
    except OSError as error:
        raise unreadable(path, error) from error
    if not there:
        if is_pattern(name):
            return load_pattern(name, label)
        raise DataError(
            f"{name or repr(name)} is neither a known data set nor a path that exists",
            f"one of {listed(catalogue.CATALOGUE)}, or a path",
            did_you_mean(name, list(catalogue.CATALOGUE)),
        )
    return load_path(path, label)


def load_within_memory(
    name_or_path: str | PathLike[str],
    label: str | None = None,
    memory: int | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Dataset | StreamedDataset:
    """Load a data set at once where it takes at most half of ``memory``, in bytes; a larger one is read block by block.

    ``memory`` not given: half of this machine's, and 1 GiB for what is larger; ``say`` hears of it. What can be read block
    by block are NPY, IDX that is not gzipped, and Parquet. Raises as ``load``, and ``DataError`` for other data that are too
    large for a ``memory`` that was given.
    """
    name = fspath(name_or_path)
    known = isinstance(name_or_path, str) and name in catalogue.CATALOGUE
    if known or not (Path(name).exists() or is_pattern(name)):
        return load(name_or_path, label)
    return load_within(Path(name), label, memory, lambda: load(name_or_path, label), say)


def available() -> tuple[Entry, ...]:
    """List the data sets that are known by name.

    >>> [entry.name for entry in available()]
    ['mnist', 'mnist-deslanted', 'fashion-mnist', 'kmnist', 'digits']
    """
    return tuple(catalogue.CATALOGUE.values())


def fetch(name: str, folder: Path | None = None, progress: Progress | None = None) -> Path:
    """Download the data set ``name`` into ``folder``, or into the user's cache, and return the folder of its files.

    Good files are kept and spoiled ones replaced. Raises ``DataUnavailableError`` where no mirror gives them.
    """
    entry = catalogue.find(name)
    return download.fetch(entry, (folder or cache_folder()) / entry.folder, progress)


def verify(name: str, folder: Path | None = None) -> tuple[FileCheck, ...]:
    """Check the files of the data set ``name``, one record each, where ``load`` finds them or in ``folder``.

    >>> verify("digits")[0].state
    'good'
    """
    return verify_files(catalogue.find(name), folder)


def _load_entry(entry: Entry, label: str | None, progress: Progress | None) -> Dataset:
    refuse_label(entry.name, label)
    if not entry.files:
        return load_digits()
    dataset = load_idx_folder(find_or_fetch(entry, progress=progress), entry)
    return deslanted_dataset(dataset, entry.name) if entry is catalogue.MNIST_DESLANTED else dataset
