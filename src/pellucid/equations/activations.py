"""The hidden activations by name: each with its way back, in a file of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pellucid.equations.parameters import Array
from pellucid.equations.relu import relu, relu_backward


class Activation(NamedTuple):
    """A function f applied to each z, and its way back: (da, z) → dz."""

    forward: Callable[[Array], Array]
    backward: Callable[[Array, Array], Array]


ACTIVATIONS: dict[str, Activation] = {"relu": Activation(relu, relu_backward)}
