"""The squared error where classes are learned: +1 is wanted of the true class's output, −1 of every other.

That is how networks told classes apart before the cross-entropy: the outputs are those of a [scaled-tanh], and what is made
small is their distance from the targets.
"""

from __future__ import annotations

import numpy as np

from pellucid.equations.beyond.scaled_tanh import AMPLITUDE, SLOPE
from pellucid.equations.parameters import Array, Indices

LEAST_SHARE = 2.0**-20
"""What a class is left with that is rejected altogether, so that there is a sum to divide by."""


def class_squared_error_of_each(p: Array, y: Indices) -> Array:
    """Measure each example: half the square of the distance from the corner of its class.

    Equation [class-squared]::

        ℓ = ½ Σ_j (p_j − t_j)²,   p = 1.7159 tanh(2z/3),   t_y = 1, t_j = −1 for every other class

    Shapes: p (n, k), y (n,) class indices → (n,). Raises nothing.

    >>> class_squared_error_of_each(np.array([[1.0, -1.0, 0.5]]), np.array([0])).round(4)
    array([1.125])

    Source: LeCun, Bottou, Bengio, Haffner, Proceedings of the IEEE 86(11), 1998, section II.C and appendix A.
    """
    error = p - _targets(p, y)
    of_each: Array = (error * error).sum(axis=1) / 2
    return of_each


def class_squared_error_slope(p: Array, y: Indices) -> Array:
    """Go back to the last z: the error, times the slope of the scaled tanh, which p tells, too.

    Equation [class-squared], differentiated::

        ∂ℓ/∂z = (p − t) ⊙ 2/3 · (1.7159 − p²/1.7159)

    Where an output is at its utmost, on the wrong side, next to nothing goes back: the cross-entropy knows no such trap.

    Shapes: p (n, k), y (n,) → (n, k). Raises nothing.

    >>> class_squared_error_slope(np.array([[1.0, -1.0, 0.5]]), np.array([0])).round(4)
    array([[0.    , 0.    , 1.5702]])

    Source: LeCun, Bottou, Bengio, Haffner, Proceedings of the IEEE 86(11), 1998, appendix A.
    """
    slope: Array = (p - _targets(p, y)) * (SLOPE * (AMPLITUDE - p * p / AMPLITUDE))
    return slope


def class_squared_error_of_a_guess(k: int) -> float:
    """Measure what is least where every example gets the same answer, and all k classes are as frequent.

    Of a constant output, the mean of its targets is best::

        p_j = 2/k − 1,   ℓ = ½ ((k − 1) (p_j + 1)² + (p_j − 1)²) = 2 (1 − 1/k)

    Shapes: k, how many classes → ℓ, a number. Raises nothing.

    >>> round(class_squared_error_of_a_guess(10), 4)
    1.8

    Source: Bishop, Pattern Recognition and Machine Learning, 2006, section 1.5.5: of squared errors the mean is the least.
    """
    return 2 * (1 - 1 / k)


def class_shares(p: Array) -> Array:
    """Read probabilities from the outputs: of least squares to targets of ±1, (1 + p_j)/2 is an estimate of one.

    The estimates need not add up to 1, nor be positive: they are made to.

    Equation [class-shares]::

        s_j = q_j / Σ_i q_i,   q_j = max(2⁻²⁰, 1 + p_j)

    Shapes: p (n, k) → (n, k), rows that add up to 1. Raises nothing.

    >>> class_shares(np.array([[0.5, -0.5, -1.5]])).round(4)
    array([[0.75, 0.25, 0.  ]])

    Source: Richard, Lippmann: Neural Network Classifiers Estimate Bayesian a posteriori Probabilities, Neural Computation
    3(4), 1991.
    """
    q = np.maximum(1 + p, np.array(LEAST_SHARE, p.dtype))
    shares: Array = q / q.sum(axis=1, keepdims=True)
    return shares


def _targets(p: Array, y: Indices) -> Array:
    t = np.full_like(p, -1)
    t[np.arange(len(p)), y] = 1
    return t
