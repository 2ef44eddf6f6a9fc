"""The scaled exponential linear unit: ELU in the one size that keeps mean 0 and variance 1 from layer to layer.

The two constants are where the map of (mean, variance) of z to that of a has its fixed point at (0, 1), for weights whose
variance is 1 / fan_in.
"""

from __future__ import annotations

import numpy as np

from pellucid.equations.parameters import Array

ALPHA = 1.6732632423543772848
SCALE = 1.0507009873554804934


def selu(z: Array) -> Array:
    """Keep a little more than what is positive; let what is negative level off at −1.7581.

    Equation [selu]::

        a = λ z where z > 0, else λ α (e^z − 1)        α = 1.67326…, λ = 1.05070…

    Shapes: z (n, h) → a (n, h). NaN stays NaN. Raises nothing.

    >>> selu(np.array([[0.7, -0.5, -1000.0]])).round(4)
    array([[ 0.7355, -0.6918, -1.7581]])

    Source: Klambauer et al.: Self-Normalizing Neural Networks, NeurIPS 2017 (arXiv:1706.02515), equation 2.
    """
    a: Array = SCALE * np.maximum(0, z) + SCALE * ALPHA * np.expm1(np.minimum(0, z))
    return a


def selu_backward(da: Array, z: Array) -> Array:
    """Go back through SELU; at the corner, z = 0, the left slope is taken.

    Equation [selu], differentiated::

        dz = da ⊙ (λ where z > 0, else λ α e^z)

    Shapes: da (n, h), z (n, h) → dz (n, h). Raises nothing.

    >>> selu_backward(da=np.array([[2.0, 2.0, 2.0]]), z=np.array([[0.7, 0.0, -0.5]])).round(4)
    array([[2.1014, 3.5162, 2.1327]])

    Source: Klambauer et al., NeurIPS 2017 (arXiv:1706.02515).
    """
    dz: Array = np.where(z > 0, SCALE * da, SCALE * ALPHA * da * np.exp(np.minimum(0, z)))
    return dz
