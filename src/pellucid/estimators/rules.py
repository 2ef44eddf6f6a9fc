"""scikit-learn's customs of training: when it is enough, and rates that depend on how it goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.engines import Engine
from pellucid.equations.parameters import Indices
from pellucid.equations.random_streams import Streams
from pellucid.equations.schedules import inverse_scaling, rates
from pellucid.training.history import EpochRecord, History
from pellucid.training.stopping import Ending

LEAST_ADAPTIVE_RATE = 1e-6
ADAPTIVE_DIVISOR = 5.0


class Standing(NamedTuple):
    """How the watched figure has gone: its best, for how many epochs it has not become better, how often the rate fell."""

    best: float
    best_epoch: int = 0
    without_improvement: int = 0
    falls: int = 0
    enough: bool = False


NO_STANDING = Standing(best=-np.inf)


@dataclass(frozen=True, eq=False)
class EstimatorRules:
    """scikit-learn's rules.

    An epoch is an improvement where the training loss has fallen by ``tol`` below its best, or, with ``early_stopping``,
    the validation score has risen so far above its best. After more than ``patience`` epochs without, training ends, or
    the rate falls to a fifth where it is adaptive. ``epochs_before`` and ``examples_before`` were seen in earlier fits; a
    schedule lasts ``epochs_of_schedule``, of which ``epochs_of_schedule_before`` are over.
    """

    seed: int
    shuffle: bool
    schedule: str
    learning_rate: float
    power_t: float
    warm_up: int
    epochs: int
    epochs_of_schedule: int
    examples: int
    tol: float
    patience: float
    early_stopping: bool
    average: int = 0
    epochs_before: int = 0
    examples_before: int = 0
    epochs_of_schedule_before: int = 0
    standing_before: Standing = NO_STANDING
    _standings: dict[int, Standing] = field(default_factory=dict, repr=False)

    def order(self, engine: Engine, n: int, epoch: int) -> Indices:
        """Shuffle, unless told not to."""
        return engine.order(self.seed, n, self.epochs_before + epoch) if self.shuffle else np.arange(n)

    def streams(self, epoch: int) -> Streams:
        """Draw by the seed, on from where earlier fits have ended."""
        return Streams(self.seed, self.epochs_before + epoch)

    def rates(self, history: History, steps: int) -> NDArray[np.float64]:
        """Follow the schedule, and stay at its end when it is over.

        The rates of scikit-learn's own schedules change between epochs alone.
        """
        epoch = len(history)
        if self.schedule == "adaptive":
            return np.full(steps, self.learning_rate / ADAPTIVE_DIVISOR ** self.standing(history).falls)
        if self.schedule == "invscaling":
            seen = np.array([self.examples_before + epoch * self.examples])
            factor = inverse_scaling(seen, self.power_t) if seen[0] else np.ones(1)
            return np.full(steps, self.learning_rate * factor[0])
        total, warm_up = self.epochs_of_schedule * steps, self.warm_up * steps
        first = (self.epochs_of_schedule_before + epoch) * steps
        if first >= total:
            return np.full(steps, rates(self.schedule, self.learning_rate, total - 1, 1, total, warm_up)[0])
        return rates(self.schedule, self.learning_rate, first, steps, total, warm_up)

    def ending(self, history: History) -> Ending | None:
        """End after all epochs, or when it gets no better."""
        if history and self.standing(history).enough:
            return Ending.NO_IMPROVEMENT
        return Ending.ALL_EPOCHS if len(history) >= self.epochs else None

    def number_in_average(self, epoch: int) -> int:
        """Average over the last of all epochs, as many as was asked for."""
        return max(0, epoch - (self.epochs - self.average))

    def is_best(self, history: History) -> bool:
        """Remember the best validation score."""
        return self.early_stopping and self.standing(history).best_epoch == history[-1].epoch

    def returns_to_best(self, reason: Ending) -> bool:
        """Go back to it, however the training ended."""
        return self.early_stopping

    def best_epoch(self, history: History) -> int:
        """Give the epoch of the best watched figure, from 1; 0 where there is none."""
        return self.standing(history).best_epoch

    def standing(self, history: History) -> Standing:
        """Sum up a history: from what is known of its beginning, where that is known."""
        done = len(history)
        while done and done not in self._standings:
            done -= 1
        standing = self._standings[done] if done else self.standing_before
        for number in range(done + 1, len(history) + 1):
            standing = self._after(standing, history[number - 1])
            self._standings[number] = standing
        return standing

    def _after(self, before: Standing, record: EpochRecord) -> Standing:
        score = record.validation_score if self.early_stopping else -record.loss
        assert score is not None, "whoever stops early has a validation part"
        count = 0 if score >= before.best + self.tol else before.without_improvement + 1
        best, epoch = (score, record.epoch) if score > before.best else (before.best, before.best_epoch)
        if count <= self.patience:
            return Standing(best, epoch, count, before.falls)
        rate = self.learning_rate / ADAPTIVE_DIVISOR**before.falls
        if self.schedule == "adaptive" and rate > LEAST_ADAPTIVE_RATE:
            return Standing(best, epoch, 0, before.falls + 1)
        return Standing(best, epoch, count, before.falls, enough=True)
