"""A long sum made short: its largest terms, and what all the others come to."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pellucid.equations.parameters import Array, Indices


class Decomposition(NamedTuple):
    """The places of the largest terms, largest first; the terms themselves; how many others there are, and their sum."""

    places: Indices
    terms: Array
    others: int
    rest: float


def decompose(terms: Array, most: int) -> Decomposition:
    """Split a sum of many terms into the largest, by absolute value, and the rest.

    Equation [decompose]::

        Σ_i t_i = t_(1) + … + t_(m) + rest,   |t_(1)| ≥ |t_(2)| ≥ …,   rest = the sum of the others

    Shapes: terms (n,), most ≥ 0 → a Decomposition. Raises nothing.

    >>> decompose(np.array([0.5, -2.0, 0.25, 1.0]), most=2)
    Decomposition(places=array([1, 3]), terms=array([-2.,  1.]), others=2, rest=0.75)

    Source: folklore.
    """
    order = np.argsort(-np.abs(terms), kind="stable")
    largest, others = order[:most], np.sort(order[most:])
    return Decomposition(largest, terms[largest], len(others), float(terms[others].sum()))
