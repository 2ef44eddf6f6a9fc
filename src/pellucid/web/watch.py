"""What is seen of a training while it runs: its curves, the health of its layers, its last epochs, and what looks wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pellucid.training.callbacks import Callback, Progress
from pellucid.training.evaluation import judge
from pellucid.training.health import LayerHealth, health
from pellucid.training.history import EpochRecord
from pellucid.web.points import Points
from pellucid.web.run_records import charts_of, epoch_record, last_record, layer_record
from pellucid.web.work import Work, drawn

SECONDS_BETWEEN_LOOKS = 0.15
RESTS_A_LOOK = 10
"""A look is followed by a rest so many times as long, so that a training does not wait much for being looked at."""

ROWS_OF_HEALTH = 128
EPOCHS_LISTED = 12


class Watch(Callback):
    """Looks at one training, from its first step on.

    ``rate`` gives the rate as it stands, ``changed`` is called whenever there is something new to see.
    """

    def __init__(self, work: Work, rate: Callable[[], float], changed: Callable[[], None]) -> None:
        self._work, self._rate, self._changed = work, rate, changed
        self._some = drawn(work.training, ROWS_OF_HEALTH)
        self.notices: list[str] = []
        self.told: Progress | None = None
        self._seen: Progress | None = None
        self._points = Points(4)
        self._health: tuple[LayerHealth, ...] = ()
        self._epochs: list[EpochRecord] = []
        self._looked, self._rest = 0.0, SECONDS_BETWEEN_LOOKS

    def on_progress(self, progress: Progress) -> None:
        """Look at the network as it stands, a few times a second at most: short epochs tell of themselves more often."""
        self.told = progress
        if time.monotonic() - self._looked > self._rest:
            self._look(progress)

    def look_at_the_last(self) -> None:
        """Look at what was told last, unless that was done."""
        if self.told is not None and self.told is not self._seen:
            self._look(self.told)

    def _look(self, progress: Progress) -> None:
        work, began = self._work, time.monotonic()
        self._health = health(
            work.engine, work.architecture, work.settings, progress.state, self._rate(),
            self._some.X, self._some.y,
        )  # fmt: skip
        if progress.rows < progress.rows_of_epoch:  # of a whole epoch the loop itself tells
            seen = judge(work.engine, work.architecture, progress.state.layers, work.validation.X, work.validation.y)
            epochs = progress.epoch - 1 + progress.rows / progress.rows_of_epoch
            self._points.add(epochs, progress.recent_loss, seen.loss, 1 - (seen.accuracy or 0.0))
        self._looked, self._seen = time.monotonic(), progress
        self._rest = max(SECONDS_BETWEEN_LOOKS, RESTS_A_LOOK * (self._looked - began))
        self._changed()

    def on_epoch(self, record: EpochRecord) -> None:
        """List the last epochs, and add each to the curves."""
        self._epochs = [*self._epochs, record][-EPOCHS_LISTED:]
        recent = record.loss if self.told is None else self.told.recent_loss
        wrong = 1 - (record.validation_accuracy or 0.0)
        self._points.add(record.epoch, recent, record.validation_loss or 0.0, wrong)
        self._changed()

    def on_notice(self, sentence: str) -> None:
        """Keep what looks wrong, for the page to say."""
        self.notices = [*self.notices, sentence][-3:]

    def to_record(self) -> dict[str, Any]:
        """Write it for the page."""
        return {
            "layers": [layer_record(number, each) for number, each in enumerate(self._health, start=1)],
            "listed": [epoch_record(each) for each in self._epochs],
            "charts": charts_of(self._points),
            "now": last_record(self._points),
            "looked_at": len(self._some),
        }
