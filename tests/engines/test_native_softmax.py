"""The kernels of softmax and its loss, of each target, against the equations, computed in float64."""

from __future__ import annotations

import numpy as np
import pytest
from closeness import assert_same_bits, assert_same_kind, assert_within
from kernel_problems import cuts, random

from pellucid.equations.softmax_cross_entropy import cross_entropy_of_each, softmax, softmax_cross_entropy_backward

kernels = pytest.importorskip("pellucid.engines._native", reason="this installation has no native engine").kernels

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
