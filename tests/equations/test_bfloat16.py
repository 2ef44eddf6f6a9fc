from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pellucid.equations.bfloat16 import rounded_to_bfloat16

EPSILON = 2.0**-8
"""Half the distance from 1 to the next number with eight significant bits, over 1."""

normal = st.floats(-(2.0**99), 2.0**99, width=32).filter(lambda x: abs(x) > 2.0**-99)


@given(normal)
def test_no_number_moves_by_more_than_half_a_unit_of_the_last_place(x):
    assert abs(float(rounded_to_bfloat16(np.float32([x]))[0]) - x) <= EPSILON * abs(x)


@given(normal)
def test_a_rounded_number_is_rounded_to_itself(x):
    once = rounded_to_bfloat16(np.float32([x]))
    np.testing.assert_array_equal(rounded_to_bfloat16(once), once)


@given(normal, normal)
def test_rounding_keeps_the_order(x, y):
    low, high = rounded_to_bfloat16(np.float32(sorted([x, y])))
    assert low <= high


def test_every_pixel_is_exact():
    pixels = np.arange(257, dtype=np.float32)
    np.testing.assert_array_equal(rounded_to_bfloat16(pixels), pixels)


def test_of_two_that_are_as_near_the_even_one_is_taken():
    assert rounded_to_bfloat16(np.array([257.0, 259.0, -257.0, -259.0])).tolist() == [256.0, 260.0, -256.0, -260.0]


def test_infinity_and_nan_stay_and_what_is_too_large_becomes_infinite():
    given_numbers = np.array([np.inf, -np.inf, np.nan, np.finfo(np.float32).max], np.float32)
    np.testing.assert_array_equal(rounded_to_bfloat16(given_numbers), [np.inf, -np.inf, np.nan, np.inf])


def test_the_argument_is_not_changed():
    x = np.full(3, 0.1, np.float32)
    rounded_to_bfloat16(x)
    np.testing.assert_array_equal(x, np.full(3, 0.1, np.float32))
