"""scikit-learn's MLPClassifier, an epoch by a call of ``partial_fit``: checks of the input, shuffle and gather included.

It draws its own first weights and order. So that it trains what the others train, it is handed theirs at the two places
where it draws; nothing else of it is touched.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.peer import Predictor, Trainer, installed
from benchmarks.problems import PredictionProblem, TrainingProblem
from pellucid.equations.parameters import Indices, Layer, Layers

NAME = "scikit-learn"
VARIANTS: tuple[str, ...] = ("",)

ONE_OUTPUT = "one logistic output where the others have two of softmax"
OTHER_EPSILON = "its Adam adds ε before v is corrected"


def version() -> str | None:
    return installed("scikit-learn")


class _GivenOrder(np.random.RandomState):
    """A generator whose shuffle brings things into the order that it was given."""

    order: Indices

    def shuffle(self, x: Any) -> None:
        x[:] = self.order


def trainer(problem: TrainingProblem, variant: str, threads: int) -> Trainer | None:
    """Its products are NumPy's, which has been told of ``threads`` already."""
    classes = np.arange(problem.architecture.outputs)
    remarks = {ONE_OUTPUT: len(classes) == 2, OTHER_EPSILON: problem.optimizer.name == "adam"}
    random = _GivenOrder()
    model = _classifier(problem, random)
    x, y = problem.x, problem.data.y

    def epoch(order: Indices) -> float:
        random.order = order
        model.partial_fit(x, y, classes=classes)
        return float(model.loss_)

    return Trainer(
        problem.dtype, epoch, lambda: _layers(model), "; ".join(remark for remark in remarks if remarks[remark])
    )


def predictor(problem: PredictionProblem, variant: str, threads: int) -> Predictor | None:
    classes = np.arange(problem.architecture.outputs)
    model = import_module("sklearn.neural_network").MLPClassifier([len(b) for _, b in problem.layers[:-1]])
    model.partial_fit(problem.x[:1], classes[:1], classes=classes)  # so that it has everything but these layers
    model.coefs_ = [np.ascontiguousarray(W.T) for W, _ in problem.layers]
    model.intercepts_ = [b for _, b in problem.layers]

    def predict() -> NDArray[Any]:
        p: NDArray[Any] = model.predict_proba(problem.x)
        return p

    return Predictor("float32", predict)


def _classifier(problem: TrainingProblem, random: Any) -> Any:
    base: Any = import_module("sklearn.neural_network").MLPClassifier
    given = iter(problem.first_layers)

    class Classifier(base):  # type: ignore[misc, unused-ignore]
        def _init_coef(self, fan_in: int, fan_out: int, dtype: Any) -> tuple[Any, Any]:
            W, b = next(given)
            W, b = W[-fan_out:], b[-fan_out:]  # of two outputs it has one
            return W.T.astype(dtype), b.astype(dtype)

    return Classifier(
        [len(b) for _, b in problem.first_layers[:-1]],
        solver=problem.optimizer.name,
        learning_rate_init=problem.learning_rate,
        batch_size=problem.batch_size,
        alpha=0,
        momentum=0,
        nesterovs_momentum=False,
        random_state=random,
    )


def _layers(model: Any) -> Layers:
    layers = [Layer(W.T.copy(), b.copy()) for W, b in zip(model.coefs_, model.intercepts_, strict=True)]
    last = layers[-1]
    if len(last.b) == 1:  # logistic(z) is softmax over 0 and z
        layers[-1] = Layer(np.vstack([0 * last.W, last.W]), np.concatenate([0 * last.b, last.b]))
    return tuple(layers)
