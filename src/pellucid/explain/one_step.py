"""One step of training on one example: what is computed, and which of it is shown.

In a small network every number is shown. In a large one a path is followed that hangs together: from the true class down to
the neuron that speaks loudest for it or against it, to the loudest below that, to the loudest input.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.equations.architecture import Architecture
from pellucid.equations.network import BackwardStep, Trace, backward_steps, forward, loss_and_gradients
from pellucid.equations.optimizers import SGD
from pellucid.equations.parameters import Layers
from pellucid.explain.explanation import ALL_SHOWN
from pellucid.explain.formula import Symbol
from pellucid.explain.neuron import in_float64


class OneStep:
    """All that is computed of one step of [sgd] on one example, once; and the elements of which the numbers are shown."""

    def __init__(
        self, architecture: Architecture, layers: Layers, X: NDArray[Any], y: Any, learning_rate: float
    ) -> None:
        self.architecture, self.X, self.learning_rate = architecture, X, learning_rate
        self.layers: Layers = in_float64(layers)
        self.y: Any = np.array([y]) if architecture.loss.of_classes else np.array(y, np.float64).reshape(1, -1)
        with np.errstate(over="ignore", invalid="ignore"):  # at a high rate the loss after the step may not be finite
            self._compute()
        self.L = len(layers)
        self.path = self._path()

    def _compute(self) -> None:
        architecture = self.architecture
        self.trace: Trace = forward(architecture, self.layers, self.X)
        self.back: list[BackwardStep] = [*backward_steps(architecture, self.layers, self.trace, self.y)][::-1]
        self.gradients = tuple(step.gradient for step in self.back)
        self.after, _ = SGD().step(self.layers, self.gradients, (), t=1, learning_rate=self.learning_rate)
        self.loss = architecture.loss.of_batch(self.trace.logits, self.y)
        self.loss_after, _ = loss_and_gradients(architecture, self.after, self.X, self.y)

    def _path(self) -> list[int]:
        """Choose the elements that a large network shows: of x, a₁, …, and of the outputs."""
        place = int(self.y[0]) if self.architecture.loss.of_classes else 0
        path = [place]
        for (W, _), seen in zip(self.layers[::-1], self.trace.layers[::-1], strict=True):
            place = int(np.abs(W[place] * seen.inputs[0]).argmax())
            path.append(place)
        return path[::-1]

    def places(self, k: int) -> list[int]:
        """The elements of layer k (0: the inputs) that are shown with their numbers."""
        width = self.architecture.widths[k]
        return [*range(width)] if self.is_small(k) else [self.path[k]]

    def is_small(self, k: int) -> bool:
        """Say whether all of layer k is shown: where its matrix, too, fits on a screen."""
        widths = self.architecture.widths
        return max(widths[k], widths[k] * widths[max(k - 1, 0)] if k else widths[k]) <= ALL_SHOWN

    def below(self, k: int) -> Symbol:
        """The symbol of what layer k sees."""
        return Symbol("a", k - 1) if k > 1 else Symbol("x")

    def classes_shown(self) -> list[int]:
        """The classes whose probabilities are shown: all, or the true one and the likeliest."""
        if self.is_small(self.L):
            return [*range(self.architecture.outputs)]
        return [*dict.fromkeys([int(self.y[0]), int(self.trace.logits[0].argmax())])]

    def weights_shown(self, k: int) -> list[tuple[int, int]]:
        """The elements of the weights of layer k that are shown: all, or the one on the path."""
        if self.is_small(k):
            return [(j, i) for j in self.places(k) for i in range(self.architecture.widths[k - 1])]
        return [(self.path[k], self.path[k - 1])]
