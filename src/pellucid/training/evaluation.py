"""How good a network is on labelled examples, in one record."""

from __future__ import annotations

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
    accuracy,
    calibration,
    confusion_matrix,
    most_confused,
    precision_and_recall,
)
from pellucid.equations.parameters import Array, Indices, Layers
from pellucid.equations.softmax_cross_entropy import cross_entropy, softmax


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The logits of labelled examples; everything else is computed from them when it is asked for."""

    logits: Array
    y: Indices

    @cached_property
    def loss(self) -> float:
        """Mean cross-entropy, in nats; infinite or NaN where a logit is."""
        with np.errstate(invalid="ignore", over="ignore"):
            return cross_entropy(self.logits, self.y)

    @cached_property
    def accuracy(self) -> float:
        """Share of examples classified rightly, 0…1."""
        return accuracy(self.logits, self.y)

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """Row: the true class; column: what it was taken for."""
        return confusion_matrix(self.y, self.logits.argmax(axis=1), self.logits.shape[1])

    @cached_property
    def precision_and_recall(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """One number a class each; NaN where undefined."""
        return precision_and_recall(self.confusion)

    @cached_property
    def calibration(self) -> tuple[float, list[CalibrationBin]]:
        """Expected calibration error, and its bins."""
        return calibration(softmax(self.logits), self.y)

    def most_confused(self, n: int = 3) -> list[Confusion]:
        """Give the ``n`` most frequent mistakes."""
        return most_confused(self.confusion, n)


def evaluate(engine: Engine, architecture: Architecture, layers: Layers, X: NDArray[Any], y: Indices) -> Evaluation:
    """Run labelled examples through a network: X (n, d), y (n,)."""
    with np.errstate(invalid="ignore", over="ignore"):
        return Evaluation(engine.logits(architecture, layers, X), y)
