"""The hidden activations by name: each with its way back, in a file of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pellucid.equations.beyond.elu import elu, elu_backward
from pellucid.equations.beyond.gelu import gelu, gelu_backward
from pellucid.equations.beyond.identity import identity, identity_backward
from pellucid.equations.beyond.leaky_relu import leaky_relu, leaky_relu_backward
from pellucid.equations.beyond.logistic import logistic, logistic_backward
from pellucid.equations.beyond.mish import mish, mish_backward
from pellucid.equations.beyond.scaled_tanh import scaled_tanh, scaled_tanh_backward
from pellucid.equations.beyond.selu import selu, selu_backward
from pellucid.equations.beyond.silu import silu, silu_backward
from pellucid.equations.beyond.softplus import softplus, softplus_backward
from pellucid.equations.beyond.tanh import tanh, tanh_backward
from pellucid.equations.parameters import Array
from pellucid.equations.relu import relu, relu_backward


class Activation(NamedTuple):
    """A function f applied to each z, and its way back: (da, z) → dz."""

    forward: Callable[[Array], Array]
    backward: Callable[[Array, Array], Array]


ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation(relu, relu_backward),
    "identity": Activation(identity, identity_backward),
    "logistic": Activation(logistic, logistic_backward),
    "tanh": Activation(tanh, tanh_backward),
    "scaled_tanh": Activation(scaled_tanh, scaled_tanh_backward),
    "leaky_relu": Activation(leaky_relu, leaky_relu_backward),
    "elu": Activation(elu, elu_backward),
    "selu": Activation(selu, selu_backward),
    "gelu": Activation(gelu, gelu_backward),
    "silu": Activation(silu, silu_backward),
    "mish": Activation(mish, mish_backward),
    "softplus": Activation(softplus, softplus_backward),
}

WITH_A_CORNER = ("relu", "leaky_relu", "selu")
"""Those that have no slope at 0."""
