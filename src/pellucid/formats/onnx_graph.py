"""A network as a chain of ONNX operators: plain records, from which others make a file or a part of a larger graph.

::

    X → Sub, Div (scaling) → Gemm → Relu → Gemm → Relu → Gemm → z → Softmax → probabilities
                                                                └→ ArgMax → Gather → label

Only operators of the standard domain are used, in their meaning of opset 13, which onnxruntime has known since 2020. Where
onnxruntime has no float64 for an operator, the activation is composed of simpler ones; erf alone is computed in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pellucid.answers import Task, task_of
from pellucid.equations.beyond import leaky_relu, scaled_tanh, selu
from pellucid.equations.beyond.class_squared_error import LEAST_SHARE
from pellucid.equations.scaling import Scaling
from pellucid.errors import SettingError
from pellucid.formats.model_file import Model
from pellucid.formats.scaling_in_float32 import in_float32, is_identity

OPSET = 13
INPUT, LABEL, PROBABILITIES, VARIABLE = "X", "label", "probabilities", "variable"

# How ONNX numbers the types of tensors.
FLOAT, INT64, STRING, BOOL, DOUBLE = 1, 7, 8, 9, 11
_NUMBER_OF = {np.dtype(np.float32): FLOAT, np.dtype(np.float64): DOUBLE}


class Node(NamedTuple):
    """An operator, the names of what it takes, the name of what it gives, and its attributes."""

    operator: str
    inputs: tuple[str, ...]
    output: str
    attributes: dict[str, Any]


@dataclass
class Graph:
    """Nodes in order, and the constant arrays they use by name."""

    dtype: np.dtype[Any]
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)

    def apply(self, operator: str, *inputs: str | float, output: str = "", **attributes: Any) -> str:
        """Add a node; numbers among its inputs become constants. → the name of what it gives."""
        names = tuple(each if isinstance(each, str) else self._number(each) for each in inputs)
        output = output or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(Node(operator, names, output, attributes))
        return output

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """Add a constant array. → its name."""
        self.constants[name] = array
        return name

    @property
    def type_number(self) -> int:
        """The number that ONNX has for the type of the graph's numbers."""
        return _NUMBER_OF[self.dtype]

    def _number(self, number: float) -> str:
        return self.constant(f"number_{number!r}", np.array(number, self.dtype))


def network_graph(model: Model, dtype: DTypeLike | None = None, given: str = INPUT) -> Graph:
    """Write a network as a graph, in the type of its parameters unless told another.

    It takes ``given`` (n, d) in the units of the training data, and gives ``label`` and ``probabilities``, or ``variable``
    where the outputs are numbers. The label of ties is the first, as in Pellucid. Raises ``SettingError`` for a class
    that is a whole number and does not fit into int64.
    """
    graph = Graph(np.dtype(dtype or model.layers[0].W.dtype))
    a = _scaled(graph, model.architecture.scaling, given)
    bends = [layer.activation for layer in model.architecture.hidden]
    for number, (W, b) in enumerate(model.layers):
        weight = graph.constant(f"layers.{number}.weight", W.astype(graph.dtype))
        bias = graph.constant(f"layers.{number}.bias", b.astype(graph.dtype))
        z = graph.apply("Gemm", a, weight, bias, transB=1)
        if number < len(bends):
            a = ACTIVATIONS[bends[number]](graph, z)
    _outputs(graph, model, z)
    return graph


def outputs_of(model: Model) -> dict[str, tuple[int, list[str | int]]]:
    """Name the outputs, each with the number of its type (0: that of the network) and its shape ("n" rows).

    >>> from pellucid.equations.worked_example import ARCHITECTURE, LAYERS
    >>> outputs_of(Model(ARCHITECTURE, LAYERS, ("no", "yes")))
    {'label': (8, ['n']), 'probabilities': (0, ['n', 2])}
    """
    task, k = task_of(model.architecture, model.classes), model.architecture.outputs
    if task is Task.NUMBERS:
        return {VARIABLE: (0, ["n", k])}
    if task is Task.SEVERAL_LABELS:
        return {LABEL: (INT64, ["n", k]), PROBABILITIES: (0, ["n", k])}
    kind = {str: STRING, int: INT64, bool: BOOL, float: DOUBLE}[type(model.classes[0])]
    return {LABEL: (kind, ["n"]), PROBABILITIES: (0, ["n", len(model.classes)])}


def _scaled(graph: Graph, scaling: Scaling, x: str) -> str:
    """Add the scaling: in float64 as Pellucid does it, in float32 with an offset of two parts."""
    if is_identity(scaling):
        return x
    if graph.dtype == np.float64:
        parts: dict[str, NDArray[Any]] = {"offset": scaling.offsets}
        scale: NDArray[Any] = scaling.scales
    else:
        offset, rest, scale = in_float32(scaling)
        parts = {"offset": offset, "rest_of_offset": rest}
    for name, part in parts.items():
        if part.any():
            x = graph.apply("Sub", x, graph.constant(name, part.reshape(1, -1)))
    return graph.apply("Div", x, graph.constant("scale", scale.reshape(1, -1))) if (scale != 1).any() else x


def _outputs(graph: Graph, model: Model, z: str) -> None:
    task, output = task_of(model.architecture, model.classes), model.architecture.output
    if task is Task.NUMBERS:
        graph.apply({"identity": "Identity", "exp": "Exp"}[output], z, output=VARIABLE)
        return
    if task is Task.YES_OR_NO:
        yes = graph.apply("Sigmoid", z)
        graph.apply("Concat", graph.apply("Sub", 1.0, yes), yes, output=PROBABILITIES, axis=1)
        axes = graph.constant("column", np.array([1], np.int64))
        answer = graph.apply("Cast", graph.apply("Squeeze", graph.apply("Greater", z, 0.0), axes), to=INT64)
    else:
        _probabilities(graph, output, z)
        if task is Task.SEVERAL_LABELS:
            graph.apply("Cast", graph.apply("Greater", z, 0.0), output=LABEL, to=INT64)
            return
        answer = graph.apply("ArgMax", z, axis=1, keepdims=0)
    graph.apply("Gather", graph.constant("classes", _labels(model.classes)), answer, output=LABEL, axis=0)


def _labels(classes: Sequence[Any]) -> NDArray[Any]:
    """Give the classes as the array of a tensor: words as objects, whole numbers as int64."""
    kind = type(classes[0])
    if kind is not int:
        return np.array(classes, object if kind is str else kind)
    limits = np.iinfo(np.int64)
    for label in classes:
        if not limits.min <= label <= limits.max:
            raise SettingError(
                f"the class {label} does not fit into int64, as ONNX holds whole numbers",
                f"from {limits.min} to {limits.max}",
                "Try words: str(label).",
            )
    return np.array(classes, np.int64)


def _probabilities(graph: Graph, output: str, z: str) -> None:
    if output == "softmax":
        graph.apply("Softmax", z, output=PROBABILITIES, axis=1)
    elif output == "logistic":
        graph.apply("Sigmoid", z, output=PROBABILITIES)
    else:  # [class-shares]
        q = graph.apply("Max", graph.apply("Add", _scaled_tanh(graph, z), 1.0), LEAST_SHARE)
        axes = graph.constant("classes_axis", np.array([1], np.int64))
        graph.apply("Div", q, graph.apply("ReduceSum", q, axes, keepdims=1), output=PROBABILITIES)


def _relu(graph: Graph, z: str) -> str:
    return graph.apply("Relu", z)


def _identity(_: Graph, z: str) -> str:
    return z


def _logistic(graph: Graph, z: str) -> str:
    return graph.apply("Sigmoid", z)


def _tanh(graph: Graph, z: str) -> str:
    return graph.apply("Tanh", z)


def _scaled_tanh(graph: Graph, z: str) -> str:
    inner = graph.apply("Tanh", graph.apply("Mul", z, scaled_tanh.SLOPE))
    return graph.apply("Mul", inner, scaled_tanh.AMPLITUDE)


def _leaky_relu(graph: Graph, z: str) -> str:
    if graph.dtype == np.float32:
        return graph.apply("LeakyRelu", z, alpha=leaky_relu.SLOPE)
    return graph.apply("Max", graph.apply("Mul", z, leaky_relu.SLOPE), z)


def _elu(graph: Graph, z: str) -> str:
    return graph.apply("Elu", z, alpha=1.0) if graph.dtype == np.float32 else _elu_composed(graph, z, 1.0)


def _elu_composed(graph: Graph, z: str, alpha: float) -> str:
    """Add α (e^min(0, z) − 1) + max(0, z)."""
    below = graph.apply("Sub", graph.apply("Exp", graph.apply("Min", z, 0.0)), 1.0)
    return graph.apply("Add", graph.apply("Mul", below, alpha), graph.apply("Relu", z))


def _selu(graph: Graph, z: str) -> str:
    if graph.dtype == np.float32:
        return graph.apply("Selu", z, alpha=selu.ALPHA, gamma=selu.SCALE)
    return graph.apply("Mul", _elu_composed(graph, z, selu.ALPHA), selu.SCALE)


def _softplus(graph: Graph, z: str) -> str:
    """Add log(1 + e^z): where there is no operator, as max(0, z) + log(1 + e^−|z|), which does not overflow."""
    if graph.dtype == np.float32:
        return graph.apply("Softplus", z)
    e = graph.apply("Exp", graph.apply("Neg", graph.apply("Abs", z)))
    return graph.apply("Add", graph.apply("Relu", z), graph.apply("Log", graph.apply("Add", e, 1.0)))


def _gelu(graph: Graph, z: str) -> str:
    """Add ½ z (1 + erf(z / √2))."""
    scaled = graph.apply("Mul", z, 1 / sqrt(2))
    if graph.dtype == np.float32:
        erf = graph.apply("Erf", scaled)
    else:
        erf = graph.apply("Cast", graph.apply("Erf", graph.apply("Cast", scaled, to=FLOAT)), to=DOUBLE)
    return graph.apply("Mul", graph.apply("Mul", z, 0.5), graph.apply("Add", erf, 1.0))


def _silu(graph: Graph, z: str) -> str:
    if graph.dtype == np.float32:
        return graph.apply("Mul", z, graph.apply("Sigmoid", z))
    # Some versions of onnxruntime make of z σ(z), in float64 too, an operator that they have in float32 only.
    return graph.apply("Div", z, graph.apply("Add", graph.apply("Exp", graph.apply("Neg", z)), 1.0))


def _mish(graph: Graph, z: str) -> str:
    return graph.apply("Mul", z, graph.apply("Tanh", _softplus(graph, z)))


ACTIVATIONS: dict[str, Callable[[Graph, str], str]] = {
    "relu": _relu,
    "identity": _identity,
    "logistic": _logistic,
    "tanh": _tanh,
    "scaled_tanh": _scaled_tanh,
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "selu": _selu,
    "gelu": _gelu,
    "silu": _silu,
    "mish": _mish,
    "softplus": _softplus,
}
"""How each activation is added to a graph."""
