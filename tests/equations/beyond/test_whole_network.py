"""Every activation with every loss: the gradient of a whole network, held against differences."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.equations.activations import ACTIVATIONS
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.beyond.dropout import dropout_mask
from pellucid.equations.beyond.l2 import l2_gradient, l2_penalty
from pellucid.equations.finite_differences import STEP, central_difference, check_gradients, relative_difference
from pellucid.equations.losses import (
    AbsoluteError,
    BinaryCrossEntropy,
    ClassSquaredError,
    CrossEntropy,
    Huber,
    Poisson,
    Quantile,
    SquaredError,
)
from pellucid.equations.network import backward, forward
from pellucid.equations.parameters import Layer

LOSSES = [
    CrossEntropy(),
    CrossEntropy(0.1),
    ClassSquaredError(),
    BinaryCrossEntropy(),
    BinaryCrossEntropy(0.1),
    SquaredError(),
    AbsoluteError(),
    Huber(0.5),
    Quantile(0.8),
    Poisson(),
]
AGREEMENT = 1e-7


def problem_of(activation, loss, n=3):
    rng = np.random.default_rng(len(activation))
    architecture = Architecture((4,), (Hidden(5, activation), Hidden(4, activation)), 3, loss=loss)
    layers = tuple(
        Layer(rng.normal(size=shape) / np.sqrt(shape[1]), rng.normal(size=shape[0]) * 0.3)
        for shape in architecture.weight_shapes
    )
    y = rng.integers(0, 3, n) if loss.of_classes else rng.integers(0, 2, (n, 3)) * 1.0
    if isinstance(loss, (SquaredError, AbsoluteError, Huber, Quantile)):
        y += rng.normal(size=y.shape)
    return architecture, layers, rng.normal(size=(n, 4)), y, rng.uniform(0.1, 3.0, n)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_gradient_of_a_whole_network_agrees_with_differences(activation, loss):
    checks = check_gradients(*problem_of(activation, loss))
    assert len(checks) == 6
    for check in checks:
        assert check.difference <= AGREEMENT
        assert check.left_out <= check.probes // 10


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_gradient_with_dropout_and_a_price_on_the_weights_agrees_with_differences(activation):
    architecture, layers, X, y, w = problem_of(activation, SquaredError())
    rows = np.arange(len(X))
    masks = tuple(
        dropout_mask(0, 1, rows, layer, width, 0.4, np.float64) for layer, width in enumerate(architecture.widths[:-1])
    )
    assert {0.0, 1 / 0.6} == {factor for mask in masks for factor in mask.ravel().tolist()}

    def loss_of(some):
        z = forward(architecture, some, X, masks).logits
        return architecture.loss.of_batch(z, y, w) + l2_penalty(some, 0.3, w.sum())

    trace = forward(architecture, layers, X, masks)
    gradients = l2_gradient(layers, backward(architecture, layers, trace, y, w), 0.3, w.sum())
    for number, layer in enumerate(layers):
        for place in (0, 1):
            estimates = np.empty_like(layer[place])
            for index in np.ndindex(estimates.shape):
                above, below = (loss_of(_nudged(layers, number, place, index, by)) for by in (STEP, -STEP))
                estimates[index] = central_difference(above, below)
            assert relative_difference(gradients[number][place], estimates) <= AGREEMENT


def _nudged(layers, number, place, index, by):
    tensors = [tensor.copy() for tensor in layers[number]]
    tensors[place][index] += by
    return (*layers[:number], Layer(*tensors), *layers[number + 1 :])


def test_a_probe_that_crosses_the_corner_of_the_loss_is_left_out_and_counted():
    # p = 0.5·1 + b, y within half a step of it: every probe crosses.
    tiny = Architecture((1,), (), 1, loss=AbsoluteError())
    layers = (Layer(np.array([[0.5]]), np.array([STEP / 2])),)
    checks = check_gradients(tiny, layers, np.ones((1, 1)), np.array([[0.5]]))
    assert [(check.probes, check.left_out) for check in checks] == [(0, 1), (0, 1)]
