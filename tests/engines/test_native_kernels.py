"""Each kernel of each target against the equations, computed in float64.

A sum of k products errs, in whatever order it is made, by at most k ε/2 times the sum of their absolute values (to first
order; Higham: Accuracy and Stability of Numerical Algorithms, section 3.1). The reference errs, too, so the bound is
(k + 2) ε times that sum.
"""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.equations.affine import affine, affine_backward
from pellucid.equations.optimizers import adam, adamw, momentum, nesterov, sgd
from pellucid.equations.relu import relu, relu_backward
from pellucid.equations.scaling import Scaling, scaled
from pellucid.equations.softmax_cross_entropy import cross_entropy_of_each, softmax, softmax_cross_entropy_backward

kernels = pytest.importorskip("pellucid.engines._native", reason="this installation has no native engine").kernels

# Examples, inputs, neurons: around the widths of panels (4 ... 32) and of four of them, words of bits (64), blocks of rows
# (128, 192), depth (256).
SHAPES = [
    (1, 1, 1),
    (2, 3, 2),
    (3, 2, 5),
    (5, 63, 3),
    (1, 64, 7),
    (4, 65, 9),
    (63, 7, 15),
    (64, 8, 16),
    (65, 9, 17),
    (127, 15, 31),
    (130, 33, 33),
    (129, 130, 65),
    (6, 255, 4),
    (7, 256, 8),
    (8, 257, 130),
    (191, 31, 63),
    (192, 17, 64),
    (193, 16, 32),
    (257, 193, 40),
    (135, 140, 133),
]
SOME = [SHAPES[i] for i in (0, 3, 5, 11, 14, 18)]

RULES = {
    "sgd": {},
    "momentum": {"mu": 0.9},
    "nesterov": {"mu": 0.9},
    "adam": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8},
    "adamw": {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-7, "weight_decay": 0.05},
}
MOMENTS = {"none": 0, "sgd": 0, "momentum": 1, "nesterov": 1, "adam": 2, "adamw": 2}
RATE, T = 0.03, 3


def step(rule):
    return kernels.Step(rule, RATE, T, **RULES.get(rule, {}))


def by_the_equations(rule, theta, g, moments):
    """One step, with all numbers in float64: theta and the moments."""
    theta, g, *moments = (array.astype(np.float64) for array in (theta, g, *moments))
    equation = {"sgd": sgd, "momentum": momentum, "nesterov": nesterov, "adam": adam, "adamw": adamw}[rule]
    of_time = {"t": T} if MOMENTS[rule] == 2 else {}
    after = equation(theta, g, *moments, **of_time, learning_rate=RATE, **RULES[rule])
    return after if isinstance(after, tuple) else (after,)


def random(seed, shape, dtype, zeros=0.0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) * (rng.random(shape) >= zeros)).astype(dtype)


def moments_of(rule, shape, dtype):
    return [np.abs(random(90 + i, shape, dtype)) for i in range(MOMENTS[rule])]


def cuts(seed, whole, n=3):
    return sorted(np.random.default_rng(seed).integers(0, whole + 1, n).tolist())


def chunks(seed, rows):
    return sorted({*np.random.default_rng(seed).integers(1, rows, 3).tolist()}) if rows > 1 else []


def panels(target, dtype, columns):
    width = (kernels.panel_width32 if dtype == np.float32 else kernels.panel_width64)(target)
    return -(-columns // width)


def assert_within(found, expected, bound):
    assert found.shape == expected.shape
    error = np.abs(found.astype(np.float64) - expected)
    assert (error <= bound).all(), f"{(error / np.maximum(bound, 1e-300)).max():.3g} times the bound"


def assert_same_bits(one, other):
    assert (one.dtype, one.shape) == (other.dtype, other.shape)
    assert one.tobytes() == other.tobytes()


def assert_all_the_same_bits(one, other):
    (theta, moments, finite), (other_theta, other_moments, other_finite) = one, other
    assert finite == other_finite
    for found, expected in zip((theta, *moments), (other_theta, *other_moments), strict=True):
        assert_same_bits(found, expected)


def assert_same_kind(found, expected):
    """Infinite with the same sign, or NaN, in the same places."""
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_array_equal(np.where(np.isinf(found), found, 0), np.where(np.isinf(expected), expected, 0))


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


STRANGE = [np.nan, np.inf, -np.inf, -0.0]


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
    theta, *after = _updated(target, rule, W, dW, moments)
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


def _updated(target, rule, theta, g, moments):
    after, memories, finite = kernels.update(
        target, theta.ravel(), g.ravel(), [moment.ravel() for moment in moments], step(rule)
    )
    assert finite
    return [array.reshape(theta.shape) for array in (after, *memories)]


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
        theta, *after = [db] if rule == "none" else _updated(target, rule, b, db, moments)
        assert_all_the_same_bits(found, (theta, after, True))


@pytest.mark.parametrize("rule", RULES)
def test_an_update_is_the_equations_to_a_few_roundings(target, dtype, rule):
    for n in (1, 3, 4, 5, 31, 32, 33, 200):
        assert_updated(target, dtype, n, rule)


def assert_updated(target, dtype, n, rule):
    theta, g, moments = random(40, n, dtype), random(41, n, dtype, zeros=0.2), moments_of(rule, n, dtype)
    expected, *memories = by_the_equations(rule, theta, g, moments)
    found, *after = _updated(target, rule, theta, g, moments)
    # Sixteen roundings are more than any rule makes; each is relative to the sum of absolute values that it is part of.
    unit = 16 * np.finfo(dtype).eps
    size, *sizes = by_the_equations(rule, -np.abs(theta), np.abs(g), moments)
    assert_within(found, expected, unit * np.abs(size))
    for moment, wanted, scale in zip(after, memories, sizes, strict=True):
        assert_within(moment, wanted, unit * scale)


@pytest.mark.parametrize("rule", RULES)
def test_an_update_says_when_it_wrote_what_is_not_finite(target, dtype, rule):
    for value in STRANGE[:3]:
        for n in (1, 7, 40):
            g, moments = random(41, n, dtype), moments_of(rule, n, dtype)
            g[n // 2] = value
            theta, memories, finite = kernels.update(target, np.ones(n, dtype), g, moments, step(rule))
            assert not finite
            with np.errstate(invalid="ignore"):
                expected = by_the_equations(rule, np.ones(n), g, moments)
            for found, wanted in zip((theta, *memories), expected, strict=True):
                assert_same_kind(found, wanted)


@pytest.mark.parametrize("shape", SOME, ids=str)
def test_weights_say_when_they_are_no_longer_finite(target, dtype, shape):
    a, dz, W = gradients(shape, dtype)
    for value in STRANGE[:3]:
        strange = dz.copy()
        strange[-1, -1] = value
        with np.errstate(invalid="ignore"):
            expected = W - RATE * (strange.T @ a)
        found, _, finite = kernels.affine_backward_weights(target, a, strange, W, [], step("sgd"))
        assert_same_kind(found, expected)
        assert finite == np.isfinite(expected).all()
        assert not finite


# ---- [p], [loss], [dz_out] ---------------------------------------------------------------------------------------------

CLASSES = [
    (1, 1),
    (1, 2),
    (3, 3),
    (7, 4),
    (5, 5),
    (2, 8),
    (9, 10),
    (4, 15),
    (6, 16),
    (5, 17),
    (3, 31),
    (2, 33),
    (193, 65),
]


def logits(shape, dtype, largest):
    return (random(50, shape, dtype) * dtype.type(largest)).astype(dtype)


def relative_error_of_p(z, dtype):
    """How far p may be off, relative to p, and how far log Σ may.

    A difference from the largest logit, d, is rounded, which changes e^d by |d| ε of itself; the exponential itself is right
    to 4 ε, and a sum of k numbers to k ε.
    """
    d = np.abs(z - z.max(axis=1, keepdims=True))
    of_the_sum = ((softmax(z) * d).sum(axis=1, keepdims=True) + z.shape[1] + 8) * np.finfo(dtype).eps
    return d * np.finfo(dtype).eps + of_the_sum, of_the_sum[:, 0]


@pytest.mark.parametrize("largest", [0.01, 1, 30, 1e4])
@pytest.mark.parametrize("shape", CLASSES, ids=str)
def test_softmax_and_its_loss_are_the_equations(target, dtype, shape, largest):
    z = logits(shape, dtype, largest)
    wide = z.astype(np.float64)
    y = np.random.default_rng(51).integers(0, shape[1], shape[0])
    share = np.random.default_rng(52).uniform(0, 1, shape[0]).astype(dtype)
    relative, of_the_sum = relative_error_of_p(wide, dtype)
    lost = 4 * np.finfo(dtype).smallest_subnormal
    bound = relative * softmax(wide) + lost
    assert_within(kernels.outputs(target, "softmax", z), softmax(wide), bound)

    dz, loss, correct = kernels.loss_of_classes(target, "cross_entropy", 0, z, y, share)
    one = (np.arange(shape[1]) == y[:, np.newaxis]) + softmax(wide)
    rows = zip(softmax(wide)[:, np.newaxis], y[:, np.newaxis], share.astype(np.float64), strict=True)
    expected = np.concatenate([softmax_cross_entropy_backward(p, label) * w for p, label, w in rows])
    assert_within(dz, expected, share[:, np.newaxis] * (bound + 2 * np.finfo(dtype).eps * one) + lost)
    surprise = cross_entropy_of_each(wide, y)
    assert_within(loss, surprise, of_the_sum + np.finfo(np.float64).eps * (surprise + np.abs(wide).max()))
    assert correct.tolist() == (z.argmax(axis=1) == y).tolist()

    row_cuts = cuts(53, shape[0])
    assert_same_bits(kernels.outputs(target, "softmax", z, row_cuts), kernels.outputs(target, "softmax", z))
    for found, whole in zip(
        kernels.loss_of_classes(target, "cross_entropy", 0, z, y, share, row_cuts=row_cuts),
        (dz, loss, correct),
        strict=True,
    ):
        assert_same_bits(found, whole)


def test_the_exponential_is_right_down_to_the_smallest_number_there_is(target, dtype):
    lowest = -800.0 if dtype == np.float64 else -110.0
    z = np.zeros((5000, 2), dtype)
    z[:, 1] = np.linspace(lowest, 0, len(z))
    expected = softmax(z.astype(np.float64))
    p = kernels.outputs(target, "softmax", z)
    assert_within(
        p,
        expected,
        relative_error_of_p(z.astype(np.float64), dtype)[0] * expected + 2 * np.finfo(dtype).smallest_subnormal,
    )
    subnormal = (p[:, 1] > 0) & (p[:, 1] < np.finfo(dtype).tiny)
    assert subnormal.any()
    assert (np.diff(p[:, 1]) >= 0).all()


def test_of_equal_largest_logits_the_first_wins(target, dtype):
    for k in (2, 4, 9, 17, 33, 70):
        z = np.triu(np.ones((k, k), dtype))  # row r has its largest from r on
        for label in range(k):
            *_, correct = kernels.loss_of_classes(target, "cross_entropy", 0, z, np.full(k, label), np.ones(k, dtype))
            assert correct.tolist() == [row == label for row in range(k)]


@pytest.mark.parametrize("k", [2, 7, 8, 9, 33])
def test_logits_that_are_not_finite_spread_as_in_the_equations(target, dtype, k):
    z = random(54, (80, k), dtype)
    rng = np.random.default_rng(55)
    for value in (np.nan, np.inf, -np.inf, np.finfo(dtype).max):
        rows = rng.integers(0, 80, 12)
        z[rows, rng.integers(0, k, 12)] = value
    z[0] = -np.inf
    y, share = rng.integers(0, k, 80), np.full(80, 1 / 80, dtype)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        p, surprise = softmax(z), cross_entropy_of_each(z.astype(np.float64), y)
    assert_same_kind(kernels.outputs(target, "softmax", z), p)
    dz, loss, _ = kernels.loss_of_classes(target, "cross_entropy", 0, z, y, share)
    assert_same_kind(dz, p)
    assert_same_kind(loss, surprise)


# ---- moving and scaling ------------------------------------------------------------------------------------------------

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
