"""What all readers end with: examples and labels as found, put together to a ``Dataset``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.answers import Classes
from pellucid.datasets.columns import one_hot_inputs
from pellucid.datasets.dataset import Column, Dataset, hold_out_a_fifth
from pellucid.datasets.labels import Labels, classes_of, indices_of
from pellucid.equations.scaling import Scaling
from pellucid.errors import DataError

PIXELS = Scaling(offset=(0.0,), scale=(255.0,))
"""How images of uint8 reach the network: 0 is black, 1 is white."""


@dataclass(frozen=True, eq=False)
class Part:
    """Examples X (n, d), their labels (n,) as they were found, and what to call the two in messages.

    Raises ``DataError`` where there are more of the one than of the other, or where X holds NaN or infinity.
    """

    X: NDArray[Any]
    labels: Labels
    X_where: str
    labels_where: str

    def __post_init__(self) -> None:
        if len(self.X) != len(self.labels):
            raise DataError(
                f"{self.labels_where} has {len(self.labels):,} labels, but {self.X_where} has {len(self.X):,} examples",
                "one label for each example",
            )
        refuse_non_finite(self.X, self.X_where)


def refuse_non_finite(X: NDArray[Any], where: str, first_row: int = 0) -> None:
    """Raise ``DataError`` where X (n, d) holds NaN or infinity; messages count its rows on from ``first_row``."""
    if X.dtype.kind != "f":  # pixels and other whole numbers are finite; 47 million need not be asked
        return
    wrong = ~np.isfinite(X)
    if wrong.any():
        row, column = np.unravel_index(wrong.argmax(), wrong.shape)
        raise DataError(
            f"{where} holds {X[row, column]} in row {first_row + row + 1}, column {column + 1}",
            "numbers",
            "Fill it in, or leave the row out.",
        )


def assemble(
    name: str,
    train: Part,
    test: Part | None,
    *,
    input_shape: tuple[int, ...],
    source: str,
    scaling: Scaling | None = None,
    classes: Classes | None = None,
    columns: tuple[Column, ...] | None = None,
    feature_names: tuple[str, ...] | None = None,
) -> Dataset:
    """Put a data set together; where there is no ``test``, a seeded fifth of ``train`` becomes it.

    ``classes`` not given: the sorted labels. ``scaling`` not given: each feature is standardised. Raises ``DataError`` for
    labels that are none of the classes, for a test part with a class or a width that the training part lacks, for numbers
    that are not finite or too large, and for too few examples.
    """
    has_own_split = test is not None
    if classes is None:
        classes = classes_of(train.labels, train.labels_where)
    y = indices_of(train.labels, classes, train.labels_where)
    if test is None:
        train_rows, test_rows = hold_out_a_fifth(len(y))
        X_train, y_train, X_test, y_test = train.X[train_rows], y[train_rows], train.X[test_rows], y[test_rows]
    else:
        if test.X.shape[1] != train.X.shape[1]:
            raise DataError(f"{test.X_where} has {test.X.shape[1]} columns, but {train.X_where} has {train.X.shape[1]}")
        X_train, y_train, X_test = train.X, y, test.X
        y_test = indices_of(test.labels, classes, test.labels_where)
    return Dataset(
        name=name,
        X_train=X_train,
        y_train=y_train,
        X_test=X_test,
        y_test=y_test,
        classes=classes,
        input_shape=input_shape,
        scaling=standardising(X_train, feature_names, columns) if scaling is None else scaling,
        source=source,
        has_own_split=has_own_split,
        feature_names=feature_names,
        columns=columns,
    )


def standardising(
    X: NDArray[Any], feature_names: tuple[str, ...] | None = None, columns: tuple[Column, ...] | None = None
) -> Scaling:
    """Find the scaling that gives each feature mean 0 and standard deviation 1 over the rows of X (n, d).

    A feature that never changes gets the scale 1, and one-hot inputs of ``columns`` offset 0 and scale 1. Raises
    ``DataError`` for a feature whose spread is too large for a float64.

    >>> standardising(np.array([[1.0, 5.0], [3.0, 5.0]]))
    Scaling(offset=(2.0, 5.0), scale=(1.0, 1.0))
    """
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = X.mean(axis=0, dtype=np.float64), X.std(axis=0, dtype=np.float64)
    # Rounding gives a feature that never changes a mean that is not quite its value.
    constant = X.min(axis=0) == X.max(axis=0)
    return scaling_of(np.where(constant, X[0], mean), deviation, constant, feature_names, columns)


def scaling_of(
    mean: NDArray[np.float64],
    deviation: NDArray[np.float64],
    constant: NDArray[np.bool_],
    feature_names: tuple[str, ...] | None = None,
    columns: tuple[Column, ...] | None = None,
) -> Scaling:
    """Make a scaling of each feature's mean and deviation (d,), and of whether it never changes."""
    mean, deviation = mean.copy(), deviation.copy()
    too_large = ~(np.isfinite(mean) & np.isfinite(deviation))
    if too_large.any():
        feature = int(too_large.argmax())
        called = repr(feature_names[feature]) if feature_names else f"{feature + 1}"
        raise DataError(f"the numbers of feature {called} are too large to take their spread", "at most about 1e150")
    # Rounding gives a feature that never changes a tiny deviation; dividing by it would blow noise up.
    deviation[constant | (deviation == 0)] = 1.0
    if columns is not None:
        one_hot = one_hot_inputs(columns)
        mean[one_hot], deviation[one_hot] = 0.0, 1.0
    return Scaling(tuple(mean.tolist()), tuple(deviation.tolist()))
