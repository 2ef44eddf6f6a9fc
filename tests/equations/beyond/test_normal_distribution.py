from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.equations.beyond.normal_distribution import normal_cdf, normal_density, normal_tail

FARTHEST_NORMAL = {np.float32: 12.5, np.float64: 37.0}  # below it Φ(−m) is a normal number of its type


def tail_in_400_digits(m):
    """½ − φ(m) (m + m³/3 + m⁵/(3·5) + …): it cancels nearly all of its digits, so it is given many."""
    with localcontext() as context:
        context.prec = 400
        m = Decimal(m)
        pi = 4 * (4 * arctangent_of_one_over(5) - arctangent_of_one_over(239))
        term = total = m
        k = 1
        while term > Decimal(10) ** -390:
            k += 2
            term = term * m * m / k
            total += term
        return float(Decimal(1) / 2 - (-m * m / 2).exp() / (2 * pi).sqrt() * total)


def arctangent_of_one_over(n):
    power, total, k = Decimal(1) / n, Decimal(1) / n, 1
    while abs(power) > Decimal(10) ** -395:
        power /= -n * n
        k += 2
        total += power / k
    return total


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(data=st.data())
def test_the_tail_errs_by_no_more_than_the_file_says(dtype, data):
    m = data.draw(st.floats(0, FARTHEST_NORMAL[dtype], width=32))
    exact = tail_in_400_digits(m)
    bound = (3 + m * m / 4) * np.finfo(dtype).eps * exact
    for z in (m, -m):
        assert abs(float(normal_tail(np.array([z], dtype)).item()) - exact) <= bound


def test_the_tail_agrees_with_the_error_function_of_the_standard_library():
    m = np.linspace(0, 37, 100_001)
    expected = np.array([math.erfc(number / math.sqrt(2)) / 2 for number in m])
    # Besides the error of ours: m/√2 is rounded twice, which erfc multiplies by m²; and erfc itself errs a little.
    bound = (3 + m * m / 4 + m * m + 4) * np.finfo(float).eps
    assert (np.abs(normal_tail(m) - expected) <= bound * expected).all()


def test_known_probabilities():
    found = normal_cdf(np.array([-np.inf, -1.959963984540054, 0.0, 1.0, 2.0, 3.0, np.inf]))
    np.testing.assert_allclose(
        found, [0, 0.025, 0.5, 0.8413447460685429, 0.9772498680518208, 0.9986501019683699, 1], rtol=1e-15
    )


@given(z=st.floats(-50, 50))
def test_the_two_sides_make_1(z):
    assert abs((normal_cdf(np.array([z])) + normal_cdf(np.array([-z]))).item() - 1) <= np.finfo(float).eps


@given(z=st.floats(-8, 8))
def test_the_density_is_the_slope_of_the_distribution(z):
    step = 2.0**-17
    slope = (normal_cdf(np.array([z + step])) - normal_cdf(np.array([z - step]))) / (2 * step)
    assert abs((normal_density(np.array([z])) - slope).item()) <= step**2 + 4 * np.finfo(float).eps / step


@pytest.mark.parametrize("function", [normal_tail, normal_cdf, normal_density])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_types_are_kept_nan_stays_and_nothing_overflows(function, dtype):
    found = function(np.array([np.nan, -np.inf, -1e30, 0.0, 1e30, np.inf], dtype))
    assert found.dtype == dtype
    assert np.isnan(found).tolist() == [True, *[False] * 5]
    assert ((found[1:] >= 0) & (found[1:] <= 1)).all()
