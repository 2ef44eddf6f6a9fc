"""The kernels of the activations that are not part of a product, for each target, against the equations in float64.

Each is computed with a few roundings, UNIT of them at most, relative to the absolute values that it is made of, or of
the smallest number there is. Where e^(−z²/2) is among these, z² is rounded before, which changes it by z² ε/4 of itself.
"""

from __future__ import annotations

import numpy as np
import pytest
from closeness import assert_same_bits, assert_within
from kernel_problems import panels

from pellucid.engines import ReferenceEngine
from pellucid.equations.activations import ACTIVATIONS
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.beyond.logistic import logistic
from pellucid.equations.beyond.mish import mish
from pellucid.equations.beyond.normal_distribution import normal_cdf, normal_density, normal_tail
from pellucid.equations.initialization import initialize

native = pytest.importorskip("pellucid.engines.native", reason="this installation has no native engine")
kernels = native._native.kernels

UNIT = 16
SHAPES = [(1, 1), (3, 2), (2, 7), (9, 8), (4, 15), (6, 16), (5, 17), (3, 31), (64, 33), (130, 65)]
BENDS = sorted(ACTIVATIONS.keys() - {"identity", "relu"})


def sizes_of_the_slope(name, z):
    """The absolute values that the slope is made of, by the equation or by the kernel."""
    m, a = np.abs(z), logistic(z)
    return {
        "leaky_relu": lambda: np.where(z > 0, 1, 0.01),
        "elu": lambda: np.exp(np.minimum(z, 0)),
        "selu": lambda: 2 * np.exp(np.minimum(z, 0)),
        "logistic": lambda: a,
        "tanh": lambda: np.ones_like(z),
        "scaled_tanh": lambda: np.full_like(z, 1.15),
        "gelu": lambda: normal_cdf(z) + (m * normal_density(z) + normal_tail(z)) * (1 + z * z),
        "silu": lambda: a * (1 + m * logistic(-z)),
        "mish": lambda: np.abs(mish(z) / np.where(z == 0, 1, z)) + 1 + m * a,
        "softplus": lambda: a,
    }[name]()


def numbers(shape, dtype, largest):
    z = np.random.default_rng(1).normal(size=shape) * largest
    z.flat[:: max(1, z.size // 3)] = 0
    return z.astype(dtype)


def cuts(whole):
    return sorted(np.random.default_rng(2).integers(0, whole + 1, 3).tolist())


@pytest.mark.parametrize("largest", [0.001, 1, 8, 300])
@pytest.mark.parametrize("name", BENDS)
def test_an_activation_is_the_equation(target, dtype, name, largest):
    lost = 4 * np.finfo(dtype).smallest_subnormal
    for shape in SHAPES:
        z = numbers(shape, dtype, largest)
        wide = z.astype(np.float64)
        a, _, padding_is_zero = kernels.activation(target, name, z)
        expected = ACTIVATIONS[name].forward(wide)
        of_power = 1 + wide * wide if name == "gelu" else 1
        assert_within(a, expected, UNIT * np.finfo(dtype).eps * np.abs(expected) * of_power + lost * (1 + np.abs(wide)))
        assert padding_is_zero
        strange, _, padding_is_zero = kernels.activation(target, name, z, padding=np.nan)
        assert_same_bits(strange, a)
        assert padding_is_zero
        in_pieces, *_ = kernels.activation(
            target, name, z, row_cuts=cuts(shape[0]), panel_cuts=cuts(panels(target, dtype, shape[1]))
        )
        assert_same_bits(in_pieces, a)
        assert_same_bits(kernels.activation(target, name, z[-1:])[0], a[-1:])


@pytest.mark.parametrize("largest", [0.001, 1, 8, 300])
@pytest.mark.parametrize("name", BENDS)
def test_the_way_back_through_an_activation_is_the_equation(target, dtype, name, largest):
    lost = 4 * np.finfo(dtype).smallest_subnormal
    for shape in SHAPES:
        z, da = numbers(shape, dtype, largest), np.random.default_rng(3).normal(size=shape).astype(dtype)
        wide, wide_da = z.astype(np.float64), da.astype(np.float64)
        dz, finite, padding_is_zero = kernels.activation(target, name, z, da)
        bound = UNIT * np.finfo(dtype).eps * np.abs(wide_da) * sizes_of_the_slope(name, wide) + lost * (
            1 + np.abs(wide_da)
        )
        bound += lost * (1 + np.abs(wide)) * (1 + np.abs(wide_da))
        assert_within(dz, ACTIVATIONS[name].backward(wide_da, wide), bound)
        assert finite
        assert padding_is_zero
        in_pieces, *_ = kernels.activation(
            target, name, z, da, row_cuts=cuts(shape[0]), panel_cuts=cuts(panels(target, dtype, shape[1]))
        )
        assert_same_bits(in_pieces, dz)


@pytest.mark.parametrize("name", BENDS)
def test_what_is_not_finite_is_seen_behind_an_activation(target, dtype, name):
    z = np.array([[np.nan, np.inf, -np.inf, np.finfo(dtype).max, np.finfo(dtype).min, 0, 1]], dtype).repeat(3, axis=0)
    da = np.ones_like(z)
    da[1, -1], da[2, -1] = np.nan, np.inf
    with np.errstate(invalid="ignore", over="ignore"):
        a, dz = ACTIVATIONS[name].forward(z), ACTIVATIONS[name].backward(da, z)
    np.testing.assert_allclose(kernels.activation(target, name, z)[0], a, rtol=UNIT * np.finfo(dtype).eps)
    found, finite, _ = kernels.activation(target, name, z, da)
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(dz))
    np.testing.assert_array_equal(np.isnan(found[:, [0]]), np.isnan(dz[:, [0]]))
    np.testing.assert_allclose(found[0, 3:5], dz[0, 3:5], rtol=UNIT * np.finfo(dtype).eps)  # finite, however large z
    assert not finite
    for row, last in ((1, np.isnan), (2, np.isinf)):
        assert last(found[row, -1])
        assert not kernels.activation(target, name, z[row : row + 1, -2:].copy(), da[row : row + 1, -2:].copy())[1]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_row_is_predicted_alike_in_any_batch_whatever_bends(target, dtype, name):
    architecture = Architecture((33,), (Hidden(70, name), Hidden(17, name)), 5)
    layers = initialize(architecture, 0, dtype=dtype)
    X = np.random.default_rng(4).normal(size=(150, 33))
    engine = native.NativeEngine(target, 2)
    whole = engine.predict(architecture, layers, X)
    for rows in (slice(0, 1), slice(7, 9), slice(100, 123), slice(149, 150)):
        assert_same_bits(engine.predict(architecture, layers, X[rows]), whole[rows])
    expected = ReferenceEngine().predict(architecture, layers, X)
    np.testing.assert_allclose(whole, expected, rtol=1e5 * np.finfo(dtype).eps)
