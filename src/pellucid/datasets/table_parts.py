"""A table that lies in several files, each read where it is computed with: what each holds, what all hold, and X of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets.columns import check_categories, encode, feature_names, learn_columns, refuse_missing_columns
from pellucid.datasets.dataset import Column
from pellucid.datasets.labels import Labels
from pellucid.datasets.tables import label_column, labels_in, open_table, plain_table
from pellucid.datasets.wording import listed
from pellucid.errors import DataError


def columns_of_part(path: Path, label: str | None = None) -> tuple[Column, ...] | None:
    """Learn a file's columns and their words; None where it has no rows, and so nothing to say.

    ``label`` is found as by ``load_table``. Of a Parquet file only what has words is read. Raises as ``load_table``.
    """
    if path.suffix.lower() == ".parquet":
        from pellucid.datasets.row_groups import TableRows, has_rows

        return TableRows([path], label).columns if has_rows(path) else None
    frame, where = open_table(path, [], may_be_empty=True)
    if not len(frame):
        return None
    return learn_columns([plain_table(frame.drop(columns=label_column(frame, label, where)), where)])


def columns_of_all(paths: Sequence[Path], found: Sequence[tuple[Column, ...] | None]) -> tuple[Column, ...]:
    """Bring the columns of all files together, in the order of the first one: of a column of words, the words of all.

    Raises ``DataError`` where two do not have the same columns, a column holds words in one and numbers in another or more
    than 1,000 words in all, and where no file has any rows.
    """
    filled = [(path, columns) for path, columns in zip(paths, found, strict=True) if columns is not None]
    if not filled:
        raise DataError(f"{paths[0]} has no rows, nor has any other file", "at least one example")
    one, first = filled[0]
    words = {column.name: set(column.categories) for column in first if column.categories is not None}
    for other, columns in filled[1:]:
        if differing := {column.name for column in first} ^ {column.name for column in columns}:
            raise DataError(
                f"{one} and {other} do not have the same columns: only one of them has {listed(sorted(differing))}"
            )
        for column in columns:
            if (column.categories is not None) != (column.name in words):
                with_words, with_numbers = (one, other) if column.name in words else (other, one)
                raise DataError(
                    f"column {column.name!r} holds words in {with_words}, but numbers in {with_numbers}",
                    "the same kind in all files",
                )
            if column.categories is not None:
                words[column.name].update(column.categories)
                check_categories(words[column.name], column.name, f"{one} and the others")
    return tuple(
        Column(column.name, tuple(sorted(words[column.name])) if column.name in words else None) for column in first
    )


def read_part(
    path: Path, label: str | None, columns: Sequence[Column]
) -> tuple[NDArray[np.float64], Labels, tuple[str, ...]]:
    """Read one of the files: X (n, d), the labels as found, the names of the inputs. It may have no rows.

    Raises ``DataError`` for a word that is not among those of ``columns``, and as ``load_table`` does.
    """
    frame, where = open_table(path, [], may_be_empty=True)
    names = feature_names(columns)
    if not len(frame):
        return np.empty((0, len(names))), np.empty(0, np.int64), names
    label = label_column(frame, label, where)
    refuse_missing_columns(list(frame.columns), columns, where)
    table = plain_table(frame[[column.name for column in columns]], where)
    return encode(table, columns), labels_in(frame, label, where), names
