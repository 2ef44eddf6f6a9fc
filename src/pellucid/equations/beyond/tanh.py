"""The hyperbolic tangent: a logistic function that is centred, from −1 to 1."""

from __future__ import annotations

import numpy as np

from pellucid.equations.parameters import Array


def tanh(z: Array) -> Array:
    """Squeeze z into −1 … 1.

    Equation [tanh]::

        a = (e^z − e^−z) / (e^z + e^−z)

    Shapes: z (n, h) → a (n, h). NaN stays NaN. Raises nothing.

    >>> tanh(np.array([[0.0, 0.5, -1000.0]])).round(4)
    array([[ 0.    ,  0.4621, -1.    ]])

    Source: LeCun, Bottou, Orr, Müller: Efficient BackProp, 1998, section 4.4.
    """
    a: Array = np.tanh(z)
    return a


def tanh_backward(da: Array, z: Array) -> Array:
    """Go back through tanh: near 0 everything passes, far from 0 next to nothing.

    Equation [tanh], differentiated::

        dz = da ⊙ (1 − a²)

    Shapes: da (n, h), z (n, h) → dz (n, h). Raises nothing.

    >>> tanh_backward(da=np.array([[2.0, 2.0]]), z=np.array([[0.0, 0.5]])).round(4)
    array([[2.    , 1.5729]])

    Source: LeCun, Bottou, Orr, Müller: Efficient BackProp, 1998, section 4.4.
    """
    a = tanh(z)
    return da * (1 - a * a)
