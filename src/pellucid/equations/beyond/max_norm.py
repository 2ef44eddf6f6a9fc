"""The max-norm constraint: no neuron's weights may grow beyond a given length.

A large learning rate lets the weights explore; the constraint keeps them from running away. It goes well with dropout.
"""

from __future__ import annotations

import numpy as np

from pellucid.equations.parameters import Array


def within_norm(W: Array, most: float) -> Array:
    """Shorten the weights of each neuron, a row of W, that are longer than c; biases go free.

    Equation [max-norm]::

        W_j ← W_j · min(1, c / ‖W_j‖)          after each update

    A row whose norm is not finite stays as it is: whoever trains must see it.

    Shapes: W (fan_out, fan_in) → alike; norms are summed in float64. Raises nothing.

    >>> within_norm(np.array([[3.0, 4.0], [0.3, 0.4]]), most=1.0)
    array([[0.6, 0.8],
           [0.3, 0.4]])

    Source: Srebro, Shraibman, COLT 2005; for networks Srivastava et al., Journal of Machine Learning Research 15, 2014, 5.1.
    """
    norms = np.sqrt(np.square(W, dtype=np.float64).sum(axis=1, keepdims=True))
    too_long = (norms > most) & np.isfinite(norms)
    factors = np.where(too_long, most / np.where(too_long, norms, 1), 1)
    shortened: Array = W * factors.astype(W.dtype)
    return shortened
