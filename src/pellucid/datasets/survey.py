"""What must be known of a data set before it is learned from, found by reading its files from end to end.

The sums are added up row after row, in the order of the rows, as NumPy adds them up for an array in memory; so scaling and
fingerprint are those of the same data read at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.answers import Classes
from pellucid.datasets.assembling import refuse_non_finite, scaling_of
from pellucid.datasets.dataset import Column, digest_of_meaning
from pellucid.datasets.held_out import HeldOut
from pellucid.datasets.labels import MOST_CLASSES, check_classes, refuse_too_many
from pellucid.datasets.memory import bytes_of_a_window, rows_of_a_window, size_in_words
from pellucid.datasets.streamed import Rows, StreamedDataset, StreamedPart, part_of
from pellucid.datasets.wording import listed
from pellucid.equations.scaling import Scaling
from pellucid.errors import DataError


def survey(
    name: str,
    train: Rows,
    test: Rows | None,
    memory: int,
    *,
    input_shape: tuple[int, ...],
    source: str,
    scaling: Scaling | None = None,
    classes: Classes | None = None,
    columns: tuple[Column, ...] | None = None,
    feature_names: tuple[str, ...] | None = None,
) -> StreamedDataset:
    """Do what ``assemble`` does, for rows in files; without ``test``, the same seeded fifth of ``train`` becomes it.

    The files are read twice. Raises ``DataError`` as ``assemble`` does, for values that are missing or not finite with
    their file, row and column, and for blocks of which none fits into the memory.
    """
    held_out = HeldOut(len(train)) if test is None else None
    if classes is None:
        classes = _classes(train)
    if test is not None and (test.width != train.width or test.dtype != train.dtype):
        raise DataError(
            f"the test part has {test.width} columns of {test.dtype}, but the training part {train.width} of {train.dtype}"
        )
    parts = part_of(train, classes, held_out), part_of(test or train, classes, held_out, of_test=True)
    _check_window(parts[0], memory)
    spread = _Spread(len(parts[0]), train.width) if scaling is None else None
    digest = digest_of_meaning(classes, input_shape, columns)
    _looked_through(digest, *parts, spread)
    if spread is not None:
        scaling = spread.scaling(feature_names, columns)
    assert scaling is not None, "given, or found just now"
    return StreamedDataset(
        name=name,
        train=parts[0],
        test=parts[1],
        classes=classes,
        input_shape=input_shape,
        scaling=scaling,
        source=source,
        has_own_split=test is not None,
        fingerprint=digest.hexdigest(),
        memory=memory,
        feature_names=feature_names,
        columns=columns,
    )


def _classes(rows: Rows) -> Classes:
    seen: set[Any] = set()
    where = ""
    for labels, where, _ in rows.labels():
        new = set(np.unique(labels).tolist())
        if seen and {type(each) for each in new} != {type(each) for each in seen}:
            got = f"{where} holds {listed(sorted(new)[:1])}, but the files before it {listed(sorted(seen)[:1])}"
            raise DataError(got, "labels that are all numbers, or all words")
        seen |= new
        if len(seen) > MOST_CLASSES:
            refuse_too_many(len(seen), where)
    return check_classes(tuple(sorted(seen)), where)


def _check_window(train: StreamedPart, memory: int) -> None:
    """Raise ``DataError`` where a block does not fit into a window."""
    sizes = train.sizes
    largest, bytes_of_a_row = int(sizes.max()), train.rows.width * train.rows.dtype.itemsize
    if largest > rows_of_a_window(memory, bytes_of_a_row):
        block = train.rows.blocks[int(sizes.argmax())]
        where = next(iter(train.rows.read(block))).where
        raise DataError(
            f"{where} is read {block.rows:,} rows at a time, which take {size_in_words(block.rows * bytes_of_a_row)}",
            f"at most {size_in_words(bytes_of_a_window(memory))}, a quarter of --memory {size_in_words(memory)}",
            "Allow more, or save it with smaller row groups: to_parquet(path, row_group_size=10_000).",
        )


class _Spread:
    """Mean, standard deviation, and whether there is any, of each feature: from sums that are added up in two passes."""

    def __init__(self, n: int, d: int) -> None:
        self._n = n
        self._total, self._squares = np.zeros(d), np.zeros(d)
        self._least, self._most = np.full(d, np.inf), np.full(d, -np.inf)

    def look(self, X: NDArray[Any]) -> None:
        """Take in some rows, in the first pass."""
        self._total = _added(self._total, X.astype(np.float64))
        self._least, self._most = np.minimum(self._least, X.min(axis=0)), np.maximum(self._most, X.max(axis=0))

    def look_again(self, X: NDArray[Any]) -> None:
        """Take in the same rows, in the second pass."""
        difference = X - self.mean
        self._squares = _added(self._squares, difference * difference)

    @property
    def mean(self) -> NDArray[np.float64]:
        return self._total / self._n

    def scaling(self, names: tuple[str, ...] | None, columns: tuple[Column, ...] | None) -> Scaling:
        """Give the scaling that follows. Raises ``DataError`` for a spread that is too large for a float64."""
        deviation = np.sqrt(self._squares / self._n)
        constant = self._least == self._most
        return scaling_of(np.where(constant, self._least, self.mean), deviation, constant, names, columns)


def _added(sums: NDArray[np.float64], X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add rows to sums, one after the other: what a sum over the first axis of all rows does."""
    added: NDArray[np.float64] = np.add.reduce(np.concatenate([sums[np.newaxis], X]), axis=0)
    return added


def _looked_through(digest: hashlib._Hash, train: StreamedPart, test: StreamedPart, spread: _Spread | None) -> None:
    """Read everything twice: check it, and take it into the digest and the spread."""
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large is refused in the end
        _begin(digest, train)
        for ours, _ in _split(train, checks=True):
            digest.update(np.ascontiguousarray(ours).data)
            if spread is not None and len(ours):
                spread.look(ours)
        _take_targets(digest, train)
        _begin(digest, test)
        if test.held_out is not None:
            for ours, others in _split(train):
                digest.update(np.ascontiguousarray(others).data)
                if spread is not None and len(ours):
                    spread.look_again(ours)
        else:
            for ours, _ in _split(test, checks=True):
                digest.update(np.ascontiguousarray(ours).data)
            if spread is not None:
                for ours, _ in _split(train):
                    spread.look_again(ours)
        _take_targets(digest, test)


def _split(part: StreamedPart, *, checks: bool = False) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Read all rows of a part's files, piece by piece: its own, and those of the other part."""
    for block in part.rows.blocks:
        for piece in part.rows.read(block):
            if checks:
                refuse_non_finite(piece.X, piece.where, first_row=piece.start)
            if part.held_out is None:
                yield piece.X, piece.X[:0]
            else:
                ours = part.held_out.between(piece.first, piece.first + len(piece.X)) == part.of_test
                yield piece.X[ours], piece.X[~ours]


def _begin(digest: hashlib._Hash, part: StreamedPart) -> None:
    digest.update(f"{part.rows.dtype.str}{(len(part), part.rows.width)}".encode())


def _take_targets(digest: hashlib._Hash, part: StreamedPart) -> None:
    digest.update(f"{np.dtype(np.int64).str}{(len(part),)}".encode())
    for y in part.targets():
        digest.update(y.data)
