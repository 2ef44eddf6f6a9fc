"""The gradient a second time, without any calculus: change one number a little, and see what the loss does.

This is how backpropagation is checked. It is slow, two forward passes for each number, and knows nothing of the chain
rule: if both agree, the derivation and the code are right.

ReLU and its like have a corner. A probe that pushes some z across 0 measures half of each slope, and says nothing about
either: such probes are left out, and counted. So are those that push an output across what was wanted, where that is the
loss's corner.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.equations.activations import ACTIVATIONS, WITH_A_CORNER
from pellucid.equations.affine import affine
from pellucid.equations.architecture import Architecture
from pellucid.equations.losses import AbsoluteError, Quantile, Targets
from pellucid.equations.network import LayerTrace, Trace, forward, loss_and_gradients
from pellucid.equations.parameters import Array, Layer, Layers
from pellucid.equations.scaling import scaled

STEP = 1e-5
"""ε: the error of the difference is about ε² from the curve and 10⁻¹⁶/ε from rounding; this is near their balance."""


def central_difference(loss_above: float, loss_below: float, epsilon: float = STEP) -> float:
    """Estimate a slope from the loss on either side.

    Equation [difference]::

        ĝ = (L(θ + ε) − L(θ − ε)) / 2ε

    Returns a number. Raises nothing.

    >>> round(central_difference((3 + 1e-5) ** 2, (3 - 1e-5) ** 2), 9)
    6.0

    Source: Goodfellow, Bengio, Courville: Deep Learning (2016), section 11.5.
    """
    return (loss_above - loss_below) / (2 * epsilon)


def relative_difference(g: Array, g_hat: Array) -> float:
    """Compare two gradients, whatever their size: 0 is agreement, 1 is none.

    Equation [agreement]::

        ‖g − ĝ‖ / (‖g‖ + ‖ĝ‖)        (0 where both are 0)

    Shapes: g, ĝ alike → a number from 0 to 1. Raises nothing.

    >>> relative_difference(np.array([3.0, 4.0]), np.array([3.0, 4.0]))
    0.0

    Source: folklore.
    """
    size = float(np.linalg.norm(g) + np.linalg.norm(g_hat))
    return float(np.linalg.norm(g - g_hat)) / size if size else 0.0


class TensorCheck(NamedTuple):
    """One W or b: how far its two gradients are apart, over how many probes, and how many crossed a corner."""

    layer: int
    tensor: str
    difference: float
    probes: int
    left_out: int


def check_gradients(
    architecture: Architecture,
    layers: Layers,
    X: NDArray[Any],
    y: Targets,
    w: Array | None = None,
    most_probes: int | None = None,
) -> list[TensorCheck]:
    """Hold the gradient of every W and b against central differences, in float64.

    Equations [difference] and [agreement]. With ``most_probes``, only that many evenly spaced numbers of each tensor are
    probed.

    Shapes: X (n, d), y (n,) or (n, k) as the loss wants it, w (n,) or None → one record a tensor. Raises nothing.

    >>> from pellucid.equations.worked_example import ARCHITECTURE, LAYERS, X, Y
    >>> all(check.difference < 1e-9 for check in check_gradients(ARCHITECTURE, LAYERS, X, Y))
    True

    Source: Goodfellow, Bengio, Courville: Deep Learning (2016), section 11.5.
    """
    layers = tuple(
        Layer(np.array(W, np.float64, order="C"), np.array(b, np.float64, order="C")) for W, b in layers
    )  # copies, to be changed in place
    _, gradients = loss_and_gradients(architecture, layers, X, y, w)
    sides = _sides(architecture, forward(architecture, layers, X), y)

    def loss_and_corner() -> tuple[float, bool]:
        trace = forward(architecture, layers, X)
        crossed = any((now != was).any() for now, was in zip(_sides(architecture, trace, y), sides, strict=True))
        return architecture.loss.of_batch(trace.logits, y, w), crossed

    checks = []
    for number, (layer, gradient) in enumerate(zip(layers, gradients, strict=True), start=1):
        for tensor in Layer._fields:
            theta, g = getattr(layer, tensor).reshape(-1), getattr(gradient, tensor).reshape(-1)
            stride = 1 if most_probes is None else -(-theta.size // most_probes)
            places, estimates = [], []
            for place in range(0, theta.size, stride):
                here = theta[place]
                theta[place] = here + STEP
                above, corner_above = loss_and_corner()
                theta[place] = here - STEP
                below, corner_below = loss_and_corner()
                theta[place] = here
                if not corner_above and not corner_below:
                    places.append(place)
                    estimates.append(central_difference(above, below))
            difference = relative_difference(g[places], np.array(estimates))
            probed = len(range(0, theta.size, stride))
            checks.append(TensorCheck(number, tensor, difference, len(places), probed - len(places)))
    return checks


def slope_at(
    architecture: Architecture,
    layers: Layers,
    X: NDArray[Any],
    y: Targets,
    quantity: tuple[str, int],
    index: tuple[int, ...],
) -> float | None:
    """Estimate the slope of the loss in one number of a quantity: a weight, a bias, or what the network makes on its way.

    Equation [difference], where θ is an element of the W, b, z or a of one layer, and everything behind it follows. None
    where the probe crosses a corner: there is no slope to be measured.

    Shapes: X (n, d), y (n,); ``quantity`` is a letter and the number of the layer, from 1; ``index`` that of the
    element, for z and a with the row in front → a number. Raises nothing.

    >>> from pellucid.equations.worked_example import ARCHITECTURE, LAYERS, X, Y
    >>> round(slope_at(ARCHITECTURE, LAYERS, X, Y, ("a", 2), (0, 2)), 4)
    1.1813

    Source: Goodfellow, Bengio, Courville: Deep Learning (2016), section 11.5.
    """
    middle, above, below = (_forward_with(architecture, layers, X, quantity, index, by) for by in (0.0, STEP, -STEP))
    sides = [_sides(architecture, trace, y) for trace in (middle, above, below)]
    if any((now != was).any() for other in sides[1:] for now, was in zip(other, sides[0], strict=True)):
        return None
    of_batch = architecture.loss.of_batch
    return central_difference(of_batch(above.logits, y), of_batch(below.logits, y))


def _forward_with(
    architecture: Architecture,
    layers: Layers,
    X: NDArray[Any],
    quantity: tuple[str, int],
    index: tuple[int, ...],
    by: float,
) -> Trace:
    """Run forwards in float64, with one number changed on the way."""

    def nudged(array: Array, letter: str, number: int) -> Array:
        if (letter, number) != quantity:
            return array
        changed = array.copy()
        changed[index] += by
        return changed

    bends = [*(ACTIVATIONS[hidden.activation].forward for hidden in architecture.hidden), architecture.loss.outputs]
    a, steps = scaled(X, architecture.scaling, np.dtype(np.float64)), []
    for number, ((W, b), bend) in enumerate(zip(layers, bends, strict=True), start=1):
        inputs = a
        W, b = (
            nudged(tensor.astype(np.float64, copy=False), letter, number) for tensor, letter in ((W, "W"), (b, "b"))
        )
        z = nudged(affine(inputs, W, b), "z", number)
        a = nudged(bend(z), "a", number)
        steps.append(LayerTrace(inputs, z, a))
    return Trace(tuple(steps))


def _sides(architecture: Architecture, trace: Trace, y: Targets) -> list[NDArray[np.bool_]]:
    of_hidden = [
        layer.z > 0
        for layer, hidden in zip(trace.layers[:-1], architecture.hidden, strict=True)
        if hidden.activation in WITH_A_CORNER
    ]
    return [*of_hidden, trace.p > y] if isinstance(architecture.loss, (AbsoluteError, Quantile)) else of_hidden
