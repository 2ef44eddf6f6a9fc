"""The rectified linear unit: what is negative becomes 0, and the way back.

Without a function that bends, layers of sums collapse into one sum. ReLU is the simplest that does: two straight lines.
Its slope is 1 where z > 0 and 0 where z < 0. At z = 0 it has no slope; 0 is taken, as everyone does.
"""

from __future__ import annotations

import numpy as np

from pellucid.equations.parameters import Array


def relu(z: Array) -> Array:
    """Keep what is positive.

    Equation [a]::

        a = max(0, z)

    Shapes: z (n, h) → a (n, h). NaN stays NaN. Raises nothing.

    >>> relu(np.array([[0.7, -0.8, 0.8]]))
    array([[0.7, 0. , 0.8]])

    Source: the text, step 1; Nair, Hinton, ICML 2010.
    """
    return np.maximum(z, 0)


def relu_backward(da: Array, z: Array) -> Array:
    """Go back through ReLU: a neuron that was off hands nothing down.

    Equation [dz]::

        dz = da ⊙ f′(z),  f′(z) = 1 where z > 0, else 0        (⊙ multiplies element by element)

    Shapes: da (n, h), z (n, h) → dz (n, h). Raises nothing.

    In the text this factor is the second ``*`` of the hidden gradient; the first is a product of matrices.

    >>> relu_backward(da=np.array([[2.0, 3.0, -4.0]]), z=np.array([[0.7, -0.8, 0.8]]))
    array([[ 2.,  0., -4.]])

    Source: the text, step 3.
    """
    return da * (z > 0)
