"""The L2 penalty: large weights cost something, so that only those grow that earn it.

It is part of the loss, so its gradient passes through the optimiser with the rest. (AdamW's weight decay does not, which
is its point: see ``optimizers.py``.)
"""

from __future__ import annotations

import numpy as np

from pellucid.equations.parameters import Layer, Layers


def l2_penalty(layers: Layers, alpha: float, weight_of_batch: float) -> float:
    """Add up the squares of all weights; biases go free.

    Equation [l2]::

        penalty = α / (2 Σ_r w_r) · Σ_layers ‖W‖²        Σ_r w_r: the batch's weight, n where no weights are given

    The division by the batch's weight is scikit-learn's convention: α is what the whole batch pays, not each example, so
    that the same α pulls less in a larger batch.

    Shapes: → a number, summed in float64; 0 where the batch weighs nothing. Raises nothing.

    >>> from pellucid.equations.worked_example import LAYERS
    >>> round(sum(float((W * W).sum()) for W, b in LAYERS), 4)
    6.24
    >>> round(l2_penalty(LAYERS, alpha=0.1, weight_of_batch=4), 6)
    0.078

    Source: Krogh, Hertz: A Simple Weight Decay Can Improve Generalization, NIPS 1991.
    """
    if weight_of_batch == 0:
        return 0.0
    squares = sum(float(np.square(W, dtype=np.float64).sum()) for W, _ in layers)
    return alpha / (2 * float(weight_of_batch)) * squares


def l2_gradient(layers: Layers, gradients: Layers, alpha: float, weight_of_batch: float) -> Layers:
    """Add the slope of the penalty to the gradients: each weight is pulled towards 0, the farther the harder.

    Equation [l2], differentiated::

        dW ← dW + (α / Σ_r w_r) W,   db as it is

    Shapes: gradients as layers → alike, new; as they are where the batch weighs nothing. Raises nothing.

    >>> layers = (Layer(W=np.array([[2.0, -4.0]]), b=np.array([8.0])),)
    >>> gradients = (Layer(W=np.array([[1.0, 1.0]]), b=np.array([1.0])),)
    >>> l2_gradient(layers, gradients, alpha=0.5, weight_of_batch=4)
    (Layer(W=array([[1.25, 0.5 ]]), b=array([1.])),)

    Source: Krogh, Hertz, NIPS 1991.
    """
    if weight_of_batch == 0:
        return gradients
    pull = alpha / float(weight_of_batch)
    return tuple(Layer(dW + pull * W, db) for (W, _), (dW, db) in zip(layers, gradients, strict=True))
