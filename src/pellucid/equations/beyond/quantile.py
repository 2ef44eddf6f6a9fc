"""The quantile loss, or pinball loss: an absolute error whose two sides weigh differently.

Let too low cost q and too high 1 − q. Moving p up a little gains q for each example above it and loses 1 − q for each
below it; they balance where a share q of what is seen lies below p. So what is learned is the q-quantile: with q = ½ the
median, with q = 0.9 a number that nine of ten stay below.
"""

from __future__ import annotations

import numpy as np

from pellucid.equations.parameters import Array


def quantile_of_each(p: Array, y: Array, q: float) -> Array:
    """Measure each example: q for each unit too low, 1 − q for each too high.

    Equation [quantile]::

        ℓ = Σ_j max(q (y_j − p_j), (1 − q) (p_j − y_j))

    Shapes: p (n, k), y (n, k) → (n,). Raises nothing.

    >>> quantile_of_each(np.array([[3.0], [1.0]]), np.array([[1.0], [3.0]]), q=0.75)
    array([0.5, 1.5])

    Source: Koenker, Bassett: Regression Quantiles, Econometrica 46(1), 1978.
    """
    error = p - y
    of_each: Array = np.maximum(-q * error, (1 - q) * error).sum(axis=1)
    return of_each


def quantile_slope(p: Array, y: Array, q: float) -> Array:
    """Go back to the outputs: up by q where too low, down by 1 − q where too high; 0 where right.

    Equation [quantile], differentiated::

        ∂ℓ/∂p = −q where p < y, 1 − q where p > y, 0 where p = y

    Shapes: p (n, k), y (n, k) → (n, k). NaN stays NaN. Raises nothing.

    >>> quantile_slope(np.array([[3.0, 1.0, 5.0]]), np.array([[1.0, 3.0, 5.0]]), q=0.75)
    array([[ 0.25, -0.75,  0.  ]])

    Source: Koenker, Bassett, Econometrica 46(1), 1978.
    """
    side = np.sign(p - y)
    slope: Array = side * np.where(side < 0, q, 1 - q).astype(side.dtype)
    return slope
