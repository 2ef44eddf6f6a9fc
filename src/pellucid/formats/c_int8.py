"""A network as one C header with 8-bit weights: a quarter of the bytes, and sums of whole numbers.

* **Weights.** Each row of W, the weights of one neuron, has a scale of its own: ``W ≈ scale q``, q whole, |q| ≤ 127.
* **What goes into a layer** is made whole for every example anew: its largest |a| becomes ``levels``, all else in
  proportion. The numbers have 16 bits, which costs bytes of the stack only, so that what is lost is lost by the weights.
* **Sums** are exact, in 32 bits: ``levels`` is at most ``(2³¹ − 1) / max_j Σ_i |q_ji|``, so that none can overflow.
* Biases and activations are float.

``int8_logits`` computes with NumPy what the header does, operation by operation: what goes into a layer is rounded alike,
and the sums are the same integers. So the accuracy that a header states is its own.
"""

from __future__ import annotations

from math import sqrt
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.answers import Task, task_of
from pellucid.equations.activations import ACTIVATIONS
from pellucid.equations.network import forward
from pellucid.errors import ShapeError
from pellucid.files import write_text
from pellucid.formats.c_source import (
    assemble,
    bend_lines,
    c_name,
    constant_array,
    fill_with_inputs,
    floats,
    in_range,
)
from pellucid.formats.model_file import Model
from pellucid.formats.scaling_in_float32 import Float32, in_float32

MOST_LEVELS = 2**15 - 1
LARGEST_SUM = 2**31 - 1
SMALLEST = np.float32(1e-30)
"""Numbers between layers that are all smaller than this are taken for 0."""
ROWS_AT_A_TIME = 1000

Test = tuple[ArrayLike, ArrayLike]
"""Examples X (n, d), and what should be predicted: class indices (n,), labels of 0 and 1 (n, k), or numbers (n, k)."""


class Int8Layer(NamedTuple):
    """q (fan_out, fan_in), the scale of each row, the biases, and what the largest |a| that goes in becomes."""

    q: NDArray[np.int8]
    scale: Float32
    b: Float32
    levels: int


def write_c_int8(path: Path, model: Model, test: Test | None = None) -> None:
    """Write a network as a C header with 8-bit weights, whole or not at all.

    With ``test`` the header states how good it is on these examples. Raises as ``write_c``; ``ShapeError`` for examples that
    do not fit.
    """
    write_text(path, c_int8_header(model, c_name(path), test))


def quantized(model: Model) -> tuple[Int8Layer, ...]:
    """Round a network's weights to 8 bits.

    >>> from pellucid.equations.worked_example import ARCHITECTURE, LAYERS
    >>> quantized(Model(ARCHITECTURE, LAYERS, (0, 1)))[2].q
    array([[  64,  -51,  127],
           [-106,  127, -106]], dtype=int8)
    """
    return tuple(_quantized_layer(in_range(W), in_range(b)) for W, b in model.layers)


def _quantized_layer(W: Float32, b: Float32) -> Int8Layer:
    scale = (np.abs(W).max(axis=1) / np.float32(127)).astype(np.float32)
    q = np.rint(W / np.where(scale == 0, np.float32(1), scale)[:, np.newaxis]).clip(-127, 127).astype(np.int8)
    most = int(np.abs(q.astype(np.int64)).sum(axis=1).max())
    return Int8Layer(q, scale, b, min(MOST_LEVELS, LARGEST_SUM // max(1, most)))


def int8_logits(model: Model, layers: tuple[Int8Layer, ...], X: NDArray[Any]) -> Float32:
    """Compute the last z as the header does: X (n, d) → z (n, k), in float32."""
    a = in_float32(model.architecture.scaling)(X.astype(np.float32))
    for number, layer in enumerate(layers):
        z = _affine(layer, a)
        if number < len(model.architecture.hidden):
            a = ACTIVATIONS[model.architecture.hidden[number].activation].forward(z)
    return z


def _affine(layer: Int8Layer, a: Float32) -> Float32:
    largest, levels = np.abs(a).max(axis=1, keepdims=True), np.float32(layer.levels)
    to_levels = np.where(largest > SMALLEST, levels / np.maximum(largest, SMALLEST), np.float32(0))
    whole = np.rint(a * to_levels)
    sums = whole.astype(np.float64) @ layer.q.T.astype(np.float64)  # exact: whole numbers below 2³¹ < 2⁵³
    z: Float32 = sums.astype(np.float32) * (largest / levels * layer.scale) + layer.b
    return z


def c_int8_header(model: Model, name: str, test: Test | None = None) -> str:
    """Write a network as the text of a C header with 8-bit weights."""
    layers = quantized(model)
    widths = model.architecture.widths
    n_bytes = sum(layer.q.size + 8 * layer.b.size for layer in layers)
    stack = 6 * max(widths[:-1]) + 4 * max(widths[1:])
    about = [
        f"{n_bytes:,} bytes of constants ({4 * model.architecture.n_parameters:,} in float), {stack:,} bytes of stack"
        " for the numbers between the layers.",
        "Weights have 8 bits, and each row of them a scale. What goes into a layer has 16 bits, in proportion to its",
        "largest number, for every example anew. Sums are exact in int32 and cannot overflow; all else is float.",
        *([] if test is None else [_how_good(model, layers, *test)]),
    ]
    tables: list[str] = []
    for i, layer in enumerate(layers, start=1):
        tables += [
            constant_array("int8_t", f"W{i}", map(str, layer.q.ravel().tolist())),
            constant_array("float", f"scale{i}", floats(layer.scale)),
            constant_array("float", f"b{i}", floats(layer.b)),
        ]
    return assemble(model, name, about, [*tables, *_LAYER_FUNCTION], _forward(model, layers))


def _forward(model: Model, layers: tuple[Int8Layer, ...]) -> list[str]:
    widths, bends = model.architecture.widths, [layer.activation for layer in model.architecture.hidden]
    most = max(widths[:-1])
    lines = [f"float a[{most}], z[{max(widths[1:])}];", f"int16_t q[{most}];", "int i;", *fill_with_inputs(model)]
    for i, (W, _, b, levels) in enumerate(layers, start=1):
        lines.append(f"@_layer(@_W{i}, @_scale{i}, @_b{i}, a, q, {W.shape[1]}, {levels}.0f, z, {b.size});")
        if i <= len(bends):
            lines += bend_lines(bends[i - 1], b.size)
    return lines


_LAYER_FUNCTION = """\
/* q = a, rounded to whole numbers from -levels to levels; z = W a + b by way of q. W holds a row for each output. */
static inline void @_layer(const int8_t *W, const float *scale, const float *b, const float *a, int16_t *q,
                           int n_inputs, float levels, float *z, int n_outputs)
{
    float largest = 0.0f, to_levels;
    int i, j;
    for (i = 0; i < n_inputs; ++i) {
        float size = fabsf(a[i]);
        largest = size > largest ? size : largest;
    }
    to_levels = largest > 1e-30f ? levels / largest : 0.0f;
    for (i = 0; i < n_inputs; ++i) {
        q[i] = (int16_t)lrintf(a[i] * to_levels);
    }
    for (j = 0; j < n_outputs; ++j) {
        const int8_t *row = W + (long)j * n_inputs;
        int32_t sum = 0;
        for (i = 0; i < n_inputs; ++i) {
            sum += (int32_t)row[i] * q[i];
        }
        z[j] = (float)sum * (largest / levels * scale[j]) + b[j];
    }
}

""".splitlines()


def _how_good(model: Model, layers: tuple[Int8Layer, ...], X: ArrayLike, y: ArrayLike) -> str:
    """Say how good the 8-bit network is on examples, and the network itself beside it."""
    architecture = model.architecture
    examples, wanted = np.asarray(X), np.asarray(y)
    if examples.ndim < 2 or not len(examples) or examples[0].size != architecture.inputs:
        raise ShapeError(f"the test examples have shape {examples.shape}", f"(n, {architecture.inputs})")
    task = task_of(architecture, model.classes)
    columns = () if task is Task.ONE_OF_SEVERAL else (architecture.outputs,)
    if wanted.size != len(examples) * int(np.prod(columns)):
        raise ShapeError(
            f"there are {len(examples)} test examples and answers of shape {wanted.shape}", "one an example"
        )
    examples, wanted = examples.reshape(len(examples), -1), wanted.reshape(len(examples), *columns)
    right, squares = np.zeros(2, np.int64), np.zeros(2)
    for start in range(0, len(examples), ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        both = int8_logits(model, layers, examples[rows]), forward(architecture, model.layers, examples[rows]).logits
        right += [architecture.loss.rightly_classified(z, wanted[rows]) for z in both]
        if task is Task.NUMBERS:
            squares += [((architecture.loss.outputs(z) - wanted[rows]) ** 2).sum() for z in both]
    if task is Task.NUMBERS:
        ours, exact = (sqrt(total / wanted.size) for total in squares)
        return f"Root mean square error {ours:.6g} ({exact:.6g} in float) on {len(examples):,} test examples."
    ours, exact = 100 * right / len(examples)
    return f"Accuracy {ours:.2f} % ({exact:.2f} % in float) on {len(examples):,} test examples."
