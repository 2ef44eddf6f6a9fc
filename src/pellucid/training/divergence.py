"""Where a training broke: the first operation of a step that makes a number which is infinite or NaN."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.engines import Engine
from pellucid.equations.architecture import Architecture
from pellucid.equations.losses import Targets
from pellucid.equations.network import backward_steps, forward
from pellucid.equations.parameters import Array, Layers
from pellucid.training.rules import Rules
from pellucid.training.settings import Settings
from pellucid.training.snapshot import Snapshot


@dataclass(frozen=True)
class FirstNonFinite:
    """The operation: the tag of its equation, the layer, from 1, what it makes in words, and how many are not finite."""

    tag: str
    layer: int
    what: str
    count: int
    of: int

    @property
    def words(self) -> str:
        """The finding in a sentence."""
        numbers = f"{self.count:,} of {self.of:,} numbers" if self.of > 1 else "the number"
        return f"The first number that is infinite or NaN arises in {self.what} [{self.tag}]: {numbers} of it."


def first_non_finite(
    architecture: Architecture, layers: Layers, X: NDArray[Any], y: Targets, w: Array | None = None
) -> FirstNonFinite | None:
    """Go through a step on a batch as the equations do, forwards, loss, backwards; None where all of it is finite.

    >>> from pellucid.equations.worked_example import ARCHITECTURE, LAYERS, X, Y
    >>> from pellucid.equations.parameters import Layer
    >>> first_non_finite(ARCHITECTURE, LAYERS, X, Y) is None
    True
    >>> spoiled = (Layer(LAYERS[0].W * np.inf, LAYERS[0].b), *LAYERS[1:])
    >>> with np.errstate(invalid="ignore"):
    ...     print(first_non_finite(ARCHITECTURE, spoiled, X, Y).words)
    The first number that is infinite or NaN arises in W₁, the weights of layer 1 [sgd]: 12 of 12 numbers of it.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for tag, layer, what, array in _in_order(architecture, layers, X, y, w):
            count = int((~np.isfinite(array)).sum())
            if count:
                return FirstNonFinite(tag, layer, what, count, int(np.asarray(array).size))
    return None


def why_it_diverged(
    engine: Engine,
    architecture: Architecture,
    settings: Settings,
    rules: Rules,
    snapshot: Snapshot,
    X: NDArray[Any],
    y: Targets,
) -> FirstNonFinite | None:
    """Find the operation in the step before which ``snapshot`` stands: the state that a training which diverged leaves.

    What is added to a step, distortions or neurons left out, is not gone through.
    """
    order = rules.order(engine, len(X), snapshot.epochs_done)
    first = (snapshot.state.steps_done - snapshot.epochs_done * -(-len(X) // settings.batch_size)) * settings.batch_size
    rows = order[first : first + settings.batch_size]
    return first_non_finite(architecture, snapshot.state.layers, X[rows], y[rows])


def _in_order(
    architecture: Architecture, layers: Layers, X: NDArray[Any], y: Targets, w: Array | None
) -> Iterator[tuple[str, int, str, Array]]:
    for number, (W, b) in enumerate(layers, start=1):
        yield "sgd", number, f"W{_low(number)}, the weights of layer {number}", W
        yield "sgd", number, f"b{_low(number)}, the biases of layer {number}", b
    trace = forward(architecture, layers, X)
    last = len(layers)
    for number, layer in enumerate(trace.layers, start=1):
        yield "z", number, f"z{_low(number)} = W{_low(number)} a + b{_low(number)}, on the way forwards", layer.z
        if number < last:
            yield "a", number, f"a{_low(number)}, what layer {number} hands on", layer.a
    yield "p", last, "p, what the network puts out", trace.p
    yield "loss", last, "the loss", np.asarray(architecture.loss.of_batch(trace.logits, y, w))
    for number, step in zip(range(last, 0, -1), backward_steps(architecture, layers, trace, y, w), strict=True):
        yield "dz", number, f"∂L/∂z{_low(number)}, on the way back", step.dz
        yield "dW", number, f"∂L/∂W{_low(number)}", step.gradient.W
        yield "db", number, f"∂L/∂b{_low(number)}", step.gradient.b


def _low(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
