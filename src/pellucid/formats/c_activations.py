"""The activations and output functions in C, with the functions of C99's ``<math.h>`` in float."""

from __future__ import annotations

from pellucid.answers import Task

_BODIES = {
    "relu": "return z < 0.0f ? 0.0f : z;",
    "logistic": "float e = expf(-fabsf(z));\n    return (z < 0.0f ? e : 1.0f) / (1.0f + e);",
    "tanh": "return tanhf(z);",
    "scaled_tanh": "return 1.7159f * tanhf(0.666666667f * z);",
    "leaky_relu": "return z < 0.0f ? 0.01f * z : z;",
    "elu": "return z < 0.0f ? expm1f(z) : z;",
    "selu": "return 1.05070099f * (z < 0.0f ? 1.67326324f * expm1f(z) : z);",
    "gelu": "return 0.5f * z * erfcf(z * -0.707106781f);",
    "silu": "float e = expf(-fabsf(z));\n    return z * (z < 0.0f ? e : 1.0f) / (1.0f + e);",
    "mish": "float e = expf(-fabsf(z));\n    return z * tanhf((z < 0.0f ? 0.0f : z) + log1pf(e));",
    "softplus": "return (z < 0.0f ? 0.0f : z) + log1pf(expf(-fabsf(z)));",
}

_LARGEST = """\
int largest = 0;
for (i = 1; i < @@_OUTPUTS; ++i) {
    if (z[i] > z[largest]) {
        largest = i;
    }
}"""

_SOFTMAX = (
    """\
float sum = 0.0f;
"""
    + _LARGEST
    + """
for (i = 0; i < @@_OUTPUTS; ++i) {
    p[i] = expf(z[i] - z[largest]);
    sum += p[i];
}
for (i = 0; i < @@_OUTPUTS; ++i) {
    p[i] /= sum;
}
return largest;"""
)

_CLASS_SHARES = (
    """\
float sum = 0.0f;
"""
    + _LARGEST
    + """
for (i = 0; i < @@_OUTPUTS; ++i) {
    float q = 1.0f + @_scaled_tanh(z[i]);
    p[i] = q > 9.53674316e-7f ? q : 9.53674316e-7f;
    sum += p[i];
}
for (i = 0; i < @@_OUTPUTS; ++i) {
    p[i] /= sum;
}
return largest;"""
)

_YES_OR_NO = """\
p[1] = @_logistic(z[0]);
p[0] = 1.0f - p[1];
return z[0] > 0.0f;"""


def activation_function(name: str) -> str:
    """Write the function of one activation; nothing for the identity.

    >>> print(activation_function("relu"))
    static inline float @_relu(float z)
    {
        return z < 0.0f ? 0.0f : z;
    }
    <BLANKLINE>
    """
    if name == "identity":
        return ""
    return f"static inline float @_{name}(float z)\n{{\n    {_BODIES[name]}\n}}\n"


def output_lines(output: str, task: Task, outputs: int) -> list[str]:
    """Write what makes p of the last z, and returns the label."""
    if output == "softmax":
        return _SOFTMAX.split("\n")
    if output == "scaled_tanh":
        return _CLASS_SHARES.split("\n")
    if task is Task.YES_OR_NO:
        return _YES_OR_NO.split("\n")
    made = {"logistic": "@_logistic(z[i])", "identity": "z[i]", "exp": "expf(z[i])"}[output]
    return [f"for (i = 0; i < {outputs}; ++i) {{", f"    p[i] = {made};", "}"]
