"""The loss along one step: what it would be for each rate, and what the slope predicts."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.equations.architecture import Architecture
from pellucid.equations.network import forward, loss_and_gradients
from pellucid.equations.optimizers import SGD
from pellucid.equations.parameters import Layers


class Along(NamedTuple):
    """Rates, the loss after a step with each of them, and the loss that the slope predicts: (r,) each."""

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    predicted: NDArray[np.float64]


def loss_along(architecture: Architecture, layers: Layers, X: NDArray[Any], y: Any, rates: ArrayLike) -> Along:
    """Take the step [sgd] with each of several rates, on the same examples, and look at their loss.

    Equation::

        L(W − η g)   beside   L(W) − η ‖g‖²

    Shapes: X (n, d), y as the loss wants it, rates (r,). Raises nothing.

    >>> from pellucid.equations.worked_example import ARCHITECTURE, LAYERS, X, Y
    >>> loss_along(ARCHITECTURE, LAYERS, X, Y, [0.0, 0.1]).losses.round(4)
    array([1.5489, 0.7833])

    Source: Goodfellow, Bengio, Courville: Deep Learning (2016), section 4.3.
    """
    steps = np.atleast_1d(np.asarray(rates, np.float64))
    with np.errstate(over="ignore", invalid="ignore"):
        before, g = loss_and_gradients(architecture, layers, X, y)
        square = sum(float((tensor**2).sum()) for layer in g for tensor in layer)
        losses = []
        for rate in steps:  # one moved copy at a time: parameters may be many
            moved, _ = SGD().step(layers, g, (), t=1, learning_rate=float(rate))
            losses.append(architecture.loss.of_batch(forward(architecture, moved, X).logits, y))
    return Along(steps, np.array(losses), before - steps * square)
