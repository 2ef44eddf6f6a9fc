from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from pellucid.equations.activations import ACTIVATIONS

EPS = np.finfo(np.float64).eps
NAMES = pytest.mark.parametrize("name", ACTIVATIONS)
MATRICES = array_shapes(min_dims=2, max_dims=2)
RISING = ["relu", "identity", "logistic", "tanh", "scaled_tanh", "leaky_relu", "elu", "selu", "softplus"]
DIPPING = {"gelu": (-0.7517915, -0.1699712), "silu": (-1.2784645, -0.2784645), "mish": (-1.1924312, -0.3088434)}

BY_HAND = {
    "relu": lambda z: max(0.0, z),
    "identity": lambda z: z,
    "logistic": lambda z: 1 / (1 + math.exp(-z)),
    "tanh": lambda z: (math.exp(z) - math.exp(-z)) / (math.exp(z) + math.exp(-z)),
    "scaled_tanh": lambda z: 1.7159 * (1 - 2 / (math.exp(4 * z / 3) + 1)),
    "leaky_relu": lambda z: z if z > 0 else z / 100,
    "elu": lambda z: z if z > 0 else math.exp(z) - 1,
    "selu": lambda z: 1.0507009873554805 * (z if z > 0 else 1.6732632423543772 * (math.exp(z) - 1)),
    "gelu": lambda z: z * (1 + math.erf(z / math.sqrt(2))) / 2,
    "silu": lambda z: z / (1 + math.exp(-z)),
    "mish": lambda z: z * math.tanh(math.log(1 + math.exp(z))),
    "softplus": lambda z: math.log(1 + math.exp(z)),
}


def test_every_activation_is_computed_here_by_hand_too():
    assert set(BY_HAND) == set(ACTIVATIONS)


@NAMES
@given(z=st.floats(-20, 20))
def test_an_activation_is_what_its_formula_says(name, z):
    # The formulas as they are written cancel and round in some ten places, each in numbers of the size of 1 + |z|.
    assert abs(ACTIVATIONS[name].forward(np.array([[z]])).item() - BY_HAND[name](z)) <= 10 * EPS * (1 + abs(z))


@NAMES
@given(z=arrays(np.float64, (3, 4), elements=st.floats(-8, 8).filter(lambda number: abs(number) > 0.01)))
def test_the_way_back_is_the_slope_away_from_the_corner(name, z):
    # The difference errs by step²/6 times the third derivative, below 2 for all, and by ten roundings of numbers up to 9.
    step = 2.0**-17
    forward, backward = ACTIVATIONS[name]
    slope = (forward(z + step) - forward(z - step)) / (2 * step)
    np.testing.assert_allclose(backward(np.ones_like(z), z), slope, rtol=0, atol=step**2 + 90 * EPS / step)


@NAMES
@given(
    z=arrays(np.float64, (3, 4), elements=st.floats(-50, 50)), da=arrays(np.float64, (3, 4), elements=st.floats(-9, 9))
)
def test_the_way_back_multiplies_by_the_slope(name, z, da):
    backward = ACTIVATIONS[name].backward
    np.testing.assert_allclose(backward(da, z), da * backward(np.ones_like(z), z), rtol=4 * EPS, atol=1e-300)


@NAMES
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_activation_keeps_the_type_of_its_numbers_and_leaves_its_arguments_alone(frozen, name, dtype):
    z, da = frozen([[1.0, -1.0, 0.0]], dtype), frozen([[0.5, 0.25, 2.0]], dtype)
    forward, backward = ACTIVATIONS[name]
    assert (forward(z).dtype, backward(da, z).dtype) == (dtype, dtype)
    assert (forward(z).shape, backward(da, z).shape) == (z.shape, z.shape)


@NAMES
def test_in_float32_an_activation_is_the_same_but_for_rounding(name):
    z = np.linspace(-12, 12, 4801, dtype=np.float32)
    exact = z.astype(np.float64)
    forward, backward = ACTIVATIONS[name]
    bound = 10 * np.finfo(np.float32).eps * (1 + np.abs(exact))
    assert (np.abs(forward(z) - forward(exact)) <= bound).all()
    assert (np.abs(backward(np.ones_like(z), z) - backward(np.ones_like(exact), exact)) <= bound).all()


@NAMES
def test_an_activation_does_not_hide_a_nan(name):
    z = np.array([[np.nan, 1.0]])
    assert np.isnan(ACTIVATIONS[name].forward(z)).tolist() == [[True, False]]


@NAMES
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(data=st.data())
def test_nothing_overflows_up_to_1e30(name, dtype, data):
    z = data.draw(arrays(dtype, MATRICES, elements=st.floats(-(2.0**99), 2.0**99, width=32)))
    forward, backward = ACTIVATIONS[name]
    assert np.isfinite(forward(z)).all()
    slope = backward(np.ones_like(z), z)
    assert np.isfinite(slope).all()
    assert (np.abs(slope) <= 1.7581 + 1e-4).all()  # the steepest of all: SELU just below 0, λ α


@pytest.mark.parametrize("name", RISING)
@given(data=st.data())
def test_those_that_rise_rise_everywhere(name, data):
    numbers = data.draw(st.lists(st.floats(-1e30, 1e30) | st.floats(-5, 5), min_size=2, max_size=30))
    z = np.sort(np.array(numbers))
    a = ACTIVATIONS[name].forward(z)
    assert (np.diff(a) >= -4 * EPS * (1 + np.abs(a[1:]))).all()
    assert (ACTIVATIONS[name].backward(np.ones_like(z), z) >= 0).all()


@pytest.mark.parametrize("name", DIPPING)
def test_those_that_dip_fall_to_one_lowest_point_and_rise_from_there(name):
    lowest, depth = DIPPING[name]
    z = np.linspace(-12, 12, 9601)
    forward, backward = ACTIVATIONS[name]
    slope = backward(np.ones_like(z), z)
    assert (slope[z < lowest - 0.01] < 0).all()
    assert (slope[z > lowest + 0.01] > 0).all()
    assert abs(forward(np.array([lowest])).item() - depth) <= 1e-7
    assert abs(backward(np.ones(1), np.array([lowest])).item()) <= 1e-7
    assert set(DIPPING) | set(RISING) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", ["gelu", "silu", "mish", "softplus", "relu"])
def test_far_from_0_the_smooth_ones_are_relu(name):
    z = np.array([[-1e30, -800.0, 800.0, 1e30]])
    assert (ACTIVATIONS[name].forward(z) + 0).tolist() == [[0, 0, 800, 1e30]]
    assert (ACTIVATIONS[name].backward(np.ones_like(z), z) + 0).tolist() == [[0, 0, 1, 1]]


@pytest.mark.parametrize("name", ["gelu", "silu", "softplus", "relu"])
@given(z=arrays(np.float64, MATRICES, elements=st.floats(-100, 100)))
def test_what_is_handed_on_of_z_and_of_minus_z_differs_by_z(name, z):
    # z f(z) + z f(−z) = z where f(z) + f(−z) = 1; and log(1 + e^z) − log(1 + e^−z) = z.
    forward = ACTIVATIONS[name].forward
    assert (np.abs(forward(z) - forward(-z) - z) <= 4 * EPS * (1 + np.abs(z))).all()


@given(z=arrays(np.float64, MATRICES, elements=st.floats(-1e3, 1e3)))
def test_the_logistic_function_shares_1_between_z_and_minus_z(z):
    logistic = ACTIVATIONS["logistic"].forward
    assert (np.abs(logistic(z) + logistic(-z) - 1) <= 2 * EPS).all()


@given(z=arrays(np.float64, MATRICES, elements=st.floats(-1e3, 1e3)))
def test_tanh_is_a_logistic_function_stretched(z):
    logistic, tanh = ACTIVATIONS["logistic"].forward, ACTIVATIONS["tanh"].forward
    assert (np.abs(2 * logistic(2 * z) - 1 - tanh(z)) <= 4 * EPS).all()


def test_selu_keeps_mean_0_and_variance_1():
    # Trapezia of width 10⁻³ up to ±12: they err by 10⁻⁶ · (jump of the slope at 0) / 12 and by less.
    z = np.linspace(-12, 12, 24001)
    density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    a = ACTIVATIONS["selu"].forward(z)
    assert abs(np.trapezoid(a * density, z)) <= 1e-6
    assert abs(np.trapezoid(a * a * density, z) - 1) <= 1e-6


@pytest.mark.parametrize(
    ("name", "slope"),
    [("relu", 0.0), ("leaky_relu", 0.01), ("elu", 1.0), ("selu", 1.0507009873554805 * 1.6732632423543772)],
)
def test_at_the_corner_the_left_slope_is_taken(name, slope):
    found = ACTIVATIONS[name].backward(np.ones((1, 2)), np.array([[0.0, -0.0]]))
    np.testing.assert_allclose(found, [[slope, slope]], rtol=2 * EPS)


@pytest.mark.parametrize(
    ("name", "z", "a"),
    [
        ("logistic", -700.0, math.exp(-700)),
        ("softplus", -40.0, math.exp(-40)),
        ("silu", -40.0, -40 * math.exp(-40)),
        ("mish", -40.0, -40 * math.exp(-40)),
        ("gelu", -8.0, -4 * math.erfc(8 / math.sqrt(2))),
        ("elu", -1e-12, -1e-12 + 0.5e-24),
        ("selu", -1e-12, 1.0507009873554805 * 1.6732632423543772 * (-1e-12 + 0.5e-24)),
        ("tanh", 1e-12, 1e-12),
    ],
)
def test_what_is_small_keeps_its_digits(name, z, a):
    # (8/√2 is rounded, which erfc multiplies by 64.)
    assert abs(ACTIVATIONS[name].forward(np.array([z])).item() - a) <= (100 if name == "gelu" else 8) * EPS * abs(a)
