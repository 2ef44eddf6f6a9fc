"""An ONNX file: a network that onnxruntime, and whatever else reads ONNX, computes without Pellucid.

The file takes ``X`` (n, d), flat rows in the units of the training data, of the type of the parameters (float32 unless the
network was trained in float64), and gives plain tensors, never maps:

* one class of several, yes or no: ``label`` (n,), ``probabilities`` (n, k), k the number of classes;
* several labels: ``label`` (n, k) of 0 and 1, ``probabilities`` (n, k);
* numbers: ``variable`` (n, k).

The same network gives the same bytes.
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.answers import task_of
from pellucid.errors import MissingExtraError
from pellucid.files import write_bytes
from pellucid.formats.model_file import Model
from pellucid.formats.onnx_graph import INPUT, OPSET, network_graph, outputs_of

IR_VERSION = 7
"""The form of the file that came with opset 13."""


def write_onnx(path: Path, model: Model) -> None:
    """Write a network as an ONNX file, whole or not at all.

    Raises ``MissingExtraError`` where the package onnx is not installed, ``SettingError`` for a class that ONNX cannot hold,
    ``StorageError`` where the file cannot be written.
    """
    write_bytes(path, onnx_bytes(model))


def onnx_bytes(model: Model) -> bytes:
    """Write a network as the bytes of an ONNX file.

    Raises ``MissingExtraError`` where the package onnx is not installed, ``SettingError`` for a class that ONNX cannot hold.
    """
    try:
        onnx, helper = import_module("onnx"), import_module("onnx.helper")
    except ImportError:
        raise MissingExtraError("Writing ONNX", "onnx", "onnx") from None
    graph = network_graph(model)
    number = graph.type_number
    made = helper.make_graph(
        [
            helper.make_node(node.operator, node.inputs, [node.output], f"{node.operator}_{place}", **node.attributes)
            for place, node in enumerate(graph.nodes)
        ],
        "network",
        [helper.make_tensor_value_info(INPUT, number, ["n", model.architecture.inputs])],
        [
            helper.make_tensor_value_info(name, kind or number, shape)
            for name, (kind, shape) in outputs_of(model).items()
        ],
        [_tensor(array, name) for name, array in graph.constants.items()],
    )
    file = helper.make_model(
        made,
        producer_name="pellucid",
        producer_version=model.version,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    helper.set_model_props(file, _about(model))
    onnx.checker.check_model(file, full_check=True)
    content: bytes = file.SerializeToString(deterministic=True)
    return content


def _tensor(array: NDArray[Any], name: str) -> Any:
    helper = import_module("onnx.helper")
    if array.dtype == object:
        words = [str(word).encode() for word in array]
        return helper.make_tensor(name, helper.np_dtype_to_tensor_dtype(np.dtype(object)), array.shape, words)
    return import_module("onnx.numpy_helper").from_array(np.ascontiguousarray(array), name)


def _about(model: Model) -> dict[str, str]:
    """Say in words what the tensors do not."""
    names = model.feature_names
    return {
        "architecture": str(model.architecture),
        "task": task_of(model.architecture, model.classes).value,
        "classes": json.dumps(model.classes, ensure_ascii=False),
        **({"feature_names": json.dumps(names, ensure_ascii=False)} if names else {}),
    }
