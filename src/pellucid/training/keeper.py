"""When a training keeps what it has reached: at the end of each epoch, and within one every so many seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf, isnan

from pellucid.errors import SettingError
from pellucid.training.snapshot import Snapshot

SECONDS_BETWEEN_CHECKPOINTS = 60.0
"""What is lost at most when a process is killed, unless another time is asked for."""


def check_seconds(name: str, seconds: float) -> float:
    """Give a time between two checkpoints back. Raises ``SettingError`` for one that cannot be."""
    if isnan(seconds) or seconds <= 0:
        raise SettingError(f"{name} is {seconds:g}", "a positive number of seconds", "Try 60.")
    return seconds


class Keeper:
    """Hands snapshots on, and knows when the next one is due: so many seconds after the last; never, unless told.

    >>> kept = []
    >>> often, never = Keeper(kept.append, seconds=1e-9), Keeper(kept.append)
    >>> often.due(), never.due()
    (True, False)
    """

    def __init__(self, keep: Callable[[Snapshot], None], seconds: float = inf) -> None:
        self._keep, self.seconds = keep, seconds
        self._last = time.monotonic()

    def left(self) -> float:
        """Give the seconds until the next one is due, 0 where it is."""
        return max(self.seconds - (time.monotonic() - self._last), 0.0)

    def due(self) -> bool:
        """Say whether it is time."""
        return self.left() == 0

    def keep(self, snapshot: Snapshot) -> None:
        """Hand a snapshot on, and count anew."""
        self._keep(snapshot)
        self._last = time.monotonic()
