"""How good a network is on labelled examples, in one record."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.engines import Engine
from pellucid.equations.architecture import Architecture
from pellucid.equations.losses import CrossEntropy, Loss, Targets
from pellucid.equations.metrics import (
    CalibrationBin,
    Confusion,
    calibration_of,
    calibration_sums,
    confusion_matrix,
    most_confused,
    precision_and_recall,
    taken_for,
)
from pellucid.equations.parameters import Array, Indices, Layers


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The logits of examples that are of one class of several; everything else is computed from them when asked for."""

    logits: Array
    y: Indices
    measure: Loss = field(default_factory=CrossEntropy)

    @property
    def n(self) -> int:
        """The number of examples."""
        return len(self.y)

    @cached_property
    def loss(self) -> float:
        """Mean of what training makes small (cross-entropy: in nats); infinite or NaN where a logit is."""
        with np.errstate(invalid="ignore", over="ignore"):
            return self.measure.of_batch(self.logits, self.y)

    @cached_property
    def taken_for(self) -> Indices:
        """The class that each example is taken for; −1, none, where a number in it was too large to compute with."""
        return taken_for(self.logits)

    @property
    def unanswered(self) -> int:
        """How many examples are taken for no class: they count as wrong, and are in no cell of the confusion matrix."""
        return int(np.count_nonzero(self.taken_for < 0))

    @cached_property
    def accuracy(self) -> float:
        """Share of examples classified rightly, 0…1."""
        return float(np.mean(self.taken_for == self.y))

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """Row: the true class; column: what it was taken for."""
        return confusion_matrix(self.y, self.taken_for, self.logits.shape[1])

    @cached_property
    def precision_and_recall(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """One number a class each; NaN where undefined."""
        return precision_and_recall(self.confusion)

    @cached_property
    def calibration_sums(self) -> NDArray[np.float64]:
        """What the calibration is made of, of the examples that are taken for a class."""
        rows = np.flatnonzero(self.taken_for >= 0)
        return calibration_sums(self._probabilities(rows), self.y[rows])

    @cached_property
    def calibration(self) -> tuple[float, list[CalibrationBin]]:
        """Expected calibration error, and its bins."""
        return calibration_of(self.calibration_sums)

    @cached_property
    def mistakes(self) -> tuple[Indices, NDArray[np.float64]]:
        """The rows that are taken for what they are not, the surest first, and how sure the network is of each."""
        rows = np.flatnonzero((self.taken_for != self.y) & (self.taken_for >= 0))
        sure = self._probabilities(rows).max(axis=1, initial=0.0)
        order = np.argsort(-sure, kind="stable")
        return rows[order], sure[order].astype(np.float64)

    def most_confused(self, n: int = 3) -> list[Confusion]:
        """Give the ``n`` most frequent mistakes."""
        return most_confused(self.confusion, n)

    def _probabilities(self, rows: Indices) -> Array:
        return self.measure.probabilities(self.measure.outputs(self.logits[rows]))


def evaluate(engine: Engine, architecture: Architecture, layers: Layers, X: NDArray[Any], y: Indices) -> Evaluation:
    """Run labelled examples through a network that tells classes apart: X (n, d), y (n,) class indices.

    A single logistic output is taken for what it is, a softmax of two logits of which the first is 0.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        logits = engine.logits(architecture, layers, X)
    if architecture.output == "logistic":
        return Evaluation(np.concatenate([np.zeros_like(logits), logits], axis=1), y)
    return Evaluation(logits, y, architecture.loss)


@dataclass(frozen=True)
class Judged:
    """What a validation part says of a network: the loss, the accuracy where classes are learned, a score of the user's."""

    loss: float
    accuracy: float | None = None
    score: float | None = None


def judge(
    engine: Engine,
    architecture: Architecture,
    layers: Layers,
    X: NDArray[Any],
    y: Targets,
    weights: Array | None = None,
) -> Judged:
    """Hold a network of any kind against examples with their targets, as the engine takes them."""
    loss = architecture.loss
    with np.errstate(invalid="ignore", over="ignore"):
        z = engine.logits(architecture, layers, X)
        accuracy = loss.rightly_classified(z, y) / len(z) if loss.decides else None
        return Judged(loss.of_batch(z, y, weights), accuracy)
