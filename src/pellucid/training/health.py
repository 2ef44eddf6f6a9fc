"""How a network fares while it is trained: what the next step would do to each layer, and which neurons are dead."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.engines import Engine, State
from pellucid.equations.architecture import Architecture
from pellucid.equations.beyond.extras import Extras
from pellucid.equations.metrics import dead_neurons
from pellucid.equations.network import forward
from pellucid.equations.parameters import Array, Indices
from pellucid.training.settings import Settings


class LayerHealth(NamedTuple):
    """One layer: the norm of its gradient, how far the next step moves its weights relative to themselves, and which of
    its neurons are off for every example (of the output layer none).

    ``gradient_norm`` is ‖∂L/∂W, ∂L/∂b‖, ``update_ratio`` ‖ΔW‖ / ‖W‖; about 10⁻³ is common.
    """

    gradient_norm: float
    update_ratio: float
    dead: tuple[int, ...]
    width: int


def health(
    engine: Engine,
    architecture: Architecture,
    settings: Settings,
    state: State,
    rate: float,
    X: NDArray[Any],
    y: Indices,
) -> tuple[LayerHealth, ...]:
    """Look at a network on some examples: take one step on them that nobody keeps. One record a layer."""
    _, gradients = engine.loss_and_gradients(architecture, state.layers, X, y)
    order, rates = np.arange(len(y)), np.array([rate])
    after = engine.run(
        architecture,
        settings.optimizer,
        state,
        X,
        y,
        order,
        rates,
        batch_size=len(y),
        extras=Extras(l2=settings.extras.l2),
    )
    with np.errstate(over="ignore", invalid="ignore"):
        dead = dead_neurons(forward(architecture, state.layers, X))
    return tuple(
        LayerHealth(_norm(gradient.W, gradient.b), _ratio(new.W, old.W), off, len(old.b))
        for gradient, new, old, off in zip(gradients, after.state.layers, state.layers, [*dead, ()], strict=True)
    )


def _norm(*tensors: Array) -> float:
    return float(np.sqrt(sum(float((tensor.astype(np.float64) ** 2).sum()) for tensor in tensors)))


def _ratio(new: Array, old: Array) -> float:
    whole = _norm(old)
    return _norm(new.astype(np.float64) - old) / whole if whole else 0.0
