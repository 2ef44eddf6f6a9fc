"""The absolute error: the loss of numbers, when twice the error is twice as bad. What is learned is the median."""

from __future__ import annotations

import numpy as np

from pellucid.equations.parameters import Array


def absolute_error_of_each(p: Array, y: Array) -> Array:
    """Measure each example: how far off its outputs are, together.

    Equation [absolute]::

        ℓ = Σ_j |p_j − y_j|

    Shapes: p (n, k), y (n, k) → (n,). Raises nothing.

    >>> absolute_error_of_each(np.array([[3.0, 1.0]]), np.array([[1.0, 2.0]]))
    array([3.])

    Source: Boscovich, 1757; Laplace, 1793.
    """
    of_each: Array = np.abs(p - y).sum(axis=1)
    return of_each


def absolute_error_slope(p: Array, y: Array) -> Array:
    """Go back to the outputs: only the side counts, not the distance. At 0 there is no slope; 0 is taken.

    Equation [absolute], differentiated::

        ∂ℓ/∂p = sign(p − y)

    Shapes: p (n, k), y (n, k) → (n, k). NaN stays NaN. Raises nothing.

    >>> absolute_error_slope(np.array([[3.0, 1.0, 5.0]]), np.array([[1.0, 2.0, 5.0]]))
    array([[ 1., -1.,  0.]])

    Source: Boscovich, 1757; Laplace, 1793.
    """
    slope: Array = np.sign(p - y)
    return slope
