"""The loss of counts: how many calls an hour, how many claims a year. The last z is the logarithm of what is expected.

A Poisson count y with mean p has the probability p^y e^−p / y!. Its surprise, −log of that, is ``p − y log p + log y!``.
Only the first two terms depend on p. Take from them what they are for the best p, which is p = y; what remains is half the
*deviance*, 0 where p = y and positive everywhere else::

    ℓ = (p − y log p) − (y − y log y)

With p = e^z, log p is z, and ``∂ℓ/∂z = e^z − y = p − y`` once more.
"""

from __future__ import annotations

import numpy as np

from pellucid.equations.parameters import Array


def exponential(z: Array) -> Array:
    """Make any number a positive one: the count that is expected.

    Equation [poisson], the output::

        p = e^z

    Shapes: z (n, k) → p (n, k). NaN stays NaN; infinite, without a warning, where the type cannot hold it: a loss that
    is not finite is found by whoever trains. Raises nothing.

    >>> exponential(np.array([[0.0, 1.0, 1000.0]])).round(4)
    array([[1.    , 2.7183,    inf]])

    Source: McCullagh, Nelder: Generalized Linear Models, 2nd edition, 1989, chapter 6.
    """
    with np.errstate(over="ignore"):
        p: Array = np.exp(z)
    return p


def poisson_of_each(z: Array, y: Array) -> Array:
    """Measure each example: half the deviance of its counts.

    Equation [poisson]::

        ℓ = Σ_j e^z_j − y_j z_j + (y_j log y_j − y_j),   0 log 0 = 0

    Shapes: z (n, k), y (n, k) of numbers ≥ 0 → (n,). Raises nothing.

    >>> poisson_of_each(np.array([[0.0], [0.0], [0.0]]), np.array([[0.0], [1.0], [4.0]])).round(4)
    array([1.    , 0.    , 2.5452])

    Source: McCullagh, Nelder: Generalized Linear Models, 2nd edition, 1989, section 2.3.
    """
    best = y * np.log(np.where(y > 0, y, 1)) - y
    of_each: Array = (exponential(z) - y * z + best).sum(axis=1)
    return of_each


def poisson_slope(p: Array, y: Array) -> Array:
    """Go back to the last z: what was expected less what came.

    Equation [poisson], differentiated::

        ∂ℓ/∂z = p − y

    Shapes: p (n, k), y (n, k) → (n, k). Raises nothing.

    >>> poisson_slope(np.array([[1.0, 4.5]]), np.array([[0.0, 6.0]]))
    array([[ 1. , -1.5]])

    Source: McCullagh, Nelder: Generalized Linear Models, 2nd edition, 1989, chapter 6.
    """
    return p - y
