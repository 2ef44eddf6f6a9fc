"""A path that somebody gave: what kind of data is there, and who reads it."""

from __future__ import annotations

from pathlib import Path

from pellucid.datasets.arrays import load_arrays
from pellucid.datasets.catalogue import CATALOGUE
from pellucid.datasets.dataset import Dataset
from pellucid.datasets.idx_folder import idx_files, is_idx_name, load_idx_folder, load_idx_pair
from pellucid.datasets.images import load_image_folder
from pellucid.datasets.streaming import load_pattern, matching
from pellucid.datasets.tables import load_table, load_table_folder
from pellucid.datasets.wording import listed, unreadable
from pellucid.errors import DataError

KNOWN_FILES = "a .csv, .parquet, .npz or .npy file, or images in IDX such as train-images-idx3-ubyte.gz"
KNOWN_FOLDERS = (
    "MNIST's four IDX files, a data set's own folder such as mnist/, train.csv and test.csv, "
    "Parquet files alone, or a folder of pictures for each class"
)
ARRAY_SUFFIXES = (".npz", ".npy")
TABLE_SUFFIXES = (".csv", ".parquet")


def load_path(path: Path, label: str | None = None) -> Dataset:
    """Load the data at ``path``, a file or a folder; ``label`` names the column or the array of the labels.

    Raises ``DataError`` where nothing is known of such a file, or a ``label`` is given for data that bring their labels
    with them, and whatever the reader raises.
    """
    kind = "folder" if path.is_dir() else path.suffix.lower()
    if kind == "folder":
        return _load_folder(path, label)
    if kind in TABLE_SUFFIXES:
        return load_table(path, label)
    if kind in ARRAY_SUFFIXES:
        return load_arrays(path, label)
    if is_idx_name(path):
        refuse_label(path, label)
        return load_idx_pair(path)
    raise DataError(f"{path} is of an unknown kind", KNOWN_FILES)


def _load_folder(folder: Path, label: str | None) -> Dataset:
    try:
        inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise unreadable(folder, error) from error
    if any(
        path.name in {f"{part}{suffix}" for part in ("train", "test") for suffix in TABLE_SUFFIXES} for path in inside
    ):
        return load_table_folder(folder, label)
    if matching(folder) != [folder]:
        return load_pattern(folder, label)
    refuse_label(folder, label)
    if idx_files(folder):
        return load_idx_folder(folder)
    known = [
        entry
        for entry in CATALOGUE.values()
        if entry.files and entry.made_from is None and idx_files(folder / entry.name)
    ]
    if len(known) > 1:
        names = [entry.name for entry in known]
        raise DataError(
            f"{folder} holds several data sets, {listed(names)}", "one", f"Name {folder / names[0]} itself."
        )
    if known:
        return load_idx_folder(folder / known[0].name, known[0])
    if any(path.is_dir() for path in inside):
        return load_image_folder(folder)
    raise DataError(f"{folder} holds {listed([path.name for path in inside])}", KNOWN_FOLDERS)


def refuse_label(path: Path | str, label: str | None) -> None:
    """Raise ``DataError`` for a ``label`` given to data that bring their labels with them."""
    if label is not None:
        raise DataError(
            f"{path} brings its labels with it, so there is nothing to call {label!r}", advice="Drop --label."
        )
