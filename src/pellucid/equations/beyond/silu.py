"""The sigmoid linear unit, also called swish: z, weighted by the logistic function of itself."""

from __future__ import annotations

from pellucid.equations.beyond.logistic import logistic
from pellucid.equations.parameters import Array


def silu(z: Array) -> Array:
    """Weight z by the logistic function of z: a ReLU with a smooth dent below 0.

    Equation [silu]::

        a = z σ(z),   σ the [logistic] function

    Shapes: z (n, h) → a (n, h). NaN stays NaN. Raises nothing.

    >>> import numpy as np
    >>> silu(np.array([[0.0, 2.0, -2.0]])).round(4)
    array([[ 0.    ,  1.7616, -0.2384]])

    Source: Hendrycks, Gimpel, 2016 (arXiv:1606.08415); Elfwing, Uchibe, Doya, 2017 (arXiv:1702.03118).
    """
    return z * logistic(z)


def silu_backward(da: Array, z: Array) -> Array:
    """Go back through SiLU: the product rule, with σ′ = σ(z) σ(−z).

    Equation [silu], differentiated::

        dz = da ⊙ σ(z) (1 + z σ(−z))        σ(−z) is 1 − σ(z), without the cancellation

    Shapes: da (n, h), z (n, h) → dz (n, h). Raises nothing.

    >>> import numpy as np
    >>> silu_backward(da=np.array([[2.0, 2.0]]), z=np.array([[0.0, 2.0]])).round(4)
    array([[1.    , 2.1816]])

    Source: Elfwing, Uchibe, Doya, 2017 (arXiv:1702.03118).
    """
    return da * (logistic(z) * (1 + z * logistic(-z)))
