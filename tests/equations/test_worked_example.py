"""The 4-3-3-2 network by hand.

Its logits differ by 1.31, so p = (q, 1 − q) with q = 1 / (1 + e^−1.31), and as the true class is the second, dz₃ = (q, −q).
Every gradient is then a short decimal times q.
"""

from __future__ import annotations

from math import exp, log1p

import numpy as np
import pytest

from pellucid.equations.network import backward, backward_steps, forward, loss_and_gradients
from pellucid.equations.optimizers import SGD
from pellucid.equations.worked_example import ARCHITECTURE, LAYERS, LEARNING_RATE, X, Y

Q = 1 / (1 + exp(-1.31))
CLOSE = {"rtol": 0, "atol": 16 * np.finfo(float).eps}  # every sum has at most 5 terms, all of them below 2

DW_BY_HAND = (
    [[1.2 * Q, 0, 0.6 * Q, -1.2 * Q], [0, 0, 0, 0], [0.65 * Q, 0, 0.325 * Q, -0.65 * Q]],
    [[0.7 * Q, 0, 0.8 * Q], [0, 0, 0], [1.05 * Q, 0, 1.2 * Q]],
    [[0.34 * Q, 0, 0.58 * Q], [-0.34 * Q, 0, -0.58 * Q]],
)
DB_BY_HAND = ([1.2 * Q, 0, 0.65 * Q], [Q, 0, 1.5 * Q], [Q, -Q])


def test_forwards_every_z_and_a_is_the_number_on_the_page():
    hidden_1, hidden_2, output = forward(ARCHITECTURE, LAYERS, X).layers
    np.testing.assert_allclose(hidden_1.z, [[0.7, -0.8, 0.8]], **CLOSE)
    np.testing.assert_allclose(hidden_1.a, [[0.7, 0, 0.8]], **CLOSE)
    np.testing.assert_allclose(hidden_2.z, [[0.34, -0.09, 0.58]], **CLOSE)
    np.testing.assert_allclose(hidden_2.a, [[0.34, 0, 0.58]], **CLOSE)
    np.testing.assert_allclose(output.z, [[0.80, -0.51]], **CLOSE)
    np.testing.assert_allclose(output.a, [[Q, 1 - Q]], **CLOSE)


def test_each_layer_sees_what_the_layer_below_put_out():
    trace = forward(ARCHITECTURE, LAYERS, X)
    assert trace.x.tolist() == X.tolist()
    assert [step.inputs.tolist() for step in trace.layers[1:]] == [step.a.tolist() for step in trace.layers[:-1]]
    assert (trace.logits.tolist(), trace.p.tolist()) == (trace.layers[-1].z.tolist(), trace.layers[-1].a.tolist())


def test_the_loss_is_the_logarithm_of_one_plus_e_to_the_distance():
    assert loss_and_gradients(ARCHITECTURE, LAYERS, X, Y)[0] == pytest.approx(log1p(exp(1.31)), rel=1e-15)


def test_backwards_every_dz_and_da_is_the_number_on_the_page():
    output, hidden_2, hidden_1 = backward_steps(ARCHITECTURE, LAYERS, forward(ARCHITECTURE, LAYERS, X), Y)
    np.testing.assert_allclose(output.dz, [[Q, -Q]], **CLOSE)
    np.testing.assert_allclose(output.da, [[Q, -Q, 1.5 * Q]], **CLOSE)
    np.testing.assert_allclose(hidden_2.dz, [[Q, 0, 1.5 * Q]], **CLOSE)
    np.testing.assert_allclose(hidden_2.da, [[1.2 * Q, -0.3 * Q, 0.65 * Q]], **CLOSE)
    np.testing.assert_allclose(hidden_1.dz, [[1.2 * Q, 0, 0.65 * Q]], **CLOSE)
    assert hidden_1.da is None


def test_every_gradient_is_a_short_decimal_times_q():
    gradients = backward(ARCHITECTURE, LAYERS, forward(ARCHITECTURE, LAYERS, X), Y)
    for gradient, dW, db in zip(gradients, DW_BY_HAND, DB_BY_HAND, strict=True):
        np.testing.assert_allclose(gradient.W, dW, **CLOSE)
        np.testing.assert_allclose(gradient.b, db, **CLOSE)


def test_one_step_moves_every_parameter_by_a_tenth_of_its_gradient():
    _, gradients = loss_and_gradients(ARCHITECTURE, LAYERS, X, Y)
    layers, moments = SGD().step(LAYERS, gradients, (), t=1, learning_rate=LEARNING_RATE)
    assert moments == ()
    for layer, before, dW, db in zip(layers, LAYERS, DW_BY_HAND, DB_BY_HAND, strict=True):
        np.testing.assert_allclose(layer.W, before.W - 0.1 * np.array(dW), **CLOSE)
        np.testing.assert_allclose(layer.b, before.b - 0.1 * np.array(db), **CLOSE)


def test_after_one_step_the_loss_is_less():
    _, gradients = loss_and_gradients(ARCHITECTURE, LAYERS, X, Y)
    layers, _ = SGD().step(LAYERS, gradients, (), t=1, learning_rate=LEARNING_RATE)
    assert round(loss_and_gradients(ARCHITECTURE, layers, X, Y)[0], 4) == 0.7833


def test_the_example_cannot_be_changed_by_whoever_uses_it():
    assert not any(array.flags.writeable for array in (X, Y, *(tensor for layer in LAYERS for tensor in layer)))
