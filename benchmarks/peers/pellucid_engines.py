"""Pellucid itself: each engine that this installation has, in each precision that the engine has.

X is handed over in the units of the data; to scale it is part of what is timed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.peer import Predictor, Trainer
from benchmarks.problems import PredictionProblem, TrainingProblem
from pellucid import Network, __version__
from pellucid.engines import Engine, State, available, choose
from pellucid.equations.parameters import Indices, Layer

NAME = "Pellucid"
VARIANTS: tuple[str, ...] = tuple(
    f"{name} {precision}" for name in available() for precision in choose(name).engine.precisions
)


def version() -> str | None:
    return __version__


def trainer(problem: TrainingProblem, variant: str, threads: int) -> Trainer | None:
    name, precision = variant.split()
    if precision != problem.dtype and (precision, problem.dtype) != ("bfloat16", "float32"):
        return None
    engine = _engine(name, precision, threads)
    state = State(problem.first_layers, problem.optimizer.initial_moments(problem.first_layers))
    X, y, size = problem.data.X, problem.data.y, problem.batch_size
    rates = np.full(problem.steps, problem.learning_rate)

    def epoch(order: Indices) -> float:
        nonlocal state
        outcome = engine.run(problem.architecture, problem.optimizer, state, X, y, order, rates, batch_size=size)
        state = outcome.state
        sizes = np.full(problem.steps, size)
        sizes[-1] = len(order) - size * (problem.steps - 1)
        return float(np.average(outcome.losses, weights=sizes))

    return Trainer(precision, epoch, lambda: state.layers)


def predictor(problem: PredictionProblem, variant: str, threads: int) -> Predictor | None:
    name, precision = variant.split()
    engine = _engine(name, precision, threads)
    dtype = "float64" if precision == "float64" else "float32"
    layers = tuple(Layer(W.astype(dtype), b.astype(dtype)) for W, b in problem.layers)
    network, X = Network(problem.architecture, layers, engine=engine), problem.X

    def predict() -> NDArray[Any]:
        return network.predict_proba(X)

    return Predictor(precision, predict)


def _engine(name: str, precision: str, threads: int) -> Engine:
    return choose(name, threads=threads).engine.at(precision)
