from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pellucid.equations.beyond.averaging import averaged
from pellucid.equations.beyond.max_norm import within_norm
from pellucid.equations.parameters import Layer

WEIGHTS = arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.floats(-100, 100))


@given(W=WEIGHTS, most=st.floats(0.01, 1000))
def test_no_row_is_longer_than_allowed_and_none_turns(W, most):
    found = within_norm(W, most)
    for before, after in zip(W, found, strict=True):
        length = np.linalg.norm(before)
        if length <= most:
            assert after.tolist() == before.tolist()
        else:
            np.testing.assert_allclose(after, before * (most / length), rtol=1e-12)


def test_a_row_that_is_not_finite_stays():
    W = np.array([[np.inf, 1.0], [np.nan, 1.0], [3.0, 4.0]])
    np.testing.assert_allclose(within_norm(W, 1.0), [[np.inf, 1.0], [np.nan, 1.0], [0.6, 0.8]], rtol=1e-15)


def test_lengths_are_measured_without_overflow_and_in_the_type_of_the_weights():
    found = within_norm(np.full((1, 4), 1e30, np.float32), 2.0)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, 1, rtol=1e-6)


@given(st.lists(arrays(np.float64, (2, 3), elements=st.floats(-100, 100)), min_size=1, max_size=6))
def test_the_running_mean_is_the_mean(several):
    mean = (Layer(several[0], several[0][:, 0]),)
    for number, W in enumerate(several, start=1):
        mean = averaged(mean, (Layer(W, W[:, 0]),), number)
    np.testing.assert_allclose(mean[0].W, np.mean(several, axis=0), atol=1e-11)
    np.testing.assert_allclose(mean[0].b, np.mean(several, axis=0)[:, 0], atol=1e-11)
