"""From options to a teacher: a model whose answers mean what the labels of the data mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.datasets.dataset import Dataset
from pellucid.datasets.streamed import StreamedDataset
from pellucid.equations.beyond.teacher import TEMPERATURE, WEIGHT, Teacher
from pellucid.errors import ModelFileError, SettingError
from pellucid.loading import load


def teacher_of(dataset: Dataset | StreamedDataset, options: Mapping[str, Any]) -> Teacher | None:
    """Read ``teacher``, the name or path of a model, with ``teacher_weight`` and ``temperature``; None where there is none.

    Raises ``SettingError`` for a value out of range, or a model of other data; ``ModelFileError`` for what is no model.
    """
    named = options.get("teacher")
    if named is None:
        for name in ("teacher_weight", "temperature"):
            if name in options:
                got = f"--{name.replace('_', '-')} is given without --teacher"
                raise SettingError(got, "a model to learn from", "Try --teacher MODEL.")
        return None
    try:
        network = load(named)
    except ModelFileError as error:
        advice = error.advice or "Is it elsewhere now? Name it with --teacher."
        raise ModelFileError(f"of the teacher, {error.got}", error.expected, advice) from error
    if not network.classes:
        raise SettingError(f"the teacher {named} gives numbers", "a network that tells classes apart")
    if network.classes != tuple(dataset.classes):
        theirs, ours = _shortly(network.classes), _shortly(dataset.classes)
        raise SettingError(f"the teacher {named} knows the classes {theirs}", f"those of the data: {ours}")
    if network.model.columns != dataset.columns:
        raise SettingError(f"the teacher {named} was trained on other columns", f"those of {dataset.name}")
    weight, temperature = options.get("teacher_weight", WEIGHT), options.get("temperature", TEMPERATURE)
    return Teacher(network.architecture, network.layers, weight, temperature)


def _shortly(classes: Sequence[Any]) -> str:
    return ", ".join(map(str, classes[:10])) + (" …" if len(classes) > 10 else "")
