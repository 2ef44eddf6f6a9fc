"""The squared error: the loss of numbers, when large errors are much worse than small ones. What is learned is the mean."""

from __future__ import annotations

from pellucid.equations.parameters import Array


def squared_error_of_each(p: Array, y: Array) -> Array:
    """Measure each example: half the square of the distance from what was wanted.

    Equation [squared]::

        ℓ = ½ Σ_j (p_j − y_j)²

    Summed over the outputs, so that the slope below is that of this very number. (scikit-learn's regressor trains with the
    same slope but reports the mean over the outputs.)

    Shapes: p (n, k), y (n, k) → (n,). Raises nothing.

    >>> import numpy as np
    >>> squared_error_of_each(np.array([[3.0, 1.0]]), np.array([[1.0, 2.0]]))
    array([2.5])

    Source: Legendre, 1805; Gauss, 1809.
    """
    error = p - y
    of_each: Array = (error * error).sum(axis=1) / 2
    return of_each


def squared_error_slope(p: Array, y: Array) -> Array:
    """Go back to the outputs: the slope is the error itself.

    Equation [squared], differentiated::

        ∂ℓ/∂p = p − y

    Shapes: p (n, k), y (n, k) → (n, k). Raises nothing.

    >>> import numpy as np
    >>> squared_error_slope(np.array([[3.0, 1.0]]), np.array([[1.0, 2.0]]))
    array([[ 2., -1.]])

    Source: Legendre, 1805; Gauss, 1809.
    """
    return p - y
