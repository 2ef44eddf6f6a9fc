"""The kernels of [bfloat16], of each target: what they round, and the products of what was rounded.

A product of two such numbers has 16 significant bits, so that float32 holds it. What errs are the sums: by (k + 2) ε times
the sum of absolute values, as in test_native_products.py.
"""

from __future__ import annotations

import numpy as np
import pytest
from closeness import assert_same_bits, assert_same_kind, assert_within
from kernel_problems import (
    MOMENTS,
    RULES,
    SHAPES,
    SOME,
    STRANGE,
    assert_all_the_same_bits,
    cuts,
    gradients,
    layer,
    moments_of,
    panels,
    random,
    step,
    updated,
)

from pellucid.equations.affine import affine
from pellucid.equations.bfloat16 import rounded_to_bfloat16
from pellucid.equations.relu import relu, relu_backward

kernels = pytest.importorskip("pellucid.engines._native", reason="this installation has no native engine").kernels

FLOAT32 = np.dtype(np.float32)
EPSILON = float(np.finfo(np.float32).eps)
GROUP = 32  # columns of a left operand and rows of a right one are padded with zeros to whole groups


def rounded(x):
    return rounded_to_bfloat16(x).astype(np.float64)


def whole(n):
    return -(-n // GROUP) * GROUP


def assert_padded(found, expected, rows, columns):
    """What was asked for, and zeros around it up to whole groups."""
    assert_same_bits(found[: expected.shape[0], : expected.shape[1]].copy(), expected)
    assert found.shape == (rows, columns)
    assert not found[expected.shape[0] :].any()
    assert not found[:, expected.shape[1] :].any()


# ---- The forms that products are made of --------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_left_operand_is_rounded_whatever_its_pieces(target, shape):
    n, columns, _ = shape
    a = random(1, (n, columns), FLOAT32, zeros=0.3)
    a[0, 0], a[-1, -1] = -0.0, 1 + 2.0**-8  # a tie
    expected = rounded_to_bfloat16(a)
    assert_padded(kernels.rounded_in_bfloat16(target, a), expected, n, whole(columns))
    assert_padded(kernels.rounded_in_bfloat16(target, a, cuts(2, n)), expected, n, whole(columns))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_bytes_are_exact(target, shape):
    n, columns, _ = shape
    X = np.random.default_rng(3).integers(0, 256, (n, columns), np.uint8)
    assert_padded(kernels.rounded_of_bytes_in_bfloat16(target, X, cuts(4, n)), X.astype(np.float32), n, whole(columns))


def test_ties_overflow_and_what_is_not_finite_are_rounded_as_in_the_equation(target):
    ties = (1 + np.arange(256) / 128 + 2.0**-8) * 2.0 ** np.arange(-120, 136)
    largest = np.finfo(np.float32).max
    a = np.concatenate([ties, -ties, [0, -0.0, np.inf, -np.inf, np.nan, largest, -largest]])
    with np.errstate(over="ignore"):
        a = a.astype(np.float32)[np.newaxis]
    found, expected = kernels.rounded_in_bfloat16(target, a)[:, : a.shape[1]], rounded_to_bfloat16(a)
    assert_same_kind(found, expected)
    finite = np.isfinite(expected)
    assert_same_bits(found[finite], expected[finite])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_left_operand_is_turned_round_and_its_rows_of_zeros_are_known(target, shape):
    n, columns, _ = shape
    a = random(5, (n, columns), FLOAT32, zeros=0.5)
    a[:, columns // 2 :: 3] = 0
    groups = whole(columns) // GROUP
    for group_cuts in ([], cuts(6, groups)):
        turned, in_use = kernels.turned_in_bfloat16(target, a, group_cuts)
        assert_padded(turned, rounded_to_bfloat16(a).T.copy(), columns, whole(n))
        assert in_use.tolist() == (a.view(np.uint32) != 0).any(axis=0).tolist()  # what may be skipped is 0, not −0


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_right_operand_is_paired(target, shape):
    n, _, columns = shape
    b, width = random(7, (n, columns), FLOAT32, zeros=0.3), kernels.panel_width32(target)
    of_panels = panels(target, FLOAT32, columns)
    for panel_cuts in ([], cuts(8, of_panels)):
        found = kernels.paired_in_bfloat16(target, b, panel_cuts)
        assert_padded(found, rounded_to_bfloat16(b), whole(n), of_panels * width)


def assert_paired_weights(target, pairs, W):
    width, (of_W, of_W_back) = kernels.panel_width32(target), pairs
    (fan_out, fan_in), expected = W.shape, rounded_to_bfloat16(W)
    assert_padded(of_W, expected.T.copy(), whole(fan_in), -(-fan_out // width) * width)
    assert_padded(of_W_back, expected, whole(fan_out), -(-fan_in // width) * width)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_weights_are_paired_for_both_ways(target, shape):
    W = random(9, shape[:0:-1], FLOAT32)
    in_pieces = [cuts(10, panels(target, FLOAT32, W.shape[1])), cuts(11, panels(target, FLOAT32, W.shape[0]))]
    for where in ([], in_pieces):
        assert_paired_weights(target, kernels.weights_paired_in_bfloat16(target, W, *where), W)


# ---- [z], [a] ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zeros", [0.0, 0.9])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_affine_is_within_the_bound_of_a_sum_by_every_path(target, shape, zeros):
    a, W, b = layer(shape, FLOAT32, zeros)
    bound = (shape[1] + 2) * EPSILON * affine(*map(np.abs, (rounded(a), rounded(W), b.astype(np.float64))))
    expected = affine(rounded(a), rounded(W), b.astype(np.float64))
    z = kernels.affine_in_bfloat16(target, a, W, b)
    assert_within(z, expected, bound)
    assert_within(kernels.affine_in_bfloat16(target, a, W, b, relu=True), relu(expected), bound)
    in_pieces = {"row_cuts": cuts(12, shape[0]), "panel_cuts": cuts(13, panels(target, FLOAT32, shape[2]))}
    for may_skip in (False, True):
        assert_same_bits(kernels.affine_in_bfloat16(target, a, W, b, may_skip=may_skip), z)
        assert_same_bits(kernels.affine_in_bfloat16(target, a, W, b, may_skip=may_skip, **in_pieces), z)
        for row in {0, shape[0] // 2, shape[0] - 1}:
            alone = kernels.affine_in_bfloat16(target, a[row : row + 1], W, b, may_skip=may_skip)
            assert_same_bits(alone, z[row : row + 1])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_products_of_bytes_are_scaled(target, shape):
    _, W, b = layer(shape, FLOAT32)
    rng = np.random.default_rng(14)
    X = rng.integers(0, 256, shape[:2], np.uint8) * (rng.random(shape[:2]) < 0.3).astype(np.uint8)
    z = kernels.affine_of_bytes_in_bfloat16(target, X, W, b, factor=1 / 255)
    products, sizes = X @ rounded(W).T / 255, X @ np.abs(rounded(W)).T / 255
    assert_within(z, products + b, (shape[1] + 4) * EPSILON * (sizes + np.abs(b)))
    assert_same_bits(kernels.affine_of_bytes_in_bfloat16(target, X, W, b, may_skip=True, factor=1 / 255), z)


@pytest.mark.parametrize("shape", SOME[1:], ids=str)
def test_what_is_not_finite_spreads_through_affine_as_in_the_equations(target, shape):
    a, W, b = layer(shape, FLOAT32)
    for value in STRANGE:
        for which in (0, 1):
            strange = [a.copy(), W.copy()]
            strange[which][-1, shape[1] // 2] = value
            with np.errstate(invalid="ignore"):
                expected = affine(*map(rounded, strange), b.astype(np.float64))
            found = kernels.affine_in_bfloat16(target, *strange, b)
            assert_same_kind(found, expected)
            if which == 0 or np.isfinite(value):  # the other operand is finite, so that zeros may be skipped
                assert_same_kind(kernels.affine_in_bfloat16(target, *strange, b, may_skip=True), expected)


# ---- [da], [dz] --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_way_back_to_the_inputs_is_within_the_bound_of_a_sum(target, shape):
    a, dz, W = gradients(shape, FLOAT32)
    exact, sizes = rounded(dz) @ rounded(W), np.abs(rounded(dz)) @ np.abs(rounded(W))
    bound = (shape[2] + 2) * EPSILON * sizes
    in_pieces = {"row_cuts": cuts(15, shape[0]), "panel_cuts": cuts(16, panels(target, FLOAT32, shape[1]))}
    for by_relu in (False, True):
        found, finite = kernels.affine_backward_inputs_in_bfloat16(target, dz, W, a, relu=by_relu)
        assert_within(found, relu_backward(exact, a) if by_relu else exact, bound)
        assert finite
        again, _ = kernels.affine_backward_inputs_in_bfloat16(target, dz, W, a, relu=by_relu, **in_pieces)
        assert_same_bits(again, found)


@pytest.mark.parametrize("shape", SOME, ids=str)
def test_a_way_back_that_is_not_finite_says_so(target, shape):
    a, dz, W = gradients(shape, FLOAT32)
    for value in STRANGE[:3]:
        strange = dz.copy()
        strange[-1, -1] = value
        with np.errstate(invalid="ignore"):
            expected = rounded(strange) @ rounded(W)
        found, finite = kernels.affine_backward_inputs_in_bfloat16(target, strange, W, a)
        assert_same_kind(found, expected)
        assert not finite


# ---- [dW] and the updates ----------------------------------------------------------------------------------------------


def by_groups(seed, rows):
    """Where a batch may be cut: the sums of a group of rows are made at once."""
    return [
        cut * GROUP
        for cut in sorted({*np.random.default_rng(seed).integers(1, max(2, rows // GROUP), 2).tolist()})
        if cut * GROUP < rows
    ]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_gradient_of_the_weights_is_within_the_bound_of_a_sum_by_every_path(target, shape):
    a, dz, W = gradients(shape, FLOAT32)
    a[:, : shape[1] // 3] = 0
    bound = (shape[0] + 2) * EPSILON * np.abs(rounded(dz)).T @ np.abs(rounded(a))
    first = kernels.affine_backward_weights_in_bfloat16(target, a, dz, W, [], step("none"))[:3]
    assert_within(first[0], rounded(dz).T @ rounded(a), bound)
    assert first[2]
    in_pieces = [cuts(17, panels(target, FLOAT32, shape[1])), cuts(18, panels(target, FLOAT32, shape[2]))]
    for may_skip in (False, True):
        for rows in ([], by_groups(19, shape[0])):
            again = kernels.affine_backward_weights_in_bfloat16(
                target, a, dz, W, [], step("none"), may_skip, 1.0, rows, *in_pieces
            )
            assert_all_the_same_bits(again[:3], first)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("shape", SOME, ids=str)
def test_weights_and_their_pairs_are_updated_as_if_the_gradient_had_been_made_first(target, shape, rule):
    a, dz, W = gradients(shape, FLOAT32)
    a[:, : shape[1] // 3] = 0
    moments = moments_of(rule, W.shape, FLOAT32)
    assert len(moments) == MOMENTS[rule]
    dW = kernels.affine_backward_weights_in_bfloat16(target, a, dz, W, [], step("none"))[0]
    theta, *after = updated(target, rule, W, dW, moments)
    in_pieces = [cuts(20, panels(target, FLOAT32, shape[1])), cuts(21, panels(target, FLOAT32, shape[2]))]
    for may_skip in (False, True):
        for rows in ([], by_groups(22, shape[0])):
            *found, pairs = kernels.affine_backward_weights_in_bfloat16(
                target, a, dz, W, moments, step(rule), may_skip, 1.0, rows, *in_pieces
            )
            assert_all_the_same_bits(found, (theta, after, True))
            assert_paired_weights(target, pairs, theta)


@pytest.mark.parametrize("shape", SOME, ids=str)
def test_bytes_give_the_gradient_of_the_numbers_that_they_stand_for(target, shape):
    _, dz, W = gradients(shape, FLOAT32)
    rng = np.random.default_rng(23)
    X = rng.integers(0, 256, shape[:2], np.uint8) * (rng.random(shape[:2]) < 0.3).astype(np.uint8)
    dW, _, finite, _ = kernels.affine_backward_weights_of_bytes_in_bfloat16(
        target, X, dz, W, [], step("none"), factor=1 / 255
    )
    sizes = np.abs(rounded(dz)).T @ (X / 255)
    assert_within(dW, rounded(dz).T @ (X / 255), (shape[0] + 4) * EPSILON * sizes)
    assert finite


@pytest.mark.parametrize("shape", SOME, ids=str)
def test_weights_say_when_they_are_no_longer_finite(target, shape):
    a, dz, W = gradients(shape, FLOAT32)
    for value in STRANGE[:3]:
        strange = dz.copy()
        strange[-1, -1] = value
        with np.errstate(invalid="ignore"):
            expected = W - 0.03 * (rounded(strange).T @ rounded(a))
        found, _, finite, pairs = kernels.affine_backward_weights_in_bfloat16(target, a, strange, W, [], step("sgd"))
        assert_same_kind(found, expected)
        assert not finite
        assert_same_kind(pairs[0][: shape[1], : shape[2]], expected.T)
