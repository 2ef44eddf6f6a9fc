"""The Gaussian error linear unit: z, weighted by the probability that a standard normal number is below it.

Both ways are computed with min(|z|, 40) in place of |z|: farther out nothing is left of Φ(−|z|) and φ(z), and their product
with it is 0, not ∞ · 0.
"""

from __future__ import annotations

import numpy as np

from pellucid.equations.beyond.normal_distribution import FARTHEST, normal_cdf, normal_density, normal_tail
from pellucid.equations.parameters import Array


def gelu(z: Array) -> Array:
    """Weight z by Φ(z): a ReLU with a smooth dent around 0.

    Equation [gelu]::

        a = z Φ(z),   Φ the standard normal distribution [normal-cdf]
          = max(0, z) − |z| Φ(−|z|)        ReLU less the dent; nothing cancels on either side

    This is the exact form, with the error function; PyTorch's ``approximate="tanh"`` is another, 0.0005 away at most.

    Shapes: z (n, h) → a (n, h). NaN stays NaN. Raises nothing.

    >>> gelu(np.array([[0.0, 2.0, -2.0]])).round(4)
    array([[ 0.    ,  1.9545, -0.0455]])

    Source: Hendrycks, Gimpel, 2016 (arXiv:1606.08415).
    """
    a: Array = np.maximum(0, z) - np.minimum(np.abs(z), FARTHEST) * normal_tail(z)
    return a


def gelu_backward(da: Array, z: Array) -> Array:
    """Go back through GELU: the product rule, with Φ′ = φ.

    Equation [gelu], differentiated::

        dz = da ⊙ (Φ(z) + z φ(z)),   φ(z) = e^(−z²/2) / √2π

    Shapes: da (n, h), z (n, h) → dz (n, h). Raises nothing.

    >>> gelu_backward(da=np.array([[2.0, 2.0]]), z=np.array([[0.0, 2.0]])).round(4)
    array([[1.    , 2.1705]])

    Source: Hendrycks, Gimpel, 2016 (arXiv:1606.08415).
    """
    dz: Array = da * (normal_cdf(z) + np.clip(z, -FARTHEST, FARTHEST) * normal_density(z))
    return dz
