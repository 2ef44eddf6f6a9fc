"""What the shards of a training have in common, and whether they have: columns, types, classes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.distributed.shards import Description
from pellucid.equations.scaling import Scaling
from pellucid.errors import DataError


class Agreement(NamedTuple):
    """What holds for all shards, and of each its rows and Σw. ``of_classes`` is Σw of each class."""

    rows: tuple[int, ...]
    weight: tuple[float, ...]
    columns: int
    dtype: str
    names: tuple[str, ...] | None
    has_weights: bool
    outputs: int
    classes: NDArray[np.generic] | None
    of_classes: NDArray[np.float64] | None
    sha256: str | None


def agreement(found: Sequence[Description], known: NDArray[np.generic] | None) -> Agreement:
    """Bring descriptions together; shards without rows have nothing to say.

    Raises ``DataError`` where two differ in what should be alike, naming both, and where nobody has any rows.
    """
    filled = {shard: each for shard, each in enumerate(found) if each.rows}
    if not filled:
        raise DataError(f"none of the {len(found)} shards has any rows", "at least one example")
    one, first = next(iter(filled.items()))
    for other, each in filled.items():
        _check_alike(one, first, other, each)
    if not sum(each.weight for each in found) > 0:
        raise DataError("the weights of all examples are 0", "at least one that is above 0")
    classes, of_classes = _classes(filled, known)
    digests = [each.sha256 for each in found if each.sha256 is not None]
    return Agreement(
        rows=tuple(each.rows for each in found),
        weight=tuple(each.weight for each in found),
        columns=first.columns,
        dtype=first.dtype,
        names=first.names,
        has_weights=first.has_weights,
        outputs=first.outputs[0] if first.outputs else 1,
        classes=classes,
        of_classes=of_classes,
        sha256=hashlib.sha256("".join(digests).encode()).hexdigest() if digests else None,
    )


def _check_alike(one: int, first: Description, other: int, each: Description) -> None:
    def refuse(of_one: str, of_other: str, expected: str, advice: str = "") -> DataError:
        return DataError(f"shard {one} has {of_one}, but shard {other} {of_other}", expected, advice)

    if first.columns != each.columns:
        raise refuse(f"{first.columns} columns", f"{each.columns}", "the same columns in all")
    if first.names != each.names:
        a, b = first.names or (), each.names or ()
        here, there = next(((x, y) for x, y in zip(a, b, strict=False) if x != y), ("names", "none"))
        raise refuse(f"the column {here!r}", f"{there!r} in its place", "the same columns in the same order in all")
    if first.dtype != each.dtype:
        advice = f"Try X.astype({first.dtype!r}) in all of them."
        raise refuse(f"examples of the type {first.dtype}", each.dtype, "one type in all", advice)
    if first.outputs != each.outputs:
        raise refuse(f"{first.outputs or (1,)} targets an example", f"{each.outputs or (1,)}", "as many in all")
    if first.has_weights != each.has_weights:
        have = ("weights", "none") if first.has_weights else ("no weights", "some")
        raise refuse(*have, "weights in all, or in none")
    if first.classes is not None and each.classes is not None:
        kinds = ["words" if labels.dtype.kind in "US" else "numbers" for labels in (first.classes, each.classes)]
        if kinds[0] != kinds[1]:
            raise refuse(f"labels that are {kinds[0]}", kinds[1], "the same kind in all")


def _classes(
    filled: dict[int, Description], known: NDArray[np.generic] | None
) -> tuple[NDArray[np.generic] | None, NDArray[np.float64] | None]:
    there = [(each.classes, each.of_classes) for each in filled.values() if each.classes is not None]
    if not there:
        return None, None
    classes = np.unique(np.concatenate([labels for labels, _ in there])) if known is None else np.unique(known)
    if len(classes) < 2:
        raise DataError(f"all shards hold one class, {classes.tolist()[0]!r}", "at least 2 classes to tell apart")
    weight = np.zeros(len(classes))
    for labels, of_each in there:
        assert of_each is not None, "they come together"
        weight[np.searchsorted(classes, labels)] += of_each
    return classes, weight


def standardization(weight: float, mean: NDArray[np.float64], squares: NDArray[np.float64]) -> Scaling:
    """Give the scaling to mean 0 and variance 1; a column that never changes keeps its scale.

    >>> standardization(2.0, np.array([1.0, 5.0]), np.array([8.0, 0.0]))
    Scaling(offset=(1.0, 5.0), scale=(2.0, 1.0))
    """
    variance = squares / weight
    tiny = variance <= (10 * np.finfo(np.float64).eps * np.abs(mean)) ** 2
    scale = np.where(tiny, 1.0, np.sqrt(variance))
    return Scaling(tuple(map(float, mean)), tuple(map(float, scale)))
