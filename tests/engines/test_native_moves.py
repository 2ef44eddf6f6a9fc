"""The kernels that scale, turn round and look for zeros, of each target: the bits of the equations, or of what they move."""

from __future__ import annotations

import numpy as np
import pytest
from closeness import assert_same_bits
from kernel_problems import SHAPES, cuts, panels, random

from pellucid.equations.scaling import Scaling, scaled

kernels = pytest.importorskip("pellucid.engines._native", reason="this installation has no native engine").kernels

SCALINGS = {
    "as it is": (0.0, 1.0),
    "pixels": (0.0, 255.0),
    "not exact in float32": (0.0, 0.1),
    "shifted": (1950.5, 33.3),
    "each": None,
}


@pytest.mark.parametrize("of", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("scaling", SCALINGS)
def test_scaling_gives_the_bits_of_the_equation(target, dtype, scaling, of):
    for shape in [(1, 1), (3, 7), (5, 8), (2, 33), (65, 64), (3, 130)]:
        assert_scaled(target, dtype, shape, scaling, of)


def assert_scaled(target, dtype, shape, scaling, of):
    X = (np.abs(random(60, shape, np.float64)) * 60).astype(of)
    if of != np.uint8 and X.size > 20:
        X.flat[:4] = np.nan, np.inf, -np.inf, np.finfo(of).tiny / 8
    offset, scale = SCALINGS[scaling] or (random(61, shape[1], float), np.abs(random(62, shape[1], float)) + 0.1)
    offset, scale = np.atleast_1d(offset).astype(float), np.atleast_1d(scale).astype(float)
    kernel = kernels.scale32 if dtype == np.float32 else kernels.scale64
    expected = scaled(X, Scaling(tuple(offset.tolist()), tuple(scale.tolist())), dtype)
    assert_same_bits(kernel(target, X, offset, scale), expected)
    assert_same_bits(kernel(target, X, offset, scale, cuts(63, shape[0])), expected)
    wide = np.zeros((2 * shape[0], shape[1] + 3), of)
    wide[::2, 2 : 2 + shape[1]] = X
    assert_same_bits(kernel(target, wide[::2, 2 : 2 + shape[1]], offset, scale), expected)
    assert_same_bits(kernel(target, X[::-1], offset, scale), expected[::-1].copy())


@pytest.mark.parametrize("shape", [(1, 1), (3, 63), (2, 64), (65, 65), (5, 127), (3, 129), (130, 7)], ids=str)
def test_the_bits_say_what_is_not_zero(target, dtype, shape):
    a = random(70, shape, dtype, zeros=0.5)
    a.flat[0] = np.nan
    a.flat[a.size // 2] = -0.0
    for padding in (0, np.nan, 1):
        bits, count = kernels.nonzero(target, a, padding)
        assert (bits[:, : shape[1]] == (a != 0)).all()
        assert not bits[:, shape[1] :].any()
        assert count == np.count_nonzero(a)
    pixels = np.nan_to_num(np.abs(a) * 60).astype(np.uint8)
    bits, count = kernels.nonzero_bytes(target, pixels)
    assert (bits[:, : shape[1]] == (pixels != 0)).all()
    assert not bits[:, shape[1] :].any()
    assert count == np.count_nonzero(pixels)


@pytest.mark.parametrize("shape", [(1, 1), (3, 63), (64, 64), (65, 2), (63, 129), (130, 65), (192, 257)], ids=str)
def test_bits_are_turned_round(shape):
    which = random(71, shape, np.float32, zeros=0.5) != 0
    turned = kernels.turn(which)
    assert (turned[:, : shape[0]] == which.T).all()
    assert not turned[:, shape[0] :].any()
    assert (kernels.turn(which, cuts(72, -(-shape[1] // 64))) == turned).all()


def test_weights_are_turned_round_and_nothing_else_happens_to_them(target, dtype):
    for shape in SHAPES:
        W = random(73, shape[1:], dtype)
        assert_same_bits(kernels.transpose(target, W), W)
        in_pieces = [cuts(74, panels(target, dtype, shape[2])), cuts(75, panels(target, dtype, shape[1]))]
        assert_same_bits(kernels.transpose(target, W, *in_pieces), W)
