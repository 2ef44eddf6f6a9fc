"""What an engine is: whoever computes the equations for the rest of the house.

Records go in and records come out, nothing is changed in place, and an engine draws no random number and knows no
schedule: the order of the examples and the rate of each step are handed to it. So any engine can be replaced by another,
a training can be cut anywhere between two steps, and what was cut can be continued to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from pellucid.equations.architecture import Architecture
from pellucid.equations.optimizers import Moments, Optimizer
from pellucid.equations.parameters import Array, Indices, Layers

Examples = NDArray[Any]
"""A batch X (n, d) in the units of the data: uint8, or any other numeric type."""


@dataclass(frozen=True, eq=False)
class State:
    """All that a step changes: the parameters, the optimiser's moments, and the number of steps done."""

    layers: Layers
    moments: Moments
    steps_done: int = 0


class Outcome(NamedTuple):
    """What a stretch of training did.

    ``losses`` (steps,) holds the mean loss of each batch *before* its step, in nats; ``correct`` counts the examples
    that were classified rightly, also before the step. ``non_finite_step`` is the step, within the epoch and from 0, whose
    loss was infinite or NaN: that step was not taken, and none after it.
    """

    state: State
    losses: NDArray[Any]
    correct: int
    non_finite_step: int | None = None


class Engine(Protocol):
    """The protocol of all engines. ``name`` is the engine's, ``target`` what it runs on."""

    name: str
    target: str
    precisions: tuple[str, ...]

    def run(
        self,
        architecture: Architecture,
        optimizer: Optimizer,
        state: State,
        X: Examples,
        y: Indices,
        order: Indices,
        rates: NDArray[Any],
        *,
        batch_size: int,
        first_step: int = 0,
        n_steps: int | None = None,
        weights: Array | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> Outcome:
        """Take steps of one epoch: step s trains on the rows order[s·batch_size : (s+1)·batch_size] at rate rates[s].

        Shapes: X (n, d), y (n,), order (m,), rates (steps of the epoch,), weights (n,) or None. The last batch may be
        smaller. ``stop`` is asked between steps; the stretch ends when it says so.
        """
        ...

    def loss_and_gradients(
        self, architecture: Architecture, layers: Layers, X: Examples, y: Indices, weights: Array | None = None
    ) -> tuple[float, Layers]:
        """Give the mean loss of a batch and its gradient for every W and b."""
        ...

    def logits(self, architecture: Architecture, layers: Layers, X: Examples) -> Array:
        """Give the last layer's z: X (n, d) → (n, k)."""
        ...

    def predict(self, architecture: Architecture, layers: Layers, X: Examples) -> Array:
        """Give the probabilities: X (n, d) → (n, k)."""
        ...


def steps_of_an_epoch(n: int, batch_size: int) -> int:
    """Count the batches of an epoch; the last one may be smaller.

    >>> steps_of_an_epoch(60_000, 64)
    938
    """
    return -(-n // batch_size)
