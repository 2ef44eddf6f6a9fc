"""A path, a folder or a pattern such as ``shards/*.parquet``, and a bound on memory: read at once, or block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

import numpy as np

from pellucid.datasets.array_files import ArrayFile, ArrayRows, idx_file, is_gzipped, native, npy_file, numbers
from pellucid.datasets.arrays import labels_beside
from pellucid.datasets.assembling import PIXELS
from pellucid.datasets.catalogue import CATALOGUE, IDX_STEMS
from pellucid.datasets.columns import feature_names
from pellucid.datasets.dataset import Dataset
from pellucid.datasets.idx_folder import idx_files, idx_labels_beside, is_idx_name
from pellucid.datasets.memory import USUAL_MEMORY, bytes_of_a_window, machine_memory, size_in_words
from pellucid.datasets.row_groups import TableRows
from pellucid.datasets.streamed import StreamedDataset
from pellucid.datasets.survey import survey
from pellucid.datasets.tables import table_in
from pellucid.datasets.wording import listed, unreadable
from pellucid.errors import DataError

BLOCKS_OF_A_WINDOW = 64
"""At least so many blocks are shuffled together, where the files do not fix their size."""


@dataclass(frozen=True)
class Found:
    """Files that can be read block by block. ``survey`` reads them from end to end, with a bound on memory."""

    size: int
    survey: Callable[[int], StreamedDataset]


def load_within(
    path: Path,
    label: str | None,
    memory: int | None,
    load: Callable[[], Dataset],
    say: Callable[[str], None] = lambda _: None,
) -> Dataset | StreamedDataset:
    """Load data at once where they take no more than half of ``memory``, and else make ready to read them block by block.

    ``memory`` not given: half of this machine's, and 1 GiB for what is larger. ``load`` reads them at once; ``say`` hears
    that it does not. Raises ``DataError`` where a bound was given, and files of this kind can only be read at once.
    """
    bound = memory or min(USUAL_MEMORY, machine_memory())
    found = find(path, label, bound)
    most = (memory or machine_memory()) // 2
    if found is not None and found.size > most:
        say(f"{path} takes {size_in_words(found.size)}: it is read through twice, and then block by block.")
        return found.survey(bound)
    if memory is not None and found is None and (size := _size_of(path)) > most:
        raise DataError(
            f"{path} has {size_in_words(size)}, and can only be read at once",
            f"at most {size_in_words(most)}, half of --memory {size_in_words(memory)}",
            "Save it as .npy, as Parquet or as IDX that is not gzipped, which are read block by block.",
        )
    return load()


def load_pattern(pattern: str | Path, label: str | None) -> Dataset:
    """Load the files that a pattern, or a folder of Parquet files, names, at once. Raises ``DataError`` as ``load``."""
    found = find(Path(pattern), label, USUAL_MEMORY)
    if found is None:
        raise DataError(f"{pattern} names files that are neither .npy nor .parquet", "one of these")
    return found.survey(2**62).in_memory()


def is_pattern(name: str) -> bool:
    """Say whether a name stands for several files: what exists under that very name stands for itself."""
    return has_magic(name) and not Path(name).exists()


def files_of(pattern: str | Path) -> list[Path]:
    """List the files that a pattern names, in the order of their names: one alone where it has that very name."""
    if Path(pattern).exists():
        return [Path(pattern)]
    return sorted(map(Path, glob(str(pattern))))  # noqa: PTH207  Path.glob takes no pattern that begins at the root


def has_label_files(data: str) -> bool:
    """Say whether ``data`` have their labels in files of their own, as NPY has; else a column or an array has them."""
    return any(each.suffix.lower() == ".npy" and each.is_file() for each in files_of(data))


def find(path: Path, label: str | None, memory: int) -> Found | None:
    """Find what can be read block by block: None for another kind of file. Raises ``DataError`` for what is spoiled."""
    paths = matching(path)
    suffix = paths[0].suffix.lower()
    if suffix == ".npy":
        return _npy(path, paths, label, memory)
    if suffix == ".parquet":
        return _parquet(path, paths, None, label)
    if len(paths) > 1:
        return None
    if path.is_dir():
        return _folder(path, label, memory)
    if is_idx_name(path) and not is_gzipped(path) and not is_gzipped(labels := idx_labels_beside(path)):
        rows = [(idx_file(path), idx_file(labels))]
        return _idx(path.name, rows, None, f"IDX files {path} and {labels.name}", memory)
    return None


def _folder(folder: Path, label: str | None, memory: int) -> Found | None:
    train, test = table_in(folder, "train"), table_in(folder, "test")
    if train is not None and test is not None:
        parquet = train.suffix == test.suffix == ".parquet"
        return _parquet(folder, [train], [test], label) if parquet else None
    files = idx_files(folder)
    if len(files) == len(IDX_STEMS) and not any(is_gzipped(path) for path in files.values()):
        name = folder.resolve().name
        if name not in CATALOGUE:  # those fit into any memory, and have names for their classes
            images, labels, test_images, test_labels = (idx_file(files[stem]) for stem in IDX_STEMS)
            return _idx(name, [(images, labels)], [(test_images, test_labels)], f"IDX files in {folder}", memory)
    return None


def matching(path: Path) -> list[Path]:
    """List the files that a path stands for: itself, those of a pattern, or the Parquet files of a folder of such."""
    if not path.exists() and is_pattern(str(path)):
        found = files_of(path)
        if not found:
            raise DataError(f"no file matches {path}", "at least one", "Does the shell expand it? Put it in quotes.")
        kinds = {each.suffix.lower() for each in found}
        if len(kinds) > 1:
            raise DataError(f"{path} matches files of several kinds, {listed(sorted(kinds))}", "one kind")
        return found
    if path.is_dir() and table_in(path, "train") is None:
        try:
            inside = sorted(each for each in path.iterdir() if not each.name.startswith((".", "_")))
        except OSError as error:
            raise unreadable(path, error) from error
        if inside and all(each.suffix.lower() == ".parquet" for each in inside):
            return inside
    return [path]


def _npy(path: Path, paths: Sequence[Path], label: str | None, memory: int) -> Found:
    if label is not None and (len(paths) > 1 or (is_pattern(label) and not (paths[0].parent / label).is_file())):
        labels = files_of(label)
        if len(labels) != len(paths):
            raise DataError(f"{path} matches {len(paths)} files, but --label {label} {len(labels)}", "as many")
    else:
        labels = [labels_beside(paths[0], label)]
    pairs = [(npy_file(examples), npy_file(its)) for examples, its in zip(paths, labels, strict=True)]
    rows = ArrayRows(pairs, numbers, _most_bytes_of_a_block(memory))

    def ready(memory: int) -> StreamedDataset:
        rows.refuse_columns_side_by_side()
        return survey(
            _name(path),
            rows,
            None,
            memory,
            input_shape=rows.input_shape,
            scaling=PIXELS if pairs[0][0].dtype == np.uint8 else None,
            source=f"the NumPy file{'s' * (len(paths) > 1)} {path}",
        )

    return Found(len(rows) * rows.width * rows.dtype.itemsize, ready)


def _idx(
    name: str,
    train: list[tuple[ArrayFile, ArrayFile]],
    test: list[tuple[ArrayFile, ArrayFile]] | None,
    source: str,
    memory: int,
) -> Found:
    most = _most_bytes_of_a_block(memory)
    rows, others = ArrayRows(train, native, most), None if test is None else ArrayRows(test, native, most)
    return Found(
        (len(rows) + len(others or ())) * rows.width * rows.dtype.itemsize,
        lambda memory: survey(
            name,
            rows,
            others,
            memory,
            input_shape=rows.input_shape,
            scaling=PIXELS if rows.dtype == np.uint8 else None,
            source=source,
        ),
    )


def _parquet(path: Path, train: Sequence[Path], test: Sequence[Path] | None, label: str | None) -> Found:
    rows = TableRows(train, label)

    def ready(memory: int) -> StreamedDataset:
        several = len(train) > 1 or test is not None
        return survey(
            _name(path),
            rows,
            None if test is None else TableRows(test, rows.label, rows.columns),
            memory,
            input_shape=(rows.width,),
            source=f"the table{'s' * several} {'in ' * path.is_dir()}{path}",
            columns=rows.columns,
            feature_names=feature_names(rows.columns),
        )

    return Found(rows.least_bytes, ready)


def _most_bytes_of_a_block(memory: int) -> int:
    return bytes_of_a_window(memory) // BLOCKS_OF_A_WINDOW


def _name(path: Path) -> str:
    """Name data: by the file, or by the folder where there are several."""
    if not path.exists() and is_pattern(str(path)):
        path = path.parent if not is_pattern(str(path.parent)) else Path("data")
    return path.resolve().name if path.is_dir() else path.stem


def _size_of(path: Path) -> int:
    try:
        return sum(each.stat().st_size for each in (path.rglob("*") if path.is_dir() else [path]) if each.is_file())
    except OSError as error:
        raise unreadable(path, error) from error
