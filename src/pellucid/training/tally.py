"""How good a network is on labelled examples that come portion by portion: sums, in place of the logits of all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.engines import Engine
from pellucid.equations.architecture import Architecture
from pellucid.equations.metrics import (
    CalibrationBin,
    Confusion,
    calibration_of,
    most_confused,
    precision_and_recall,
)
from pellucid.equations.parameters import Indices, Layers
from pellucid.training.evaluation import evaluate
from pellucid.training.mistakes import MOST_SHOWN, Shown, shown_of, surest


@dataclass(frozen=True, eq=False)
class Tally:
    """What an ``Evaluation`` says, of single examples but a few: the number of them, the mean loss, the confusion matrix
    (k, k), the sums that the calibration is made of, and the surest mistakes.
    """

    n: int
    loss: float
    confusion: NDArray[np.int64]
    calibration_sums: NDArray[np.float64]
    shown: Shown

    @property
    def unanswered(self) -> int:
        """How many examples are taken for no class, as of an ``Evaluation``."""
        return self.n - int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Share of examples classified rightly, 0…1."""
        return int(self.confusion.trace()) / self.n

    @cached_property
    def precision_and_recall(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """One number a class each; NaN where undefined."""
        return precision_and_recall(self.confusion)

    @cached_property
    def calibration(self) -> tuple[float, list[CalibrationBin]]:
        """Expected calibration error, and its bins."""
        return calibration_of(self.calibration_sums)

    def most_confused(self, n: int = 3) -> list[Confusion]:
        """Give the ``n`` most frequent mistakes."""
        return most_confused(self.confusion, n)


def tally(
    engine: Engine,
    architecture: Architecture,
    layers: Layers,
    portions: Iterable[tuple[NDArray[Any], Indices]],
    most_shown: int = MOST_SHOWN,
) -> Tally:
    """Run labelled examples through a network that tells classes apart: portions of X (n, d), y (n,); at least one.

    So many mistakes are kept at most.
    """
    n, loss = 0, 0.0
    confusion: Any = 0
    sums: Any = 0
    shown: Shown | None = None
    for X, y in portions:
        found = evaluate(engine, architecture, layers, X, y)
        ours = shown_of(found, X, y, most_shown, first_row=n)
        shown = ours if shown is None else surest(shown, ours, most_shown)
        n, loss = n + len(y), loss + found.loss * len(y)
        confusion = confusion + found.confusion
        sums = sums + found.calibration_sums
    assert shown is not None, "there is at least one portion"
    return Tally(n, loss / n, confusion, sums, shown)
