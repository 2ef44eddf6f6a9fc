"""A data set in memory: examples to learn from, examples to be tested on, and what their numbers mean."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.answers import Classes
from pellucid.equations.parameters import Indices
from pellucid.equations.random_streams import Purpose, permutation
from pellucid.equations.scaling import Scaling
from pellucid.errors import DataError

TEST_SPLIT_SEED = 0
"""One test part for everyone: the seed of a training run does not change what it is tested on."""


class Column(NamedTuple):
    """A column of a table: numbers, or one of a few words (``categories``), each word an input of its own."""

    name: str
    categories: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples and labels, split into a training and a test part.

    ``X_train`` (n, d) and ``X_test`` (m, d) are in the units of the data: uint8 pixels stay uint8. ``y_train`` (n,) and
    ``y_test`` (m,) are indices into ``classes``. ``input_shape`` is the shape of one example as people see it.
    ``source`` says in words where the bytes came from. ``columns`` and ``feature_names`` are there for tables.
    ``has_own_split`` tells whether the data came with a test part, or a seeded fifth was held out.
    """

    name: str
    X_train: NDArray[Any]
    y_train: Indices
    X_test: NDArray[Any]
    y_test: Indices
    classes: Classes
    input_shape: tuple[int, ...]
    scaling: Scaling
    source: str
    has_own_split: bool
    feature_names: tuple[str, ...] | None = None
    columns: tuple[Column, ...] | None = None

    @property
    def n_train(self) -> int:
        """The number of examples to learn from."""
        return len(self.y_train)

    @property
    def n_test(self) -> int:
        """The number of examples to be tested on."""
        return len(self.y_test)

    @cached_property
    def fingerprint(self) -> str:
        """Give the SHA-256 of every example, label and class, in order: two data sets that share it are the same data."""
        digest = digest_of_meaning(self.classes, self.input_shape, self.columns)
        for array in (self.X_train, self.y_train, self.X_test, self.y_test):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def digest_of_meaning(
    classes: Classes, input_shape: tuple[int, ...], columns: tuple[Column, ...] | None
) -> hashlib._Hash:
    """Begin a fingerprint: with what the numbers of the examples mean."""
    return hashlib.sha256(repr((classes, input_shape, columns)).encode())


def check_enough_rows(n: int) -> None:
    """Raise ``DataError`` where there are too few rows to hold a fifth of them out."""
    if n < 5:
        raise DataError(f"the data has {n} rows", "at least 5", "A fifth of them is held out as the test part.")


def hold_out_a_fifth(n: int) -> tuple[Indices, Indices]:
    """Choose the rows for training and for the test: a shuffle with a fixed seed, the last fifth of it for the test.

    Both are returned in ascending order. Raises ``DataError`` for fewer than 5 rows.

    >>> hold_out_a_fifth(10)
    (array([0, 1, 2, 3, 4, 6, 8, 9]), array([5, 7]))
    """
    check_enough_rows(n)
    order = permutation(TEST_SPLIT_SEED, Purpose.TEST_SPLIT, n)
    n_test = n // 5
    return np.sort(order[:-n_test]), np.sort(order[-n_test:])
