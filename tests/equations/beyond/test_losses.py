"""The losses one by one: by hand, by difference, where they are least, and what they do with numbers that are too large."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pellucid.equations.losses import (
    LOSSES,
    AbsoluteError,
    BinaryCrossEntropy,
    ClassSquaredError,
    CrossEntropy,
    Huber,
    Poisson,
    Quantile,
    SquaredError,
)
from pellucid.equations.softmax_cross_entropy import cross_entropy_of_each

EPS = np.finfo(np.float64).eps
OF_NUMBERS = [SquaredError(), AbsoluteError(), Huber(), Huber(0.5), Quantile(), Quantile(0.9)]
OF_MORE = [BinaryCrossEntropy(), BinaryCrossEntropy(0.1), Poisson()]
OF_CLASSES = [CrossEntropy(), CrossEntropy(0.1), ClassSquaredError()]
EVERY = [*OF_NUMBERS, *OF_MORE, *OF_CLASSES]
LOGITS = arrays(np.float64, (4, 3), elements=st.floats(-6, 6).map(lambda number: round(number, 3)))

BY_HAND = {  # one output: z, y → ℓ
    "binary_cross_entropy": lambda z, y, _: -math.log(1 / (1 + math.exp(-z if y else z))),
    "squared_error": lambda z, y, _: (z - y) ** 2 / 2,
    "absolute_error": lambda z, y, _: abs(z - y),
    "huber": lambda z, y, delta: (z - y) ** 2 / 2 if abs(z - y) <= delta else delta * (abs(z - y) - delta / 2),
    "quantile": lambda z, y, q: q * (y - z) if z < y else (1 - q) * (z - y),
    "poisson": lambda z, y, _: (y * math.log(y / math.exp(z)) if y else 0.0) - (y - math.exp(z)),
}


def targets_of(loss, seed=0, n=4, k=3):
    rng = np.random.default_rng(seed)
    if loss.of_classes:
        return rng.integers(0, k, n)
    if isinstance(loss, BinaryCrossEntropy):
        return rng.integers(0, 2, (n, k)).astype(float)
    return (
        rng.poisson(2.0, (n, k)).astype(float)
        if isinstance(loss, Poisson)
        else rng.normal(size=(n, k)).round(3) + 0.0005
    )


@pytest.mark.parametrize("loss", [*OF_NUMBERS, BinaryCrossEntropy(), Poisson()], ids=repr)
@given(z=LOGITS, seed=st.integers(0, 1000))
def test_a_loss_is_what_its_formula_says_added_up_over_the_outputs(loss, z, seed):
    y = targets_of(loss, seed)
    rows = zip(z.tolist(), y.tolist(), strict=True)
    expected = [math.fsum(BY_HAND[loss.name](*pair, loss.setting) for pair in zip(*row, strict=True)) for row in rows]
    # Numbers up to e⁶ = 403, in some ten operations.
    np.testing.assert_allclose(loss.of_each(z, y), expected, rtol=0, atol=10 * EPS * 403)


@pytest.mark.parametrize("loss", EVERY, ids=repr)
@given(z=LOGITS, seed=st.integers(0, 1000))
def test_the_way_back_to_z_is_the_slope(loss, z, seed):
    y = targets_of(
        loss, seed
    )  # numbers end in 5 at the fourth place, z at the third: no z is at a corner of these losses
    step = 2.0**-16
    slope = np.empty_like(z)
    for j in range(z.shape[1]):
        there = np.zeros_like(z)
        there[:, j] = step
        slope[:, j] = (loss.of_each(z + there, y) - loss.of_each(z - there, y)) / (2 * step)
    # step²/6 times the third derivative, at most e⁶; roundings of three losses of up to 403 each.
    bound = step**2 / 6 * 404 + 10 * 3 * 403 * EPS / step
    if not (isinstance(loss, Huber) and (np.abs(np.abs(z - y) - loss.delta) <= step).any()):
        np.testing.assert_allclose(loss.slope_of_each(loss.outputs(z), y), slope, rtol=0, atol=bound)


@pytest.mark.parametrize("loss", [*OF_NUMBERS, Poisson()], ids=repr)
@given(y=arrays(np.float64, (4, 3), elements=st.floats(0.01, 1000)))
def test_what_is_right_costs_nothing_and_pulls_nowhere(loss, y):
    z = np.log(y) if isinstance(loss, Poisson) else y
    # The outputs of the logarithm of y are y but for rounding: 7 bits, as log 1000 is nearly 7.
    slack = 16 * EPS * 1000 * 7 if isinstance(loss, Poisson) else 0
    assert (np.abs(loss.of_each(z, y)) <= slack).all()
    assert (np.abs(loss.slope_of_each(loss.outputs(z), y)) <= slack).all()


@pytest.mark.parametrize("loss", EVERY, ids=repr)
@given(z=LOGITS, seed=st.integers(0, 1000))
def test_no_loss_is_below_0(loss, z, seed):
    assert (loss.of_each(z, targets_of(loss, seed)) >= -10 * EPS * 403).all()


@pytest.mark.parametrize("loss", [SquaredError(), Poisson()], ids=repr)
def test_a_mean_is_learned_by(loss):
    y = lopsided()
    assert abs(the_best_guess(loss, y) - y.mean()) <= 0.0025 + 1e-9


@pytest.mark.parametrize(
    ("loss", "share"), [(AbsoluteError(), 0.5), (Quantile(0.9), 0.9), (Quantile(0.25), 0.25)], ids=repr
)
def test_a_median_or_a_quantile_is_learned_by(loss, share):
    y = lopsided()
    # The loss is a chain of straight lines with corners at y, the lowest of which is the quantile.
    near = np.abs(np.sort(y.ravel()) - np.quantile(y, share))
    assert abs(the_best_guess(loss, y) - np.quantile(y, share)) <= 0.005 + near[near.argsort()[1]]


def lopsided():
    return np.random.default_rng(0).gamma(2.0, 2.0, (201, 1))  # mean and median differ


def the_best_guess(loss, y):
    grid = np.linspace(0.5, 12, 2301)
    guesses = np.log(grid) if isinstance(loss, Poisson) else grid
    return grid[np.argmin([loss.of_batch(np.full_like(y, guess), y) for guess in guesses])]


@given(z=st.floats(-700, 700), y=st.sampled_from([0, 1]))
def test_yes_or_no_is_a_choice_between_the_logits_0_and_z(z, y):
    ours = BinaryCrossEntropy().of_each(np.array([[z]]), np.array([[float(y)]])).item()
    # log(1 + e) is rounded by up to ε; log1p is not. Both are rounded once more in their own size.
    assert abs(ours - cross_entropy_of_each(np.array([[0.0, z]]), np.array([y])).item()) <= EPS * (2 + 2 * ours)


@given(z=LOGITS, seed=st.integers(0, 1000))
def test_the_middle_quantile_is_half_the_absolute_error(z, seed):
    y = targets_of(Quantile(), seed)
    np.testing.assert_allclose(2 * Quantile(0.5).of_each(z, y), AbsoluteError().of_each(z, y), rtol=4 * EPS)
    assert (2 * Quantile(0.5).slope_of_each(z, y)).tolist() == AbsoluteError().slope_of_each(z, y).tolist()


@given(z=LOGITS, seed=st.integers(0, 1000))
def test_hubers_loss_lies_between_the_squared_and_the_absolute_error(z, seed):
    y = targets_of(Huber(), seed)
    far, near = Huber(1e6), Huber(1e-9)
    np.testing.assert_allclose(far.of_each(z, y), SquaredError().of_each(z, y), rtol=8 * EPS)
    assert far.slope_of_each(z, y).tolist() == SquaredError().slope_of_each(z, y).tolist()
    np.testing.assert_allclose(near.of_each(z, y) / near.delta, AbsoluteError().of_each(z, y), rtol=0, atol=3e-9)
    np.testing.assert_allclose(near.slope_of_each(z, y) / near.delta, AbsoluteError().slope_of_each(z, y), rtol=2 * EPS)


def test_where_an_error_is_0_there_is_no_side():
    exactly = np.array([[2.0]])
    assert [loss.slope_of_each(exactly, exactly).item() for loss in OF_NUMBERS] == [0.0] * len(OF_NUMBERS)


@pytest.mark.parametrize("loss", OF_NUMBERS, ids=repr)
def test_a_slope_does_not_hide_a_nan(loss):
    p, y = np.array([[np.nan, 1.0]]), np.array([[0.0, 0.5]])
    assert np.isnan(loss.slope_of_each(p, y)).tolist() == [[True, False]]
    assert np.isnan(loss.of_each(p, y)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", EVERY, ids=repr)
def test_a_loss_keeps_the_type_of_its_numbers(frozen, loss, dtype):
    z = frozen([[0.5, -1.0, 2.0], [1.0, 0.0, -3.0]], dtype)
    y = frozen(targets_of(loss, n=2), None if loss.of_classes else dtype)
    p = loss.outputs(z)
    w = frozen([0.5, 2.0], dtype)
    found = (p, loss.of_each(z, y), loss.slope_of_each(p, y), loss.backward(p, y), loss.backward(p, y, w))
    assert {array.dtype for array in found} == {np.dtype(dtype)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_yes_or_no_can_be_as_wrong_as_it_likes(dtype):
    z = np.array([[1e30], [-1e30], [1e30], [-1e30]], dtype)
    y = np.array([[0.0], [1.0], [1.0], [0.0]], dtype)
    assert BinaryCrossEntropy().of_each(z, y).tolist() == [float(dtype(1e30))] * 2 + [0.0] * 2


def test_an_outlier_does_not_overflow_hubers_loss():
    assert Huber().of_each(np.array([[1e300]]), np.array([[0.0]])).tolist() == [1e300]


def test_a_count_too_large_for_its_type_is_infinite_without_a_warning():
    z = np.array([[800.0]])
    assert Poisson().outputs(z).tolist() == [[np.inf]]
    assert Poisson().of_each(z, np.array([[3.0]])).tolist() == [np.inf]


@pytest.mark.parametrize("loss", EVERY, ids=repr)
@given(z=LOGITS, w=arrays(np.float64, 4, elements=st.floats(0.01, 10)))
def test_the_loss_of_a_batch_is_the_weighted_mean_of_its_examples(loss, z, w):
    y = targets_of(loss)
    each = loss.of_each(z, y)
    slopes = loss.slope_of_each(loss.outputs(z), y)
    size = 8 * EPS * (1 + np.abs(each).max())
    assert abs(loss.of_batch(z, y) - each.mean()) <= size
    assert abs(loss.of_batch(z, y, w) - (w * each).sum() / w.sum()) <= size
    bound = 8 * EPS * (1 + np.abs(slopes).max())
    np.testing.assert_allclose(loss.backward(loss.outputs(z), y), slopes / 4, rtol=0, atol=bound)
    expected = slopes * (w / w.sum())[:, np.newaxis]
    np.testing.assert_allclose(loss.backward(loss.outputs(z), y, w), expected, rtol=0, atol=bound)


@pytest.mark.parametrize("loss", EVERY, ids=repr)
def test_a_batch_that_weighs_nothing_costs_nothing(loss):
    z, y, nothing = np.ones((4, 3)), targets_of(loss), np.zeros(4)
    assert loss.of_batch(z, y, nothing) == 0
    assert not loss.backward(loss.outputs(z), y, nothing).any()


def test_the_squared_error_of_classes_by_hand():
    # p = 1, −1, 0 (but for the digits that 1.7159 is short of): the third is off by 1, where the slope is steepest.
    z, y = np.array([[1.0, -1.0, 0.0]]), np.array([0])
    loss = ClassSquaredError()
    p = loss.outputs(z)
    assert (np.abs(p - [[1, -1, 0]]) <= 1e-5).all()
    assert abs(loss.of_each(z, y).item() - 0.5) <= 1e-9
    assert (np.abs(loss.slope_of_each(p, y) - [[0, 0, 1.7159 * 2 / 3]]) <= 1e-5).all()
    assert (np.abs(loss.probabilities(p) - [[2 / 3, 0, 1 / 3]]) <= 1e-5).all()


@given(z=LOGITS)
def test_probabilities_of_least_squares_are_some_and_rise_with_the_outputs(z):
    shares = ClassSquaredError().probabilities(ClassSquaredError().outputs(z))
    assert (np.abs(shares.sum(axis=1) - 1) <= 4 * EPS).all()
    assert (shares > 0).all()
    in_order = np.take_along_axis(shares, z.argsort(axis=1), axis=1)
    assert (np.diff(in_order, axis=1) >= 0).all()


def test_where_every_class_is_rejected_none_is_likelier():
    assert ClassSquaredError().probabilities(np.full((1, 4), -1.7)).tolist() == [[0.25] * 4]


def test_least_squares_learns_the_share_of_a_class():
    # Of 10 examples alike, 7 are of class 0: the best output is 0.7 · 1 + 0.3 · (−1), and (1 + p)/2 is 0.7 again.
    grid, y = np.linspace(-3, 3, 6001), np.array([0] * 7 + [1] * 3)
    costs = [ClassSquaredError().of_batch(np.array([[z, -z]] * 10), y) for z in grid]
    best = grid[np.argmin(costs)]
    shares = ClassSquaredError().probabilities(ClassSquaredError().outputs(np.array([[best, -best]])))
    assert np.abs(shares - [[0.7, 0.3]]).max() <= 0.001


def test_what_is_rightly_classified_is_counted():
    z = np.array([[2.0, -1.0], [-0.5, 0.5], [1.0, 3.0]])
    assert CrossEntropy().rightly_classified(z, np.array([0, 1, 0])) == 2
    assert BinaryCrossEntropy().rightly_classified(z, np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])) == 2
    assert [loss.rightly_classified(z, z) for loss in OF_NUMBERS] == [0] * len(OF_NUMBERS)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CrossEntropy(1.0), "label_smoothing of cross_entropy is 1.0; expected at least 0 and below 1."),
        (lambda: BinaryCrossEntropy(-0.1), "label_smoothing of binary_cross_entropy is -0.1; expected at least 0"),
        (lambda: Huber(0), "delta of huber is 0; expected a positive number."),
        (lambda: Huber(math.inf), "delta of huber is inf; expected a positive number."),
        (lambda: Huber("1"), "delta of huber is '1'; expected a positive number."),
        (lambda: Quantile(None), "quantile of quantile is None; expected above 0 and below 1."),
        (
            lambda: CrossEntropy("0.1"),
            "label_smoothing of cross_entropy is '0.1'; expected at least 0 and below 1.",
        ),
        (lambda: Quantile(1), "quantile of quantile is 1; expected above 0 and below 1."),
        (lambda: Quantile(math.nan), "quantile of quantile is nan; expected above 0 and below 1."),
    ],
)
def test_a_setting_out_of_range_is_refused(make, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        make()


def test_a_loss_says_its_name_its_output_and_what_is_unusual_about_it():
    assert {name: LOSSES[name].name for name in LOSSES} == {name: name for name in LOSSES}
    assert {loss.name for loss in EVERY} == set(LOSSES)
    assert (Huber(2).settings(), Huber().settings(), Huber(2).setting) == ({"delta": 2.0}, {}, 2.0)
    assert (SquaredError().settings(), SquaredError().setting) == ({}, 0.0)
