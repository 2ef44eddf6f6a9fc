from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.equations.network import backward, backward_steps, forward, loss_and_gradients
from pellucid.equations.softmax_cross_entropy import cross_entropy

HIDDEN = st.lists(st.integers(1, 9), max_size=3)
PROBLEMS = st.builds(
    lambda inputs, hidden, classes, n, seed, weighted: ((inputs, *hidden, classes), n, seed, weighted),
    st.integers(1, 9),
    HIDDEN,
    st.integers(2, 6),
    st.integers(1, 7),
    st.integers(0, 2**32),
    st.booleans(),
)
EPS = np.finfo(np.float64).eps


def assert_within(gradients, expected, bounds):
    for gradient, wanted, bound in zip(gradients, expected, bounds, strict=True):
        for tensor, tensor_wanted, tensor_bound in zip(gradient, wanted, bound, strict=True):
            assert tensor.shape == np.shape(tensor_wanted)
            assert (np.abs(tensor - tensor_wanted) <= tensor_bound).all()


def evaluated(problem, rows=slice(None), w=None):
    return loss_and_gradients(problem.architecture, problem.layers, problem.X[rows], problem.y[rows], w)


@given(drawn=PROBLEMS)
def test_loss_and_gradients_are_those_of_an_independent_computation(problem_of, by_loops, rounding, drawn):
    problem = problem_of(*drawn)
    loss, gradients = loss_and_gradients(*problem)
    loss_by_loops, gradients_by_loops = by_loops(problem)
    loss_bound, bounds = rounding(problem, EPS)
    assert abs(loss - loss_by_loops) <= loss_bound
    assert_within(gradients, gradients_by_loops, bounds)


@given(drawn=PROBLEMS)
def test_a_float32_network_computes_the_same_in_float32(problem_of, rounding, drawn):
    exact = problem_of(*drawn)
    problem = problem_of(*drawn, dtype=np.float32)
    trace = forward(problem.architecture, problem.layers, problem.X)
    loss, gradients = loss_and_gradients(*problem)
    steps = [*backward_steps(problem.architecture, problem.layers, trace, problem.y, problem.w)]

    arrays = [array for step in trace.layers for array in (step.inputs, step.z, step.a)]
    arrays += [array for step in steps for array in (step.dz, *step.gradient)]
    arrays += [step.da for step in steps if step.da is not None]
    arrays += [tensor for gradient in gradients for tensor in gradient]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}

    clear_of_corners = all((np.abs(step.z) > 1e-3).all() for step in trace.layers[:-1])
    if clear_of_corners:
        loss_bound, bounds = rounding(exact, float(np.finfo(np.float32).eps))
        exact_loss, exact_gradients = loss_and_gradients(*exact)
        assert abs(loss - exact_loss) <= loss_bound
        assert_within(gradients, exact_gradients, bounds)


@given(drawn=PROBLEMS)
def test_backward_is_the_steps_in_the_order_of_the_layers(problem_of, drawn):
    architecture, layers, X, y, w = problem_of(*drawn)
    trace = forward(architecture, layers, X)
    steps = [*backward_steps(architecture, layers, trace, y, w)]
    loss, gradients = loss_and_gradients(architecture, layers, X, y, w)
    assert loss == cross_entropy(trace.logits, y, w)
    for by in (gradients, backward(architecture, layers, trace, y, w)):
        for gradient, step in zip(by, reversed(steps), strict=True):
            assert (gradient.W.tolist(), gradient.b.tolist()) == (step.gradient.W.tolist(), step.gradient.b.tolist())
    assert [step.da is None for step in steps] == [False] * (len(layers) - 1) + [True]


@given(drawn=PROBLEMS)
def test_the_gradient_of_a_batch_is_the_mean_of_its_rows_gradients(problem_of, rounding, drawn):
    problem = problem_of(*drawn)
    n = len(problem.X)
    of_rows = [evaluated(problem, [row]) for row in range(n)]
    shares = np.full(n, 1 / n) if problem.w is None else problem.w / problem.w.sum()
    mean_loss = sum(share * loss for share, (loss, _) in zip(shares, of_rows, strict=True))
    mean = [
        [sum(share * gradients[i][j] for share, (_, gradients) in zip(shares, of_rows, strict=True)) for j in (0, 1)]
        for i in range(len(problem.layers))
    ]
    loss, gradients = loss_and_gradients(*problem)
    loss_bound, bounds = rounding(problem, EPS)
    assert abs(loss - mean_loss) <= loss_bound
    assert_within(gradients, mean, bounds)


@given(drawn=PROBLEMS, data=st.data())
def test_a_whole_weight_is_the_row_repeated_and_weight_0_is_the_row_left_out(problem_of, rounding, drawn, data):
    problem = problem_of(*drawn)
    n = len(problem.X)
    times = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n).filter(any), label="times")
    repeated_rows = np.repeat(np.arange(n), times)
    loss, gradients = evaluated(problem, w=np.array(times, np.float64))
    repeated_loss, repeated = evaluated(problem, repeated_rows)
    loss_bound, bounds = rounding(problem._replace(w=np.array(times, np.float64)), 2 * EPS)
    assert abs(loss - repeated_loss) <= loss_bound
    assert_within(gradients, repeated, bounds)


@given(drawn=PROBLEMS)
def test_weights_that_are_all_equal_are_as_none(problem_of, rounding, drawn):
    problem = problem_of(*drawn[:3], False)
    loss, gradients = evaluated(problem, w=np.full(len(problem.X), 2.5))
    loss_bound, bounds = rounding(problem, EPS)
    plain_loss, plain = evaluated(problem)
    assert abs(loss - plain_loss) <= loss_bound
    assert_within(gradients, plain, bounds)


def test_a_batch_of_weight_0_in_all_teaches_nothing(problem_of):
    problem = problem_of((3, 4, 2), 3)
    loss, gradients = evaluated(problem, w=np.zeros(3))
    assert loss == 0
    assert not any(tensor.any() for gradient in gradients for tensor in gradient)


def test_a_network_takes_pixels_as_bytes_or_as_floats(problem_of):
    problem = problem_of((6, 4, 3), 5)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 6), dtype=np.uint8)
    of_bytes = forward(problem.architecture, problem.layers, pixels)
    of_floats = forward(problem.architecture, problem.layers, pixels.astype(np.float64))
    assert of_bytes.logits.tolist() == of_floats.logits.tolist()


def test_no_example_gives_no_probability(problem_of):
    problem = problem_of((6, 4, 3), 5)
    assert forward(problem.architecture, problem.layers, problem.X[:0]).p.shape == (0, 3)


@pytest.mark.parametrize("n", [1, 4])
def test_rows_do_not_hear_of_each_other(problem_of, rounding, n):
    problem = problem_of((6, 5, 4, 3), 9)
    whole = forward(problem.architecture, problem.layers, problem.X).logits
    part = forward(problem.architecture, problem.layers, problem.X[:n]).logits
    loss_bound, _ = rounding(problem, EPS)
    assert (np.abs(part - whole[:n]) <= loss_bound).all()
