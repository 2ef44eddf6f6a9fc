"""Random networks with their batches, arrays that cannot be written to, and the mathematics once more without arrays."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.parameters import Layer, Layers
from pellucid.equations.scaling import Scaling


class Problem(NamedTuple):
    """A network and a batch, all read-only."""

    architecture: Architecture
    layers: Layers
    X: NDArray[Any]
    y: NDArray[Any]
    w: NDArray[Any] | None


@pytest.fixture(scope="session")
def frozen():
    """Make a read-only copy: a function that writes to its argument fails."""

    def freeze(array, dtype=None):
        copy = np.array(array, dtype)
        copy.flags.writeable = False
        return copy

    return freeze


@pytest.fixture(scope="session")
def problem_of(frozen):
    """Draw a network and a batch of given sizes; with ``weighted``, the examples have weights from 0.1 to 3."""

    def draw(widths, n, seed=0, weighted=False, dtype=np.float64):
        rng = np.random.default_rng(seed)
        offset, scale = rng.normal(size=widths[0]), rng.uniform(0.2, 5.0, size=widths[0])
        architecture = Architecture(
            (widths[0],),
            tuple(Hidden(width) for width in widths[1:-1]),
            widths[-1],
            scaling=Scaling(tuple(offset.tolist()), tuple(scale.tolist())),
        )
        layers = tuple(
            Layer(
                frozen(rng.normal(size=shape) * np.sqrt(2 / shape[1]), dtype),
                frozen(rng.normal(size=shape[0]) * 0.3, dtype),
            )
            for shape in architecture.weight_shapes
        )
        return Problem(
            architecture,
            layers,
            frozen(offset + scale * rng.normal(size=(n, widths[0])), dtype),
            frozen(rng.integers(0, widths[-1], n)),
            frozen(rng.uniform(0.1, 3.0, n), dtype) if weighted else None,
        )

    return draw


@pytest.fixture(scope="session")
def by_loops():
    """Compute loss and gradients with Python's numbers, lists and loops: an independent computation."""
    return _loss_and_gradients_by_loops


def _loss_and_gradients_by_loops(problem):
    offset, scale = problem.architecture.scaling.offset, problem.architecture.scaling.scale
    layers = [(W.tolist(), b.tolist()) for W, b in problem.layers]
    rows, labels = problem.X.tolist(), problem.y.tolist()
    weights = [1.0] * len(rows) if problem.w is None else problem.w.tolist()
    total = math.fsum(weights)
    losses = []
    gradients = [([[0.0] * len(W[0]) for _ in W], [0.0] * len(b)) for W, b in layers]
    for row, label, weight in zip(rows, labels, weights, strict=True):
        inputs = [[(row[i] - offset[i]) / scale[i] for i in range(len(row))]]
        for number, (W, b) in enumerate(layers):
            z = [math.fsum([*(W[j][i] * a for i, a in enumerate(inputs[-1])), b[j]]) for j in range(len(b))]
            inputs.append([v if v > 0 else 0.0 for v in z] if number < len(layers) - 1 else z)
        z = inputs[-1]
        losses.append(weight * math.log(math.fsum(math.exp(v - z[label]) for v in z)))
        p = [1 / math.fsum(math.exp(other - v) for other in z) for v in z]
        d = [(weight / total) * (p[j] - (1.0 if j == label else 0.0)) for j in range(len(p))]
        for (W, _), (dW, db), a in reversed([*zip(layers, gradients, inputs, strict=False)]):
            for j in range(len(W)):
                db[j] += d[j]
                for i in range(len(a)):
                    dW[j][i] += d[j] * a[i]
            d = [math.fsum(d[j] * W[j][i] for j in range(len(W))) if a[i] > 0 else 0.0 for i in range(len(a))]
    return math.fsum(losses) / total, gradients


@pytest.fixture(scope="session")
def rounding():
    """Bound the rounding errors of a problem's loss and of each of its gradients.

    Every sum of k terms errs by at most k ε times the sum of the terms' absolute values. So the computation is made once
    with absolute values throughout; its results, times ε, times the number of terms along the longest path, are the bound.
    """

    def bound(problem, epsilon):
        scaling = problem.architecture.scaling
        x = (np.abs(problem.X) + np.abs(scaling.offset)) / np.abs(scaling.scale)
        inputs = [x.astype(np.float64)]
        for W, b in problem.layers:
            inputs.append(inputs[-1] @ np.abs(W.T) + np.abs(b))
        logits = inputs.pop()
        terms = sum(problem.architecture.widths) + len(problem.X) + 20
        unit = 2 * epsilon * terms * (1 + logits.max())
        w = np.ones(len(problem.X)) if problem.w is None else problem.w
        d = np.repeat((w / w.sum())[:, np.newaxis], logits.shape[1], axis=1)
        gradients = []
        for (W, _), a in zip(reversed(problem.layers), reversed(inputs), strict=True):
            gradients.append(Layer(unit * (d.T @ a), unit * d.sum(axis=0)))
            d = d @ np.abs(W)
        return unit * (1 + logits.max()), tuple(reversed(gradients))

    return bound
