"""Huber's loss: squared where the error is small, absolute where it is large, so that outliers do not rule."""

from __future__ import annotations

import numpy as np

from pellucid.equations.parameters import Array


def huber_of_each(p: Array, y: Array, delta: float) -> Array:
    """Measure each example: a parabola up to an error of δ, its tangent beyond.

    Equation [huber], with the error e = p − y::

        ℓ = Σ_j ½ e_j² where |e_j| ≤ δ, else δ (|e_j| − ½ δ)
          = Σ_j c_j (|e_j| − ½ c_j),   c_j = min(|e_j|, δ)        the same, without a square that overflows

    Shapes: p (n, k), y (n, k) → (n,). Raises nothing.

    >>> huber_of_each(np.array([[3.0, 1.0]]), np.array([[1.0, 1.5]]), delta=1.0)  # 1 (2 − ½) + ½ · ½²
    array([1.625])

    Source: Huber: Robust Estimation of a Location Parameter, Annals of Mathematical Statistics 35(1), 1964.
    """
    distance = np.abs(p - y)
    cut = np.minimum(distance, delta)
    of_each: Array = (cut * (distance - cut / 2)).sum(axis=1)
    return of_each


def huber_slope(p: Array, y: Array, delta: float) -> Array:
    """Go back to the outputs: the error, but at most δ.

    Equation [huber], differentiated::

        ∂ℓ/∂p = max(−δ, min(p − y, δ))

    Shapes: p (n, k), y (n, k) → (n, k). NaN stays NaN. Raises nothing.

    >>> huber_slope(np.array([[3.0, 1.0]]), np.array([[1.0, 1.5]]), delta=1.0)
    array([[ 1. , -0.5]])

    Source: Huber, Annals of Mathematical Statistics 35(1), 1964.
    """
    slope: Array = np.clip(p - y, -delta, delta)
    return slope
