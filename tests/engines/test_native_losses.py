"""The kernels of the losses and of the outputs, for each target, against the equations in float64.

Each term of a loss is computed with a few roundings, UNIT of them at most, each relative to the absolute values that the
term is made of; the sum over k outputs adds k.
"""

from __future__ import annotations

import numpy as np
import pytest
from closeness import assert_same_bits, assert_same_kind, assert_within

from pellucid.equations.beyond.scaled_tanh import AMPLITUDE
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

kernels = pytest.importorskip("pellucid.engines._native", reason="this installation has no native engine").kernels

UNIT = 16
SHAPES = [(1, 1), (3, 2), (5, 3), (2, 7), (9, 8), (4, 15), (6, 16), (5, 17), (3, 31), (2, 33), (193, 5), (7, 65)]
LOSSES = [
    BinaryCrossEntropy(),
    BinaryCrossEntropy(label_smoothing=0.2),
    SquaredError(),
    AbsoluteError(),
    Huber(delta=0.7),
    Huber(delta=5),
    Quantile(quantile=0.9),
    Poisson(),
]


def problem(loss, shape, dtype, largest):
    """Logits, targets that suit the loss, and a share for each row."""
    rng = np.random.default_rng(1)
    z = (rng.normal(size=shape) * largest).astype(dtype)
    y = rng.normal(size=shape) * largest
    if loss.name == "binary_cross_entropy":
        y = rng.choice([0.0, 1.0, 0.3], shape)
    if loss.name == "poisson":
        y = rng.poisson(3, shape)
    y = y.astype(dtype)
    if loss.output == "identity":
        y.flat[:: max(1, y.size // 3)] = z.flat[:: max(1, y.size // 3)]  # right to the last bit
    return z, y, rng.uniform(0, 1, shape[0]).astype(dtype)


def sizes(loss, z, y):
    """The absolute values that each term of the loss is made of, and each slope."""
    if loss.name == "binary_cross_entropy":
        return np.abs(z) * (1 + y) + 1, loss.outputs(z) + y + 1
    if loss.name == "poisson":
        p = np.exp(z)
        return p + np.abs(y * z) + np.abs(y * np.log(np.where(y > 0, y, 1))) + y, p + y
    size = np.stack([loss.of_each(z[:, j : j + 1], y[:, j : j + 1]) for j in range(z.shape[1])], axis=1)
    return 3 * size, np.abs(loss.slope_of_each(z, y))


def cuts(whole):
    return sorted(np.random.default_rng(2).integers(0, whole + 1, 3).tolist())


def ask(target, loss, z, y, share, **rest):
    return kernels.loss_of_numbers(target, loss.name, loss.setting, z, y, share, **rest)


def assert_all_the_same_bits(some, others):
    for one, other in zip(some, others, strict=True):
        assert_same_bits(one, other)


@pytest.mark.parametrize("largest", [0.01, 1, 20])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_a_loss_of_numbers_is_the_equations(target, dtype, loss, shape, largest):
    z, y, share = problem(loss, shape, dtype, largest)
    wide_z, wide_y, wide_share = (array.astype(np.float64) for array in (z, y, share))
    dz, each, correct, padding_is_zero = ask(target, loss, z, y, share)
    of_loss, of_slope = sizes(loss, wide_z, wide_y)
    epsilon = np.finfo(dtype).eps
    assert_within(each, loss.of_each(wide_z, wide_y), (shape[1] + UNIT) * epsilon * of_loss.sum(axis=1))
    expected = loss.slope_of_each(loss.outputs(wide_z), wide_y) * wide_share[:, np.newaxis]
    assert_within(dz, expected, UNIT * epsilon * of_slope * wide_share[:, np.newaxis])
    assert [bool(right) for right in correct] == [
        loss.rightly_classified(z[r : r + 1], y[r : r + 1]) == 1 for r in range(shape[0])
    ]
    assert padding_is_zero
    assert_all_the_same_bits(ask(target, loss, z, y, share, row_cuts=cuts(shape[0]))[:3], (dz, each, correct))


@pytest.mark.parametrize("padding", [1.0, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_what_stands_in_the_padding_is_no_output(target, dtype, loss, padding):
    for shape in ((3, 1), (2, 5), (4, 33)):
        z, y, share = problem(loss, shape, dtype, 1)
        *found, padding_is_zero = ask(target, loss, z, y, share, padding=padding)
        assert_all_the_same_bits(found, ask(target, loss, z, y, share)[:3])
        assert padding_is_zero


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_numbers_that_are_not_finite_spread_as_in_the_equations(target, dtype, loss):
    z, y, share = problem(loss, (80, 5), dtype, 1)
    rows = np.random.default_rng(3).permutation(80)[:40].reshape(4, 10)
    for value, some in zip((np.nan, np.inf, -np.inf, np.finfo(dtype).max), rows, strict=True):
        z[some, np.arange(10) % 5] = value
    with np.errstate(invalid="ignore", over="ignore"):
        each, dz = loss.of_each(z, y), loss.slope_of_each(loss.outputs(z), y) * share[:, np.newaxis]
    found_dz, found, _, _ = ask(target, loss, z, y, share)
    assert_same_kind(found_dz, dz)
    # NaN or infinite depends on whether an overflow comes before a difference, or the two are one operation.
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(each))


@pytest.mark.parametrize("largest", [0.01, 1, 50])
@pytest.mark.parametrize("shape", [(n, k) for n, k in SHAPES if k > 1], ids=str)
def test_smoothed_labels_are_the_equations(target, dtype, shape, largest):
    loss = CrossEntropy(label_smoothing=0.15)
    z, _, share = problem(SquaredError(), shape, dtype, largest)
    y = np.random.default_rng(4).integers(0, shape[1], shape[0])
    wide, wide_share, epsilon = z.astype(np.float64), share.astype(np.float64), np.finfo(dtype).eps
    dz, each, correct = kernels.loss_of_classes(target, loss.name, loss.setting, z, y, share)
    d = np.abs(wide - wide.max(axis=1, keepdims=True))
    p = loss.outputs(wide)
    of_sum = (p * d).sum(axis=1) + shape[1] + UNIT
    assert_within(
        each, loss.of_each(wide, y), epsilon * of_sum + UNIT * np.finfo(float).eps * (shape[1] + d.sum(axis=1))
    )
    expected = loss.slope_of_each(p, y) * wide_share[:, np.newaxis]
    bound = epsilon * (p * (d + of_sum[:, np.newaxis]) + UNIT * (p + 1)) * wide_share[:, np.newaxis]
    assert_within(dz, expected, bound)
    assert correct.sum() == loss.rightly_classified(z, y)
    again = kernels.loss_of_classes(target, loss.name, loss.setting, z, y, share, row_cuts=cuts(shape[0]))
    assert_all_the_same_bits(again, (dz, each, correct))


@pytest.mark.parametrize("largest", [0.01, 1, 50])
@pytest.mark.parametrize("shape", [(n, k) for n, k in SHAPES if k > 1], ids=str)
def test_the_squared_error_of_classes_is_the_equations(target, dtype, shape, largest):
    loss = ClassSquaredError()
    z, _, share = problem(SquaredError(), shape, dtype, largest)
    z[::3, -1] = z[::3].max(axis=1)  # there are ties, too
    y = np.random.default_rng(4).integers(0, shape[1], shape[0])
    wide, wide_share, epsilon = z.astype(np.float64), share.astype(np.float64), np.finfo(dtype).eps
    dz, each, correct = kernels.loss_of_classes(target, loss.name, loss.setting, z, y, share)
    p = loss.outputs(wide)
    target_of = np.where(np.arange(shape[1]) == y[:, np.newaxis], 1, -1)
    error, size = np.abs(p - target_of), np.abs(p) + 1
    assert_within(each, loss.of_each(wide, y), epsilon * ((shape[1] + UNIT) * error * size).sum(axis=1))
    # The slope is 2/3 (A − p²/A), at most 2/3 A: it errs by what p does, relative to A.
    bound = (
        UNIT * epsilon * (size * (AMPLITUDE - p * p / AMPLITUDE) + error * 2 * AMPLITUDE) * wide_share[:, np.newaxis]
    )
    assert_within(dz, loss.slope_of_each(p, y) * wide_share[:, np.newaxis], bound)
    assert correct.tolist() == [loss.rightly_classified(z[r : r + 1], y[r : r + 1]) for r in range(shape[0])]
    for padding in (0, 1.0, np.nan, np.inf):
        again = kernels.loss_of_classes(
            target, loss.name, loss.setting, z, y, share, padding=padding, row_cuts=cuts(shape[0])
        )
        assert_all_the_same_bits(again, (dz, each, correct))


@pytest.mark.parametrize("loss", [CrossEntropy(), ClassSquaredError()], ids=lambda loss: loss.name)
def test_the_class_of_logits_that_are_no_numbers_is_the_one_that_numpy_says(target, dtype, loss):
    rng = np.random.default_rng(5)
    for k in (2, 9, 33):
        z = rng.normal(size=(60, k)).astype(dtype)
        for value in (np.nan, np.nan, np.inf, -np.inf):
            z[rng.integers(0, 60, 20), rng.integers(0, k, 20)] = value
        for label in range(k):
            y = np.full(60, label)
            *_, correct = kernels.loss_of_classes(target, loss.name, loss.setting, z, y, np.ones(60, dtype))
            assert correct.tolist() == [loss.rightly_classified(z[r : r + 1], y[:1]) for r in range(60)]


@pytest.mark.parametrize(
    "loss", [BinaryCrossEntropy(), ClassSquaredError(), Poisson(), SquaredError()], ids=lambda loss: loss.output
)
def test_outputs_are_the_equations(target, dtype, loss):
    for shape in SHAPES:
        z = (np.random.default_rng(6).normal(size=shape) * 15).astype(dtype)
        expected = loss.outputs(z.astype(np.float64))
        relative = 0 if loss.output == "identity" else UNIT * np.finfo(dtype).eps
        found = kernels.outputs(target, loss.output, z)
        assert_within(found, expected, relative * np.abs(expected) + 2 * np.finfo(dtype).smallest_subnormal)
        assert_same_bits(kernels.outputs(target, loss.output, z, cuts(shape[0])), found)


def test_the_exponential_is_right_from_nothing_to_infinity(target, dtype):
    limit = 800 if dtype == np.float64 else 120
    z = np.linspace(-limit, limit, 20_001, dtype=dtype).reshape(-1, 1)
    with np.errstate(over="ignore"):
        expected = np.exp(z.astype(np.longdouble)).astype(dtype).astype(np.float64)
    found = kernels.outputs(target, "exp", z).astype(np.float64)
    np.testing.assert_array_equal(np.isinf(found), np.isinf(expected))
    finite = np.isfinite(expected)
    bound = 4 * np.finfo(dtype).eps * expected[finite] + 2 * np.finfo(dtype).smallest_subnormal
    assert_within(found[finite], expected[finite], bound)
