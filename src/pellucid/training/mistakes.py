"""A few examples of many, to be looked at one by one: those that a network takes most surely for what they are not."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.equations.parameters import Indices
from pellucid.training.evaluation import Evaluation

MOST_SHOWN = 60


class Shown(NamedTuple):
    """The surest mistakes, the surest first; or the first example of all, where there is no mistake.

    ``rows`` (m,) are their numbers among all examples, X (m, d) and y (m,) the examples, ``taken`` (m,) what each is taken
    for, ``sure`` (m,) how surely.
    """

    rows: Indices
    X: NDArray[Any]
    y: Indices
    taken: Indices
    sure: NDArray[np.float64]

    @property
    def mistakes(self) -> int:
        """The number of mistakes among them."""
        return int(((self.taken != self.y) & (self.taken >= 0)).sum())


def shown_of(found: Evaluation, X: NDArray[Any], y: Indices, most: int = MOST_SHOWN, first_row: int = 0) -> Shown:
    """Choose from the examples that were evaluated; their numbers are counted on from ``first_row``."""
    rows, sure = found.mistakes
    rows, sure = rows[:most], sure[:most]
    if not len(rows):
        rows, sure = (found.taken_for == y).argmax(keepdims=True), np.ones(1)
    return Shown(first_row + rows, X[rows], y[rows], found.taken_for[rows], sure)


def surest(before: Shown, after: Shown, most: int = MOST_SHOWN) -> Shown:
    """Choose from two choices, of which the second is of later examples: what a choice from all of them would have been."""
    kept = [each for each in (before, after) if each.mistakes]
    if not kept:  # one example is enough, one that was answered if there is any
        kept = [after if before.taken[0] < 0 <= after.taken[0] else before]
    joined = [np.concatenate(parts) for parts in zip(*kept, strict=True)]
    order = np.argsort(-joined[-1], kind="stable")[:most]
    return Shown(*(part[order] for part in joined))
