"""When it is enough: decided from the history alone, so that a resumed training decides as one never stopped."""

from __future__ import annotations

from enum import Enum

from pellucid.training.history import EpochRecord, History
from pellucid.training.settings import Settings


class Ending(Enum):
    """Why a training ended."""

    ALL_EPOCHS = "all-epochs"
    TARGET_REACHED = "target-reached"
    NO_IMPROVEMENT = "no-improvement"
    CALLBACK = "callback"
    INTERRUPTED = "interrupted"
    DIVERGED = "diverged"


def ending(history: History, settings: Settings) -> Ending | None:
    """Say whether, after these epochs, there is a reason to end; None to go on."""
    if not history:
        return None
    last = history[-1]
    if settings.until is not None and (last.validation_accuracy or 0.0) >= settings.until:
        return Ending.TARGET_REACHED
    if settings.patience is not None and last.epoch - best_epoch(history) >= settings.patience:
        return Ending.NO_IMPROVEMENT
    if last.epoch >= settings.epochs:
        return Ending.ALL_EPOCHS
    return None


def best_epoch(history: History) -> int:
    """Give the epoch with the lowest validation loss, the first of several.

    >>> losses = (0.5, 0.3, 0.3, 0.4)
    >>> best_epoch(tuple(EpochRecord(e, 1.0, 0.5, v, 0.5, 0.1, 1.0, 1.0) for e, v in enumerate(losses, start=1)))
    2
    """
    return min(history, key=_validation_loss).epoch


def _validation_loss(record: EpochRecord) -> float:
    assert record.validation_loss is not None, "patience needs a validation part; Settings sees to it"
    return record.validation_loss
