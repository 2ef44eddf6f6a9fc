"""Files as shards: a table in each, read where it is computed with, and encoded by what all of them hold."""

from __future__ import annotations

import glob
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets.dataset import Column, hold_out_a_fifth
from pellucid.datasets.table_parts import columns_of_part, read_part
from pellucid.distributed.shards import Opened, opened
from pellucid.equations.parameters import Indices
from pellucid.errors import DataError, DataUnavailableError

SUFFIXES = (".parquet", ".csv")
LEAST_ROWS_TO_HOLD_OUT_FROM = 5


class Halves(NamedTuple):
    """The examples of a file to learn from, and those to be tested on: a seeded fifth, as of any table."""

    training: Opened
    test: tuple[NDArray[Any], NDArray[Any]]


def files_of(pattern: str) -> list[Path]:
    """Find the files that a pattern such as ``shards/*.parquet`` names, sorted: their order is that of the shards.

    Raises ``DataUnavailableError`` where there is none, ``DataError`` for one that is no table.
    """
    found = sorted(Path(path).resolve() for path in glob.glob(str(Path(pattern).expanduser())))  # noqa: PTH207
    if not found:
        raise DataUnavailableError(
            f"no file is called {pattern!r}", "tables, such as 'shards/*.parquet'", "Put the pattern into quotes."
        )
    for path in found:
        if path.suffix.lower() not in SUFFIXES:
            raise DataError(f"{path} is no table", f"files that end with {' or '.join(SUFFIXES)}")
    return found


def sources_of(paths: list[Path]) -> list[Any]:
    """Give for each file what names it to a worker, which finds it under the same path."""
    return [partial(_found, path) for path in paths]


def _found(path: Path) -> Path:
    if not path.is_file():
        raise DataUnavailableError(
            f"a worker finds no {path}",
            "files that all workers reach under one path",
            "Try a disk that all of them share.",
        )
    return path


def columns_in(shard: int, path: Path, label: str | None) -> tuple[Column, ...] | None:
    """Say which columns a file has, and which words they hold; None where it has no rows."""
    return columns_of_part(path, label)


def halved(shard: int, path: Path, label: str | None, columns: tuple[Column, ...]) -> Halves:
    """Read a file and hold out a fifth of its rows; of fewer than five, none."""
    X, y, names = read_part(path, label, columns)
    rows, held_out = _everyone(len(y))
    if len(y) >= LEAST_ROWS_TO_HOLD_OUT_FROM:
        rows, held_out = hold_out_a_fifth(len(y))
    training = opened(shard, (X[rows], y[rows]))._replace(names=names)
    return Halves(training, (X[held_out], y[held_out]))


def _everyone(n: int) -> tuple[Indices, Indices]:
    return np.arange(n), np.arange(0)


def training_part(shard: int, halves: Halves) -> Opened:
    """Give what is learned from."""
    return halves.training
