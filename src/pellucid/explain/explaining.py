"""From a network, an example and a label to an explanation: the equations, one after the other, with their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pellucid.equations.architecture import Architecture
from pellucid.equations.parameters import Layers
from pellucid.explain import backwards, forwards, loss, updates
from pellucid.explain.explanation import Explanation, Step
from pellucid.explain.one_step import OneStep


def explain(
    architecture: Architecture,
    layers: Layers,
    x: ArrayLike,
    y: Any,
    *,
    learning_rate: float,
    label: Any = None,
    says: Any = None,
    example: str = "the example",
) -> Explanation:
    """Explain one step of training by [sgd] on one example.

    ``x`` (d,), or in the shape of a picture, is in the units of the data; ``y`` is a class index where the loss is of
    classes, else the numbers (k,). ``label`` and ``says`` are how people call what it is and what the network takes it for;
    ``example`` is what they call the example.

    >>> from pellucid.equations.worked_example import ARCHITECTURE, LAYERS, X, Y
    >>> explanation = explain(ARCHITECTURE, LAYERS, X, 1, learning_rate=0.1)
    >>> round(explanation.loss, 4), round(explanation.loss_after, 4)
    (1.5489, 0.7833)
    """
    one = OneStep(architecture, layers, np.asarray(x).reshape(1, -1), y, learning_rate)
    k = int(one.trace.logits[0].argmax())
    return Explanation(
        network=str(architecture),
        parameters=architecture.n_parameters,
        example=example,
        label=y if label is None else label,
        says=says if says is not None else (k if architecture.loss.of_classes else one.trace.p[0].tolist()),
        picture=np.asarray(x).reshape(architecture.input_shape),
        learning_rate=float(learning_rate),
        loss=one.loss,
        loss_after=one.loss_after,
        steps=tuple(_steps(one)),
    )


def _steps(one: OneStep) -> Iterator[Step]:
    yield forwards.what_it_sees(one)
    for k in range(1, one.L + 1):
        yield forwards.affine(one, k)
        if k < one.L:
            yield forwards.activation(one, k)
    yield forwards.output(one)
    yield loss.loss(one)
    yield loss.gradient_of_logits(one)
    for k in range(one.L, 0, -1):
        yield backwards.gradient_of_weights(one, k)
        yield backwards.gradient_of_biases(one, k)
        if k > 1:
            yield backwards.gradient_below(one, k)
            yield backwards.gradient_through(one, k - 1)
    for k in range(one.L, 0, -1):
        yield updates.update(one, k, "W")
        yield updates.update(one, k, "b")
    yield updates.what_it_was_worth(one)
