"""To scikit-learn's multilayer perceptrons and back, ready to predict.

``coefs_`` are the transposes of W. scikit-learn's networks do not scale their inputs; so the first layer does it, with
weights computed in float64. Where scikit-learn puts out one probability for two classes, and Pellucid two, the difference
of the two z is that one's z: ``softmax(z)₁ = 1 / (1 + e^−(z₁ − z₀))``.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from pellucid.answers import Classes, Task, task_of
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.losses import BinaryCrossEntropy, CrossEntropy, Loss, Poisson, SquaredError
from pellucid.equations.parameters import Layer, Layers
from pellucid.equations.scaling import Scaling
from pellucid.errors import SettingError
from pellucid.formats.model_file import Model
from pellucid.formats.scaling_in_float32 import folded_into

ACTIVATIONS = ("identity", "logistic", "tanh", "relu")
"""Those that scikit-learn has, by the same names."""

LOSSES_OF_CLASSES = (CrossEntropy.name, BinaryCrossEntropy.name)
"""Those behind whose outputs are the probabilities that scikit-learn gives."""


def to_sklearn(model: Model) -> Any:
    """Make a fitted ``MLPClassifier`` or ``MLPRegressor`` of a network: float64, its settings scikit-learn's defaults.

    Raises ``SettingError`` for a network that scikit-learn has no form for.
    """
    architecture, task = model.architecture, task_of(model.architecture, model.classes)
    settings: dict[str, Any] = {
        "hidden_layer_sizes": tuple(layer.width for layer in architecture.hidden),
        "activation": _one_activation(architecture),
    }
    first, *rest = model.layers
    layers = [
        Layer(*folded_into(architecture.scaling, *first)),
        *(Layer(W.astype(float), b.astype(float)) for W, b in rest),
    ]
    if task is Task.NUMBERS:
        estimator = _regressor(architecture, settings)
    else:
        estimator = _classifier(model, task, settings)
        layers[-1] = _in_order_of_labels(layers[-1], model.classes, task)
    estimator.coefs_ = [np.ascontiguousarray(W.T) for W, _ in layers]
    estimator.intercepts_ = [b.copy() for _, b in layers]
    estimator.n_iter_, estimator.t_, estimator.loss_curve_ = 0, 0, []
    estimator.loss_, estimator.best_loss_ = np.nan, np.inf  # those of the fit that made its form are nobody's
    if model.feature_names is not None:
        estimator.feature_names_in_ = np.array(model.feature_names, object)
    del estimator._optimizer  # its moments are of the weights that were there before
    return estimator


def from_sklearn(estimator: Any) -> tuple[Architecture, Layers, Classes | None]:
    """Read a fitted ``MLPClassifier`` or ``MLPRegressor``, or a pipeline of a ``StandardScaler`` and one of them.

    Raises ``SettingError`` for anything else.
    """
    scaling, network = _parts(estimator)
    layers = tuple(
        Layer(np.ascontiguousarray(W.T), np.array(b)) for W, b in zip(network.coefs_, network.intercepts_, strict=True)
    )
    hidden = tuple(Hidden(int(layer.b.size), network.activation) for layer in layers[:-1])
    losses: dict[str, type[Loss]] = {
        "softmax": CrossEntropy,
        "logistic": BinaryCrossEntropy,
        "exp": Poisson,
        "identity": SquaredError,
    }
    loss = losses[network.out_activation_]()
    classes = tuple(network.classes_.tolist()) if hasattr(network, "classes_") else None
    if classes is not None and len(classes) < 2:
        raise SettingError(f"the {type(network).__name__} was fitted on one class, {classes[0]!r}", "two or more")
    outputs = int(layers[-1].b.size)
    return Architecture((int(network.n_features_in_),), hidden, outputs, loss, scaling), layers, classes


def _parts(estimator: Any) -> tuple[Scaling, Any]:
    """Take a pipeline apart; give the scaling, and the network that follows it."""
    perceptrons = import_module("sklearn.neural_network")
    scaler, network = None, estimator
    steps = [step for _, step in estimator.steps] if hasattr(estimator, "steps") else [estimator]
    steps = [step for step in steps if step is not None and step != "passthrough"]
    if len(steps) == 2 and isinstance(steps[0], import_module("sklearn.preprocessing").StandardScaler):
        scaler, network = steps
    elif len(steps) == 1:
        network = steps[0]
    if not isinstance(network, perceptrons.MLPClassifier | perceptrons.MLPRegressor):
        got = " and ".join(type(step).__name__ for step in steps)
        raise SettingError(
            f"got {got}",
            "scikit-learn's MLPClassifier or MLPRegressor, or a StandardScaler and one of them",
            "Pellucid's own have their network in network_." if hasattr(type(network), "network_") else "",
        )
    if not hasattr(network, "coefs_"):
        raise SettingError(f"the {type(network).__name__} is not fitted", advice="Call fit first.")
    if scaler is None:
        return Scaling(), network
    zeros, ones = np.zeros(scaler.n_features_in_), np.ones(scaler.n_features_in_)
    offset = scaler.mean_ if scaler.with_mean and scaler.mean_ is not None else zeros
    scale = scaler.scale_ if scaler.scale_ is not None else ones
    return Scaling(tuple(map(float, offset)), tuple(map(float, scale))), network


def _one_activation(architecture: Architecture) -> str:
    """Give the activation of all hidden layers; scikit-learn has one for all, of four."""
    bends = list(dict.fromkeys(layer.activation for layer in architecture.hidden)) or ["relu"]
    if len(bends) > 1 or bends[0] not in ACTIVATIONS:
        raise SettingError(
            f"the hidden layers have {', '.join(bends)}",
            f"one activation for all of them, of {', '.join(ACTIVATIONS)}",
            "scikit-learn has no others.",
        )
    return bends[0]


def _classifier(model: Model, task: Task, settings: dict[str, Any]) -> Any:
    """Make a classifier with all that fitting leaves, by a step on examples without content."""
    if (name := model.architecture.loss.name) not in LOSSES_OF_CLASSES:
        got = f"the network's loss is {name}"
        raise SettingError(got, " or ".join(LOSSES_OF_CLASSES), "scikit-learn's MLPClassifier has no other.")
    labels = np.array(model.classes)
    if labels.dtype.kind == "f" and not (labels == np.round(labels)).all():
        raise SettingError(f"the classes are {', '.join(map(str, model.classes))}", "whole numbers, or words")
    if task is Task.SEVERAL_LABELS:
        if len(labels) < 2:
            raise SettingError("the network has one label", "two or more", "scikit-learn takes one for yes or no.")
        y, labels = np.eye(len(labels), dtype=int), np.arange(len(labels))
    else:
        y = labels
    estimator = import_module("sklearn.neural_network").MLPClassifier(**settings)
    estimator.partial_fit(np.zeros((len(y), model.architecture.inputs)), y, classes=labels)
    return estimator


def _regressor(architecture: Architecture, settings: dict[str, Any]) -> Any:
    MLPRegressor = import_module("sklearn.neural_network").MLPRegressor
    has_losses = "loss" in MLPRegressor().get_params()  # since 1.7
    known = ("squared_error", "poisson") if has_losses else ("squared_error",)
    if architecture.loss.name not in known:
        got = f"the network's loss is {architecture.loss.name}"
        raise SettingError(got, " or ".join(known), "scikit-learn's MLPRegressor has no other.")
    if has_losses:
        settings["loss"] = architecture.loss.name
    k = architecture.outputs
    y = np.ones((2, k) if k > 1 else 2)
    return MLPRegressor(**settings).partial_fit(np.zeros((2, architecture.inputs)), y)


def _in_order_of_labels(last: Layer, classes: Classes, task: Task) -> Layer:
    """Give the last layer as scikit-learn has it: the classes sorted, and one output for two of them."""
    if task is Task.SEVERAL_LABELS:
        return last
    order = np.argsort(np.array(classes))
    if task is Task.YES_OR_NO:
        return last if order[0] == 0 else Layer(-last.W, -last.b)
    W, b = last.W[order], last.b[order]
    return Layer(W, b) if len(order) > 2 else Layer(W[1:] - W[:1], b[1:] - b[:1])
