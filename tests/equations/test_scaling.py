from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.equations.scaling import Scaling, scaled
from pellucid.errors import SettingError


def test_scaling_takes_the_offset_away_and_divides(frozen):
    X = frozen([[12.0, 3.0], [8.0, 7.0]])
    assert scaled(X, Scaling((10.0, 5.0), (2.0, 4.0)), np.float64).tolist() == [[1.0, -0.5], [-1.0, 0.5]]


def test_one_offset_and_one_scale_serve_all_inputs(frozen):
    x = scaled(frozen([[0, 51, 255]], np.uint8), Scaling((0.0,), (255.0,)), np.float64)
    assert x.tolist() == [[0.0, 51 / 255, 1.0]]


def test_without_settings_scaling_changes_nothing_but_the_type(frozen):
    X = frozen([[1, 2, 250]], np.uint8)
    assert scaled(X, Scaling(), np.float32).tolist() == [[1.0, 2.0, 250.0]]


def test_the_result_is_new_even_where_nothing_is_scaled():
    X = np.ones((2, 2))
    assert not np.shares_memory(X, scaled(X, Scaling(), np.float64))


@pytest.mark.parametrize("of", [np.uint8, np.int64, np.float32, np.float64, np.bool_])
@pytest.mark.parametrize("to", [np.float32, np.float64])
@pytest.mark.parametrize("scaling", [Scaling(), Scaling((1.0,), (2.0,)), Scaling((1.0, 0.5), (3.0, 2.0))])
def test_scaling_gives_the_type_that_is_asked_for_whatever_the_data_are(frozen, of, to, scaling):
    assert scaled(frozen([[1, 0]], of), scaling, to).dtype == to


@given(offset=st.floats(-1e3, 1e3), scale=st.floats(0.01, 1e3), seed=st.integers(0, 2**32))
def test_scaling_is_undone_by_its_inverse(offset, scale, seed):
    X = np.random.default_rng(seed).normal(size=(3, 2))
    x = scaled(X, Scaling((offset,), (scale,)), np.float64)
    atol = 4 * np.finfo(np.float64).eps * (np.abs(X).max() + abs(offset))
    np.testing.assert_allclose(x * scale + offset, X, rtol=0, atol=atol)


def test_float64_data_far_from_0_keep_their_differences_in_a_float32_network():
    # Seconds since 1970: a float32 tells numbers of this size apart only by steps of 128.
    X = 1.7e9 + np.array([[0.0], [1.0], [2.0], [3.0]])
    x = scaled(X, Scaling((1.7e9,), (1.0,)), np.float32)
    assert x.tolist() == [[0.0], [1.0], [2.0], [3.0]]


@pytest.mark.parametrize(
    ("offset", "scale"),
    [((0.0,), (0.0,)), ((np.nan,), (1.0,)), ((0.0,), (np.inf,)), ((0.0, -np.inf), (1.0, 1.0)), ((), ())],
)
def test_a_scaling_that_is_no_number_is_refused(offset, scale):
    with pytest.raises(SettingError, match="infinite or NaN, or a scale of 0"):
        Scaling(offset, scale)


def test_a_scaling_of_two_lengths_is_refused():
    with pytest.raises(SettingError, match=r"2 offsets and 1 scales; expected as many of the one as of the other\."):
        Scaling((0.0, 0.0), (1.0,))
