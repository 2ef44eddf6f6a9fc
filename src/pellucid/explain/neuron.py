"""One neuron at work: its weights, what it sees, what each input adds, and the sum with its numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.equations.architecture import Architecture
from pellucid.equations.network import Trace
from pellucid.equations.parameters import Array, Layer, Layers
from pellucid.errors import SettingError
from pellucid.explain.explanation import Line, Sum
from pellucid.explain.formula import Number, Symbol
from pellucid.explain.numerals import numeral
from pellucid.explain.worked import applied, column_of, line_of


@dataclass(frozen=True, eq=False)
class Neuron:
    """Neuron ``place`` of layer ``layer``: equation [z] as a column that adds up, and [a] or [p] in a line.

    ``weights``, ``inputs`` and ``contributions``, their products, are (fan_in,); ``z`` and ``a`` are numbers.
    """

    layer: int
    place: int
    weights: Array
    inputs: Array
    contributions: Array
    z: float
    a: float
    sum: Sum
    bend: Line | None


def neuron(architecture: Architecture, layers: Layers, trace: Trace, layer: int, place: int, row: int = 0) -> Neuron:
    """Show a neuron at work on one example of a trace. Layers count from 1, neurons from 0.

    Raises ``SettingError`` where the network has no such neuron.

    >>> from pellucid.equations.network import forward
    >>> from pellucid.equations.worked_example import ARCHITECTURE, LAYERS, X
    >>> one = neuron(ARCHITECTURE, LAYERS, forward(ARCHITECTURE, LAYERS, X), 1, 0)
    >>> one.sum.total, one.bend.text
    ('0.7000', 'a₁[0] = max(0, 0.7) = 0.7')

    Source: the text, step 1.
    """
    if not 1 <= layer <= len(layers):
        raise SettingError(f"layer {layer} is asked for", f"from 1 to {len(layers)}")
    (W, b), seen = layers[layer - 1], trace.layers[layer - 1]
    if not 0 <= place < len(b):
        raise SettingError(f"neuron {place} of layer {layer} is asked for", f"from 0 to {len(b) - 1}")
    weights, inputs = W[place].astype(np.float64), seen.inputs[row].astype(np.float64)
    z, a = float(seen.z[row, place]), float(seen.a[row, place])
    below = Symbol("a", layer - 1) if layer > 1 else Symbol("x")
    column = column_of(
        Symbol("z", layer, str(place)), Symbol("W", layer, f"{place},"), below, weights, inputs, z,
        (float(b[place]), Symbol("b", layer, str(place))),
    )  # fmt: skip
    bend = None
    if layer < len(layers):
        made = applied(architecture.hidden[layer - 1].activation, Number(numeral(z)))
        bend = line_of(Symbol("a", layer, str(place)), made, a)
    return Neuron(layer, place, weights, inputs, weights * inputs, z, a, column, bend)


def loudest(trace: Trace, layer: int, row: int = 0) -> int:
    """Find the neuron of a layer whose a is largest."""
    return int(np.asarray(trace.layers[layer - 1].a[row]).argmax())


def in_float64(layers: Layers) -> Layers:
    """Give the parameters in float64, in which explanations are computed."""
    return tuple(Layer(W.astype(np.float64), b.astype(np.float64)) for W, b in layers)
