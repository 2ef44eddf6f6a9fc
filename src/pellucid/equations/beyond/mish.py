"""Mish: z, weighted by the hyperbolic tangent of its softplus."""

from __future__ import annotations

import numpy as np

from pellucid.equations.beyond.logistic import logistic
from pellucid.equations.beyond.softplus import softplus
from pellucid.equations.parameters import Array


def mish(z: Array) -> Array:
    """Weight z by T, a number from 0 to 1: a ReLU with a smooth dent below 0.

    Equation [mish]::

        a = z T,   T = tanh(log(1 + e^z))

    Needs no logarithm: with e = e^z, T = ((1 + e)² − 1) / ((1 + e)² + 1) = e (e + 2) / (e (e + 2) + 2).

    Shapes: z (n, h) → a (n, h). NaN stays NaN. Raises nothing.

    >>> mish(np.array([[0.0, 2.0, -2.0]])).round(4)
    array([[ 0.    ,  1.944 , -0.2525]])

    Source: Misra, BMVC 2020 (arXiv:1908.08681).
    """
    a: Array = z * np.tanh(softplus(z))
    return a


def mish_backward(da: Array, z: Array) -> Array:
    """Go back through Mish: the product rule, then the slope of tanh, then that of the softplus.

    Equation [mish], differentiated::

        dz = da ⊙ (T + z (1 − T²) σ(z)),   σ the [logistic] function

    Shapes: da (n, h), z (n, h) → dz (n, h). Raises nothing.

    >>> mish_backward(da=np.array([[2.0, 2.0]]), z=np.array([[0.0, 2.0]])).round(4)
    array([[1.2   , 2.1386]])

    Source: Misra, BMVC 2020 (arXiv:1908.08681).
    """
    T = np.tanh(softplus(z))
    dz: Array = da * (T + z * (1 - T * T) * logistic(z))
    return dz
