from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.finite_differences import (
    STEP,
    central_difference,
    check_gradients,
    relative_difference,
)
from pellucid.equations.initialization import initialize
from pellucid.equations.network import loss_and_gradients
from pellucid.equations.parameters import Layer
from pellucid.equations.scaling import Scaling
from pellucid.equations.worked_example import ARCHITECTURE, LAYERS, X, Y

SEED_NETWORK = Architecture((28, 28), (Hidden(128), Hidden(64)), 10, scaling=Scaling((0.0,), (255.0,)))
AGREEMENT = 1e-7


def pixels(n):
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (n, 784), dtype=np.uint8), rng.integers(0, 10, n)


def test_the_central_difference_of_a_parabola_is_exact():
    # (3.5² − 2.5²) / 1 = 6, the slope of θ² at 3.
    assert central_difference(3.5**2, 2.5**2, epsilon=0.5) == 6


def test_the_central_difference_errs_by_the_square_of_the_step():
    # For θ³ at 2 the error is ε² exactly: ((2 + ε)³ − (2 − ε)³) / 2ε = 12 + ε².
    assert central_difference(2.25**3, 1.75**3, epsilon=0.25) == 12 + 0.25**2


def test_the_relative_difference_is_0_for_agreement_and_1_for_opposites():
    g = np.array([3.0, 4.0])
    assert relative_difference(g, g) == 0
    assert relative_difference(g, -g) == 1
    assert relative_difference(g, np.zeros(2)) == 1
    assert relative_difference(np.zeros(2), np.zeros(2)) == 0


def test_the_relative_difference_is_a_share_of_both_sizes():
    # ‖(3, 4) − (3, 0)‖ / (5 + 3)
    assert relative_difference(np.array([3.0, 4.0]), np.array([3.0, 0.0])) == 0.5


@given(
    inputs=st.integers(1, 9),
    hidden=st.lists(st.integers(1, 9), max_size=3),
    classes=st.integers(2, 6),
    n=st.integers(1, 7),
    weighted=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_backpropagation_agrees_with_finite_differences(problem_of, inputs, hidden, classes, n, weighted, seed):
    problem = problem_of((inputs, *hidden, classes), n, seed, weighted)
    checks = check_gradients(*problem)
    assert [(check.layer, check.tensor) for check in checks] == [
        (number, tensor) for number in range(1, len(hidden) + 2) for tensor in ("W", "b")
    ]
    for check, tensor in zip(checks, (tensor for layer in problem.layers for tensor in layer), strict=True):
        assert check.difference <= AGREEMENT
        assert check.probes + check.left_out == tensor.size
        assert check.left_out <= tensor.size // 10 + 1


def test_backpropagation_through_the_seeds_network_agrees_with_some_hundred_differences_a_tensor():
    checks = check_gradients(SEED_NETWORK, initialize(SEED_NETWORK, 0), *pixels(2), most_probes=150)
    assert max(check.difference for check in checks) <= AGREEMENT
    assert [check.probes + check.left_out for check in checks] == [150, 128, 149, 64, 128, 10]
    assert sum(check.left_out for check in checks) <= sum(check.probes for check in checks) // 100


@pytest.mark.slow
def test_backpropagation_through_the_seeds_network_agrees_with_differences_for_every_number():
    checks = check_gradients(SEED_NETWORK, initialize(SEED_NETWORK, 0), *pixels(1))
    assert max(check.difference for check in checks) <= AGREEMENT
    assert sum(check.probes + check.left_out for check in checks) == 109_386
    assert sum(check.left_out for check in checks) <= 1_000


def test_a_wrong_gradient_is_found(monkeypatch):
    def a_little_wrong(*problem):
        loss, (first, *others) = loss_and_gradients(*problem)
        return loss, (Layer(first.W + 0.01, first.b), *others)

    monkeypatch.setattr("pellucid.equations.finite_differences.loss_and_gradients", a_little_wrong)
    first, *others = check_gradients(ARCHITECTURE, LAYERS, X, Y)
    assert first.difference > 1e-3
    assert all(check.difference < AGREEMENT for check in others)


def test_a_probe_that_crosses_the_corner_of_relu_is_left_out_and_counted():
    # The hidden z is 0.1·1 − 0.1 = 0 up to less than a step: every probe of W₁ and b₁ crosses the corner.
    tiny = Architecture((1,), (Hidden(1),), 2)
    layers = (Layer(np.array([[0.1]]), np.array([-0.1 + STEP / 2])), Layer(np.array([[1.0], [-1.0]]), np.zeros(2)))
    checks = check_gradients(tiny, layers, np.ones((1, 1)), np.array([0]))
    assert [(check.probes, check.left_out) for check in checks] == [(0, 1), (0, 1), (2, 0), (2, 0)]


def test_the_parameters_are_left_as_they_were(frozen):
    layers = tuple(Layer(frozen(W), frozen(b)) for W, b in LAYERS)
    check_gradients(ARCHITECTURE, layers, frozen(X), frozen(Y))
    for layer, before in zip(layers, LAYERS, strict=True):
        assert (layer.W.tolist(), layer.b.tolist()) == (before.W.tolist(), before.b.tolist())


def test_the_order_of_the_weights_in_memory_does_not_matter():
    columns_first = tuple(Layer(np.asfortranarray(W), b) for W, b in LAYERS)
    assert max(check.difference for check in check_gradients(ARCHITECTURE, columns_first, X, Y)) <= AGREEMENT


def test_float32_parameters_are_checked_in_float64():
    single = tuple(Layer(W.astype(np.float32), b.astype(np.float32)) for W, b in LAYERS)
    assert max(check.difference for check in check_gradients(ARCHITECTURE, single, X, Y)) <= AGREEMENT
