"""The model file: a trained network with all that its user needs, and nothing about when, where or by whom.

Arrays ``layers.{i}.weight`` (fan_out, fan_in) and ``layers.{i}.bias`` (fan_out,), i from 0; a JSON record (schema 1) with
the architecture, the classes, the names of the inputs, the settings of the training, the test accuracy and the version of
the library. No clock, no path, no machine: the same training gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pellucid.answers import Classes, are_labels, check_classes
from pellucid.equations.architecture import Architecture
from pellucid.equations.parameters import Layers
from pellucid.errors import ModelFileError, PellucidError, ShapeError
from pellucid.formats.container import container_to_bytes, read_container, write_container
from pellucid.formats.records import (
    architecture_from_record,
    architecture_to_record,
    layers_from_arrays,
    layers_to_arrays,
)

SCHEMA = 1

Columns = tuple[tuple[str, tuple[str, ...] | None], ...]
"""The columns of a table: name, and the categories of a column of words (None for a column of numbers)."""


class OptimizerState(NamedTuple):
    """What an optimiser remembers: its name, its moments, and how many steps it has taken."""

    name: str
    moments: tuple[Layers, ...]
    steps_done: int


@dataclass(frozen=True, eq=False)
class Model:
    """What a model file holds.

    ``classes`` are the labels, in the order of the outputs (two for one logistic output, none for numbers); ``columns``
    and ``feature_names`` are there for networks that were trained on a table; ``training`` tells how it was trained;
    ``test_accuracy`` is 0…1, or None. ``optimizer`` is there only for whoever wants to go on training.
    """

    architecture: Architecture
    layers: Layers
    classes: Classes
    feature_names: tuple[str, ...] | None = None
    columns: Columns | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    test_accuracy: float | None = None
    version: str = ""
    optimizer: OptimizerState | None = None


def write_model(path: Path, model: Model) -> None:
    """Write a model file, whole or not at all. Raises ``StorageError``."""
    write_container(path, *_contents(model))


def model_to_bytes(model: Model) -> bytes:
    """Give the bytes of a model file."""
    return container_to_bytes(*_contents(model))


def _contents(model: Model) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give what a model file holds: arrays by name, and the record."""
    record = {
        "schema": SCHEMA,
        "architecture": architecture_to_record(model.architecture),
        "classes": list(model.classes),
        "feature_names": model.feature_names and list(model.feature_names),
        "columns": model.columns and [{"name": name, "categories": words} for name, words in model.columns],
        "training": dict(model.training),
        "test_accuracy": model.test_accuracy,
        "version": model.version,
    }
    arrays = layers_to_arrays(model.layers)
    if model.optimizer is not None:
        name, moments, steps_done = model.optimizer
        record["optimizer"] = {"name": name, "moments": len(moments), "steps_done": steps_done}
        for number, moment in enumerate(moments):
            arrays |= layers_to_arrays(moment, prefix=f"moments.{number}.")
    return arrays, record


def read_model(path: Path) -> Model:
    """Read a model file and check all of it: sizes, types, the chain of shapes, finite values, the schema.

    Raises ``ModelFileError`` with a sentence that says what is wrong.
    """
    arrays, record = read_container(path)
    if "checkpoint_schema" in record:
        raise ModelFileError(f"{path} is a checkpoint", "a model", "Go on with its run: pellucid train --resume RUN.")
    if type(record.get("schema")) is not int or record["schema"] != SCHEMA:
        raise ModelFileError(
            f"{path} has schema {record.get('schema')!r}",
            f"schema {SCHEMA}",
            "A newer version of Pellucid may have written it: try to upgrade.",
        )
    try:
        architecture = architecture_from_record(record["architecture"])
        layers = layers_from_arrays(arrays, architecture)
        model = Model(
            architecture,
            layers,
            _labels(record["classes"]),
            feature_names=_names(record["feature_names"]),
            columns=_columns(record["columns"]),
            training=_training(record["training"]),
            test_accuracy=_number(record["test_accuracy"]),
            version=str(record["version"]),
            optimizer=_optimizer(record.get("optimizer"), arrays, architecture),
        )
    except PellucidError as error:
        raise ModelFileError(f"{path} does not fit together: {error}") from error
    except KeyError as error:
        raise ModelFileError(f"{path} lacks {error}", "a model of schema 1") from error
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelFileError(f"the record of {path} is spoiled ({error})", "a model of schema 1") from error
    _check(path, model, arrays)
    return model


def _check(path: Path, model: Model, arrays: Mapping[str, Any]) -> None:
    architecture = model.architecture
    used = set(layers_to_arrays(model.layers))
    for number in range(len(model.optimizer.moments) if model.optimizer else 0):
        used |= set(layers_to_arrays(model.layers, prefix=f"moments.{number}."))
    if extra := sorted(set(arrays) - used):
        raise ModelFileError(f"{path} holds arrays that no layer uses: {', '.join(extra)}")
    if len({array.dtype for array in arrays.values()}) != 1:
        raise ModelFileError(f"{path} mixes types of numbers", "one type for all arrays")
    try:
        check_classes(architecture, model.classes)
    except ShapeError as error:
        raise ModelFileError(error.got.replace("got", f"{path} names", 1), error.expected) from error
    if model.feature_names is not None and len(model.feature_names) != architecture.inputs:
        raise ModelFileError(f"{path} names {len(model.feature_names)} inputs", f"{architecture.inputs}")
    if model.columns is not None:
        inputs = sum(1 if words is None else len(words) for _, words in model.columns)
        if inputs != architecture.inputs:
            raise ModelFileError(f"the columns of {path} make {inputs} inputs", f"{architecture.inputs}")
    accuracy = model.test_accuracy
    if accuracy is not None and not 0 <= accuracy <= 1:
        raise ModelFileError(f"{path} gives its test accuracy as {accuracy!r}", "a number from 0 to 1")


def _labels(labels: Any) -> Classes:
    if not isinstance(labels, list):
        raise TypeError("classes are a list")
    classes = tuple(labels)
    if not are_labels(classes):
        raise ValueError("classes are numbers, or words, but not both")
    return classes


def _optimizer(record: Any, arrays: Mapping[str, Any], architecture: Architecture) -> OptimizerState | None:
    if record is None:
        return None
    name, count, steps_done = str(record["name"]), record["moments"], record["steps_done"]
    if type(count) is not int or type(steps_done) is not int or not 0 <= count <= 8 or steps_done < 0:
        raise ValueError("what the optimiser remembers is no record")
    moments = tuple(layers_from_arrays(arrays, architecture, prefix=f"moments.{number}.") for number in range(count))
    return OptimizerState(name, moments, steps_done)


def _number(number: Any) -> float | None:
    if number is not None and type(number) not in (int, float):
        raise TypeError("the test accuracy is a number")
    return None if number is None else float(number)


def _training(training: Any) -> dict[str, Any]:
    if not isinstance(training, dict) or not isinstance(training.get("data", {}), dict):
        raise TypeError("what it was trained with is no record")
    return training


def _names(names: Any) -> tuple[str, ...] | None:
    if names is not None and not isinstance(names, list):
        raise TypeError("names are a list")
    return None if names is None else tuple(str(name) for name in names)


def _columns(columns: Any) -> Columns | None:
    return None if columns is None else tuple((str(each["name"]), _names(each["categories"])) for each in columns)
