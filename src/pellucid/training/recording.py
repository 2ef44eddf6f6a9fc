"""What happens at the end of an epoch, or of a round: average, judge, record, remember the best."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pellucid.equations.beyond.averaging import averaged
from pellucid.equations.parameters import Layers
from pellucid.training.evaluation import Judged
from pellucid.training.history import EpochRecord
from pellucid.training.rules import Rules
from pellucid.training.snapshot import Best, Snapshot, between_epochs


class Passed(NamedTuple):
    """An epoch as it went by: the mean loss over its rows, the share that was classified rightly (None where nothing is),
    the rate of its last step, its seconds and its rows.
    """

    loss: float
    accuracy: float | None
    learning_rate: float
    seconds: float
    rows: int


def recorded(rules: Rules, snapshot: Snapshot, passed: Passed, judges: Callable[[Layers], Judged] | None) -> Snapshot:
    """Give where a training stands after an epoch: averaged where that has begun, judged, in the history."""
    epoch = snapshot.epochs_done + 1
    average, number = None, rules.number_in_average(epoch)
    if number > 0:
        average = averaged(snapshot.kept, snapshot.state.layers, number)
    kept = snapshot.state.layers if average is None else average
    judged = judges(kept) if judges else None
    record = EpochRecord(
        epoch=epoch,
        loss=passed.loss,
        accuracy=passed.accuracy,
        validation_loss=judged.loss if judged else None,
        validation_accuracy=judged.accuracy if judged else None,
        learning_rate=passed.learning_rate,
        seconds=passed.seconds,
        rows_per_second=passed.rows / max(passed.seconds, 1e-9),
        validation_score=judged.score if judged else None,
    )
    history = (*snapshot.history, record)
    best = Best(epoch, kept) if rules.is_best(history) else snapshot.best
    return between_epochs(snapshot.state, history, best, average)
