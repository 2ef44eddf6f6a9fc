"""A shard: some of the examples, X (n, d) and y, perhaps with weights; opened, checked and described where it lies.

What is wrong with one is said with its number and the row, both counted from 0, as Python and Dask count.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import DataError

TYPES = (np.float64, np.float32, np.uint8)
"""The types of X that are taken as they are; other numbers become the first of them."""


class Opened(NamedTuple):
    """The arrays of a shard: X (n, d), y (n,) or (n, k), weights (n,) or None; the columns' names, where it has some."""

    X: NDArray[Any]
    y: NDArray[Any]
    weights: NDArray[np.float64] | None
    names: tuple[str, ...] | None


class Description(NamedTuple):
    """What is known of a shard without looking at it again.

    ``classes`` and ``of_classes`` hold the labels that occur and Σw of each; ``sums`` is Σw x, (d,). ``sha256`` is that of
    all its numbers, where it was asked for.
    """

    rows: int
    columns: int
    dtype: str
    names: tuple[str, ...] | None
    has_weights: bool
    weight: float
    outputs: tuple[int, ...]
    classes: NDArray[Any] | None
    of_classes: NDArray[np.float64] | None
    sums: NDArray[np.float64] | None
    sha256: str | None


class Asked(NamedTuple):
    """What is to be known of each shard: its classes (all of them ``known``, if that is given), its sums, its digest."""

    classes: bool
    known: NDArray[Any] | None
    sums: bool
    digest: bool


def opened(shard: int, content: Any) -> Opened:
    """Open a shard: ``(X, y)`` or ``(X, y, weights)``, or a list of such, one below the other.

    X may be an array or a pandas frame, y an array, a series or a frame. Columns of several kinds, or of pandas' own types
    of numbers, become float64. Raises ``DataError`` for what is none of these, does not fit together, holds words, or a
    number that is missing or infinite.
    """
    pieces = content if isinstance(content, list) else [content]
    parts = [_opened(shard, piece) for piece in pieces]
    filled = [part for part in parts if len(part.X)] or parts[:1]
    if not filled:
        raise DataError(f"shard {shard} is a list without pieces", "(X, y), or (X, y, weights)")
    first = filled[0]
    for part in filled[1:]:
        if (part.X.shape[1], part.X.dtype, part.names) != (first.X.shape[1], first.X.dtype, first.names):
            raise DataError(
                f"the pieces of shard {shard} do not fit together: {_look(first)}, and {_look(part)}",
                "the same columns and the same type in all",
            )
    weights = (
        None if first.weights is None else np.concatenate([part.weights for part in filled if part.weights is not None])
    )
    X, y = first.X, first.y
    if len(filled) > 1:
        X, y = np.concatenate([part.X for part in filled]), np.concatenate([part.y for part in filled])
    _check_finite(shard, X, first.names)
    _check_labels(shard, y)
    return Opened(X, y, weights, first.names)


def _look(part: Opened) -> str:
    return f"{part.X.shape[1]} columns of {part.X.dtype}"


def _opened(shard: int, piece: Any) -> Opened:
    if not isinstance(piece, tuple) or len(piece) not in (2, 3):
        raise DataError(f"shard {shard} is a {type(piece).__name__}", "(X, y), or (X, y, weights)")
    given_X, given_y, given_weights = (*piece, None)[:3]
    if hasattr(given_X, "toarray"):
        raise DataError(f"X of shard {shard} is sparse", "dense examples", "Try X.toarray() in each shard.")
    names = tuple(map(str, given_X.columns)) if hasattr(given_X, "columns") else None
    X = _numbers(shard, given_X, names)
    y = _labels(shard, given_y)
    weights = None if given_weights is None else _weights(shard, given_weights)
    for what, rows in (("labels", len(y)), ("weights", len(X) if weights is None else len(weights))):
        if rows != len(X):
            raise DataError(f"shard {shard} has {len(X):,} rows of X and {rows:,} {what}", "one for each row")
    if weights is not None and not (np.isfinite(weights).all() and (weights >= 0).all()):
        row = int(np.argmin(np.isfinite(weights) & (weights >= 0)))
        raise DataError(f"shard {shard} has the weight {weights[row]} in row {row}", "a number of at least 0")
    return Opened(X, y, weights, names)


def _labels(shard: int, given: Any) -> NDArray[Any]:
    if given is None:
        raise DataError(f"shard {shard} has no y", "(X, y), or (X, y, weights)")
    y = _array(f"y of shard {shard}", given)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim not in (1, 2):
        raise DataError(f"y of shard {shard} has the shape {y.shape}", "(n,), or (n, k): a row for each example")
    return y


def _weights(shard: int, given: Any) -> NDArray[np.float64]:
    try:
        return np.asarray(given, np.float64).reshape(-1)
    except (TypeError, ValueError) as error:
        raise DataError(f"the weights of shard {shard} are no numbers", "one of at least 0 for each row") from error


def _array(what: str, given: Any) -> NDArray[Any]:
    try:
        return np.asarray(given)
    except ValueError as error:
        raise DataError(f"{what} has rows of several lengths", "one length for all") from error


def _numbers(shard: int, given: Any, names: tuple[str, ...] | None) -> NDArray[Any]:
    if names is not None:
        for name, kind in zip(names, given.dtypes, strict=True):
            if len(given) and (getattr(kind, "kind", "O") not in "fiub"):
                raise DataError(
                    f"column {name!r} of shard {shard} has the type {kind}",
                    "numbers",
                    "Turn words into numbers first, in the same way in all shards, or leave the column out.",
                )
    X = given.to_numpy() if hasattr(given, "to_numpy") else _array(f"X of shard {shard}", given)
    if names is not None and len(given) and X.dtype.kind == "O":
        # All of them are numbers, as was checked above; but NumPy has no type for all, or none for pandas' own.
        X = given.to_numpy(dtype=np.float64, na_value=np.nan)
    if X.ndim != 2:
        raise DataError(f"X of shard {shard} has the shape {X.shape}", "(n, d): a row for each example")
    if X.dtype in TYPES:
        return np.require(X, requirements=["ALIGNED"])  # what came over a wire may lie anywhere
    if X.dtype.kind not in "fiub" and len(X):
        raise DataError(f"X of shard {shard} has the type {X.dtype}", "numbers")
    return X.astype(np.float64)


def _check_finite(shard: int, X: NDArray[Any], names: tuple[str, ...] | None) -> None:
    if X.dtype.kind != "f" or np.isfinite(X.sum(dtype=np.float64)):
        return  # a sum that is finite has no term that is not
    finite = np.isfinite(X)
    if finite.all():
        return
    row, column = map(int, np.unravel_index(np.argmin(finite), X.shape))
    where = f"column {column}" if names is None else f"column {names[column]!r}"
    what = "no value" if np.isnan(X[row, column]) else f"the value {X[row, column]}"
    raise DataError(f"shard {shard} has {what} in row {row}, {where}", "a number", "Fill it in, or leave the row out.")


def _check_labels(shard: int, y: NDArray[Any]) -> None:
    if y.dtype.kind == "O":
        missing = np.array([_is_missing(value) for value in y.ravel()]).reshape(y.shape)
    elif y.dtype.kind == "f":
        missing = ~np.isfinite(y)
    else:
        return
    if missing.any():
        row = int(np.argwhere(missing)[0][0])
        raise DataError(f"shard {shard} has no label in row {row}", "a label", "Leave the row out.")


def _is_missing(value: Any) -> bool:
    """Say whether it is None, NaN, NaT or pandas' NA, which cannot even say whether it differs from itself."""
    try:
        return value is None or bool(value != value)
    except TypeError:
        return True


def described(shard: int, part: Opened, asked: Asked) -> Description:
    """Describe a shard. Raises ``DataError`` for a class that is none of the known ones, with the row."""
    X, y, weights, names = part
    weight = np.ones(len(X)) if weights is None else weights
    classes = of_classes = None
    if asked.classes and len(y):
        classes, of_each = _classes(shard, y, asked.known)
        of_classes = np.bincount(of_each, weights=weight, minlength=len(classes)).astype(np.float64)
    return Description(
        rows=len(X),
        columns=X.shape[1],
        dtype=X.dtype.name,
        names=names,
        has_weights=weights is not None,
        weight=float(weight.sum()),
        outputs=y.shape[1:],
        classes=classes,
        of_classes=of_classes,
        sums=weight @ X.astype(np.float64) if asked.sums else None,
        sha256=_digest(X, y, weights) if asked.digest else None,
    )


def _classes(shard: int, y: NDArray[Any], known: NDArray[Any] | None) -> tuple[NDArray[Any], NDArray[Any]]:
    if y.ndim != 1:
        raise DataError(
            f"y of shard {shard} has the shape {y.shape}",
            "(n,): one label for each row",
            "Rounds know one class of several.",
        )
    labels = y.astype(str) if y.dtype.kind == "O" and all(isinstance(each, str) for each in y) else y
    try:
        classes, of_each = np.unique(labels, return_inverse=True)
    except TypeError as error:
        raise DataError(f"the labels of shard {shard} are of several types", "numbers, or words") from error
    if known is not None:
        unknown = ~np.isin(labels, known)
        if unknown.any():
            row = int(unknown.argmax())
            raise DataError(
                f"shard {shard} has the class {labels[row].item()!r} in row {row}",
                f"one of {', '.join(map(repr, known.tolist()))}",
                "Is it a slip, or does classes=… lack it?",
            )
    return classes, of_each


def _digest(*arrays: NDArray[Any] | None) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        if array is None:
            continue
        plain = array.astype(str) if array.dtype.kind == "O" else array
        digest.update(f"{plain.dtype.str}{plain.shape}".encode())
        digest.update(np.ascontiguousarray(plain).data)
    return digest.hexdigest()


def squares(shard: int, part: Opened, mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give Σw (x − mean)² of a shard, (d,): the second look at it that a standard deviation needs."""
    weight = np.ones(len(part.X)) if part.weights is None else part.weights
    found: NDArray[np.float64] = weight @ np.square(part.X - mean)
    return found
