"""Where a training on the page diverged: the step, and the operation that made the first number that is not finite."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.training.divergence import first_non_finite, why_it_diverged
from pellucid.training.history import History
from pellucid.training.loop import all_finite
from pellucid.training.rules import UsualRules
from pellucid.training.snapshot import Snapshot
from pellucid.web.work import Work


@dataclass(frozen=True)
class PageRules(UsualRules):
    """The usual rules, but the rate is the one that the page shows, from the next step on."""

    rate: float = 0.0

    def rates(self, history: History, steps: int) -> NDArray[np.float64]:
        """Give the page's rate to all steps."""
        return np.full(steps, self.rate)


def ends_its_epoch(work: Work, snapshot: Snapshot) -> bool:
    """Say whether the running epoch has had all its steps."""
    return snapshot.state.steps_done == (snapshot.epochs_done + 1) * work.steps_an_epoch


def where_it_diverged(work: Work, rules: PageRules, snapshot: Snapshot) -> str:
    """Say which step made the first number that is not finite, and which operation of it: within an epoch the one that
    ``snapshot`` stands before; after its last step, that step, or the look at the validation examples that follows.
    """
    steps, layers = snapshot.state.steps_done, snapshot.state.layers
    if ends_its_epoch(work, snapshot):
        looked = f"After step {steps:,} of the training a look at the validation examples made"
        where = looked if all_finite(layers) else f"Step {steps:,} of the training made"
        found = first_non_finite(work.architecture, layers, work.validation.X, work.validation.y)
    else:
        where = f"Step {steps + 1:,} of the training made"
        found = why_it_diverged(
            work.engine, work.architecture, work.settings, rules, snapshot, work.training.X, work.training.y
        )
    words = f" {found.words}" if found else ""
    return f"{where} a number that is infinite or NaN.{words}"
