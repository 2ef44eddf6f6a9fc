"""The protocol: all take turns in one process, for several rounds.

A machine slows down now and then, for everybody. So what counts is not a time but the ratio of two times of one round, and
of these the median. Each round begins with another contestant. Before each turn there is a short rest, in which the threads
of the last one, which spin for a while when their work is done, fall asleep.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

REST = 0.1


@dataclass
class Contestant:
    """Somebody who takes turns.

    ``turn`` takes the number of the round, 0 to warm up, and gives the figure that is compared: seconds, or what the
    problem asks for. ``about`` is asked at the end: accuracy, loss, and what else there is to say.
    """

    name: str
    peer: str
    version: str
    precision: str
    turn: Callable[[int], float]
    about: Callable[[], Mapping[str, Any]]
    figures: list[float] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.figures)

    def ratio_to(self, other: Contestant) -> float:
        """How many times the other's figure this one's is: the median of the rounds' ratios."""
        return statistics.median(mine / theirs for mine, theirs in zip(self.figures, other.figures, strict=True))

    def record(self) -> dict[str, Any]:
        """What is kept of it."""
        return {
            "name": self.name,
            "peer": self.peer,
            "version": self.version,
            "precision": self.precision,
            "median": self.median,
            "figures": self.figures,
            "cores": statistics.median(self.cores),
            **self.about(),
        }


def take_turns(contestants: list[Contestant], rounds: int) -> dict[str, str]:
    """Warm all up, and let them take turns: → who could not, and why. They are taken off the list."""
    failed = {}
    for contestant in list(contestants):
        try:
            contestant.turn(0)
        except Exception as error:  # one library that fails is no reason to learn nothing of the others
            print(f"{contestant.name} failed: {error}", file=sys.stderr)
            failed[contestant.name] = f"failed ({type(error).__name__})"
            contestants.remove(contestant)
    for number in range(1, rounds + 1):
        first = number % max(1, len(contestants))
        for contestant in contestants[first:] + contestants[:first]:
            time.sleep(REST)
            wall, processor = time.perf_counter(), time.process_time()
            contestant.figures.append(contestant.turn(number))
            contestant.cores.append((time.process_time() - processor) / (time.perf_counter() - wall))
    return failed
