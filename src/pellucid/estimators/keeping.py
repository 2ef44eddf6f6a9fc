"""Estimators to and from the model file: the same file that a network on its own is kept in."""

from __future__ import annotations

from dataclasses import replace
from math import inf, isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin

from pellucid.answers import Task, labels_as_array, task_of
from pellucid.errors import ModelFileError
from pellucid.estimators.rules import Standing
from pellucid.formats.model_file import Model, OptimizerState
from pellucid.network import Network

FITTED = (
    "n_iter_",
    "t_",
    "loss_",
    "loss_curve_",
    "best_loss_",
    "validation_scores_",
    "best_validation_score_",
    "best_epoch_",
)
"""What a fit has shown, as far as it holds no clock."""

TYPES_OF_CLASSES = (
    "bool",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    "float32",
    "float64",
    "object",
)
"""Those that labels are given back in. A file's words are of the type that NumPy makes of them."""

_INF_IN_OLDER_FILES = {**dict.fromkeys(FITTED, inf), "n_iter_no_change": inf, "standing": -inf}
"""What the word "inf" stood for before infinities were told from words, and from each other."""


def model_of(estimator: Any, network: Network, *, optimizer: bool) -> Model:
    """Gather what goes into the file. Parameters that are functions or objects stay behind."""
    parameters = {
        name: _plain(value) for name, value in estimator.get_params(deep=False).items() if _is_plain(name, value)
    }
    fitted = {name: _plain(getattr(estimator, name)) for name in FITTED if getattr(estimator, name, None) is not None}
    of_estimator = {"class": type(estimator).__name__, "parameters": parameters, "fitted": fitted}
    if (classes := getattr(estimator, "classes_", None)) is not None and classes.dtype.name in TYPES_OF_CLASSES:
        of_estimator["type_of_classes"] = classes.dtype.name
    record: dict[str, Any] = {"estimator": of_estimator}
    if (digest := getattr(estimator, "_taught_by", None)) is not None:
        record["teacher"] = digest
    memory = getattr(estimator, "_state", None) if optimizer else None
    if memory is not None and (standing := getattr(estimator, "_standing", None)) is not None:
        fitted["standing"] = [_plain(value) for value in standing]
    return replace(network.model, training=record, optimizer=None if memory is None else OptimizerState(*memory))


def parameters_of(model: Model, kind: type) -> dict[str, Any]:
    """Read the parameters; of a network that no estimator has trained, those that its architecture shows.

    Raises ``ModelFileError`` where the network does another thing than this kind of estimator.
    """
    gives_numbers = task_of(model.architecture, model.classes) is Task.NUMBERS
    if gives_numbers != issubclass(kind, RegressorMixin):
        other = "MLPRegressor" if gives_numbers else "MLPClassifier"
        what = "gives numbers" if gives_numbers else "tells classes apart"
        raise ModelFileError(
            f"the network {what}, which is not the work of {kind.__name__}", advice=f"Try {other}.load."
        )
    known = set(kind._get_param_names())  # type: ignore[attr-defined]
    parameters = {
        name: _from_plain(name, value) for name, value in _record(model).get("parameters", {}).items() if name in known
    }
    hidden = model.architecture.hidden
    names = {layer.activation for layer in hidden}
    shown: dict[str, Any] = {"hidden_layer_sizes": tuple(layer.width for layer in hidden)}
    if names:
        shown["activation"] = names.pop() if len(names) == 1 else tuple(layer.activation for layer in hidden)
    if gives_numbers:
        shown |= {"loss": model.architecture.loss.name, **model.architecture.loss.settings()}
    return {**parameters, **shown}


def restore(estimator: Any, model: Model) -> None:
    """Give an estimator what it had when it was saved."""
    architecture = model.architecture
    estimator._architecture = architecture
    estimator.n_features_in_, estimator.n_layers_ = architecture.inputs, len(architecture.widths)
    estimator.n_outputs_, estimator.out_activation_ = architecture.outputs, architecture.output
    if model.feature_names is not None:
        estimator.feature_names_in_ = np.array(model.feature_names, dtype=object)
    estimator.history_, estimator.loss_curve_ = [], []
    estimator.n_iter_ = estimator.t_ = 0
    estimator.best_loss_ = estimator.validation_scores_ = estimator.best_validation_score_ = None
    estimator.best_epoch_ = None
    for name, value in _record(model).get("fitted", {}).items():
        if name in FITTED:
            setattr(estimator, name, _from_plain(name, value))
    if model.classes:
        estimator._take_classes(_classes(model), task_of(architecture, model.classes))
    estimator._take(model.layers)
    if model.optimizer is not None:
        estimator._state = tuple(model.optimizer)
        standing = _from_plain("standing", _record(model).get("fitted", {}).get("standing"))
        estimator._standing = standing and Standing(*standing)
    estimator.network_  # noqa: B018  made now, so that asking changes nothing


def _classes(model: Model) -> NDArray[Any]:
    """Read the labels in the type that they were learned in, where the file names one that can hold them."""
    classes, name = labels_as_array(model.classes), _record(model).get("type_of_classes")
    if name not in TYPES_OF_CLASSES:
        return classes
    try:
        as_learned = np.array(model.classes, name)
    except (ValueError, TypeError, OverflowError):
        return classes
    return as_learned if as_learned.tolist() == list(model.classes) else classes


def _record(model: Model) -> dict[str, Any]:
    record = model.training.get("estimator", {})
    return record if isinstance(record, dict) else {}


def _is_plain(name: str, value: Any) -> bool:
    if name == "teacher":  # its path is of this machine, and what it taught is in the parameters
        return value is None
    if name in ("callbacks", "random_state", "scoring"):
        return value is None or isinstance(value, int | np.integer | str)
    return value is None or isinstance(value, bool | int | float | str | np.generic | tuple | list | dict | np.ndarray)


def _plain(value: Any) -> Any:
    """Write a value as JSON can: no NumPy types, no infinities, no NaN, no keys that are not words.

    A dictionary stands for what JSON lacks, and for nothing else: so it cannot be taken for a word such as "nan".
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, dict):
        return {"pairs": [[_plain(key), _plain(each)] for key, each in value.items()]}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return {"float": repr(value)} if isinstance(value, float) and not isfinite(value) else value


def _from_plain(name: str, value: Any) -> Any:
    """Read what ``_plain`` has written, of a parameter or figure of that name; of sequences it gives lists."""
    if isinstance(value, dict):
        if "float" in value:
            return float(value["float"])
        return {_from_plain(name, key): _from_plain(name, each) for key, each in value["pairs"]}
    if isinstance(value, list):
        return [_from_plain(name, each) for each in value]
    return _INF_IN_OLDER_FILES.get(name, value) if value == "inf" else value
