"""Where a training stands: all that is needed to go on, to the bit, as if it had never stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.engines import State
from pellucid.equations.architecture import Architecture
from pellucid.equations.initialization import initialize
from pellucid.equations.parameters import Layers
from pellucid.training.history import History
from pellucid.training.settings import Settings


class Best(NamedTuple):
    """The epoch with the lowest validation loss so far, and the parameters at its end."""

    epoch: int
    layers: Layers


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The engine's state, the epochs done, and how far the running epoch has come.

    ``losses`` (steps,) holds the losses of the running epoch's batches so far; its length is the place in the epoch.
    ``correct`` and ``seconds`` belong to the running epoch too, and ``layers_before`` are the parameters at its beginning,
    to go back to where it diverges. ``average`` is the mean of the parameters at the ends of the last epochs, once it has
    begun: what is kept of the training. No random state is needed: every random number is
    addressed by seed and epoch.
    """

    state: State
    history: History
    losses: NDArray[Any]
    correct: int
    seconds: float
    layers_before: Layers
    best: Best | None
    average: Layers | None = None
    velocity: Layers | None = None  # of the momentum of rounds over shards [outer]

    @property
    def kept(self) -> Layers:
        """The parameters that the training would leave if it ended here."""
        return self.state.layers if self.average is None else self.average

    @property
    def epochs_done(self) -> int:
        """The number of whole epochs."""
        return len(self.history)

    @property
    def steps_done(self) -> int:
        """The number of steps of the running epoch."""
        return len(self.losses)


def first_snapshot(architecture: Architecture, settings: Settings) -> Snapshot:
    """Begin: parameters drawn from the seed, moments 0, nothing done."""
    layers = initialize(architecture, settings.seed, settings.initialization, settings.dtype)
    return between_epochs(State(layers, settings.optimizer.initial_moments(layers)), (), None)


def between_epochs(state: State, history: History, best: Best | None, average: Layers | None = None) -> Snapshot:
    """Stand between two epochs."""
    return Snapshot(state, history, np.empty(0), 0, 0.0, state.layers, best, average)
