"""The kernels that update, of each target, against the equations, computed in float64."""

from __future__ import annotations

import numpy as np
import pytest
from closeness import assert_same_kind, assert_within
from kernel_problems import (
    RATE,
    RULES,
    SOME,
    STRANGE,
    assert_all_the_same_bits,
    by_the_equations,
    gradients,
    moments_of,
    random,
    step,
    updated,
)

kernels = pytest.importorskip("pellucid.engines._native", reason="this installation has no native engine").kernels


@pytest.mark.parametrize("rule", RULES)
def test_an_update_is_the_equations_to_a_few_roundings(target, dtype, rule):
    for n in (1, 3, 4, 5, 31, 32, 33, 200):
        assertupdated(target, dtype, n, rule)


def assertupdated(target, dtype, n, rule):
    theta, g, moments = random(40, n, dtype), random(41, n, dtype, zeros=0.2), moments_of(rule, n, dtype)
    expected, *memories = by_the_equations(rule, theta, g, moments)
    found, *after = updated(target, rule, theta, g, moments)
    # Sixteen roundings are more than any rule makes; each is relative to the sum of absolute values that it is part of.
    unit = 16 * np.finfo(dtype).eps
    size, *sizes = by_the_equations(rule, -np.abs(theta), np.abs(g), moments)
    assert_within(found, expected, unit * np.abs(size))
    for moment, wanted, scale in zip(after, memories, sizes, strict=True):
        assert_within(moment, wanted, unit * scale)


@pytest.mark.parametrize("rule", RULES)
def test_an_update_says_when_it_wrote_what_is_not_finite(target, dtype, rule):
    for value in STRANGE[:3]:
        for n in (1, 7, 40):
            g, moments = random(41, n, dtype), moments_of(rule, n, dtype)
            g[n // 2] = value
            theta, memories, finite = kernels.update(target, np.ones(n, dtype), [g], moments, step(rule))
            assert not finite
            with np.errstate(invalid="ignore"):
                expected = by_the_equations(rule, np.ones(n), g, moments)
            for found, wanted in zip((theta, *memories), expected, strict=True):
                assert_same_kind(found, wanted)


@pytest.mark.parametrize("places", range(1, 9))
def test_a_gradient_summed_in_several_places_is_their_sum_in_order(target, dtype, places):
    for n in (1, 7, 40, 131):
        theta, *summands = (random(50 + i, n, dtype, zeros=0.2) for i in range(places + 1))
        whole = sum(summands[1:], summands[0])
        found, _, _ = kernels.update(target, theta, summands, [], kernels.Step("none"))
        assert found.tobytes() == whole.tobytes()
        pulled, _, _ = kernels.update(target, theta, summands, [], kernels.Step("none", pull=0.3))
        wide = whole.astype(np.float64) + 0.3 * theta.astype(np.float64)
        assert_within(pulled, wide, 2 * np.finfo(dtype).eps * (np.abs(whole) + np.abs(theta)))
        for rule in RULES:
            moments = moments_of(rule, n, dtype)
            alike = (kernels.update(target, theta, g, moments, step(rule), 0.3) for g in (summands, [whole]))
            assert_all_the_same_bits(*alike)


@pytest.mark.parametrize("shape", SOME, ids=str)
def test_weights_say_when_they_are_no_longer_finite(target, dtype, shape):
    a, dz, W = gradients(shape, dtype)
    for value in STRANGE[:3]:
        strange = dz.copy()
        strange[-1, -1] = value
        with np.errstate(invalid="ignore"):
            expected = W - RATE * (strange.T @ a)
        found, _, finite = kernels.affine_backward_weights(target, a, strange, W, [], step("sgd"))
        assert_same_kind(found, expected)
        assert finite == np.isfinite(expected).all()
        assert not finite
