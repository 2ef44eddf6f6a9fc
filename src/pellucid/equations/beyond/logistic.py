"""The logistic function: any number becomes one between 0 and 1. As the last function of a network, a probability.

Written as it stands, ``exp(−z)`` overflows where z is far below 0. Multiply numerator and denominator by ``e^z`` there,
and every exponent is −|z|, at most 0::

    1 / (1 + e^−z)  =  e^z / (e^z + 1)
"""

from __future__ import annotations

import numpy as np

from pellucid.equations.parameters import Array


def logistic(z: Array) -> Array:
    """Squeeze z into 0 … 1.

    Equation [logistic]::

        a = 1 / (1 + e^−z)

    Shapes: z (n, h) → a (n, h). NaN stays NaN. Raises nothing.

    >>> logistic(np.array([[0.0, 2.0, -2.0, -1000.0]])).round(4)
    array([[0.5   , 0.8808, 0.1192, 0.    ]])

    Source: Verhulst, 1845; in networks Rumelhart, Hinton, Williams, Nature 323, 1986.
    """
    e = np.exp(-np.abs(z))
    a: Array = np.where(z < 0, e, 1) / (1 + e)
    return a


def logistic_backward(da: Array, z: Array) -> Array:
    """Go back through the logistic function: at most a quarter passes, and next to nothing far from 0.

    Equation [logistic], differentiated::

        dz = da ⊙ a (1 − a)

    Shapes: da (n, h), z (n, h) → dz (n, h). Raises nothing.

    >>> logistic_backward(da=np.array([[2.0, 2.0]]), z=np.array([[0.0, 2.0]])).round(4)
    array([[0.5 , 0.21]])

    Source: Rumelhart, Hinton, Williams, Nature 323, 1986.
    """
    a = logistic(z)
    return da * (a * (1 - a))
