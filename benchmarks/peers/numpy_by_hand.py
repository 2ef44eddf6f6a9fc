"""NumPy, as one would write it for this network alone: three layers, plain SGD, no names, no records, in place."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.peer import Predictor, Trainer, installed
from benchmarks.problems import PredictionProblem, TrainingProblem
from pellucid.equations.parameters import Indices, Layer, Layers

NAME = "NumPy by hand"
VARIANTS: tuple[str, ...] = ("",)


def version() -> str | None:
    return installed("numpy")


def trainer(problem: TrainingProblem, variant: str, threads: int) -> Trainer | None:
    """BLAS has been told of ``threads`` already."""
    if len(problem.first_layers) != 3 or problem.optimizer.name != "sgd":
        return None
    layers: Layers = problem.first_layers
    x, y = problem.x, problem.data.y

    def epoch(order: Indices) -> float:
        nonlocal layers
        layers, loss = train_an_epoch(layers, x, y, order, problem.batch_size, problem.learning_rate)
        return loss

    return Trainer(problem.dtype, epoch, lambda: layers)


def predictor(problem: PredictionProblem, variant: str, threads: int) -> Predictor | None:
    if len(problem.layers) != 3:
        return None
    (W1, b1), (W2, b2), (W3, b3) = problem.layers
    x = problem.x

    def predict() -> NDArray[Any]:
        a1 = np.maximum(x @ W1.T + b1, 0)
        a2 = np.maximum(a1 @ W2.T + b2, 0)
        z3 = a2 @ W3.T + b3
        e = np.exp(z3 - z3.max(axis=1, keepdims=True))
        p: NDArray[Any] = e / e.sum(axis=1, keepdims=True)
        return p

    return Predictor("float32", predict)


def train_an_epoch(
    layers: Layers, x_all: NDArray[Any], y_all: Indices, order: Indices, batch_size: int, learning_rate: float
) -> tuple[Layers, float]:
    """Train for one epoch: → the layers, and the mean loss."""
    (W1, b1), (W2, b2), (W3, b3) = [(W.copy(), b.copy()) for W, b in layers]
    rate, total = x_all.dtype.type(learning_rate), 0.0
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        x, y = x_all[rows], y_all[rows]
        n = len(rows)
        z1 = x @ W1.T + b1
        a1 = np.maximum(z1, 0)
        z2 = a1 @ W2.T + b2
        a2 = np.maximum(z2, 0)
        z3 = a2 @ W3.T + b3
        e = np.exp(z3 - z3.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        total -= float(np.log(p[np.arange(n), y]).sum())
        d3 = p
        d3[np.arange(n), y] -= 1
        d3 /= n
        d2 = (d3 @ W3) * (z2 > 0)
        d1 = (d2 @ W2) * (z1 > 0)
        W3 -= rate * (d3.T @ a2)
        b3 -= rate * d3.sum(axis=0)
        W2 -= rate * (d2.T @ a1)
        b2 -= rate * d2.sum(axis=0)
        W1 -= rate * (d1.T @ x)
        b1 -= rate * d1.sum(axis=0)
    return (Layer(W1, b1), Layer(W2, b2), Layer(W3, b3)), total / len(order)
