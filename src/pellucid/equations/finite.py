"""What a setting may be that is a number: the records of this room ask here before they compare."""

from __future__ import annotations

from math import isfinite
from numbers import Real
from typing import Any


def is_finite_number(value: Any) -> bool:
    """Say whether a value is a number that a float can hold, and neither infinite nor NaN; a truth value is no number.

    >>> [is_finite_number(value) for value in (1, 0.5, True, "1", float("nan"), 10**400)]
    [True, True, False, False, False, False]
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        return isfinite(value)
    except OverflowError:  # a whole number with more digits than a float has room for
        return False
