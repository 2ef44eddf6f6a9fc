"""A data set that is larger than memory: read from its files block by block, as often as it is wanted.

A **block** is some rows of one file that lie side by side: 256 KiB of numbers, or a row group of a Parquet file. What is
known of the whole, the classes, the scaling, which rows are the test part, is what it would be had it been read at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pellucid.answers import Classes
from pellucid.datasets.dataset import Column, Dataset
from pellucid.datasets.held_out import HeldOut
from pellucid.datasets.labels import Labels, indices_of
from pellucid.datasets.memory import bytes_of_a_window, rows_of_a_window
from pellucid.equations.parameters import Indices
from pellucid.equations.scaling import Scaling


class Block(NamedTuple):
    """Rows that are read at once: the file, counted from 0, the row of it where they begin, and how many they are.

    ``first`` is the number of the first one among all rows of all files.
    """

    file: int
    start: int
    rows: int
    first: int


class Piece(NamedTuple):
    """A part of a block, or all of it: X (k, d), labels (k,) as found, and what to call the two in messages.

    ``start`` is the row of the file where they begin, ``first`` the row of all files.
    """

    X: NDArray[Any]
    labels: Labels
    where: str
    labels_where: str
    start: int
    first: int


class Rows(Protocol):
    """Examples with their labels in files: X (n, ``width``) of ``dtype``, once they are read."""

    blocks: list[Block]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the numbers."""
        ...

    @property
    def width(self) -> int:
        """The number of inputs, d."""
        ...

    def __len__(self) -> int:
        """Count the rows."""
        ...

    def read(self, block: Block) -> Iterator[Piece]:
        """Read a block, from its first row to its last, in pieces that take little memory."""
        ...

    def labels(self) -> Iterator[tuple[Labels, str, int]]:
        """Read all labels in order, some at a time; say what to call them, and in which row of their file they begin."""
        ...


@dataclass(frozen=True, eq=False)
class StreamedPart:
    """The rows of one part, training or test, in the order of the files; numbered from 0, of which those from ``begin`` to
    before ``end`` are taken.

    ``held_out`` tells the test part where the two lie in the same files.
    """

    rows: Rows
    classes: Classes
    held_out: HeldOut | None
    of_test: bool
    begin: int
    end: int
    starts: NDArray[np.int64] = field(repr=False)
    """Before each block, and after the last one, the rows of this part that lie before it."""

    def __len__(self) -> int:
        return self.end - self.begin

    def between(self, begin: int, end: int) -> StreamedPart:
        """Give some of the rows."""
        return replace(self, begin=self.begin + begin, end=self.begin + end)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """The number of this part's rows in each block."""
        within = np.clip(self.starts, self.begin, self.end)
        return within[1:] - within[:-1]

    def read(self, number: int) -> Iterator[tuple[NDArray[Any], Indices, int]]:
        """Read this part's rows in a block: X (k, d), class indices y (k,), and the number of the first one in the part."""
        at = int(self.starts[number])
        for piece in self.rows.read(self.rows.blocks[number]):
            X, labels = piece.X, piece.labels
            if self.held_out is not None:
                ours = self.held_out.between(piece.first, piece.first + len(X)) == self.of_test
                X, labels = X[ours], labels[ours]
            y = indices_of(piece.labels, self.classes, piece.labels_where, first_row=piece.start)
            if self.held_out is not None:
                y = y[ours]
            begin, end = max(self.begin - at, 0), min(self.end - at, len(X))
            if begin < end:
                yield X[begin:end], y[begin:end], at + begin - self.begin
            at += len(X)

    def targets(self) -> Iterator[Indices]:
        """Read the class indices of the whole part in order, some at a time, and nothing else."""
        first = 0
        for labels, where, start in self.rows.labels():
            y = indices_of(labels, self.classes, where, first_row=start)
            yield y if self.held_out is None else y[self.held_out.between(first, first + len(y)) == self.of_test]
            first += len(y)

    def portions(self, most_rows: int) -> Iterator[tuple[NDArray[Any], Indices]]:
        """Read all rows in order, about ``most_rows`` at a time: X (k, d) and y (k,)."""
        gathered: list[tuple[NDArray[Any], Indices]] = []
        for number in np.flatnonzero(self.sizes).tolist():
            for X, y, _ in self.read(number):
                if gathered and sum(len(each) for _, each in gathered) + len(y) > most_rows:
                    yield _joined(gathered)
                    gathered = []
                gathered.append((X, y))
        if gathered:
            yield _joined(gathered)


def part_of(rows: Rows, classes: Classes, held_out: HeldOut | None = None, *, of_test: bool = False) -> StreamedPart:
    """Give a whole part of the rows."""
    sizes = [
        block.rows
        if held_out is None
        else int((held_out.between(block.first, block.first + block.rows) == of_test).sum())
        for block in rows.blocks
    ]
    starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    return StreamedPart(rows, classes, held_out, of_test, 0, int(starts[-1]), starts)


def _joined(gathered: Sequence[tuple[NDArray[Any], Indices]]) -> tuple[NDArray[Any], Indices]:
    return np.concatenate([X for X, _ in gathered]), np.concatenate([y for _, y in gathered])


@dataclass(frozen=True, eq=False)
class StreamedDataset:
    """What a ``Dataset`` is, but for its arrays: two parts that are read from files.

    ``memory`` is how much a training on it may take, in bytes.
    """

    name: str
    train: StreamedPart
    test: StreamedPart
    classes: Classes
    input_shape: tuple[int, ...]
    scaling: Scaling
    source: str
    has_own_split: bool
    fingerprint: str
    memory: int
    feature_names: tuple[str, ...] | None = None
    columns: tuple[Column, ...] | None = None

    @property
    def n_train(self) -> int:
        """The number of examples to learn from."""
        return len(self.train)

    @property
    def n_test(self) -> int:
        """The number of examples to be tested on."""
        return len(self.test)

    @property
    def bytes_of_a_row(self) -> int:
        """What the numbers of an example take in memory."""
        return self.train.rows.width * self.train.rows.dtype.itemsize

    @property
    def rows_of_a_window(self) -> int:
        """The number of rows that are held at once, twice."""
        return rows_of_a_window(self.memory, self.bytes_of_a_row)

    @property
    def rows_of_a_portion(self) -> int:
        """The number of rows that are looked at together where nothing is learned from them."""
        return max(1, bytes_of_a_window(self.memory) // 8 // self.bytes_of_a_row)

    def in_memory(self) -> Dataset:
        """Read everything at once."""
        (X_train, y_train), (X_test, y_test) = (
            _joined([(X, y) for X, y in part.portions(self.rows_of_a_portion)]) for part in (self.train, self.test)
        )
        return Dataset(
            name=self.name,
            X_train=X_train,
            y_train=y_train,
            X_test=X_test,
            y_test=y_test,
            classes=self.classes,
            input_shape=self.input_shape,
            scaling=self.scaling,
            source=self.source,
            has_own_split=self.has_own_split,
            feature_names=self.feature_names,
            columns=self.columns,
        )
