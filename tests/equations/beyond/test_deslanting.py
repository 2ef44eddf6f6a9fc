from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.equations.beyond.deslanting import deslanted, slant


def leaning(s: float, rows: int = 21, columns: int = 41) -> np.ndarray:
    """A soft stroke through the middle that goes s columns to the right for each row down."""
    y, x = np.mgrid[:rows, :columns]
    distance = x - columns // 2 - s * (y - rows // 2)
    return 200 * np.exp(-((distance / 2) ** 2))[np.newaxis]


@given(s=st.floats(-0.9, 0.9))
def test_the_slant_of_a_stroke_is_the_one_it_was_drawn_with(s):
    found, centre = slant(leaning(s))
    # Sums in place of integrals of a Gaussian of width 2: exact but for e^−(2π)²; its tails leave the picture beyond e^−25.
    assert abs(found.item() - s) <= 1e-6
    assert abs(centre.item() - 10) <= 1e-6


@given(s=st.floats(-0.9, 0.9))
def test_what_was_set_upright_stands_upright_where_it_stood(s):
    upright = deslanted(leaning(s))
    again, centre = slant(upright)
    # Looking up between two pixels loses at most an eighth of the second difference of the shade, and that evenly.
    assert abs(again.item()) <= 0.01
    assert abs(centre.item() - 10) <= 0.01
    assert np.abs(upright[0] - leaning(0.0)[0]).max() <= 200 / 8 / 2


def test_a_stroke_that_stands_upright_is_left_alone():
    np.testing.assert_allclose(deslanted(leaning(0.0)), leaning(0.0), rtol=0, atol=1e-9)


def test_rows_of_whole_steps_are_moved_without_a_loss():
    stairs = np.eye(5)[np.newaxis] * 9
    assert slant(stairs)[0].tolist() == [1.0]
    assert deslanted(stairs).tolist() == [[[0, 0, 9, 0, 0]] * 5]


@pytest.mark.parametrize("picture", [np.zeros((4, 4)), np.eye(4)[[1]].repeat(1, 0), np.array([[7.0]])], ids=str)
def test_no_ink_or_ink_in_one_row_has_no_slant(picture):
    assert slant(picture[np.newaxis])[0].tolist() == [0.0]
    assert deslanted(picture[np.newaxis])[0].tolist() == picture.tolist()


def test_no_pictures_are_no_pictures():
    assert deslanted(np.empty((0, 4, 5))).shape == (0, 4, 5)
