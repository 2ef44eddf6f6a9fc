"""A network as one C header: for microcontrollers, for programs without Python, for whoever wants to read it once more.

The header needs a C99 or C++ compiler, ``<math.h>`` and nothing else: no allocation, no globals that change, all numbers
``static const float``. Its functions are named after the file::

    static inline int digits_predict(const float x[DIGITS_INPUTS], float p[DIGITS_OUTPUTS]);
    static inline const char *digits_label(int index);

``x`` is in the units of the training data. ``p`` is what ``predict_proba`` gives, or ``predict`` where the outputs are
numbers. Parameters in float64 are rounded to float32. ``c_int8.py`` writes the same with 8-bit weights.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.answers import Task, task_of
from pellucid.equations.scaling import Scaling
from pellucid.errors import SettingError
from pellucid.files import write_text
from pellucid.formats.c_activations import activation_function, output_lines
from pellucid.formats.model_file import Model
from pellucid.formats.scaling_in_float32 import in_float32, is_identity

LINE = 116


def write_c(path: Path, model: Model) -> None:
    """Write a network as a C header, whole or not at all. Raises ``StorageError``; ``SettingError`` for numbers that
    float32 does not hold.
    """
    write_text(path, c_header(model, c_name(path)))


def c_name(path: Path) -> str:
    """Make a name for C out of a file's.

    >>> c_name(Path("models/My digits-2.h")), c_name(Path("2.h"))
    ('my_digits_2', 'model_2')
    """
    name = re.sub(r"[^a-z0-9_]+", "_", path.stem.lower()).strip("_")
    return name if name[:1].isalpha() else f"model_{name}".rstrip("_")


def c_header(model: Model, name: str) -> str:
    """Write a network as the text of a C header in float32."""
    layers = [(in_range(W), in_range(b)) for W, b in model.layers]
    n_bytes = 4 * model.architecture.n_parameters
    between = _between(model)
    about = [
        f"{n_bytes:,} bytes of constants, {4 * sum(between):,} bytes of stack for the numbers between the layers.",
        "All arithmetic is float; each sum is added up in the order of the inputs.",
    ]
    body = [constant_array("float", f"W{i}", floats(W.ravel())) for i, (W, _) in enumerate(layers, start=1)]
    body += [constant_array("float", f"b{i}", floats(b)) for i, (_, b) in enumerate(layers, start=1)]
    return assemble(model, name, about, [*body, *_layer_function()], _forward(model))


def assemble(model: Model, name: str, about: Sequence[str], tables: Sequence[str], forward: Sequence[str]) -> str:
    """Put a header together: what it is, tables and functions, ``predict``, ``label``.

    In the given text, ``@`` stands for the name and ``@@`` for the name in capitals.
    """
    architecture, task = model.architecture, task_of(model.architecture, model.classes)
    functions = [layer.activation for layer in architecture.hidden]
    functions += [output] if (output := architecture.output) in ("logistic", "scaled_tanh") else []
    k = max(architecture.outputs, len(model.classes))
    scaling = [] if is_identity(architecture.scaling) else _scaling(architecture.scaling)
    returned = "void" if task in (Task.SEVERAL_LABELS, Task.NUMBERS) else "int"
    lines = [
        *_comment(model, about),
        "#ifndef @@_H",
        "#define @@_H",
        "",
        "#include <math.h>",
        *(["#include <stdint.h>"] if any("int8_t" in table for table in tables) else []),
        "",
        f"#define @@_INPUTS {architecture.inputs}",
        f"#define @@_OUTPUTS {k}",
        "",
        *tables,
        *(line for bend in dict.fromkeys(functions) if (line := activation_function(bend))),
        *scaling,
        f"/* {_MEANING[task]} */",
        f"static inline {returned} @_predict(const float x[@@_INPUTS], float p[@@_OUTPUTS])",
        "{",
        *(f"    {line}" for line in (*forward, *output_lines(architecture.output, task, architecture.outputs))),
        "}",
        "",
        *_labels(model),
        "#endif",
        "",
    ]
    return "\n".join(lines).replace("@@", name.upper()).replace("@", name)


_MEANING = {
    Task.ONE_OF_SEVERAL: "x: one example; p: the probability of each class. Returns the index of the most probable one.",
    Task.YES_OR_NO: "x: one example; p: the probabilities of the two classes. Returns the index of the more probable one.",
    Task.SEVERAL_LABELS: "x: one example; p: the probability of each label. A label applies where p > 0.5.",
    Task.NUMBERS: "x: one example; p: the numbers that are predicted.",
}


def in_range(tensor: NDArray[Any]) -> NDArray[np.float32]:
    """Round to float32. Raises ``SettingError`` where a number is too large for it."""
    with np.errstate(over="ignore"):
        rounded = tensor.astype(np.float32)
    if not np.isfinite(rounded).all():
        raise SettingError(f"a parameter is {abs(tensor).max():.3g}", "numbers that float32 can hold")
    return rounded


def constant_array(kind: str, name: str, numbers: Iterable[str]) -> str:
    """Write a table of numbers, broken into lines.

    >>> print(constant_array("float", "b1", floats(np.array([0.1, -2.0], np.float32))))
    static const float @_b1[2] = {
        0.1f, -2.0f
    };
    <BLANKLINE>
    """
    words = list(numbers)
    lines, length = [[words[0]]], 4 + len(words[0])
    for word in words[1:]:
        if length + len(word) + 2 > LINE:
            lines.append([])
            length = 2
        lines[-1].append(word)
        length += len(word) + 2
    rows = ",\n".join("    " + ", ".join(line) for line in lines)
    return f"static const {kind} @_{name}[{len(words)}] = {{\n{rows}\n}};\n"


def floats(numbers: NDArray[np.float32]) -> list[str]:
    """Write each number with the fewest digits that give its bits back.

    >>> floats(np.array([1 / 3, 100.0, 1e-45], np.float32))
    ['0.33333334f', '100.0f', '1e-45f']
    """
    return [f"{number!s}f" for number in numbers]


def fill_with_inputs(model: Model) -> list[str]:
    """Write how ``a`` is filled with the scaled inputs."""
    scaled = "x[i]" if is_identity(model.architecture.scaling) else "@_scaled(x[i], i)"
    return ["for (i = 0; i < @@_INPUTS; ++i) {", f"    a[i] = {scaled};", "}"]


def _between(model: Model) -> tuple[int, int]:
    """Say how many numbers must be kept between the layers: the most that go into one (x aside), and that come out."""
    widths, reads_x = model.architecture.widths, is_identity(model.architecture.scaling)
    return max(widths[1 if reads_x else 0 : -1], default=0), max(widths[1:])


def _forward(model: Model) -> list[str]:
    """Write the chain of layers: from x by way of ``a`` and ``z`` to the last z."""
    bends = [layer.activation for layer in model.architecture.hidden]
    (n_a, n_z), reads_x = _between(model), is_identity(model.architecture.scaling)
    lines = [f"float {f'a[{n_a}], ' if n_a else ''}z[{n_z}];", "int i;"]
    lines += [] if reads_x else fill_with_inputs(model)
    for i, (W, b) in enumerate(model.layers, start=1):
        given = "x" if reads_x and i == 1 else "a"
        lines.append(f"@_layer(@_W{i}, @_b{i}, {given}, {W.shape[1]}, z, {b.size});")
        if i <= len(bends):
            lines += bend_lines(bends[i - 1], b.size)
    return lines


def bend_lines(activation: str, width: int) -> list[str]:
    """Write a = f(z)."""
    bent = "z[i]" if activation == "identity" else f"@_{activation}(z[i])"
    return [f"for (i = 0; i < {width}; ++i) {{", f"    a[i] = {bent};", "}"]


def _layer_function() -> list[str]:
    return """\
/* z = W a + b; W holds a row for each output. */
static inline void @_layer(const float *W, const float *b, const float *a, int n_inputs, float *z, int n_outputs)
{
    int i, j;
    for (j = 0; j < n_outputs; ++j) {
        const float *row = W + (long)j * n_inputs;
        float sum = 0.0f;
        for (i = 0; i < n_inputs; ++i) {
            sum += row[i] * a[i];
        }
        z[j] = sum + b[j];
    }
}

""".splitlines()


def _scaling(scaling: Scaling) -> list[str]:
    """Write the function that scales input i."""
    offset, rest, scale = in_float32(scaling)
    tables, terms, many = [], {}, len(scale) > 1
    for part, numbers in (("offset", offset), ("rest", rest), ("scale", scale)):
        if many and numbers.any():
            tables.append(constant_array("float", part, floats(numbers)))
        terms[part] = f"@_{part}[i]" if many else floats(numbers)[0]
    x = "x"
    for part, numbers in (("offset", offset), ("rest", rest)):
        if numbers.any():
            x = f"({x} - {terms[part]})"
    unused = [] if many else ["    (void)i;"]
    return [
        *tables,
        "/* From the units of the data to those of the first layer. */",
        "static inline float @_scaled(float x, int i)",
        "{",
        *unused,
        f"    return {x} / {terms['scale']};",
        "}",
        "",
    ]


def _comment(model: Model, about: Sequence[str]) -> list[str]:
    architecture = model.architecture
    bends = ", ".join(dict.fromkeys(layer.activation for layer in architecture.hidden)) or "no hidden layer"
    version = re.sub(r"[^0-9A-Za-z.+]", "", model.version)
    lines = [f"@: a multilayer perceptron {architecture}: {bends}; {architecture.output}.", *about]
    return ["/*", *(f" * {line}" for line in lines), f" * Written by Pellucid {version}.".rstrip(" ."), " */"]


def _labels(model: Model) -> list[str]:
    """Write the function that names the classes."""
    if not model.classes:
        return []
    words = constant_array("char *const", "words", [c_string(str(label)) for label in model.classes])
    words = words.replace("@_words", "words").rstrip()
    return [
        "/* The label of an index, in UTF-8. */",
        "static inline const char *@_label(int index)",
        "{",
        *(f"    {line}" for line in words.split("\n")),
        f'    return index >= 0 && index < {len(model.classes)} ? words[index] : "";',
        "}",
        "",
    ]


def c_string(text: str) -> str:
    """Write a text as a C string: what is not a plain letter as the octal numbers of its bytes.

    >>> print(c_string('a "b"\\n?é'))
    "a \\042b\\042\\012\\077\\303\\251"
    """
    plain = set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-+.,:;!()[]{}<>=*/&%$#'|~^")
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in text.encode()) + '"'
