"""What a network's outputs say: one class of several, yes or no, several labels at once, or numbers.

>>> from pellucid.equations.worked_example import ARCHITECTURE
>>> task_of(ARCHITECTURE, ("no", "yes"))
<Task.ONE_OF_SEVERAL: 'one of several'>
>>> check_classes(ARCHITECTURE, ("no", "no"))
Traceback (most recent call last):
    ...
pellucid.errors.ShapeError: got 1 different classes; expected 2, one an output.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from pellucid.equations.architecture import Architecture
from pellucid.equations.losses import Loss
from pellucid.equations.parameters import Array
from pellucid.errors import SettingError, ShapeError

Classes = tuple[str, ...] | tuple[int, ...] | tuple[float, ...] | tuple[bool, ...]
"""Labels, all of one kind."""


class Task(Enum):
    """What a network was trained to tell."""

    ONE_OF_SEVERAL = "one of several"
    YES_OR_NO = "yes or no"
    SEVERAL_LABELS = "several labels"
    NUMBERS = "numbers"


def task_of(architecture: Architecture, classes: Sequence[Any]) -> Task:
    """Say what the outputs mean: a single logistic output tells two classes apart, several are labels of their own."""
    if architecture.loss.of_classes:
        return Task.ONE_OF_SEVERAL
    if architecture.output == "logistic":
        return Task.YES_OR_NO if architecture.outputs == 1 and len(classes) == 2 else Task.SEVERAL_LABELS
    return Task.NUMBERS


def are_labels(labels: Sequence[Any]) -> TypeGuard[Classes]:
    """Say whether labels are all words, all whole numbers, all numbers, or all true or false."""
    return any(all(type(label) is kind for label in labels) for kind in (int, str, float, bool))


def check_classes(architecture: Architecture, classes: Sequence[Any]) -> None:
    """Raise ``ShapeError`` unless the classes are different and as many as the outputs tell apart."""
    task = task_of(architecture, classes)
    wanted = {Task.YES_OR_NO: 2, Task.NUMBERS: 0}.get(task, architecture.outputs)
    if not len(set(classes)) == len(classes) == wanted:
        expected = {Task.YES_OR_NO: "2", Task.NUMBERS: "none, as the outputs are numbers"}
        raise ShapeError(
            f"got {len(set(classes))} different classes",
            expected.get(task, f"{wanted}, one an output"),
        )


def labels_as_array(classes: Classes) -> NDArray[Any]:
    """Make an array (k,) of labels that tells them apart: whole numbers that no type of NumPy holds together stay Python's.

    >>> labels_as_array((7, -1)).dtype.kind, labels_as_array((0.5, 7)).dtype.kind, labels_as_array((7, 2**63 + 1)).dtype.kind
    ('i', 'f', 'O')
    """
    labels = np.asarray(classes)
    whole = labels.dtype.kind == "f" and all(isinstance(label, int) for label in classes)
    return np.array(classes, object) if whole else labels


def probabilities(task: Task, loss: Loss, p: Array) -> Array:
    """Give a column a class: outputs p (n, k) → (n, k), or (n, 2) for yes or no. Raises ``SettingError`` for numbers.

    >>> from pellucid.equations.losses import BinaryCrossEntropy
    >>> probabilities(Task.YES_OR_NO, BinaryCrossEntropy(), np.array([[0.25]]))
    array([[0.75, 0.25]])
    """
    if task is Task.NUMBERS:
        raise SettingError("this network gives numbers, not probabilities", advice="Try predict.")
    return np.concatenate([1 - p, p], axis=1) if task is Task.YES_OR_NO else loss.probabilities(p)


def answers(task: Task, z: Array, p: Array, labels: NDArray[Any]) -> NDArray[Any]:
    """Give what the last z and the outputs p say: labels (n,); 0 or 1 (n, k) for several labels; numbers (n,) or (n, k).

    >>> answers(Task.SEVERAL_LABELS, np.array([[2.0, -1.0]]), np.array([[0.88, 0.27]]), np.arange(2))
    array([[1, 0]])
    """
    if task is Task.ONE_OF_SEVERAL:
        winners: NDArray[Any] = labels.take(z.argmax(axis=1))
        return winners
    if task is Task.YES_OR_NO:
        return labels.take((z[:, 0] > 0).astype(np.intp))
    if task is Task.SEVERAL_LABELS:
        return (z > 0).astype(np.intp)
    return p[:, 0] if p.shape[1] == 1 else p
