from __future__ import annotations

from math import exp, log, log1p

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from pellucid.equations.softmax_cross_entropy import (
    cross_entropy,
    cross_entropy_of_each,
    softmax,
    softmax_cross_entropy,
    softmax_cross_entropy_backward,
)

TYPES = [np.float32, np.float64]
LOGITS = arrays(
    st.sampled_from(TYPES), array_shapes(min_dims=2, max_dims=2, max_side=8), elements=st.floats(-1e4, 1e4, width=32)
)


def labels_for(z, seed=0):
    return np.random.default_rng(seed).integers(0, z.shape[1], len(z))


def test_softmax_of_logarithms_is_their_shares(frozen):
    # exp(log 1, log 2, log 5) = (1, 2, 5), of 8.
    p = softmax(frozen([[0.0, log(2), log(5)]]))
    np.testing.assert_allclose(p, [[1 / 8, 2 / 8, 5 / 8]], rtol=4 * np.finfo(float).eps)


def test_equal_logits_mean_equal_probabilities():
    assert softmax(np.full((2, 4), 7.0)).tolist() == [[0.25] * 4] * 2


def test_the_loss_of_guessing_among_k_is_log_k(frozen):
    assert cross_entropy(frozen(np.zeros((3, 10))), frozen([0, 5, 9])) == pytest.approx(log(10), rel=1e-15)


def test_the_loss_is_the_mean_surprise(frozen):
    # p = (1/8, 2/8, 5/8) in both rows: −log 1/8 = log 8 for class 0, log 8/5 for class 2.
    z, y = frozen([[0.0, log(2), log(5)]] * 2), frozen([0, 2])
    assert cross_entropy_of_each(z, y) == pytest.approx([log(8), log(8 / 5)], rel=1e-15)
    assert cross_entropy(z, y) == pytest.approx((log(8) + log(8 / 5)) / 2, rel=1e-15)


def test_weights_weigh_the_surprise_of_each(frozen):
    z, y, w = frozen([[0.0, log(2), log(5)]] * 2), frozen([0, 2]), frozen([3.0, 1.0])
    assert cross_entropy(z, y, w) == pytest.approx((3 * log(8) + log(8 / 5)) / 4, rel=1e-15)


def test_dz_is_p_minus_y_over_n_for_every_class(frozen):
    p = frozen([[0.125, 0.25, 0.625], [0.5, 0.25, 0.25]])
    dz = softmax_cross_entropy_backward(p, frozen([0, 2]))
    assert dz.tolist() == [[-0.4375, 0.125, 0.3125], [0.25, 0.125, -0.375]]


def test_dz_of_weighted_examples_is_w_times_p_minus_y_over_all_weight(frozen):
    p = frozen([[0.125, 0.25, 0.625], [0.5, 0.25, 0.25]])
    dz = softmax_cross_entropy_backward(p, frozen([0, 2]), frozen([3.0, 1.0]))
    assert dz.tolist() == [[-0.65625, 0.1875, 0.46875], [0.125, 0.0625, -0.1875]]


@given(z=LOGITS)
def test_each_row_of_p_sums_to_one_and_lies_between_0_and_1(z):
    p = softmax(z)
    eps = np.finfo(z.dtype).eps
    assert (p >= 0).all()
    assert (p <= 1).all()
    np.testing.assert_allclose(p.sum(axis=1, dtype=np.float64), 1, rtol=0, atol=2 * z.shape[1] * eps)


@given(z=LOGITS, weighted=st.booleans())
def test_each_row_of_dz_sums_to_zero(z, weighted):
    w = np.linspace(0.5, 2, len(z)).astype(z.dtype) if weighted else None
    dz = softmax_cross_entropy_backward(softmax(z), labels_for(z), w)
    eps = np.finfo(z.dtype).eps
    np.testing.assert_allclose(dz.sum(axis=1, dtype=np.float64), 0, rtol=0, atol=4 * z.shape[1] * eps)


@given(z=LOGITS, shift=st.integers(-4096, 4096))
def test_a_shift_of_all_logits_changes_nothing(z, shift):
    z = np.round(z * 16) / 16 if z.dtype == np.float64 else np.round(z / 16) * 16  # so that z + shift is exact
    shift = float(shift) if z.dtype == np.float64 else float(shift // 16 * 16)
    moved = (z + np.asarray(shift, z.dtype)).astype(z.dtype)
    assert softmax(moved).tolist() == softmax(z).tolist()
    y = labels_for(z)
    np.testing.assert_allclose(
        cross_entropy_of_each(moved, y), cross_entropy_of_each(z, y), rtol=4 * np.finfo(z.dtype).eps, atol=0
    )


@pytest.mark.parametrize("dtype", TYPES)
def test_logits_of_ten_thousand_give_the_exact_probabilities_and_losses(frozen, dtype):
    z = frozen([[1e4, -1e4], [-1e4, 1e4], [-1e4, -1e4], [1e4, 1e4 - 2]], dtype)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(
        softmax(z), [[1, 0], [0, 1], [0.5, 0.5], [1 / (1 + exp(-2)), 1 / (1 + exp(2))]], rtol=4 * eps, atol=0
    )
    losses_of_class_0 = [0, 2e4, log(2), log1p(exp(-2))]
    losses_of_class_1 = [2e4, 0, log(2), 2 + log1p(exp(-2))]
    np.testing.assert_allclose(cross_entropy_of_each(z, np.zeros(4, int)), losses_of_class_0, rtol=4 * eps, atol=0)
    np.testing.assert_allclose(cross_entropy_of_each(z, np.ones(4, int)), losses_of_class_1, rtol=4 * eps, atol=0)


@given(z=LOGITS)
def test_a_loss_is_never_negative_and_at_least_the_distance_to_the_largest_logit(z):
    y = labels_for(z)
    losses = cross_entropy_of_each(z, y)
    distance = z.max(axis=1).astype(np.float64) - z[np.arange(len(z)), y]
    eps = np.finfo(z.dtype).eps
    assert np.isfinite(losses).all()
    assert (losses >= distance * (1 - eps)).all()
    assert (losses <= (distance + log(z.shape[1])) * (1 + (4 + z.shape[1]) * eps)).all()


@given(z=LOGITS)
def test_dz_is_finite_for_every_finite_logit(z):
    assert np.isfinite(softmax_cross_entropy_backward(softmax(z), labels_for(z))).all()


@given(shape=st.tuples(st.integers(1, 6), st.integers(2, 6)), weighted=st.booleans(), seed=st.integers(0, 2**32))
def test_dz_is_the_slope_of_the_loss(shape, weighted, seed):
    rng = np.random.default_rng(seed)
    z, w = rng.normal(size=shape), rng.uniform(0.1, 3, shape[0]) if weighted else None
    y, step = labels_for(z, seed), 1e-5
    slope = np.empty_like(z)
    for place in np.ndindex(shape):
        above, below = z.copy(), z.copy()
        above[place] += step
        below[place] -= step
        slope[place] = (cross_entropy(above, y, w) - cross_entropy(below, y, w)) / (2 * step)
    dz = softmax_cross_entropy_backward(softmax(z), y, w)
    # The loss, of size |z| + log k, is rounded in k + n + 8 places; the third derivative of the loss is below 1.
    size = np.abs(z).max() + log(shape[1])
    atol = np.finfo(float).eps * (sum(shape) + 8) * size / step + step**2
    np.testing.assert_allclose(dz, slope, rtol=0, atol=atol)


def test_both_together_are_the_same_as_each_alone(frozen):
    z, y, w = frozen([[0.3, -1.0], [2.0, 0.5]]), frozen([1, 0]), frozen([1.0, 4.0])
    p, loss = softmax_cross_entropy(z, y, w)
    assert (p.tolist(), loss) == (softmax(z).tolist(), cross_entropy(z, y, w))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("weights", [None, np.float32, np.float64, np.int64])
def test_softmax_and_dz_keep_the_type_of_the_logits(frozen, dtype, weights):
    z, y = frozen([[0.3, -1.0], [2.0, 0.5]], dtype), frozen([1, 0])
    w = None if weights is None else frozen([1, 2], weights)
    assert softmax(z).dtype == dtype
    assert cross_entropy_of_each(z, y).dtype == dtype
    assert softmax_cross_entropy(z, y, w)[0].dtype == dtype
    assert softmax_cross_entropy_backward(softmax(z), y, w).dtype == dtype
    assert type(cross_entropy(z, y, w)) is float
