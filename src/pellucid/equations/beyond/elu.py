"""The exponential linear unit: a straight line above 0, below it an exponential that levels off at −1."""

from __future__ import annotations

import numpy as np

from pellucid.equations.parameters import Array


def elu(z: Array) -> Array:
    """Keep what is positive; let what is negative level off at −1.

    Equation [elu]::

        a = z where z > 0, else e^z − 1
          = max(0, z) + (e^min(0, z) − 1)        one of the two is 0

    Shapes: z (n, h) → a (n, h). NaN stays NaN. Raises nothing.

    >>> elu(np.array([[0.7, -0.5, -1000.0]])).round(4)
    array([[ 0.7   , -0.3935, -1.    ]])

    Source: Clevert, Unterthiner, Hochreiter, ICLR 2016 (arXiv:1511.07289), with α = 1.
    """
    a: Array = np.maximum(0, z) + np.expm1(np.minimum(0, z))
    return a


def elu_backward(da: Array, z: Array) -> Array:
    """Go back through ELU: all passes where z > 0, less and less below. With α = 1 the slope has no jump.

    Equation [elu], differentiated::

        dz = da ⊙ e^min(0, z)

    Shapes: da (n, h), z (n, h) → dz (n, h). Raises nothing.

    >>> elu_backward(da=np.array([[2.0, 2.0]]), z=np.array([[0.7, -0.5]])).round(4)
    array([[2.    , 1.2131]])

    Source: Clevert, Unterthiner, Hochreiter, ICLR 2016 (arXiv:1511.07289).
    """
    dz: Array = da * np.exp(np.minimum(0, z))
    return dz
