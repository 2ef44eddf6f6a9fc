"""ReLU with a leak: what is negative is not lost but made a hundred times smaller, so that no neuron dies."""

from __future__ import annotations

import numpy as np

from pellucid.equations.parameters import Array

SLOPE = 0.01


def leaky_relu(z: Array) -> Array:
    """Keep what is positive, and a hundredth of what is not.

    Equation [leaky-relu]::

        a = max(0.01 z, z)

    Shapes: z (n, h) → a (n, h). NaN stays NaN. Raises nothing.

    >>> leaky_relu(np.array([[0.7, -0.8]]))
    array([[ 0.7  , -0.008]])

    Source: Maas, Hannun, Ng: Rectifier Nonlinearities Improve Neural Network Acoustic Models, 2013.
    """
    a: Array = np.maximum(SLOPE * z, z)
    return a


def leaky_relu_backward(da: Array, z: Array) -> Array:
    """Go back through the leaky ReLU: all passes where z > 0, a hundredth elsewhere.

    Equation [leaky-relu], differentiated::

        dz = da ⊙ (1 where z > 0, else 0.01)

    Shapes: da (n, h), z (n, h) → dz (n, h). Raises nothing.

    >>> leaky_relu_backward(da=np.array([[2.0, 3.0]]), z=np.array([[0.7, -0.8]]))
    array([[2.  , 0.03]])

    Source: Maas, Hannun, Ng, 2013.
    """
    dz: Array = np.where(z > 0, da, SLOPE * da)
    return dz
