"""The columns of a table as inputs of a network: numbers as they are, each word of a column an input of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets.dataset import Column
from pellucid.datasets.wording import did_you_mean, listed
from pellucid.errors import DataError

MOST_CATEGORIES = 1_000
FEW_WORDS = 20
LIKE_A_NUMBER = re.compile(r"[-+]?(\d{1,3}([,' ]\d{3})+(\.\d+)?|\d*[.,]?\d+\.?)(e[-+]?\d+)?\s*%?", re.IGNORECASE)
LIKE_A_DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([ T].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}")


@dataclass(frozen=True, eq=False)
class Table:
    """A table as read: by column name the values (n,), float64 for numbers, or objects (all of them str) for words.

    ``where`` names it in messages, which count its rows on from ``first_row``. No value is missing, NaN or infinite.
    """

    where: str
    columns: Mapping[str, NDArray[Any]]
    first_row: int = 0

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))


def check_numbers(values: NDArray[np.float64], where: str, first_row: int = 0) -> NDArray[np.float64]:
    """Return ``values`` (n,). Raises ``DataError`` that names the row of the first infinite one."""
    infinite = np.isinf(values)
    if infinite.any():
        row = int(infinite.argmax())
        raise DataError(
            f"{where} holds {values[row]} in row {first_row + row + 1}", "a number", "Replace it, or leave the row out."
        )
    return values


def refuse_stray_words(table: Table) -> None:
    """Raise ``DataError`` for a column of numbers, or of dates, that was read as words: because of a cell such as ``?``,
    because its numbers are written as 1,100 or 12%, or because nothing here reads dates.

    It is one where nine rows of ten look so, and more than 20 of them differ: each would become an input of its own.
    """
    for name, values in table.columns.items():
        if values.dtype != object:
            continue
        row = next((row for row, value in enumerate(values) if not _is_number(value)), None)
        if row is None:
            continue
        words, counts = np.unique(values.astype(str), return_counts=True)
        for kind, pattern in (("numbers", LIKE_A_NUMBER), ("dates", LIKE_A_DATE)):
            are_like = np.array([bool(pattern.fullmatch(word.strip())) for word in words], bool)
            if are_like.sum() <= FEW_WORDS or counts[are_like].sum() < 0.9 * len(values):
                continue
            raise DataError(
                f"column {name!r} of {table.where} holds {values[row]!r} in row {table.first_row + row + 1}, and {kind} in "
                f"{counts[are_like].sum():,} of {len(values):,} rows",
                "numbers such as 1100 or 0.5 in all, or words",
                "Write it as a number, leave the row out, or the column.",
            )


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def learn_columns(tables: Sequence[Table]) -> tuple[Column, ...]:
    """Find which columns there are and, for those of words, which words there are, sorted, in all ``tables``.

    Raises ``DataError`` where the tables do not have the same columns, or a column has more than 1,000 words.

    >>> learn_columns([Table("t", {"size": np.array([1.0]), "colour": np.array(["red"], object)})])
    (Column(name='size', categories=None), Column(name='colour', categories=('red',)))
    """
    first, *others = tables
    for other in others:
        if differing := set(first.columns) ^ set(other.columns):
            raise DataError(
                f"{first.where} and {other.where} do not have the same columns: only one of them has "
                f"{listed(sorted(differing))}"
            )
    if not first.columns:
        raise DataError(f"{first.where} has no column but the label", "at least one to learn from")
    return tuple(_learn_column(name, tables) for name in first.columns)


def _learn_column(name: str, tables: Sequence[Table]) -> Column:
    of_words = [table.columns[name].dtype == object for table in tables]
    if not any(of_words):
        return Column(name)
    if not all(of_words):
        words, numbers = of_words.index(True), of_words.index(False)
        raise DataError(f"column {name!r} holds words in {tables[words].where}, but numbers in {tables[numbers].where}")
    return Column(
        name, check_categories({word for table in tables for word in table.columns[name]}, name, tables[0].where)
    )


def check_categories(words: set[str], name: str, where: str) -> tuple[str, ...]:
    """Sort the words of a column. Raises ``DataError`` for more than 1,000."""
    if len(words) > MOST_CATEGORIES:
        raise DataError(
            f"column {name!r} of {where} holds {len(words):,} different words",
            f"at most {MOST_CATEGORIES:,}",
            "It looks like an identifier. Leave the column out.",
        )
    return tuple(sorted(words))


def feature_names(columns: Sequence[Column]) -> tuple[str, ...]:
    """Name each input: a column of numbers gives one, a column of words one for each word.

    >>> feature_names([Column("size"), Column("colour", ("green", "red"))])
    ('size', 'colour=green', 'colour=red')
    """
    return tuple(
        column.name if column.categories is None else f"{column.name}={word}"
        for column in columns
        for word in column.categories or ("",)
    )


def one_hot_inputs(columns: Sequence[Column]) -> NDArray[np.bool_]:
    """Say of each input whether it is 1 for a word and 0 for all others: such inputs are not scaled.

    >>> one_hot_inputs([Column("size"), Column("colour", ("green", "red"))])
    array([False,  True,  True])
    """
    return np.concatenate([np.full(len(column.categories or "1"), bool(column.categories)) for column in columns])


def refuse_missing_columns(names: Sequence[str], columns: Sequence[Column], where: str) -> None:
    """Raise ``DataError`` where one of ``columns`` is not among the ``names`` that a table has."""
    missing = [column.name for column in columns if column.name not in names]
    if missing:
        raise DataError(f"{where} lacks the columns {listed(missing)}", advice=did_you_mean(missing[0], names))


def encode(table: Table, columns: Sequence[Column]) -> NDArray[np.float64]:
    """Turn a table into X (n, d) of float64: a number for each column of numbers, 0 or 1 for each word of the others.

    The table has all ``columns``; others are ignored. Raises ``DataError`` for a word that is not known, or words where
    numbers are expected.

    >>> table = Table("t", {"colour": np.array(["red", "green"], object), "size": np.array([4.0, 5.0])})
    >>> encode(table, [Column("size"), Column("colour", ("green", "red"))])
    array([[4., 0., 1.],
           [5., 1., 0.]])
    """
    n = len(table)
    X = np.zeros((n, len(feature_names(columns))))
    start = 0
    for column in columns:
        values = table.columns[column.name]
        if column.categories is None:
            if values.dtype == object:
                raise DataError(f"column {column.name!r} of {table.where} holds words", "numbers, as in training")
            X[:, start] = values
            start += 1
        else:
            X[np.arange(n), start + _category_indices(values, column.name, column.categories, table)] = 1.0
            start += len(column.categories)
    return X


def _category_indices(values: NDArray[Any], name: str, categories: tuple[str, ...], table: Table) -> NDArray[np.int64]:
    known = {word: index for index, word in enumerate(categories)}
    words = values.tolist() if values.dtype == object else [f"{value:.17g}" for value in values.tolist()]
    indices = np.array([known.get(word, -1) for word in words], np.int64)
    if (indices < 0).any():
        row = int((indices < 0).argmax())
        raise DataError(
            f"column {name!r} of {table.where} holds {words[row]!r} in row {table.first_row + row + 1}, "
            "which training never saw",
            f"one of {listed(categories)}",
            did_you_mean(words[row], categories),
        )
    return indices
