from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from pellucid.equations.activations import ACTIVATIONS
from pellucid.equations.relu import relu, relu_backward

NUMBERS = st.floats(-1e6, 1e6, width=32)


def test_relu_keeps_what_is_positive(frozen):
    assert relu(frozen([[0.7, -0.8, 0.0, 3.0]])).tolist() == [[0.7, 0.0, 0.0, 3.0]]


def test_relu_backward_hands_down_only_where_the_neuron_was_on(frozen):
    assert relu_backward(da=frozen([[2.0, 3.0, -4.0]]), z=frozen([[0.7, -0.8, 0.8]])).tolist() == [[2.0, 0.0, -4.0]]


def test_the_slope_at_the_corner_is_0():
    assert relu_backward(da=np.array([[5.0, 5.0]]), z=np.array([[0.0, -0.0]])).tolist() == [[0.0, 0.0]]


def test_relu_does_not_hide_a_nan():
    assert np.isnan(relu(np.array([[np.nan]]))).all()


@given(z=arrays(np.float64, array_shapes(min_dims=2, max_dims=2), elements=NUMBERS))
def test_relu_is_never_negative_and_leaves_z_or_0(z):
    a = relu(z)
    assert (a >= 0).all()
    assert ((a == z) | ((a == 0) & (z < 0))).all()


@given(z=arrays(np.float64, (3, 4), elements=st.floats(-8, 8).filter(lambda number: abs(number) > 0.01)))
def test_relu_backward_is_the_slope_away_from_the_corner(z):
    # Both lines are straight: the difference is exact but for the rounding of z ± 2⁻⁷ (exact here) and of a division by 2ᵏ.
    step = 2.0**-7
    slope = (relu(z + step) - relu(z - step)) / (2 * step)
    np.testing.assert_allclose(relu_backward(np.ones_like(z), z), slope, rtol=0, atol=16 * np.finfo(float).eps / step)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_relu_keeps_the_type_of_its_numbers(frozen, dtype):
    z = frozen([[1.0, -1.0]], dtype)
    assert (relu(z).dtype, relu_backward(z, z).dtype) == (dtype, dtype)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_has_its_way_back(name):
    z = np.array([[-1.5, 0.25, 2.0]])
    step = 2.0**-20
    slope = (ACTIVATIONS[name].forward(z + step) - ACTIVATIONS[name].forward(z - step)) / (2 * step)
    # Error of the difference: step² from the curve, ε/step from rounding.
    np.testing.assert_allclose(ACTIVATIONS[name].backward(np.ones_like(z), z), slope, rtol=0, atol=16 * 2.0**-32)
