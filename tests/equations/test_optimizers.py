from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pellucid.equations.optimizers import (
    OPTIMIZERS,
    SGD,
    Adam,
    AdamW,
    Momentum,
    Nesterov,
    adam,
    adamw,
    momentum,
    nesterov,
    sgd,
)
from pellucid.equations.parameters import Layer, zeros_like
from pellucid.errors import SettingError

EPS = np.finfo(np.float64).eps
CLOSE = {"rtol": 0, "atol": 16 * EPS}  # a handful of roundings of numbers below 2
SETTINGS = [SGD(), Momentum(0.8), Nesterov(0.7), Adam(0.8, 0.99, 1e-6), AdamW(0.8, 0.99, 1e-6, 0.05)]
VECTORS = arrays(np.float64, 3, elements=st.floats(-100, 100, width=32))


def named(optimizer):
    return optimizer.name


def test_sgd_by_hand(frozen):
    # 1 − 0.1·2 = 0.8, then 0.8 − 0.5·(−1) = 1.3: the rate may change from step to step.
    theta = sgd(frozen([1.0]), frozen([2.0]), 0.1)
    np.testing.assert_allclose(theta, [0.8], **CLOSE)
    np.testing.assert_allclose(sgd(theta, frozen([-1.0]), 0.5), [1.3], **CLOSE)


def test_momentum_by_hand(frozen):
    # m: 0.5·0 + 1 = 1;      0.5·1 + 1 = 1.5;    0.5·1.5 − 2 = −1.25
    # θ: 1 − 0.1·1 = 0.9;    0.9 − 0.15 = 0.75;  0.75 + 0.2·1.25 = 1.0, as the rate is 0.2 by then
    theta, m = momentum(frozen([1.0]), frozen([1.0]), frozen([0.0]), 0.1, mu=0.5)
    np.testing.assert_allclose((*theta, *m), (0.9, 1.0), **CLOSE)
    theta, m = momentum(frozen(theta), frozen([1.0]), frozen(m), 0.1, mu=0.5)
    np.testing.assert_allclose((*theta, *m), (0.75, 1.5), **CLOSE)
    theta, m = momentum(frozen(theta), frozen([-2.0]), frozen(m), 0.2, mu=0.5)
    np.testing.assert_allclose((*theta, *m), (1.0, -1.25), **CLOSE)


def test_nesterov_by_hand(frozen):
    # m: 1;                          1.5;                            −1.25
    # θ: 1 − 0.1·(1 + 0.5) = 0.85;   0.85 − 0.1·(1 + 0.75) = 0.675;  0.675 − 0.2·(−2 − 0.625) = 1.2
    theta, m = nesterov(frozen([1.0]), frozen([1.0]), frozen([0.0]), 0.1, mu=0.5)
    np.testing.assert_allclose((*theta, *m), (0.85, 1.0), **CLOSE)
    theta, m = nesterov(frozen(theta), frozen([1.0]), frozen(m), 0.1, mu=0.5)
    np.testing.assert_allclose((*theta, *m), (0.675, 1.5), **CLOSE)
    theta, m = nesterov(frozen(theta), frozen([-2.0]), frozen(m), 0.2, mu=0.5)
    np.testing.assert_allclose((*theta, *m), (1.2, -1.25), **CLOSE)


def test_adam_by_hand(frozen):
    # β₁ = 0.5, β₂ = 0.75, ε = 0.5; g = 2, then −4.
    # Step 1: m = 1, m̂ = 1 / 0.5 = 2; v = 1, v̂ = 1 / 0.25 = 4; θ = 1 − 0.1 · 2 / (2 + 0.5) = 0.92.
    # Step 2: m = 0.5 − 2 = −1.5, m̂ = −1.5 / 0.75 = −2; v = 0.75 + 4 = 4.75, v̂ = 4.75 / (1 − 0.5625).
    settings = {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.5}
    theta, m, v = adam(frozen([1.0]), frozen([2.0]), frozen([0.0]), frozen([0.0]), t=1, **settings)
    np.testing.assert_allclose((*theta, *m, *v), (0.92, 1.0, 1.0), **CLOSE)
    theta, m, v = adam(frozen(theta), frozen([-4.0]), frozen(m), frozen(v), t=2, **settings)
    np.testing.assert_allclose((*theta, *m, *v), (0.92 + 0.2 / (sqrt(4.75 / 0.4375) + 0.5), -1.5, 4.75), **CLOSE)


def test_adamw_by_hand(frozen):
    # As Adam above, but θ first shrinks by η λ = 0.1 · 0.5, a twentieth.
    settings = {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.5, "weight_decay": 0.5}
    theta, m, v = adamw(frozen([1.0]), frozen([2.0]), frozen([0.0]), frozen([0.0]), t=1, **settings)
    np.testing.assert_allclose((*theta, *m, *v), (0.95 - 0.08, 1.0, 1.0), **CLOSE)
    theta, m, v = adamw(frozen(theta), frozen([-4.0]), frozen(m), frozen(v), t=2, **settings)
    expected = 0.87 * 0.95 + 0.2 / (sqrt(4.75 / 0.4375) + 0.5)
    np.testing.assert_allclose((*theta, *m, *v), (expected, -1.5, 4.75), **CLOSE)


@pytest.mark.parametrize("g", [1e-3, -1e-3, 1.0, -1e6])
def test_the_first_step_of_adam_has_the_size_of_the_rate(g):
    zero = np.zeros(1)
    theta, *_ = adam(zero, np.array([g]), zero, zero, t=1, learning_rate=0.25)
    # g / (|g| + ε) falls short of 1 by ε / |g|.
    np.testing.assert_allclose(theta, [-0.25 * np.sign(g)], rtol=1e-8 / abs(g) + 16 * EPS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_epsilon_that_would_be_rounded_to_0_leaves_what_never_had_a_gradient(dtype):
    theta, zero = np.ones(2, dtype), np.zeros(2, dtype)
    for epsilon in (1e-50, 1e-310, 5e-324):
        moved, *_ = adam(theta, zero, zero, zero, t=1, learning_rate=0.1, epsilon=epsilon)
        assert moved.tolist() == [1, 1]


@given(theta=VECTORS, g=VECTORS, m=VECTORS, rate=st.floats(0, 10))
def test_without_momentum_both_momentums_are_sgd(theta, g, m, rate):
    expected = sgd(theta, g, rate).tolist()
    assert momentum(theta, g, m, rate, mu=0.0)[0].tolist() == expected
    assert nesterov(theta, g, m, rate, mu=0.0)[0].tolist() == expected


@given(theta=VECTORS, g=VECTORS, m=VECTORS, v=VECTORS, t=st.integers(1, 1000), rate=st.floats(0, 10))
def test_without_decay_adamw_is_adam(theta, g, m, v, t, rate):
    plain = adam(theta, g, m, abs(v), t, rate)
    decoupled = adamw(theta, g, m, abs(v), t, rate, weight_decay=0.0)
    assert [each.tolist() for each in decoupled] == [each.tolist() for each in plain]


def test_decay_does_not_enter_adams_moments():
    _, m, v = adamw(np.array([5.0]), np.zeros(1), np.zeros(1), np.zeros(1), t=1, learning_rate=0.1, weight_decay=0.5)
    assert (m.tolist(), v.tolist()) == ([0.0], [0.0])


@pytest.mark.parametrize("optimizer", SETTINGS, ids=named)
def test_a_parameter_without_gradient_stays_unless_it_decays(optimizer):
    layers = (Layer(np.array([[1.0, -2.0]]), np.array([3.0])),)
    (moved,), _ = optimizer.step(layers, zeros_like(layers), optimizer.initial_moments(layers), 1, 0.1)
    shrinking = 1 - 0.1 * getattr(optimizer, "weight_decay", 0.0)
    assert (moved.W.tolist(), moved.b.tolist()) == ([[shrinking, -2 * shrinking]], [3 * shrinking])


def test_each_record_applies_its_rule_with_its_settings(frozen):
    theta, g, m, v = (frozen(numbers) for numbers in ([1.0, 2.0], [0.5, -1.0], [0.1, 0.2], [0.3, 0.4]))
    expected = {
        "sgd": (sgd(theta, g, 0.1),),
        "momentum": momentum(theta, g, m, 0.1, 0.8),
        "nesterov": nesterov(theta, g, m, 0.1, 0.7),
        "adam": adam(theta, g, m, v, 3, 0.1, 0.8, 0.99, 1e-6),
        "adamw": adamw(theta, g, m, v, 3, 0.1, 0.8, 0.99, 1e-6, 0.05),
    }
    for optimizer in SETTINGS:
        moved = optimizer.move(theta, g, (m, v)[: optimizer.n_moments], 3, 0.1)
        assert [each.tolist() for each in moved] == [each.tolist() for each in expected[optimizer.name]]


@pytest.mark.parametrize("optimizer", SETTINGS, ids=named)
def test_a_step_moves_every_tensor_by_the_rule_and_keeps_its_moments_apart(problem_of, optimizer):
    layers, gradients = problem_of((3, 4, 2), 1, seed=1).layers, problem_of((3, 4, 2), 1, seed=2).layers
    moments = tuple(
        tuple(Layer(abs(W), abs(b)) for W, b in problem_of((3, 4, 2), 1, seed=seed).layers)
        for seed in range(3, 3 + optimizer.n_moments)
    )
    moved, moved_moments = optimizer.step(layers, gradients, moments, 7, 0.1)
    assert len(moved_moments) == optimizer.n_moments
    for number in range(2):
        for tensor in (0, 1):
            before = tuple(moment[number][tensor] for moment in moments)
            expected = optimizer.move(layers[number][tensor], gradients[number][tensor], before, 7, 0.1)
            found = (moved[number][tensor], *(moment[number][tensor] for moment in moved_moments))
            assert [each.tolist() for each in found] == [each.tolist() for each in expected]


@pytest.mark.parametrize("optimizer", SETTINGS, ids=named)
def test_moments_begin_at_0_in_the_shapes_and_the_type_of_the_parameters(problem_of, optimizer):
    layers = problem_of((3, 4, 2), 1, dtype=np.float32).layers
    moments = optimizer.initial_moments(layers)
    assert len(moments) == optimizer.n_moments
    for moment in moments:
        for zeros, layer in zip(moment, layers, strict=True):
            assert (zeros.W.shape, zeros.b.shape) == (layer.W.shape, layer.b.shape)
            assert (zeros.W.dtype, zeros.b.dtype) == (np.float32, np.float32)
            assert not zeros.W.any()
            assert not zeros.b.any()


@pytest.mark.parametrize("optimizer", SETTINGS, ids=named)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_two_steps_keep_the_type_of_the_parameters(problem_of, optimizer, dtype):
    layers = problem_of((3, 4, 2), 1, dtype=dtype).layers
    moments = optimizer.initial_moments(layers)
    for t in (1, 2):
        layers, moments = optimizer.step(layers, layers, moments, t, 0.1)
    tensors = [tensor for record in (layers, *moments) for layer in record for tensor in layer]
    assert {tensor.dtype for tensor in tensors} == {np.dtype(dtype)}


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name != "sgd"])
def test_settings_that_come_as_numpy_numbers_do_not_promote_float32(name):
    # A grid of settings made by NumPy, as a search over settings makes it, holds numbers of type float64.
    rule = OPTIMIZERS[name]
    optimizer = rule(**{setting: np.float64(value) for setting, value in vars(rule()).items()})
    theta = np.ones(2, np.float32)
    moved = optimizer.move(theta, theta, (theta,) * optimizer.n_moments, 1, 0.1)
    assert {each.dtype for each in moved} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("rule", "settings", "message"),
    [
        (Momentum, {"mu": 1.0}, r"mu of momentum is 1\.0; expected at least 0 and below 1\."),
        (Nesterov, {"mu": -0.1}, r"mu of nesterov is -0\.1; expected at least 0 and below 1\."),
        (Adam, {"beta_1": 1.5}, r"beta_1 of adam is 1\.5; expected at least 0 and below 1\."),
        (Adam, {"beta_2": float("nan")}, r"beta_2 of adam is nan; expected at least 0 and below 1\."),
        (Adam, {"epsilon": -1e-8}, r"epsilon of adam is -1e-08; expected above 0 and below inf\."),
        (AdamW, {"epsilon": 0.0}, r"epsilon of adamw is 0\.0; expected above 0 and below inf\."),
        (Adam, {"beta_1": "0.9"}, "beta_1 of adam is '0.9'; expected at least 0 and below 1."),
        (Adam, {"epsilon": 10**400}, "epsilon of adam is 10+; expected above 0 and below inf."),
        (AdamW, {"weight_decay": float("inf")}, r"weight_decay of adamw is inf; expected at least 0 and below inf\."),
    ],
)
def test_a_setting_out_of_its_range_is_refused(rule, settings, message):
    with pytest.raises(SettingError, match=message):
        rule(**settings)


def test_every_rule_is_found_by_its_name():
    assert {name: rule.name for name, rule in OPTIMIZERS.items()} == {name: name for name in OPTIMIZERS}
    assert [*OPTIMIZERS] == ["sgd", "momentum", "nesterov", "adam", "adamw"]
