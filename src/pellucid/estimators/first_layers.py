"""The parameters that a fit begins with: weights and biases by Glorot's rule, as scikit-learn draws them."""

from __future__ import annotations

from math import prod, sqrt

from numpy.typing import DTypeLike

from pellucid.equations.architecture import Architecture
from pellucid.equations.initialization import glorot_uniform
from pellucid.equations.parameters import Layer, Layers
from pellucid.equations.random_streams import Purpose, uniforms


def first_layers(architecture: Architecture, seed: int, dtype: DTypeLike) -> Layers:
    """Draw the first parameters: every W and every b by [glorot]; logistic neurons, whose slope is at most ¼, by a bound
    that is √3 times smaller.
    """
    activations = [*(hidden.activation for hidden in architecture.hidden), ""]
    usual = architecture.hidden[-1].activation if architecture.hidden else ""
    layers = []
    for number, (shape, activation) in enumerate(zip(architecture.weight_shapes, activations, strict=True)):
        u = uniforms(seed, Purpose.INITIAL_WEIGHTS, prod(shape) + shape[0], example=number)
        drawn = glorot_uniform(u, *shape) * (sqrt(1 / 3) if (activation or usual) == "logistic" else 1.0)
        W, b = drawn[: prod(shape)].reshape(shape), drawn[prod(shape) :]
        layers.append(Layer(W.astype(dtype), b.astype(dtype)))
    return tuple(layers)
