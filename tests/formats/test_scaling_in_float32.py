from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.equations.scaling import Scaling, scaled
from pellucid.errors import SettingError
from pellucid.formats.scaling_in_float32 import folded_into, in_float32, is_identity

EPSILON = float(np.finfo(np.float32).eps)


@given(
    offset=st.floats(-1e6, 1e6),
    scale=st.floats(1e-3, 1e6),
    steps=st.floats(-1e3, 1e3),
)
def test_three_roundings_at_most_however_far_from_zero_the_offset_is(offset, scale, steps):
    scaling = Scaling((offset,), (scale,))
    X = np.array([[offset + steps * scale]], np.float32)
    exact = (X.astype(np.float64) - offset) / scale
    # The differences each round by half a unit in the last place at most, as do scale and quotient; what two float32 numbers
    # leave of the offset is ε² of it.
    bound = 2.5 * EPSILON * abs(exact) + EPSILON**2 * abs(offset) / scale + 1e-37
    assert (abs(in_float32(scaling)(X) - exact) <= bound).all()


def test_one_part_alone_would_lose_the_digits_of_years():
    scaling, X = Scaling((1999.7,), (0.01,)), np.array([[1999.75]], np.float32)
    exact = scaled(X.astype(np.float64), scaling, np.float64)
    one_part = (X - np.float32(1999.7)) / np.float32(0.01)
    assert abs(in_float32(scaling)(X) - exact) < 1e-5
    assert abs(one_part - exact) > 1e-3


@given(seed=st.integers(0, 99), many=st.booleans())
def test_folding_the_scaling_into_the_first_layer_changes_no_z(seed, many):
    rng = np.random.default_rng(seed)
    n = 4 if many else 1
    scaling = Scaling(tuple(rng.normal(size=n) * 100), tuple(rng.uniform(0.1, 10, n)))
    W, b, X = rng.normal(size=(3, 4)), rng.normal(size=3), rng.normal(size=(5, 4)) * 100
    folded, bias = folded_into(scaling, W, b)
    size = np.abs(X) @ np.abs(folded).T + (np.abs(folded) * np.abs(scaling.offsets)).sum(axis=1) + np.abs(b)
    z = scaled(X, scaling, np.float64) @ W.T + b
    assert (np.abs(X @ folded.T + bias - z) <= 16 * np.finfo(np.float64).eps * size).all()


def test_only_what_changes_nothing_is_the_identity():
    assert is_identity(Scaling((0.0, 0.0), (1.0, 1.0)))
    assert not is_identity(Scaling((0.0, 0.5), (1.0, 1.0)))
    assert not is_identity(Scaling((0.0, 0.0), (1.0, 2.0)))


@pytest.mark.parametrize("scaling", [Scaling((0.0,), (1e-46,)), Scaling((0.0,), (1e60,)), Scaling((1e60,), (1.0,))])
def test_what_float32_cannot_hold_is_refused(scaling):
    with pytest.raises(SettingError, match="the scaling has a number that float32 cannot hold"):
        in_float32(scaling)
