"""What happened, epoch by epoch: one frozen record each, and one line of JSON each on the disk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class EpochRecord:
    """One epoch. ``loss`` (nats, where classes are learned) and ``accuracy`` (0…1; None where numbers are learned) are
    those of the training examples as they went by, each before its step; the validation figures are taken at the end of
    the epoch, and None without a validation part. ``validation_score`` is a measure of the user's. ``learning_rate`` is
    that of the last step; ``seconds`` is the time of the training pass alone.
    """

    epoch: int
    loss: float
    accuracy: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    learning_rate: float
    seconds: float
    rows_per_second: float
    validation_score: float | None = None


History = tuple[EpochRecord, ...]


def to_json_lines(history: Iterable[EpochRecord]) -> str:
    """Write a history, a line an epoch.

    >>> record = EpochRecord(1, 0.3, 0.9, None, None, 0.1, 0.5, 120000.0)
    >>> from_records(json.loads(line) for line in to_json_lines([record]).splitlines()) == (record,)
    True
    """
    return "".join(json.dumps(asdict(record)) + "\n" for record in history)


def from_records(records: Iterable[Mapping[str, Any]]) -> History:
    """Read a history from JSON records. Raises ``TypeError`` where one has other fields."""
    return tuple(EpochRecord(**record) for record in records)
