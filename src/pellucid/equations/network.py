"""The whole network, forwards and backwards: the equations, one after the other.

Forwards (steps 1 and 2 of the text)::

    x → z₁ = W₁ x + b₁ → a₁ = ReLU(z₁) → z₂ = W₂ a₁ + b₂ → a₂ = ReLU(z₂) → z₃ = W₃ a₂ + b₃ → p = softmax(z₃) → loss

Backwards (step 3), in exact reverse: ``dz₃ = p − y``, then for each layer ``dW_k = dz_kᵀ a_{k−1}`` and ``db_k``, hand
``da_{k−1} = dz_k W_k`` down, and pass it through ReLU's slope to ``dz_{k−1}``.

The text's network is one of many: each hidden layer names its activation, the architecture its loss, and a step of training
may leave some neurons out by ``masks``. The order of the equations stays the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import NDArray

from pellucid.equations.activations import ACTIVATIONS
from pellucid.equations.affine import affine, affine_backward_input, affine_backward_parameters
from pellucid.equations.architecture import Architecture
from pellucid.equations.losses import Targets
from pellucid.equations.parameters import Array, Layer, Layers
from pellucid.equations.scaling import scaled

Masks = tuple[Array | None, ...]
"""Factors, 0 where a neuron is left out of a step: for x and the a of each hidden layer, None where all take part."""


class LayerTrace(NamedTuple):
    """What one layer saw and did: its inputs (the a of the layer below), its z, its a; and the mask of that a, if any."""

    inputs: Array
    z: Array
    a: Array
    mask: Array | None = None


@dataclass(frozen=True, eq=False)
class Trace:
    """Every number of a forward pass: one record a layer, from the first hidden layer to the output."""

    layers: tuple[LayerTrace, ...]

    @property
    def x(self) -> Array:
        """The scaled inputs, (n, d)."""
        return self.layers[0].inputs

    @property
    def logits(self) -> Array:
        """The last layer's z, (n, k)."""
        return self.layers[-1].z

    @property
    def p(self) -> Array:
        """The outputs, (n, k): the last layer's a. For the text's network they are probabilities."""
        return self.layers[-1].a


class BackwardStep(NamedTuple):
    """One layer of the backward pass: dz, the gradient of its parameters, and the da handed down (None at the first)."""

    dz: Array
    gradient: Layer
    da: Array | None


def forward(architecture: Architecture, layers: Layers, X: NDArray[Any], masks: Masks = ()) -> Trace:
    """Run a batch through the network and keep every z and a.

    Equations [x], then [z] and [a] for each hidden layer, then [z] and [p].

    Shapes: X (n, d) in the units of the data → a Trace of the type of the parameters. Raises nothing.

    >>> from pellucid.equations.worked_example import ARCHITECTURE, LAYERS, X
    >>> trace = forward(ARCHITECTURE, LAYERS, X)
    >>> trace.logits.round(12)
    array([[ 0.8 , -0.51]])
    >>> trace.p.round(4)
    array([[0.7875, 0.2125]])

    Source: the text, steps 1 and 2.
    """
    of_x, *of_hidden = masks or (None,) * len(layers)
    a = _masked(scaled(X, architecture.scaling, layers[0].W.dtype), of_x)
    steps = []
    for hidden, (W, b), mask in zip(architecture.hidden, layers, of_hidden, strict=False):
        inputs, z = a, affine(a, W, b)
        a = _masked(ACTIVATIONS[hidden.activation].forward(z), mask)
        steps.append(LayerTrace(inputs, z, a, mask))
    z = affine(a, *layers[-1])
    steps.append(LayerTrace(a, z, architecture.loss.outputs(z)))
    return Trace(tuple(steps))


def _masked(a: Array, mask: Array | None) -> Array:
    return a if mask is None else a * mask


def backward_steps(
    architecture: Architecture,
    layers: Layers,
    trace: Trace,
    y: Targets,
    w: Array | None = None,
    dz: Array | None = None,
) -> Iterator[BackwardStep]:
    """Walk back through the network, from the last layer to the first, a ``BackwardStep`` at a time.

    Equation [dz_out], unless ``dz`` (n, k) is given; then [dW], [db], [da] and [dz] for each layer.

    Shapes: those of the trace; y (n,) class indices, or (n, k) where the loss wants numbers; w (n,) or None. Raises nothing.

    >>> from pellucid.equations.worked_example import ARCHITECTURE, LAYERS, X, Y
    >>> last, *_ = backward_steps(ARCHITECTURE, LAYERS, forward(ARCHITECTURE, LAYERS, X), Y)
    >>> last.dz.round(4), last.gradient.W.round(4)
    (array([[ 0.7875, -0.7875]]), array([[ 0.2678,  0.    ,  0.4568],
           [-0.2678,  0.    , -0.4568]]))

    Source: the text, step 3.
    """
    dz = architecture.loss.backward(trace.p, y, w) if dz is None else dz
    below = [*zip(architecture.hidden, trace.layers, strict=False)]
    for layer, step in zip(reversed(layers), reversed(trace.layers), strict=True):
        gradient = affine_backward_parameters(dz, step.inputs)
        if not below:  # the first layer: nobody trains the pixels
            yield BackwardStep(dz, gradient, None)
            return
        da = affine_backward_input(dz, layer.W)
        yield BackwardStep(dz, gradient, da)
        hidden, step_below = below.pop()
        dz = ACTIVATIONS[hidden.activation].backward(_masked(da, step_below.mask), step_below.z)


def backward(
    architecture: Architecture,
    layers: Layers,
    trace: Trace,
    y: Targets,
    w: Array | None = None,
    dz: Array | None = None,
) -> Layers:
    """Find the gradient of the loss for every W and every b.

    Shapes: those of the trace; y, w and dz as above → a tuple of Layer(W=dW, b=db) in the order of the layers.
    Raises nothing.

    >>> from pellucid.equations.worked_example import ARCHITECTURE, LAYERS, X, Y
    >>> gradients = backward(ARCHITECTURE, LAYERS, forward(ARCHITECTURE, LAYERS, X), Y)
    >>> gradients[0].b.round(4)
    array([0.945 , 0.    , 0.5119])

    Source: the text, step 3.
    """
    steps = backward_steps(architecture, layers, trace, y, w, dz)
    return tuple(step.gradient for step in steps)[::-1]


def loss_and_gradients(
    architecture: Architecture, layers: Layers, X: NDArray[Any], y: Targets, w: Array | None = None
) -> tuple[float, Layers]:
    """Give the loss of a batch and its gradient: forwards, loss, backwards.

    Shapes: X (n, d), y and w as above → a number (for the text's loss in nats), a tuple of Layer(W=dW, b=db). Raises
    nothing.

    >>> from pellucid.equations.worked_example import ARCHITECTURE, LAYERS, X, Y
    >>> loss, gradients = loss_and_gradients(ARCHITECTURE, LAYERS, X, Y)
    >>> round(loss, 4)
    1.5489

    Source: the text, steps 1 to 3.
    """
    trace = forward(architecture, layers, X)
    return architecture.loss.of_batch(trace.logits, y, w), backward(architecture, layers, trace, y, w)
