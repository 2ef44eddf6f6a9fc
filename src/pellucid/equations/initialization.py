"""Where training begins: weights small and random, biases 0.

Were all weights equal, all neurons of a layer would see and learn the same. They are drawn at random, and in a size that
keeps the signal's: a sum of fan_in terms has fan_in times the variance of one, so the variance of the weights goes with
1 / fan_in. ReLU throws away half of it, hence the 2 in He's rule.

The uniform forms are the default. They need only exact arithmetic, a multiplication and a square root, so that a seed
gives the same weights on every machine; a normal number needs logarithm and cosine, which differ in the last bit from
one machine to the next.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod, sqrt

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pellucid.equations.architecture import Architecture
from pellucid.equations.parameters import Layer, Layers
from pellucid.equations.random_streams import Purpose, normals, uniforms

Numbers = NDArray[np.float64]


def he_uniform(u: Numbers, fan_out: int, fan_in: int) -> Numbers:
    """Draw weights for ReLU, uniformly.

    Equation [he]::

        W = (2u − 1) √(6 / fan_in),   u uniform in [0, 1)        (variance 2 / fan_in)

    Shapes: u (fan_out, fan_in) → W alike. Raises nothing.

    >>> he_uniform(np.array([[0.0, 0.5, 0.75]]), fan_out=1, fan_in=3).round(4)
    array([[-1.4142,  0.    ,  0.7071]])

    Source: He et al., ICCV 2015 (arXiv:1502.01852), equation 10.
    """
    return (2 * u - 1) * sqrt(6 / fan_in)


def he_normal(g: Numbers, fan_out: int, fan_in: int) -> Numbers:
    """Draw weights for ReLU, normally distributed.

    Equation [he]::

        W = g √(2 / fan_in),   g standard normal

    Shapes: g (fan_out, fan_in) → W alike. Raises nothing.

    >>> he_normal(np.array([[1.0, -2.0]]), fan_out=1, fan_in=2)
    array([[ 1., -2.]])

    Source: He et al., ICCV 2015 (arXiv:1502.01852), equation 10.
    """
    return g * sqrt(2 / fan_in)


def glorot_uniform(u: Numbers, fan_out: int, fan_in: int) -> Numbers:
    """Draw weights for layers that bend both ways alike (tanh, or none), uniformly.

    Equation [glorot]::

        W = (2u − 1) √(6 / (fan_in + fan_out)),   u uniform in [0, 1)

    Shapes: u (fan_out, fan_in) → W alike. Raises nothing.

    >>> glorot_uniform(np.array([[0.0, 0.75]]), fan_out=1, fan_in=2).round(4)
    array([[-1.4142,  0.7071]])

    Source: Glorot, Bengio, AISTATS 2010, equation 16.
    """
    return (2 * u - 1) * sqrt(6 / (fan_in + fan_out))


def glorot_normal(g: Numbers, fan_out: int, fan_in: int) -> Numbers:
    """Draw weights for layers that bend both ways alike, normally distributed.

    Equation [glorot]::

        W = g √(2 / (fan_in + fan_out)),   g standard normal

    Shapes: g (fan_out, fan_in) → W alike. Raises nothing.

    >>> glorot_normal(np.array([[1.0, -2.0]]), fan_out=2, fan_in=6)
    array([[ 0.5, -1. ]])

    Source: Glorot, Bengio, AISTATS 2010, equation 12.
    """
    return g * sqrt(2 / (fan_in + fan_out))


INITIALIZERS: dict[str, tuple[Callable[..., Numbers], Callable[[Numbers, int, int], Numbers]]] = {
    "he-uniform": (uniforms, he_uniform),
    "he-normal": (normals, he_normal),
    "glorot-uniform": (uniforms, glorot_uniform),
    "glorot-normal": (normals, glorot_normal),
}


def initialize(
    architecture: Architecture, seed: int, rule: str = "he-uniform", dtype: DTypeLike = np.float32
) -> Layers:
    """Draw a network's first parameters: every W by the rule, every b 0.

    The numbers are drawn in float64 and then rounded, so that a float32 network begins where its float64 twin does. The
    layers are numbered in their stream's address: adding a layer at the end leaves the others as they were.

    Shapes: → a tuple of Layer(W, b) of type ``dtype``. Raises ``KeyError`` for an unknown rule.

    >>> from pellucid.equations.worked_example import ARCHITECTURE
    >>> initialize(ARCHITECTURE, seed=0)[2].W.round(3)
    array([[ 1.045, -1.115, -1.382],
           [ 1.03 ,  0.465,  0.77 ]], dtype=float32)

    Source: He et al., 2015; Glorot, Bengio, 2010.
    """
    draw, weights = INITIALIZERS[rule]
    layers = []
    for number, shape in enumerate(architecture.weight_shapes):
        numbers = draw(seed, Purpose.INITIAL_WEIGHTS, prod(shape), example=number).reshape(shape)
        layers.append(Layer(W=weights(numbers, *shape).astype(dtype), b=np.zeros(shape[0], dtype)))
    return tuple(layers)
