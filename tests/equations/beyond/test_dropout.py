from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.equations.beyond.dropout import dropout_mask
from pellucid.equations.random_streams import Purpose, random_words

SEEDS = st.integers(0, 2**64 - 1)
WORDS = st.integers(0, 2**32 - 1)
RATES = st.floats(0, 0.99)


def mask(seed=0, epoch=1, examples=(0, 1, 2), layer=1, width=7, rate=0.5, dtype=np.float64):
    return dropout_mask(seed, epoch, np.array(examples), layer, width, rate, dtype)


@given(
    seed=SEEDS,
    epoch=WORDS,
    examples=st.lists(WORDS, max_size=4),
    layer=st.integers(0, 65535),
    width=st.integers(1, 11),
    rate=RATES,
)
def test_a_unit_is_kept_where_its_word_is_at_least_the_rate(seed, epoch, examples, layer, width, rate):
    found = dropout_mask(seed, epoch, np.array(examples, np.int64), layer, width, rate, np.float64)
    expected = [
        [
            1 / (1 - rate) if word >= round(rate * 2**32) else 0.0
            for word in random_words(seed, int(Purpose.DROPOUT) + 65536 * layer, width, epoch, example).tolist()
        ]
        for example in examples
    ]
    assert found.shape == (len(examples), width)
    assert found.tolist() == expected


@given(example=WORDS, unit=st.integers(0, 9))
def test_the_border_is_the_nearest_word_to_the_rate_and_is_kept(example, unit):
    word = int(random_words(0, int(Purpose.DROPOUT) + 65536, 10, 1, example)[unit])
    kept = [mask(examples=[example], width=10, rate=(word + off) / 2**32)[0, unit] > 0 for off in (0, 0.4, 0.6, 1)]
    assert kept == [True, True, False, False]


@given(examples=st.permutations(range(20)), cut=st.integers(0, 20), rate=RATES)
def test_an_example_has_its_mask_whatever_batch_it_is_in(examples, cut, rate):
    whole = mask(examples=range(20), rate=rate)
    batch = examples[:cut]
    assert mask(examples=np.array(batch, np.int64), rate=rate).tolist() == whole[batch].tolist()


@given(width=st.integers(1, 40), more=st.integers(0, 40))
def test_a_wider_layer_begins_as_a_narrower_one(width, more):
    assert mask(width=width + more)[:, :width].tolist() == mask(width=width).tolist()


@given(one=RATES, other=RATES)
def test_what_a_high_rate_keeps_a_low_rate_keeps(one, other):
    high, low = mask(width=200, rate=max(one, other)), mask(width=200, rate=min(one, other))
    assert not ((high > 0) & (low == 0)).any()


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_the_mask_is_1_on_average(rate):
    found = mask(examples=range(400), width=250, rate=rate)
    # A kept share of 1 − rate with the variance rate (1 − rate) / 100,000, divided by 1 − rate. Within five deviations.
    assert abs(found.mean() - 1) <= 5 * sqrt(rate / (1 - rate) / 100_000)
    for axis, n in ((0, 400), (1, 250)):  # nor does any unit, or any example, stand out
        assert (np.abs(found.mean(axis=axis) - 1) <= 6 * sqrt(rate / (1 - rate) / n)).all()


def test_nothing_is_left_out_at_rate_0():
    assert mask(rate=0.0).tolist() == [[1.0] * 7] * 3


def test_seeds_epochs_layers_and_examples_are_left_out_independently():
    one = {"width": 10_000, "examples": [3]}
    different = [mask(**one)] + [
        mask(**(one | change))
        for change in ({"seed": 1}, {"seed": 2**32}, {"epoch": 2}, {"layer": 0}, {"examples": [4]})
    ]
    for number, first in enumerate(different):
        for second in different[:number]:
            # Agreement in half of 10,000 places, with a standard deviation of 50.
            assert abs(np.count_nonzero(first == second) - 5_000) <= 5 * 50


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_mask_has_the_type_that_is_asked_for(dtype):
    found = mask(rate=0.3, dtype=dtype)
    assert found.dtype == dtype
    assert set(found.ravel().tolist()) == {0.0, float(dtype(1 / 0.7))}
