"""The softplus: a ReLU whose corner is rounded off. Its slope is the logistic function."""

from __future__ import annotations

import numpy as np

from pellucid.equations.beyond.logistic import logistic
from pellucid.equations.parameters import Array


def softplus(z: Array) -> Array:
    """Round ReLU's corner off: always positive, and nearly z where z is large.

    Equation [softplus]::

        a = log(1 + e^z)
          = max(0, z) + log(1 + e^−|z|)        does not overflow

    Shapes: z (n, h) → a (n, h). NaN stays NaN. Raises nothing. (PyTorch leaves the second term out above z = 20, where it
    is below 2.1e-9; here it never is.)

    >>> softplus(np.array([[0.0, 2.0, -2.0]])).round(4)
    array([[0.6931, 2.1269, 0.1269]])

    Source: Dugas et al.: Incorporating Second-Order Functional Knowledge …, NIPS 2000.
    """
    a: Array = np.maximum(0, z) + np.log1p(np.exp(-np.abs(z)))
    return a


def softplus_backward(da: Array, z: Array) -> Array:
    """Go back through the softplus: its slope is the logistic function.

    Equation [softplus], differentiated::

        dz = da ⊙ σ(z),   σ the [logistic] function

    Shapes: da (n, h), z (n, h) → dz (n, h). Raises nothing.

    >>> softplus_backward(da=np.array([[2.0, 2.0]]), z=np.array([[0.0, 2.0]])).round(4)
    array([[1.    , 1.7616]])

    Source: Dugas et al., NIPS 2000.
    """
    return da * logistic(z)
