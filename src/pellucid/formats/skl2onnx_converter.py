"""Teach skl2onnx Pellucid's estimators, so that whole scikit-learn pipelines become one ONNX file.

After ``register(MLPClassifier, MLPRegressor)``, ``skl2onnx.to_onnx(pipeline, X)`` converts pipelines that hold them. What
they give are plain tensors, as in ``onnx_file.py``; skl2onnx's option ``zipmap``, whatever it is, makes no maps of them.
The numbers are of the type of the pipeline's: float64 where its input is, else float32.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from pellucid.errors import MissingExtraError
from pellucid.formats.model_file import Model
from pellucid.formats.onnx_graph import (
    BOOL,
    DOUBLE,
    FLOAT,
    INT64,
    STRING,
    network_graph,
    outputs_of,
)

_CLASSIFIER, _REGRESSOR = "PellucidMLPClassifier", "PellucidMLPRegressor"
_NUMBER_OF = {"O": STRING, "b": BOOL, "i": INT64}


def register(classifier: type, regressor: type) -> None:
    """Tell skl2onnx of two kinds of estimators, each with an attribute ``network_`` when it is fitted.

    Raises ``MissingExtraError`` where skl2onnx is not installed.
    """
    try:
        skl2onnx = import_module("skl2onnx")
    except ImportError:
        raise MissingExtraError("Converting pipelines", "skl2onnx", "onnx") from None
    options = {"zipmap": [True, False, "columns"], "nocl": [True, False], "output_class_labels": [False]}
    skl2onnx.update_registered_converter(
        classifier, _CLASSIFIER, _declare_types, _convert, parser=_parse(_CLASSIFIER), options=options
    )
    skl2onnx.update_registered_converter(regressor, _REGRESSOR, _declare_types, _convert, parser=_parse(_REGRESSOR))


def _parse(alias: str) -> Callable[..., Any]:
    """Make the function that says which variables an estimator gives."""

    def parse(scope: Any, estimator: Any, inputs: Any, custom_parsers: Any = None) -> Any:
        operator = scope.declare_local_operator(alias, estimator)
        operator.inputs = inputs
        for name, kind in _types(operator).items():
            operator.outputs.append(scope.declare_local_variable(name, kind))
        return operator.outputs

    return parse


def _declare_types(operator: Any) -> None:
    for variable, kind in zip(operator.outputs, _types(operator).values(), strict=True):
        variable.set_type(kind)


def _types(operator: Any) -> dict[str, Any]:
    """Give the types and shapes of what there will be, in skl2onnx's words."""
    types = import_module("skl2onnx.common.data_types")
    kinds = {
        INT64: types.Int64TensorType,
        STRING: types.StringTensorType,
        BOOL: types.BooleanTensorType,
        DOUBLE: types.DoubleTensorType,
        0: types.DoubleTensorType if _is_double(operator) else types.FloatTensorType,
    }
    rows = operator.inputs[0].get_first_dimension()
    return {name: kinds[kind]([rows, *shape[1:]]) for name, (kind, shape) in outputs_of(_model(operator)).items()}


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Add the network's graph to the pipeline's, each name made one of its own."""
    apply_cast = import_module("skl2onnx.common._apply_operation").apply_cast
    given, double = operator.inputs[0].full_name, _is_double(operator)
    cast = scope.get_unique_variable_name("cast_input")
    apply_cast(scope, given, cast, container, to=DOUBLE if double else FLOAT)
    graph = network_graph(_model(operator), np.float64 if double else np.float32, given=cast)
    ours = list(outputs_of(_model(operator)))
    names = {cast: cast, **{name: variable.full_name for name, variable in zip(ours, operator.outputs, strict=True)}}
    for name, array in graph.constants.items():
        names[name] = scope.get_unique_variable_name(name)
        kind = graph.type_number if array.dtype == graph.dtype else _NUMBER_OF.get(array.dtype.kind, DOUBLE)
        content = [str(word).encode() for word in array] if kind == STRING else array.ravel().tolist()
        container.add_initializer(names[name], kind, list(array.shape), content)
    for node in graph.nodes:
        if node.output not in names:
            names[node.output] = scope.get_unique_variable_name(node.output)
        container.add_node(
            node.operator,
            [names[each] for each in node.inputs],
            names[node.output],
            name=scope.get_unique_operator_name(node.operator),
            **node.attributes,
        )


def _model(operator: Any) -> Model:
    model: Model = operator.raw_operator.network_.model
    return model


def _is_double(operator: Any) -> bool:
    doubles = import_module("skl2onnx.common.data_types").DoubleTensorType
    return isinstance(operator.inputs[0].type, doubles)
