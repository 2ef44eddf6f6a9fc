from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pellucid.equations.beyond.clipping import clipped, gradient_norm
from pellucid.equations.beyond.l2 import l2_gradient, l2_penalty
from pellucid.equations.finite_differences import central_difference
from pellucid.equations.parameters import Layer, zeros_like

EPS = np.finfo(np.float64).eps
NUMBERS = st.floats(-1e6, 1e6)
NETWORKS = st.lists(
    st.tuples(st.integers(1, 4), st.integers(1, 4)).flatmap(
        lambda shape: st.builds(
            Layer, arrays(np.float64, shape, elements=NUMBERS), arrays(np.float64, shape[0], elements=NUMBERS)
        )
    ),
    min_size=1,
    max_size=3,
).map(tuple)


def numbers(layers):
    return [number for layer in layers for tensor in layer for number in tensor.ravel().tolist()]


@given(layers=NETWORKS, alpha=st.floats(0, 10), weight=st.floats(0.1, 1000))
def test_the_penalty_is_the_squares_of_the_weights_and_biases_go_free(layers, alpha, weight):
    squares = math.fsum(number**2 for layer in layers for number in layer.W.ravel().tolist())
    assert l2_penalty(layers, alpha, weight) == pytest.approx(alpha * squares / weight / 2, rel=60 * EPS)
    without_biases = tuple(Layer(W, np.zeros_like(b)) for W, b in layers)
    assert l2_penalty(without_biases, alpha, weight) == l2_penalty(layers, alpha, weight)


@given(layers=NETWORKS, alpha=st.floats(0.01, 10), weight=st.floats(0.1, 1000))
def test_the_gradient_is_the_slope_of_the_penalty(layers, alpha, weight):
    slopes = l2_gradient(layers, zeros_like(layers), alpha, weight)
    assert not any(db.any() for _, db in slopes)
    first, *others = layers
    here = first.W[0, 0]
    step = 2.0**-10 * max(1.0, abs(here))  # a parabola has no error of the difference but that of rounding

    def penalty(number):
        W = first.W.copy()
        W[0, 0] = number
        return l2_penalty((Layer(W, first.b), *others), alpha, weight)

    estimate = central_difference(penalty(here + step), penalty(here - step), step)
    assert abs(slopes[0].W[0, 0] - estimate) <= 60 * EPS * penalty(abs(here) + step) / step


@given(layers=NETWORKS, alpha=st.floats(0, 10), weight=st.floats(0.1, 1000))
def test_the_penaltys_gradient_is_added_to_the_one_that_is_there(layers, alpha, weight):
    gradients = tuple(Layer(W + 1, b + 2) for W, b in layers)
    for (W, _), (dW, db), found in zip(layers, gradients, l2_gradient(layers, gradients, alpha, weight), strict=True):
        np.testing.assert_allclose(
            found.W, dW + alpha * W / weight, rtol=0, atol=8 * EPS * (1e6 + 1e6 * alpha / weight)
        )
        assert found.b.tolist() == db.tolist()


def test_a_batch_that_weighs_nothing_pays_nothing():
    layers = (Layer(np.ones((2, 2)), np.ones(2)),)
    assert l2_penalty(layers, 0.1, 0.0) == 0
    assert l2_gradient(layers, layers, 0.1, 0.0) is layers


def test_the_penalty_of_float32_weights_is_summed_in_float64():
    # In float32 the squares would be infinite.
    assert l2_penalty((Layer(np.full((1, 2), 2.0**100, np.float32), np.zeros(1)),), 1.0, 1.0) == 2.0**200


@given(gradients=NETWORKS)
def test_the_norm_is_that_of_one_long_vector(gradients):
    assert gradient_norm(gradients) == pytest.approx(math.hypot(*numbers(gradients)), rel=60 * EPS)


@given(gradients=NETWORKS, most=st.floats(1e-3, 1e7))
def test_clipping_never_lengthens_and_never_turns(gradients, most):
    before, found = gradient_norm(gradients), clipped(gradients, most)
    after = gradient_norm(found)
    assert after <= min(before, most) * (1 + 60 * EPS)
    if before <= most:
        assert found is gradients
    else:
        assert after == pytest.approx(most, rel=60 * EPS)
        np.testing.assert_allclose(
            numbers(found), [most / before * g for g in numbers(gradients)], rtol=8 * EPS, atol=1e-300
        )


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_is_left_for_whoever_trains_to_see(bad):
    gradients = (Layer(np.array([[1.0, bad]]), np.array([2.0])),)
    assert clipped(gradients, 1.0) is gradients


def test_a_gradient_of_0_has_no_direction_and_stays_0():
    nothing = (Layer(np.zeros((2, 2)), np.zeros(2)),)
    assert clipped(nothing, 1e-3) is nothing


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_types_are_kept_and_arguments_left_alone(frozen, dtype):
    layers = (Layer(frozen([[3.0, 4.0]], dtype), frozen([12.0], dtype)),)
    weight = np.float64(2.0)  # what w.sum() gives
    for found in (l2_gradient(layers, layers, 0.1, weight), clipped(layers, 1.0)):
        assert {tensor.dtype for layer in found for tensor in layer} == {np.dtype(dtype)}
    assert gradient_norm(layers) == 13


def test_the_norm_of_large_float32_gradients_is_finite():
    assert gradient_norm((Layer(np.full((1, 1), 2.0**100, np.float32), np.zeros(1, np.float32)),)) == 2.0**100
