"""Who is told how a training goes, and may end it.

A callback is a subclass of ``Callback``, or a plain function of an ``EpochRecord``. The training
ends after an epoch for which one of them returns True.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pellucid.engines import State
from pellucid.training.history import EpochRecord


class Progress(NamedTuple):
    """Where a training stands within an epoch: mean loss and accuracy so far, and the rows it has seen of all.

    ``recent_loss`` is the mean loss of the batches since the last time; ``state`` holds the parameters as they are now.
    """

    epoch: int
    epochs: int
    rows: int
    rows_of_epoch: int
    loss: float
    accuracy: float
    rows_per_second: float
    recent_loss: float
    state: State


class Callback:
    """Listens. Every method does nothing unless a subclass says otherwise."""

    def on_progress(self, progress: Progress) -> None:
        """Hear of progress within an epoch, a few times a second; every few seconds where parameters are many."""

    def on_epoch(self, record: EpochRecord) -> bool | None:
        """Hear of an epoch's end; return True to end the training."""
        return None

    def on_notice(self, sentence: str) -> None:
        """Hear that something looks wrong, though the training goes on."""


EpochFunction = Callable[[EpochRecord], bool | None]


class Callbacks(Callback):
    """Several callbacks as one."""

    def __init__(self, callbacks: Sequence[Callback | EpochFunction]) -> None:
        self._callbacks = [each if isinstance(each, Callback) else _EpochCallback(each) for each in callbacks]

    def on_progress(self, progress: Progress) -> None:
        """Tell all of them."""
        for callback in self._callbacks:
            callback.on_progress(progress)

    def on_epoch(self, record: EpochRecord) -> bool:
        """Tell all of them, and say whether any wants to end."""
        answers = [callback.on_epoch(record) for callback in self._callbacks]  # all are asked, before any is heeded
        return True in answers

    def on_notice(self, sentence: str) -> None:
        """Tell all of them."""
        for callback in self._callbacks:
            callback.on_notice(sentence)


class _EpochCallback(Callback):
    def __init__(self, function: EpochFunction) -> None:
        self._function = function

    def on_epoch(self, record: EpochRecord) -> bool | None:
        return self._function(record)
