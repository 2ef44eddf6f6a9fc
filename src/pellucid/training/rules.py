"""What decides about a training between two epochs: the order, the rates, when it is enough, which epoch to keep.

All of it follows from the history alone, so that a resumed training decides as one never stopped. The loop asks; whoever
has other customs, as the estimators have, brings rules of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pellucid.engines import Engine
from pellucid.equations.parameters import Indices, Layers
from pellucid.equations.random_streams import Streams
from pellucid.equations.schedules import rates
from pellucid.training.history import History
from pellucid.training.settings import Settings
from pellucid.training.snapshot import Snapshot
from pellucid.training.stopping import Ending, best_epoch, ending


class Rules(Protocol):
    """The customs of a training. ``history`` holds the epochs done; the next one is number ``len(history)``, from 0."""

    def order(self, engine: Engine, n: int, epoch: int) -> Indices:
        """Give the order in which an epoch takes n examples."""
        ...

    def streams(self, epoch: int) -> Streams:
        """Give the random numbers by which an epoch leaves neurons out."""
        ...

    def rates(self, history: History, steps: int) -> NDArray[np.float64]:
        """Give the rate of each step of the next epoch."""
        ...

    def ending(self, history: History) -> Ending | None:
        """Say whether there is a reason to end; None to go on."""
        ...

    def number_in_average(self, epoch: int) -> int:
        """Say which one of those that are averaged are the parameters at the end of an epoch, both from 1; 0 for none."""
        ...

    def is_best(self, history: History) -> bool:
        """Say whether the last epoch is to be remembered as the best so far."""
        ...

    def returns_to_best(self, reason: Ending) -> bool:
        """Say whether a training that ended for this reason goes back to the best epoch."""
        ...


def what_is_kept(rules: Rules, snapshot: Snapshot, reason: Ending) -> tuple[Layers, int | None]:
    """Choose what a training leaves that ends here: the best epoch where the rules say so, else what there is.

    Give its parameters, and the epoch at whose end they were; None for those in the middle of one.
    """
    if snapshot.best is not None and rules.returns_to_best(reason):
        return snapshot.best.layers, snapshot.best.epoch
    return snapshot.kept, None if snapshot.steps_done and snapshot.average is None else snapshot.epochs_done


@dataclass(frozen=True)
class UsualRules:
    """Those of ``Settings``: a schedule over all epochs, ``until`` and ``patience``."""

    settings: Settings

    def order(self, engine: Engine, n: int, epoch: int) -> Indices:
        """Shuffle by the seed."""
        return engine.order(self.settings.seed, n, epoch)

    def streams(self, epoch: int) -> Streams:
        """Draw by the seed."""
        return Streams(self.settings.seed, epoch)

    def rates(self, history: History, steps: int) -> NDArray[np.float64]:
        """Rise as long as was asked for, then follow the schedule."""
        settings = self.settings
        first, all_steps = len(history) * steps, settings.epochs * steps
        return rates(settings.schedule, settings.learning_rate, first, steps, all_steps, settings.warm_up * steps)

    def ending(self, history: History) -> Ending | None:
        """End after all epochs, at ``until``, or out of ``patience``."""
        return ending(history, self.settings)

    def number_in_average(self, epoch: int) -> int:
        """Average over the last epochs, as many as was asked for."""
        return max(0, epoch - (self.settings.epochs - self.settings.average))

    def is_best(self, history: History) -> bool:
        """Remember the lowest validation loss, where patience was asked for."""
        return self.settings.patience is not None and best_epoch(history) == history[-1].epoch

    def returns_to_best(self, reason: Ending) -> bool:
        """Go back where patience was asked for, unless the last epoch was waited for. Who interrupts has the best so far."""
        return self.settings.patience is not None and reason is not Ending.TARGET_REACHED
