"""How good a network is: accuracy, confusion, precision and recall, calibration; and whether its neurons still live."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.equations.network import Trace
from pellucid.equations.parameters import Array, Indices


def taken_for(z: Array) -> Indices:
    """Say what each example is taken for: the class of the largest logit (or probability), the first of several largest.

    Shapes: z (n, k) → (n,); −1, no class, where one of them is infinite or NaN. Raises nothing.

    >>> taken_for(np.array([[0.8, -0.51], [0.1, 0.2], [np.nan, 0.0]]))
    array([ 0,  1, -1])

    Source: folklore.
    """
    return np.where(np.isfinite(z).all(axis=1), z.argmax(axis=1), -1)


def accuracy(z: Array, y: Indices) -> float:
    """Count the share of examples whose largest logit (or probability) is that of their class.

    Equation [accuracy]::

        accuracy = #{r : argmax z_r = y_r} / n

    Shapes: z (n, k), y (n,) → a number from 0 to 1; as ``taken_for`` decides. Raises nothing.

    >>> accuracy(np.array([[0.8, -0.51], [0.1, 0.2], [1.0, 0.0], [0.0, 3.0]]), np.array([1, 1, 0, 1]))
    0.75

    Source: folklore.
    """
    return float(np.mean(taken_for(z) == y))


def confusion_matrix(y: Indices, predicted: Indices, n_classes: int) -> NDArray[np.int64]:
    """Count for each class what its examples were taken for.

    Equation [confusion]::

        C_ij = number of examples of class i that were taken for class j

    Shapes: y (n,), predicted (n,) → (k, k). The diagonal is what is right; examples that are taken for no class (−1) are
    left out. Raises nothing.

    >>> confusion_matrix(np.array([0, 0, 1, 2]), np.array([0, 2, 1, 2]), n_classes=3)
    array([[1, 0, 1],
           [0, 1, 0],
           [0, 0, 1]])

    Source: folklore.
    """
    cells = (y.astype(np.int64) * n_classes + predicted.astype(np.int64))[predicted >= 0]
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)


class Confusion(NamedTuple):
    """A pair of classes that a network takes for each other, and how often."""

    true: int
    taken_for: int
    times: int


def most_confused(confusion: NDArray[np.int64], n: int) -> list[Confusion]:
    """List the ``n`` most frequent mistakes, the worst first; pairs that never occur are left out.

    Shapes: confusion (k, k) → up to n records. Raises nothing.

    >>> most_confused(np.array([[5, 0, 2], [1, 6, 0], [0, 0, 7]]), n=5)
    [Confusion(true=0, taken_for=2, times=2), Confusion(true=1, taken_for=0, times=1)]

    Source: folklore.
    """
    mistakes = confusion - np.diag(np.diag(confusion))
    worst = np.argsort(-mistakes, axis=None, kind="stable")[:n]
    pairs = (
        Confusion(int(place) // len(confusion), int(place) % len(confusion), int(mistakes.flat[place]))
        for place in worst
    )
    return [pair for pair in pairs if pair.times]


def precision_and_recall(confusion: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measure each class twice: how often its name was right when given, and how many of its examples were found.

    Equation [precision]::

        precision_j = C_jj / Σ_i C_ij        recall_i = C_ii / Σ_j C_ij

    Shapes: confusion (k, k) → (k,), (k,). NaN for a class never named, or without examples. Raises nothing.

    >>> precision, recall = precision_and_recall(np.array([[3, 1], [1, 1]]))
    >>> precision, recall
    (array([0.75, 0.5 ]), array([0.75, 0.5 ]))

    Source: van Rijsbergen: Information Retrieval, 2nd edition, 1979, chapter 7.
    """
    right = np.diag(confusion).astype(np.float64)
    undefined = np.full(len(right), np.nan)
    named, present = confusion.sum(axis=0), confusion.sum(axis=1)
    precision = np.divide(right, named, out=undefined.copy(), where=named > 0)
    recall = np.divide(right, present, out=undefined.copy(), where=present > 0)
    return precision, recall


class CalibrationBin(NamedTuple):
    """The examples whose confidence lies in one interval: how many, how sure on the mean, how often right."""

    examples: int
    confidence: float
    accuracy: float


def calibration(p: Array, y: Indices, n_bins: int = 15) -> tuple[float, list[CalibrationBin]]:
    """Ask whether 90 % sure means right nine times in ten.

    Equation [ece]::

        ECE = Σ_bins (n_bin / n) |accuracy_bin − confidence_bin|

    The confidence is the largest probability; the bins divide (0, 1] evenly; empty bins are left out.

    Shapes: p (n, k), y (n,) → a number from 0 to 1, the bins from unsure to sure. Raises nothing.

    >>> p = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.8, 0.2]])
    >>> error, bins = calibration(p, np.array([0, 1, 1, 0]), n_bins=2)
    >>> round(error, 6), bins[0].examples
    (0.05, 4)

    Source: Guo et al., ICML 2017 (arXiv:1706.04599), equation 3.
    """
    return calibration_of(calibration_sums(p, y, n_bins))


def calibration_sums(p: Array, y: Indices, n_bins: int = 15) -> NDArray[np.float64]:
    """Sum up what [ece] is made of; the sums of several batches are added.

    Shapes: p (n, k), y (n,) → (n_bins, 3): of each bin the examples, the sum of their confidences, how many are right.
    Raises nothing.

    >>> calibration_sums(np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([0, 0]), n_bins=2)
    array([[0. , 0. , 0. ],
           [2. , 1.5, 1. ]])

    Source: as ``calibration``.
    """
    confidence = p.max(axis=1).astype(np.float64)
    right = p.argmax(axis=1) == y
    places = np.clip(np.ceil(confidence * n_bins).astype(np.int64) - 1, 0, n_bins - 1)
    sums = np.zeros((n_bins, 3))
    for place in np.unique(places):
        inside = places == place
        sums[place] = inside.sum(), confidence[inside].sum(), right[inside].sum()
    return sums


def calibration_of(sums: NDArray[np.float64]) -> tuple[float, list[CalibrationBin]]:
    """Give what ``calibration`` does, of such sums.

    Shapes: (n_bins, 3) → a number from 0 to 1, NaN of no example; the bins from unsure to sure. Raises nothing.

    >>> calibration_of(np.array([[0.0, 0.0, 0.0], [2.0, 1.5, 1.0]]))
    (0.25, [CalibrationBin(examples=2, confidence=0.75, accuracy=0.5)])

    Source: as ``calibration``.
    """
    bins = [CalibrationBin(int(n), float(sure / n), float(right / n)) for n, sure, right in sums if n]
    n = sum(each.examples for each in bins)
    error = sum(each.examples * abs(each.accuracy - each.confidence) for each in bins)
    return error / n if n else float("nan"), bins


def dead_layers(trace: Trace) -> list[int]:
    """Find hidden layers of which no neuron is on for any example: nothing passes, so nothing below can learn.

    Shapes: a Trace of n examples → layer numbers, from 1. Raises nothing.

    >>> from pellucid.equations.network import forward
    >>> from pellucid.equations.worked_example import ARCHITECTURE, LAYERS, X
    >>> dead_layers(forward(ARCHITECTURE, LAYERS, X))
    []

    Source: the equation [dz]: where every z ≤ 0, every dz is 0.
    """
    return [number for number, layer in enumerate(trace.layers[:-1], start=1) if not layer.a.any()]


def dead_neurons(trace: Trace) -> list[tuple[int, ...]]:
    """Find the neurons that are off for every example, hidden layer by hidden layer: nothing reaches their weights.

    Shapes: a Trace of n examples → the places of the dead neurons, from 0, one tuple a hidden layer. Raises nothing.

    >>> from pellucid.equations.network import forward
    >>> from pellucid.equations.worked_example import ARCHITECTURE, LAYERS, X
    >>> dead_neurons(forward(ARCHITECTURE, LAYERS, X))
    [(1,), (1,)]

    Source: the equation [dz]: where every z ≤ 0, every dz is 0.
    """
    return [tuple(np.flatnonzero(~layer.a.any(axis=0)).tolist()) for layer in trace.layers[:-1]]
