"""Numbers in files, read a few rows at a time: NPY and IDX, as they lie on the disk.

Nothing is mapped into memory: a file that somebody cuts short while it is mapped kills the process that reads it, where a
read gives a sentence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets.arrays import flat_numbers, refusing_arrays
from pellucid.datasets.idx import FETCH_AGAIN, GZIP_MAGIC, read_idx_header
from pellucid.datasets.labels import Labels, tidy
from pellucid.datasets.streamed import Block, Piece
from pellucid.datasets.wording import unreadable
from pellucid.errors import DataError

BYTES_OF_A_BLOCK = 2**18
LABELS_AT_A_TIME = 2**16


@dataclass(frozen=True)
class ArrayFile:
    """An array in a file: its type and shape, the byte where it begins, and whether it lies there column by column."""

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int
    by_columns: bool = False

    @property
    def bytes_of_a_row(self) -> int:
        """As they lie on the disk."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    def rows(self, start: int, stop: int) -> NDArray[Any]:
        """Read the rows from ``start`` to before ``stop``. Raises ``DataError`` where they are no longer there."""
        count = (stop - start) * math.prod(self.shape[1:])
        try:
            found = np.fromfile(self.path, self.dtype, count, offset=self.offset + start * self.bytes_of_a_row)
        except OSError as error:
            raise unreadable(self.path, error) from error
        if len(found) < count:
            raise DataError(
                f"{self.path} ends in row {start + len(found) // max(1, math.prod(self.shape[1:])) + 1}",
                f"{self.shape[0]:,} rows, as its header says",
                FETCH_AGAIN,
            )
        return found.reshape(stop - start, *self.shape[1:])


def npy_file(path: Path) -> ArrayFile:
    """Read the header of a NPY file. Raises ``DataError`` for one that is spoiled or cut short."""
    with refusing_arrays(path):
        mapped = np.load(path, allow_pickle=False, mmap_mode="r")
        if not isinstance(mapped, np.memmap):
            mapped.close()
            raise ValueError("it is a .npz file")
    return ArrayFile(path, mapped.dtype, mapped.shape, mapped.offset, not mapped.flags.c_contiguous)


def is_gzipped(path: Path) -> bool:
    """Say whether a file is gzipped, which its first bytes tell. Raises ``DataError`` for one that cannot be read."""
    try:
        with path.open("rb") as stream:
            return stream.read(2) == GZIP_MAGIC
    except OSError as error:
        raise unreadable(path, error) from error


def idx_file(path: Path) -> ArrayFile:
    """Read the header of an IDX file that is not gzipped. Raises ``DataError`` as ``read_idx`` does."""
    try:
        with path.open("rb") as stream:
            dtype, shape = read_idx_header(stream, path)
        there = path.stat().st_size
    except OSError as error:
        raise unreadable(path, error) from error
    offset = 4 + 4 * len(shape)
    promised = offset + math.prod(shape) * dtype.itemsize
    if there != promised:
        raise DataError(
            f"{path} has {there:,} bytes", f"{promised:,}: {' × '.join(map(str, shape))} values", FETCH_AGAIN
        )
    return ArrayFile(path, dtype, shape, offset)


class ArrayRows:
    """Examples and labels in pairs of files, which are taken for one long file. ``flat`` makes examples rows of numbers.

    Raises ``DataError`` where a file does not fit its labels or the files before it.
    """

    def __init__(
        self,
        pairs: Sequence[tuple[ArrayFile, ArrayFile]],
        flat: Callable[[str, NDArray[Any]], NDArray[Any]],
        most_bytes: int,
    ) -> None:
        self._pairs, self._flat = pairs, flat
        first = pairs[0][0]
        for examples, labels in pairs:
            _check_pair(examples, labels)
            for what, its, wanted in (
                ("examples of shape", examples.shape[1:], first.shape[1:]),
                ("the type", examples.dtype, first.dtype),
            ):
                if its != wanted:
                    raise DataError(f"{examples.path} has {what} {its}, but {first.path} {wanted}")
        sample = flat(str(first.path), first.rows(0, 1))
        self.dtype, self.width = sample.dtype, sample.shape[1]
        self.input_shape = first.shape[1:]
        step = max(1, min(BYTES_OF_A_BLOCK, most_bytes) // max(1, first.bytes_of_a_row))
        self.blocks: list[Block] = []
        n = 0
        for number, (examples, _) in enumerate(pairs):
            rows = examples.shape[0]
            self.blocks += [Block(number, at, min(step, rows - at), n + at) for at in range(0, rows, step)]
            n += rows

    def __len__(self) -> int:
        return self.blocks[-1].first + self.blocks[-1].rows

    def refuse_columns_side_by_side(self) -> None:
        """Raise ``DataError`` where the columns of an array lie one after the other: no row of it can be read alone."""
        for array in (array for pair in self._pairs for array in pair):
            if array.by_columns:
                raise DataError(
                    f"{array.path} holds its columns one after the other, so that no row can be read alone",
                    "its rows one after the other",
                    "Save it anew: np.save(path, np.ascontiguousarray(X)).",
                )

    def read(self, block: Block) -> Iterator[Piece]:
        """Read a block: it is one piece."""
        examples, labels = self._pairs[block.file]
        start, stop = block.start, block.start + block.rows
        X = self._flat(str(examples.path), examples.rows(start, stop))
        y = tidy(labels.rows(start, stop), str(labels.path), first_row=start)
        yield Piece(X, y, str(examples.path), str(labels.path), start, block.first)

    def labels(self) -> Iterator[tuple[Labels, str, int]]:
        """Read all labels, some at a time; say what to call them, and in which row of their file they begin."""
        for _, labels in self._pairs:
            for start in range(0, labels.shape[0], LABELS_AT_A_TIME):
                found = labels.rows(start, min(start + LABELS_AT_A_TIME, labels.shape[0]))
                yield tidy(found, str(labels.path), first_row=start), str(labels.path), start


def native(_: str, X: NDArray[Any]) -> NDArray[Any]:
    """Give the pictures of an IDX file as they are, in this machine's byte order, a row each."""
    return X.reshape(len(X), -1).astype(X.dtype.newbyteorder("="), copy=False)


def numbers(where: str, X: NDArray[Any]) -> NDArray[Any]:
    """Give the examples of a NPY file as they are learned from."""
    return flat_numbers(where, X)


def _check_pair(examples: ArrayFile, labels: ArrayFile) -> None:
    if len(examples.shape) not in (2, 3) or 0 in examples.shape:
        got = f"{examples.path} has the shape {examples.shape}"
        raise DataError(got, "(n, d), or (n, height, width) for images, and at least one row")
    if len(labels.shape) == 0 or labels.shape[1:] not in ((), (1,)):
        raise DataError(f"{labels.path} has the shape {labels.shape}", "one label for each example")
    if labels.shape[0] != examples.shape[0]:
        raise DataError(
            f"{labels.path} has {labels.shape[0]:,} labels, but {examples.path} has {examples.shape[0]:,} examples",
            "one label for each example",
        )
