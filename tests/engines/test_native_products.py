"""The kernels that multiply, of each target, against the equations, computed in float64.

A sum of k products errs, in whatever order it is made, by at most k ε/2 times the sum of their absolute values (to first
order; Higham: Accuracy and Stability of Numerical Algorithms, section 3.1). The reference errs, too, so the bound is
(k + 2) ε times that sum.
"""

from __future__ import annotations

import numpy as np
import pytest
from closeness import assert_same_bits, assert_same_kind, assert_within
from kernel_problems import (
    RULES,
    SHAPES,
    SOME,
    STRANGE,
    assert_all_the_same_bits,
    chunks,
    cuts,
    moments_of,
    panels,
    random,
    step,
    updated,
)

from pellucid.equations.affine import affine, affine_backward
from pellucid.equations.relu import relu, relu_backward

kernels = pytest.importorskip("pellucid.engines._native", reason="this installation has no native engine").kernels

# ---- [z], [a] ----------------------------------------------------------------------------------------------------------


def layer(shape, dtype, zeros=0.5):
    n, fan_in, fan_out = shape
    return random(1, (n, fan_in), dtype, zeros), random(2, (fan_out, fan_in), dtype), random(3, fan_out, dtype)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_affine_is_within_the_bound_of_a_sum_whatever_is_skipped(target, dtype, shape):
    a, W, b = layer(shape, dtype)
    wide = [array.astype(np.float64) for array in (a, W, b)]
    bound = (shape[1] + 2) * np.finfo(dtype).eps * affine(*map(np.abs, wide))
    z = kernels.affine(target, a, W, b)
    assert_within(z, affine(*wide), bound)
    assert_within(kernels.affine(target, a, W, b, relu=True), relu(affine(*wide)), bound)
    assert_same_bits(kernels.affine(target, a, W, b, skip_zeros=True), z)


@pytest.mark.parametrize("skip_zeros", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_affine_in_pieces_and_a_row_alone_give_the_same_bits(target, dtype, shape, skip_zeros):
    a, W, b = layer(shape, dtype)
    whole = kernels.affine(target, a, W, b, True, skip_zeros)
    row_cuts, panel_cuts = cuts(4, shape[0]), cuts(5, panels(target, dtype, shape[2]))
    assert_same_bits(kernels.affine(target, a, W, b, True, skip_zeros, row_cuts, panel_cuts), whole)
    for row in {0, shape[0] // 2, shape[0] - 1}:
        assert_same_bits(kernels.affine(target, a[row : row + 1], W, b, True, skip_zeros), whole[row : row + 1])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_bytes_are_multiplied_as_the_numbers_that_they_stand_for(target, dtype, shape):
    _, W, b = layer(shape, dtype)
    rng = np.random.default_rng(6)
    pixels = rng.integers(0, 256, shape[:2], np.uint8) * (rng.random(shape[:2]) < 0.3).astype(np.uint8)
    value_of_byte = (np.arange(256) / 255).astype(dtype)
    expected = kernels.affine(target, value_of_byte[pixels], W, b)
    assert_same_bits(kernels.affine_of_bytes(target, pixels, value_of_byte, W, b), expected)
    in_pieces = [cuts(7, shape[0]), cuts(8, panels(target, dtype, shape[2]))]
    assert_same_bits(kernels.affine_of_bytes(target, pixels, value_of_byte, W, b, False, *in_pieces), expected)


@pytest.mark.parametrize("shape", SOME[1:], ids=str)
def test_what_is_not_finite_spreads_through_affine_as_in_the_equations(target, dtype, shape):
    a, W, b = layer(shape, dtype)
    rng = np.random.default_rng(9)
    for value in STRANGE:
        strange_a, strange_W = a.copy(), W.copy()
        strange_a.flat[rng.integers(a.size, size=2)] = value
        strange_W.flat[rng.integers(W.size, size=2)] = value
        with np.errstate(invalid="ignore"):
            for left, right in ((strange_a, W), (a, strange_W), (strange_a, strange_W)):
                expected = affine(left, right, b)
                assert_same_kind(kernels.affine(target, left, right, b), expected)
                assert_same_kind(kernels.affine(target, left, right, b, relu=True), relu(expected))
        skipped = kernels.affine(target, strange_a, W, b, skip_zeros=True)
        np.testing.assert_array_equal(skipped, kernels.affine(target, strange_a, W, b))


# ---- [da], [dz] --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_way_back_to_the_inputs_is_within_the_bound_of_a_sum(target, dtype, shape):
    a, W, _ = layer(shape, dtype)
    a = np.abs(a)
    dz = random(10, (shape[0], shape[2]), dtype, zeros=0.3)
    wide_dz, wide_a, wide_W = (array.astype(np.float64) for array in (dz, a, W))
    expected = affine_backward(wide_dz, wide_a, wide_W)[0]
    bound = (shape[2] + 2) * np.finfo(dtype).eps * affine_backward(abs(wide_dz), wide_a, abs(wide_W))[0]
    da, finite = kernels.affine_backward_inputs(target, dz, W, a)
    assert finite
    assert_within(da, expected, bound)
    through_relu, finite = kernels.affine_backward_inputs(target, dz, W, a, relu=True)
    assert finite
    assert_within(through_relu, relu_backward(expected, wide_a), bound)
    in_pieces = [cuts(11, shape[0]), cuts(12, panels(target, dtype, shape[1]))]
    for skip_zeros in (False, True):
        found, _ = kernels.affine_backward_inputs(target, dz, W, a, True, skip_zeros, *in_pieces)
        np.testing.assert_array_equal(found, through_relu)
        assert_same_bits(np.abs(found), np.abs(through_relu))


@pytest.mark.parametrize("shape", SOME, ids=str)
def test_a_way_back_that_is_not_finite_says_so(target, dtype, shape):
    a, W, _ = layer(shape, dtype)
    dz = random(10, (shape[0], shape[2]), dtype)
    for value in STRANGE[:3]:
        strange = dz.copy()
        strange[-1, -1] = value
        found, finite = kernels.affine_backward_inputs(target, strange, W, np.abs(a), relu=True)
        with np.errstate(invalid="ignore"):
            assert_same_kind(found, relu_backward(strange @ W, np.abs(a)))
        assert not finite


# ---- [dW], [db] and the updates ----------------------------------------------------------------------------------------


def gradients(shape, dtype, zeros=0.5):
    n, fan_in, fan_out = shape
    return random(20, (n, fan_in), dtype, zeros), random(21, (n, fan_out), dtype), random(22, (fan_out, fan_in), dtype)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_gradient_of_the_weights_is_within_the_bound_of_a_sum(target, dtype, shape):
    a, dz, W = gradients(shape, dtype)
    wide_dz, wide_a = dz.astype(np.float64), a.astype(np.float64)
    bound = (shape[0] + 2) * np.finfo(dtype).eps * (abs(wide_dz).T @ abs(wide_a))
    dW, _, finite = kernels.affine_backward_weights(target, a, dz, W, [], step("none"))
    assert finite
    assert_within(dW, wide_dz.T @ wide_a, bound)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_gradient_of_the_weights_has_the_same_bits_by_every_path(target, dtype, shape):
    a, dz, W = gradients(shape, dtype)
    a[:, : shape[1] // 3] = 0  # inputs that are always 0
    whole = kernels.affine_backward_weights(target, a, dz, W, [], step("none"))
    in_pieces = [cuts(23, shape[1]), cuts(24, panels(target, dtype, shape[2]))]
    for skip_zeros in (False, True):
        for row_cuts in ([], chunks(25, shape[0])):
            found = kernels.affine_backward_weights(
                target, a, dz, W, [], step("none"), skip_zeros, row_cuts, *in_pieces
            )
            assert_all_the_same_bits(found, whole)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("shape", SOME, ids=str)
def test_weights_are_updated_as_if_the_gradient_had_been_made_first(target, dtype, shape, rule):
    a, dz, W = gradients(shape, dtype)
    a[:, : shape[1] // 3] = 0
    moments = moments_of(rule, W.shape, dtype)
    dW, _, _ = kernels.affine_backward_weights(target, a, dz, W, [], step("none"))
    theta, *after = updated(target, rule, W, dW, moments)
    for skip_zeros in (False, True):
        for row_cuts in ([], chunks(26, shape[0])):
            in_pieces = [row_cuts, cuts(27, shape[1]), cuts(28, panels(target, dtype, shape[2]))]
            found = kernels.affine_backward_weights(target, a, dz, W, moments, step(rule), skip_zeros, *in_pieces)
            assert_all_the_same_bits(found, (theta, after, True))


@pytest.mark.parametrize("rule", ["none", "sgd", "adam"])
@pytest.mark.parametrize("shape", SOME, ids=str)
def test_bytes_give_the_gradient_of_the_numbers_that_they_stand_for(target, dtype, shape, rule):
    _, dz, W = gradients(shape, dtype)
    rng = np.random.default_rng(29)
    pixels = rng.integers(0, 256, shape[:2], np.uint8) * (rng.random(shape[:2]) < 0.3).astype(np.uint8)
    value_of_byte = (np.arange(256) / 255).astype(dtype)
    moments = moments_of(rule, W.shape, dtype)
    whole = kernels.affine_backward_weights(target, value_of_byte[pixels], dz, W, moments, step(rule))
    for row_cuts in ([], chunks(30, shape[0])):
        in_pieces = [row_cuts, cuts(31, shape[1]), cuts(32, panels(target, dtype, shape[2]))]
        found = kernels.affine_backward_weights_of_bytes(
            target, pixels, value_of_byte, dz, W, moments, step(rule), *in_pieces
        )
        assert_all_the_same_bits(found, whole)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_gradient_of_the_biases_is_a_sum_by_every_path(target, dtype, shape):
    n, _, k = shape
    dz, b = random(33, (n, k), dtype), random(34, k, dtype)
    db, _, finite = kernels.affine_backward_bias(target, dz, b, [], step("none"))
    assert finite
    assert_within(db, dz.astype(np.float64).sum(axis=0), (n + 2) * np.finfo(dtype).eps * np.abs(dz).sum(axis=0))
    for rule in ("none", *RULES):
        moments = moments_of(rule, k, dtype)
        in_pieces = [chunks(35, n), cuts(36, panels(target, dtype, k))]
        found = kernels.affine_backward_bias(target, dz, b, moments, step(rule), *in_pieces)
        theta, *after = [db] if rule == "none" else updated(target, rule, b, db, moments)
        assert_all_the_same_bits(found, (theta, after, True))
