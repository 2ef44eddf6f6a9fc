"""How arrays agree: within a bound, to the bit, in what is not finite."""

from __future__ import annotations

import numpy as np


def assert_within(found, expected, bound):
    """Each number within its bound of what is expected."""
    assert found.shape == np.shape(expected)
    error = np.abs(found.astype(np.float64) - expected)
    assert (error <= bound).all(), f"{(error / np.maximum(bound, 1e-300)).max():.3g} times the bound"


def assert_same_bits(found, expected):
    """Alike in type, shape and every bit, zeros' signs and NaNs' included."""
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    assert found.tobytes() == expected.tobytes()


def assert_same_kind(found, expected):
    """Infinite with the same sign, or NaN, in the same places."""
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_array_equal(np.where(np.isinf(found), found, 0), np.where(np.isinf(expected), expected, 0))
