"""An architecture as a JSON record, and back with every field checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.losses import LOSSES, Loss
from pellucid.equations.parameters import Layer, Layers
from pellucid.equations.scaling import Scaling
from pellucid.errors import SettingError


def architecture_to_record(architecture: Architecture) -> dict[str, Any]:
    """Write an architecture as plain dictionaries, lists and numbers."""
    return {
        "input_shape": list(architecture.input_shape),
        "hidden": [{"width": layer.width, "activation": layer.activation} for layer in architecture.hidden],
        "outputs": architecture.outputs,
        "output": architecture.output,
        "loss": architecture.loss.name,
        **({"loss_settings": settings} if (settings := architecture.loss.settings()) else {}),
        "scaling": {"offset": list(architecture.scaling.offset), "scale": list(architecture.scaling.scale)},
    }


def architecture_from_record(record: Mapping[str, Any]) -> Architecture:
    """Read an architecture. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for a record that is none.

    >>> tiny = Architecture((4,), (Hidden(3),), 2)
    >>> architecture_from_record(architecture_to_record(tiny)) == tiny
    True
    """
    loss = _loss(record["output"], record["loss"], record.get("loss_settings", {}))
    return Architecture(
        input_shape=tuple(record["input_shape"]),
        hidden=tuple(Hidden(layer["width"], layer["activation"]) for layer in record["hidden"]),
        outputs=record["outputs"],
        loss=loss,
        scaling=Scaling(_floats(record["scaling"]["offset"]), _floats(record["scaling"]["scale"])),
    )


def _loss(output: str, name: str, settings: Mapping[str, float]) -> Loss:
    loss = LOSSES[name](**settings) if name in LOSSES else None
    if loss is None or loss.output != output:
        known = ", ".join(f"{each.output!r}, {each.name!r}" for each in LOSSES.values())
        raise SettingError(f"unknown output and loss {output!r}, {name!r}", f"one pair of {known}")
    return loss


def digest_of_network(architecture: Architecture, layers: Layers) -> str:
    """Give the SHA-256 of an architecture and its parameters: two networks that share it compute the same."""
    digest = hashlib.sha256(json.dumps(architecture_to_record(architecture), sort_keys=True).encode())
    for tensor in (tensor for layer in layers for tensor in layer):
        digest.update(f"{tensor.dtype.str}{tensor.shape}".encode())
        digest.update(np.ascontiguousarray(tensor).data)
    return digest.hexdigest()


def layers_to_arrays(layers: Layers, prefix: str = "") -> dict[str, Any]:
    """Name the arrays of layers: ``layers.0.weight``, ``layers.0.bias``, ``layers.1.weight`` …"""
    return {
        f"{prefix}layers.{i}.{kind}": array
        for i, layer in enumerate(layers)
        for kind, array in (("weight", layer.W), ("bias", layer.b))
    }


def layers_from_arrays(arrays: Mapping[str, Any], architecture: Architecture, prefix: str = "") -> Layers:
    """Take the arrays of an architecture's layers by their names.

    Raises ``KeyError`` for a name that is missing, ``ShapeError`` for shapes that do not fit the architecture.
    """
    names = range(len(architecture.weight_shapes))
    layers = tuple(Layer(arrays[f"{prefix}layers.{i}.weight"], arrays[f"{prefix}layers.{i}.bias"]) for i in names)
    architecture.check_layers(layers)
    return layers


def _floats(values: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
