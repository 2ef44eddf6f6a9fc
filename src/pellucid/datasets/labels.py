"""Labels as they were found, numbers or words, to the class indices that a network learns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.answers import Classes
from pellucid.datasets.wording import did_you_mean, listed
from pellucid.equations.parameters import Indices
from pellucid.errors import DataError

Labels = NDArray[Any]
"""Labels as found: whole numbers, or strings (of NumPy's string type or as objects), one for each example."""

MOST_CLASSES = 1_000


def tidy(values: NDArray[Any], where: str, first_row: int = 0) -> Labels:
    """Make labels one-dimensional, and whole numbers or strings; ``where`` names them in messages, which count rows on from
    ``first_row``.

    Booleans become 0 and 1, floats that are whole numbers become integers, strings stay as they are, blanks included.
    Raises ``DataError`` for other floats, missing values and other types.

    >>> tidy(np.array([[1.0], [0.0]]), "y")
    array([1, 0])
    >>> tidy(np.array([0.5, 1.0]), "y")
    Traceback (most recent call last):
    pellucid.errors.DataError: y holds 0.5 in row 1, which is no whole number; expected classes. It looks like a quantity;
    pellucid train classifies.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise DataError(f"{where} has the shape {values.shape}", "one label for each example")
    if values.dtype.kind == "b":
        return values.astype(np.int64)
    if values.dtype.kind == "f":
        return _whole(values, where, first_row)
    if values.dtype.kind in "iuU" or (values.dtype.kind == "O" and all(isinstance(value, str) for value in values)):
        return values
    raise DataError(f"{where} has the type {values.dtype}", "whole numbers or strings")


def _whole(values: NDArray[Any], where: str, first_row: int) -> Labels:
    for wrong, why in ((~np.isfinite(values), "no number"), (values != np.floor(values), "no whole number")):
        if wrong.any():
            row = int(wrong.argmax())
            advice = "It looks like a quantity; pellucid train classifies." if "whole" in why else ""
            got = f"{where} holds {values[row]} in row {first_row + row + 1}, which is {why}"
            raise DataError(got, "classes", advice)
    if (np.abs(values) >= 2**53).any():
        raise DataError(f"{where} holds numbers beyond 2⁵³ as floats, which are no longer exact", "integers or strings")
    return values.astype(np.int64)


def classes_of(labels: Labels, where: str) -> Classes:
    """Find the classes: the sorted values of ``labels``, numbers by size, strings by code point.

    Raises ``DataError`` for fewer than two.

    >>> classes_of(np.array([7, 1, 7]), "y"), classes_of(np.array(["b", "a"]), "y")
    ((1, 7), ('a', 'b'))
    """
    return check_classes(tuple(np.unique(labels).tolist()), where)


def refuse_too_many(classes: int, where: str) -> None:
    """Raise ``DataError`` for more classes than one would want to tell apart."""
    if classes > MOST_CLASSES:
        got = f"{where} holds {classes:,} different labels"
        raise DataError(got, f"at most {MOST_CLASSES:,} classes", "It looks like a quantity, or an identifier.")


def check_classes(classes: Classes, where: str) -> Classes:
    """Give the classes back. Raises ``DataError`` where they are too few or too many, or cannot be printed."""
    refuse_too_many(len(classes), where)
    for name in classes:
        if isinstance(name, str) and not name.isprintable():
            raise DataError(f"{where} holds the label {name!r}", "words that can be printed")
    if len(classes) < 2:
        raise DataError(f"{where} holds one class only: {listed(classes)}", "at least two")
    return classes


def indices_of(labels: Labels, classes: Classes, where: str, first_row: int = 0) -> Indices:
    """Give each label's index into ``classes``: (n,) of int64.

    Raises ``DataError`` that names the first label that is not among ``classes``, and its row, counted on from
    ``first_row``. Numbers and the strings that spell them
    are the same: a table may have been read as either.

    >>> indices_of(np.array([7, 1, 7]), (1, 7), "y")
    array([1, 0, 1])
    """
    known: dict[object, int] = {label: index for index, label in enumerate(classes)}
    known |= {str(label): index for index, label in enumerate(classes)}
    values, inverse = np.unique(labels, return_inverse=True)
    indices = np.array([known.get(value, known.get(str(value), -1)) for value in values.tolist()], np.int64)[
        inverse.reshape(-1)
    ]
    unknown = indices < 0
    if unknown.any():
        row = int(unknown.argmax())
        label = labels[row].item() if isinstance(labels[row], np.generic) else labels[row]
        raise DataError(
            f"{where} holds {label!r} in row {first_row + row + 1}, which is none of the classes",
            f"one of {listed(classes)}",
            did_you_mean(str(label), [str(known_label) for known_label in classes]),
        )
    return indices
