"""The loss of yes-or-no answers, one or several for an example: each output is a probability of its own.

**The derivation.** One answer, y = 1 for yes and 0 for no, has the loss ``ℓ = −y log p − (1 − y) log(1 − p)``, where
p = 1 / (1 + e^−z), so that ``log p = −log(1 + e^−z)`` and ``log(1 − p) = −z − log(1 + e^−z)``. Insert both::

    ℓ = (1 − y) z + log(1 + e^−z)

Differentiate: ``∂ℓ/∂z = 1 − y − e^−z / (1 + e^−z) = 1 − y − (1 − p) = p − y``, as for the softmax.

**In numbers that do not overflow**: log(1 + e^−z) = max(−z, 0) + log(1 + e^−|z|), which makes ℓ the form below.
"""

from __future__ import annotations

import numpy as np

from pellucid.equations.parameters import Array


def binary_cross_entropy_of_each(z: Array, y: Array) -> Array:
    """Measure each example's surprise at its answers, in nats. log 2 an answer is guessing.

    Equation [binary-loss]::

        ℓ = Σ_j −y_j log p_j − (1 − y_j) log(1 − p_j),   p = 1 / (1 + e^−z)
          = Σ_j max(z_j, 0) − z_j y_j + log(1 + e^−|z_j|)

    Shapes: z (n, k), y (n, k) of 0 … 1 → (n,). Raises nothing.

    >>> binary_cross_entropy_of_each(np.array([[0.0], [2.0], [-1000.0]]), np.array([[1.0], [1.0], [1.0]])).round(4)
    array([6.931e-01, 1.269e-01, 1.000e+03])

    Source: Goodfellow, Bengio, Courville, 2016, section 6.2.2.2.
    """
    of_each: Array = (np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))).sum(axis=1)
    return of_each


def binary_cross_entropy_slope(p: Array, y: Array) -> Array:
    """Go back to the logits: too sure of yes is pulled down, too sure of no is pushed up.

    Equation [binary-loss], differentiated::

        ∂ℓ/∂z = p − y

    Shapes: p (n, k), y (n, k) → (n, k). Raises nothing.

    >>> binary_cross_entropy_slope(np.array([[0.5, 0.75]]), np.array([[1.0, 0.0]]))
    array([[-0.5 ,  0.75]])

    Source: derived above; Goodfellow, Bengio, Courville, 2016, section 6.2.2.2.
    """
    return p - y
