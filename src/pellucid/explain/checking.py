"""A gradient beside what differences of the loss say of it."""

from __future__ import annotations

import numpy as np

from pellucid.equations.finite_differences import relative_difference, slope_at
from pellucid.equations.parameters import Array
from pellucid.explain.explanation import Check
from pellucid.explain.formula import Symbol
from pellucid.explain.numerals import numeral, rough
from pellucid.explain.one_step import OneStep

PROBES = 24
MOST_WORK_OF_PROBES = 100_000_000
"""Multiplications spent on the probes of one check: in a very wide network fewer numbers are probed; it says how many."""

PASSES_A_PROBE = 3


def checked(one: OneStep, quantity: tuple[str, int], gradient: Array) -> Check:
    """Hold some elements of a gradient against differences: the one that is followed, and others, evenly spaced."""
    letter, k = quantity
    of_batch = letter in "za"
    first = {"W": one.weights_shown(k)[-1], "b": (one.path[k],), "z": (0, one.path[k]), "a": (0, one.path[k])}[letter]
    affordable = MOST_WORK_OF_PROBES // (PASSES_A_PROBE * one.architecture.n_parameters)
    stride = max(1, gradient.size // max(1, min(PROBES, affordable)))
    spaced = [tuple(int(i) for i in np.unravel_index(n, gradient.shape)) for n in range(0, gradient.size, stride)]
    places = [*dict.fromkeys([first, *spaced])]
    estimates = {place: slope_at(one.architecture, one.layers, one.X, one.y, quantity, place) for place in places}
    kept = [place for place in places if estimates[place] is not None]
    ours, theirs = (np.array([float(some[place]) for place in kept]) for some in (gradient, estimates))  # type: ignore[arg-type]
    element = Symbol(letter, k, ",".join(str(i) for i in (first[1:] if of_batch else first)), True)
    shown = estimates[first]
    return Check(
        (element,),
        numeral(float(gradient[first])),
        "" if shown is None else numeral(shown),
        rough(relative_difference(ours, theirs)) if len(kept) else "",
        len(kept),
        len(places) - len(kept),
    )
