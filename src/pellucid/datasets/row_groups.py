"""Parquet files, read a row group at a time: the only file that knows pyarrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.datasets.columns import Table, check_categories, encode, feature_names
from pellucid.datasets.dataset import Column
from pellucid.datasets.labels import Labels
from pellucid.datasets.streamed import Block, Piece
from pellucid.datasets.tables import label_column, labels_in, plain_table, refusing_tables
from pellucid.datasets.wording import listed
from pellucid.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

BYTES_OF_A_PIECE = 2**21
BUFFER = 2**16


class TableRows:
    """The rows of Parquet files with the same columns, taken for one long table.

    ``columns`` are those of the training part, where this is the test part; else they are learned from all rows. Raises
    ``DataError`` where a file cannot be read, lacks the label, or has other columns than the first one, and where a column
    has more than 1,000 words; ``MissingExtraError`` without pyarrow.
    """

    def __init__(self, paths: Sequence[Path], label: str | None, columns: tuple[Column, ...] | None = None) -> None:
        self._paths = paths
        names: list[str] = []
        self.blocks: list[Block] = []
        n = 0
        for number, path in enumerate(paths):
            with refusing_tables(path), _parquet(path) as file:
                frame = file.schema_arrow.empty_table().to_pandas().rename(columns=str)
                groups = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
            if not frame.columns.is_unique:
                raise DataError(f"{path} has several columns called {frame.columns[frame.columns.duplicated()][0]!r}")
            label = label_column(frame, label, str(path))
            names = names or [name for name in frame.columns if name != label]
            if differing := sorted(set(names) ^ (set(frame.columns) - {label})):
                raise DataError(
                    f"{paths[0]} and {path} do not have the same columns: only one of them has {listed(differing)}"
                )
            at = 0
            for rows in groups:
                if rows:
                    self.blocks.append(Block(number, at, rows, n + at))
                at += rows
            n += at
        if n == 0:
            raise DataError(f"{paths[0]} has no rows", "at least one")
        if not names:
            raise DataError(f"{paths[0]} has no column but the label", "at least one to learn from")
        assert label is not None, "a label was found, or its lack refused"
        self.label, self._names, self._n = label, names, n
        self.dtype = np.dtype(np.float64)
        if columns is not None:
            if missing := sorted(set(names) ^ {column.name for column in columns}):
                raise DataError(f"{paths[0]} and the training table do not have the same columns: {listed(missing)}")
            self.columns = columns

    @property
    def least_bytes(self) -> int:
        """What the numbers take in memory, were there no words."""
        return self._n * len(self._names) * self.dtype.itemsize

    @cached_property
    def width(self) -> int:
        """The number of inputs."""
        return len(feature_names(self.columns))

    def __len__(self) -> int:
        return self._n

    def read(self, block: Block) -> Iterator[Piece]:
        """Read a row group, a few rows at a time."""
        path = self._paths[block.file]
        where, labels_where = str(path), f"column {self.label!r} of {path}"
        rows = max(1, BYTES_OF_A_PIECE // (8 * self.width))
        for batch, start in self._batches(block, [*self._names, self.label], rows):
            X = encode(_plain(batch.select(self._names), where, start), self.columns)
            y = labels_in(_frame(batch.select([self.label])), self.label, where, start)
            yield Piece(X, y, where, labels_where, start, block.first + start - block.start)

    def labels(self) -> Iterator[tuple[Labels, str, int]]:
        """Read the column of the labels alone."""
        for block in self.blocks:
            where = str(self._paths[block.file])
            for batch, start in self._batches(block, [self.label], BUFFER):
                yield labels_in(_frame(batch), self.label, where, start), f"column {self.label!r} of {where}", start

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Look at the first rows for the columns of words, and then through these for all of their words."""
        first, _ = next(self._batches(self.blocks[0], self._names, 1))
        kinds = _plain(first, str(self._paths[0]), 0).columns
        words: dict[str, set[str]] = {name: set() for name in self._names if kinds[name].dtype == object}
        for block in self.blocks if words else ():
            where = str(self._paths[block.file])
            for batch, start in self._batches(block, list(words), BUFFER):
                for name, values in _plain(batch, where, start).columns.items():
                    if values.dtype != object:
                        raise DataError(f"column {name!r} holds numbers in {where}, but words in {self._paths[0]}")
                    words[name].update(values)
                    check_categories(words[name], name, where)
        return tuple(Column(name, tuple(sorted(words[name])) if name in words else None) for name in self._names)

    def _batches(self, block: Block, columns: list[str], rows: int) -> Iterator[tuple[Any, int]]:
        """Read columns of a row group, some rows at a time: a batch, and the row of the file where it begins."""
        path = self._paths[block.file]
        start = block.start
        with refusing_tables(path), _parquet(path) as file:
            starts = np.cumsum([0, *(file.metadata.row_group(group).num_rows for group in range(file.num_row_groups))])
            group = int(np.searchsorted(starts, block.start, side="right")) - 1
            if group >= file.num_row_groups or file.metadata.row_group(group).num_rows != block.rows:
                raise DataError(f"{path} is no longer what it was when the training began")
            for batch in file.iter_batches(rows, row_groups=[group], columns=columns, use_threads=False):
                yield batch, start
                start += batch.num_rows


def has_rows(path: Path) -> bool:
    """Say whether a Parquet file has any rows. Raises ``DataError`` where it cannot be read."""
    with refusing_tables(path), _parquet(path) as file:
        return bool(file.metadata.num_rows)


def _parquet(path: Path) -> Any:
    from pyarrow.parquet import ParquetFile

    return ParquetFile(path, buffer_size=BUFFER, pre_buffer=False)


def _frame(batch: Any) -> pd.DataFrame:
    frame: pd.DataFrame = batch.to_pandas().rename(columns=str)
    return frame


def _plain(batch: Any, where: str, first_row: int) -> Table:
    """Do what ``plain_table`` does; whole columns of finite numbers, which are most, need not become pandas' first."""
    from pyarrow import types

    columns: dict[str, Any] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if column.null_count == 0 and (types.is_floating(column.type) or types.is_integer(column.type)):
            values = column.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
            if np.isfinite(values).all():
                columns[name] = values
                continue
        columns |= plain_table(_frame(batch.select([name])), where, first_row).columns
    return Table(where, columns, first_row)
