from __future__ import annotations

from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from pellucid.explain.arithmetic import value_of
from pellucid.explain.numerals import DIGITS, adding_up, in_a_product, numeral, share

NUMBERS = st.floats(-1e15, 1e15).filter(lambda value: value == 0 or abs(value) > 1e-15)


@given(NUMBERS)
def test_a_numeral_is_the_number_to_four_digits(value):
    read = value_of(numeral(value))
    assert abs(read - Fraction(value)) <= abs(Fraction(value)) * Fraction(1, 2 * 10 ** (DIGITS - 1))
    assert value_of(in_a_product(value)) == read
    assert "-" not in numeral(value)  # the true minus


@given(NUMBERS)
def test_a_numeral_is_not_longer_than_it_must_be(value):
    digits = [sign for sign in numeral(value).partition("·")[0] if sign.isdigit()]
    assert len("".join(digits).lstrip("0")) <= max(DIGITS, 6)


def test_what_is_no_number_is_named():
    assert [numeral(value) for value in (float("nan"), float("inf"), -float("inf"))] == ["NaN", "∞", "−∞"]
    assert value_of("NaN") is None


@given(st.floats(0, 1))
def test_a_probability_below_1_is_not_written_as_1(p):
    assume(p <= 1 - 1e-11)
    assert value_of(share(p)) < 1


@given(st.lists(NUMBERS, min_size=1, max_size=8), NUMBERS)
def test_what_is_printed_adds_up_whatever_the_terms(terms, total):
    written, rest, whole = adding_up(terms, total)
    assert sum(map(value_of, written)) + (value_of(rest) if rest else 0) == value_of(whole)
    largest = max(map(abs, (*terms, total)))
    for value, text in zip((*terms, total), (*written, whole), strict=True):
        assert abs(value_of(text) - Fraction(value)) <= Fraction(largest) / 10 ** (DIGITS - 1) / 2


def test_a_sum_of_what_is_not_finite_says_so():
    assert adding_up([float("nan"), 1.0], float("nan")) == (["NaN", "1"], "", "NaN")
    assert adding_up([0.0], 0.0)[2] == "0.000"
