"""Clipping: a gradient that is too long is shortened, its direction kept. One bad batch then cannot throw W far."""

from __future__ import annotations

from math import hypot

import numpy as np

from pellucid.equations.parameters import Layer, Layers


def gradient_norm(gradients: Layers) -> float:
    """Measure the length of a whole gradient, all its W and b taken as one long vector.

    Equation [clip], the norm::

        ‖g‖ = √(Σ g²) over every number of every dW and db

    Shapes: → a number, in float64. Raises nothing.

    >>> gradient_norm((Layer(W=np.array([[3.0, 0.0]]), b=np.array([4.0])),))
    5.0

    Source: Pascanu, Mikolov, Bengio, ICML 2013 (arXiv:1211.5063).
    """
    return hypot(*(float(np.linalg.norm(tensor.astype(np.float64))) for layer in gradients for tensor in layer))


def clipped(gradients: Layers, most: float) -> Layers:
    """Shorten a gradient to the length c where it is longer.

    Equation [clip]::

        g ← g · min(1, c / ‖g‖)

    This is PyTorch's ``clip_grad_norm_`` without the 10⁻⁶ that it adds to the norm. A norm that is not finite leaves the
    gradients as they are: there is no direction to keep, and whoever trains must see it.

    Shapes: gradients → alike; the same where nothing is to be done. Raises nothing.

    >>> clipped((Layer(W=np.array([[3.0, 0.0]]), b=np.array([4.0])),), most=1.0)
    (Layer(W=array([[0.6, 0. ]]), b=array([0.8])),)

    Source: Pascanu, Mikolov, Bengio, ICML 2013 (arXiv:1211.5063), algorithm 1.
    """
    norm = gradient_norm(gradients)
    if not most < norm < np.inf:
        return gradients
    shrink = most / norm
    return tuple(Layer(dW * shrink, db * shrink) for dW, db in gradients)
