"""The heart: the mathematics of the multilayer perceptron, written as the text writes it, in NumPy alone.

Start with ``README.md`` beside this file: it leads a reader of the text through these files in the text's own order.
"""

from pellucid.equations import (
    activations,
    affine,
    architecture,
    finite_differences,
    initialization,
    metrics,
    network,
    notation,
    optimizers,
    parameters,
    random_streams,
    relu,
    scaling,
    schedules,
    softmax_cross_entropy,
    worked_example,
)

__all__ = [
    "activations",
    "affine",
    "architecture",
    "finite_differences",
    "initialization",
    "metrics",
    "network",
    "notation",
    "optimizers",
    "parameters",
    "random_streams",
    "relu",
    "scaling",
    "schedules",
    "softmax_cross_entropy",
    "worked_example",
]
