from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neural_network._stochastic_optimizers import SGDOptimizer

from pellucid.equations.schedules import SCHEDULES, constant, cosine, inverse_scaling, linear, one_cycle, rates, rising

EPS = np.finfo(np.float64).eps
NAMES = st.sampled_from([*SCHEDULES])


def factors(name, total):
    return SCHEDULES[name](np.arange(total), total)


def test_constant_by_hand():
    assert constant(np.arange(3), 3).tolist() == [1.0, 1.0, 1.0]


def test_linear_by_hand():
    assert linear(np.arange(5), 4).tolist() == [1.0, 0.75, 0.5, 0.25, 0.0]


def test_cosine_by_hand():
    # cos 0, cos 60°, cos 90°, cos 120°, cos 180°
    found = cosine(np.array([0, 4, 6, 8, 12]), 12)
    np.testing.assert_allclose(found, [1, 0.75, 0.5, 0.25, 0], rtol=0, atol=4 * EPS)


def test_one_cycle_by_hand():
    # Up over the first 3 of 10 steps; then half a cosine over 7. t = 6.5 is its middle, t = 4.75 its first quarter.
    found = one_cycle(np.array([0, 1, 1.5, 3, 4.75, 6.5, 10]), 10)
    np.testing.assert_allclose(found, [0, 1 / 3, 0.5, 1, (1 + sqrt(0.5)) / 2, 0.5, 0], rtol=0, atol=8 * EPS)


@given(name=NAMES, total=st.integers(1, 500))
def test_factors_are_finite_and_lie_between_0_and_1(name, total):
    found = factors(name, total)
    assert found.shape == (total,)
    assert found.dtype == np.float64
    assert ((found >= 0) & (found <= 1)).all()


@given(name=st.sampled_from(["constant", "linear", "cosine"]), total=st.integers(1, 500))
def test_a_schedule_that_only_falls_starts_at_the_full_rate(name, total):
    found = factors(name, total)
    assert found[0] == 1
    assert (np.diff(found) <= 0).all()


@given(name=st.sampled_from(["linear", "cosine"]), total=st.integers(2, 500))
def test_linear_and_cosine_fall_at_every_step_and_end_one_step_before_0(name, total):
    found = factors(name, total)
    assert (np.diff(found) < 0).all()
    assert found[-1] > 0
    assert abs(SCHEDULES[name](np.array([total]), total)[0]) <= EPS


@given(total=st.integers(2, 500))
def test_one_cycle_rises_for_three_tenths_of_the_steps_and_then_falls(total):
    found = factors("one-cycle", total)
    top = int(found.argmax())
    assert found[0] == 0
    assert abs(top - 0.3 * total) <= 1
    assert (np.diff(found[: top + 1]) > 0).all()
    assert (np.diff(found[top:]) < 0).all()
    assert abs(one_cycle(np.array([total]), total)[0]) <= EPS


@given(name=NAMES, total=st.integers(0, 300), cut=st.floats(0, 1), rate=st.floats(1e-6, 10))
def test_rates_in_pieces_are_the_rates_of_the_whole(name, total, cut, rate):
    first = int(cut * total)
    pieces = [*rates(name, rate, 0, first, total), *rates(name, rate, first, total - first, total)]
    assert pieces == rates(name, rate, 0, total, total).tolist()


@given(
    name=NAMES, total=st.integers(0, 300), warm_up=st.integers(0, 300), cut=st.floats(0, 1), rate=st.floats(1e-6, 10)
)
def test_rates_that_warm_up_are_a_rise_and_then_the_schedule_over_what_remains(name, total, warm_up, cut, rate):
    rise = min(warm_up, total)
    found = rates(name, rate, 0, total, total, warm_up)
    assert found[:rise].tolist() == [rate * ((t + 1) / warm_up) for t in range(rise)]
    assert found[rise:].tolist() == rates(name, rate, 0, total - rise, total - rise).tolist()
    first = int(cut * total)
    pieces = [*rates(name, rate, 0, first, total, warm_up), *rates(name, rate, first, total - first, total, warm_up)]
    assert pieces == found.tolist()


@given(name=NAMES, total=st.integers(1, 300), rate=st.floats(1e-6, 10))
def test_without_a_warm_up_the_rates_are_the_schedules_to_the_bit(name, total, rate):
    assert rates(name, rate, 0, total, total, warm_up=0).tolist() == (rate * factors(name, total)).tolist()


def test_a_warm_up_ends_at_the_full_rate():
    assert rising(np.arange(5), 5).tolist() == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert rates("linear", 0.5, 0, 5, 5, warm_up=1).tolist() == [0.5, 0.5, 0.375, 0.25, 0.125]


def test_a_run_that_ends_while_it_warms_up_only_rises():
    assert rates("cosine", 1.0, 0, 4, 4, warm_up=8).tolist() == [0.125, 0.25, 0.375, 0.5]


def test_inverse_scaling_by_hand():
    assert inverse_scaling(np.array([0, 3, 99]), power=0.5).tolist() == [1.0, 0.5, 0.1]
    assert inverse_scaling(np.array([0, 3, 99]), power=0.0).tolist() == [1.0, 1.0, 1.0]


@given(seen=st.integers(0, 10**9), power=st.floats(0, 3), rate=st.floats(1e-6, 10))
def test_inverse_scaling_is_scikit_learns(seen, power, rate):
    optimizer = SGDOptimizer([], learning_rate_init=rate, lr_schedule="invscaling", power_t=power)
    optimizer.iteration_ends(seen)
    ours = rate * inverse_scaling(np.array([seen]), power).item()
    assert abs(ours - optimizer.learning_rate) <= 4 * EPS * ours


def test_the_rate_is_the_factor_times_the_learning_rate():
    assert rates("linear", 0.5, first=1, n=2, total=4).tolist() == [0.375, 0.25]


def test_the_texts_schedule_keeps_the_texts_rate():
    assert rates("constant", 0.1, 0, 3, 3).tolist() == [0.1] * 3


def test_an_unknown_schedule_is_a_key_error():
    with pytest.raises(KeyError, match="fortnightly"):
        rates("fortnightly", 0.1, 0, 1, 1)
