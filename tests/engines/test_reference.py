from __future__ import annotations

from itertools import pairwise
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.engines import ReferenceEngine, State
from pellucid.engines.reference import ROWS_AT_A_TIME
from pellucid.equations.network import forward, loss_and_gradients
from pellucid.equations.optimizers import SGD, Adam
from pellucid.equations.parameters import Layer

ENGINE = ReferenceEngine()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_run_is_the_equations_composed_step_by_step(training, optimizer, bits, dtype):
    problem = training()
    start = problem.start(optimizer, dtype)
    layers, moments, losses, correct = start.layers, start.moments, [], 0
    for step in range(6):
        rows = problem.order[8 * step : 8 * step + 8]
        X, y, w = problem.X[rows], problem.y[rows], problem.weights[rows]
        correct += int((forward(problem.architecture, layers, X).p.argmax(axis=1) == y).sum())
        loss, gradients = loss_and_gradients(problem.architecture, layers, X, y, w)
        losses.append(loss)
        layers, moments = optimizer.step(layers, gradients, moments, step + 1, float(problem.rates[step]))

    outcome = problem.run(ENGINE, optimizer, start)
    assert bits(outcome.state) == bits(State(layers, moments, 6))
    assert outcome.losses.tolist() == losses
    assert outcome.correct == correct
    assert outcome.state.steps_done == 6
    assert outcome.non_finite_step is None


def test_a_run_changes_nothing_that_it_was_handed(training, optimizer, bits):
    problem = training()
    start = problem.start(optimizer)
    for array in (*problem[1:5], problem.weights, *(t for r in (start.layers, *start.moments) for t in sum(r, ()))):
        array.flags.writeable = False
    before = bits(start)
    after = problem.run(ENGINE, optimizer, start).state
    assert bits(start) == before
    assert start.steps_done == 0
    assert bits(after) != before


def test_the_smaller_last_batch_is_used_and_counts_as_one_step(training):
    problem = training(n=19, batch_size=8, schedule="constant")
    start = problem.start(SGD(), np.float64)
    outcome = problem.run(ENGINE, SGD(), start)
    assert len(outcome.losses) == 3
    before_last = problem.run(ENGINE, SGD(), start, n_steps=2).state
    rows = problem.order[16:]
    loss, gradients = loss_and_gradients(
        problem.architecture, before_last.layers, problem.X[rows], problem.y[rows], problem.weights[rows]
    )
    assert len(rows) == 3
    assert outcome.losses[-1] == loss
    assert outcome.state.layers[0].b.tolist() == (before_last.layers[0].b - 0.05 * gradients[0].b).tolist()


def test_a_batch_larger_than_the_data_is_all_the_data(training, bits):
    problem, larger = training(n=19, batch_size=19), training(n=19, batch_size=1000)
    outcomes = [each.run(ENGINE, SGD(), each.start(SGD())) for each in (problem, larger)]
    assert bits(outcomes[0].state) == bits(outcomes[1].state)
    assert [len(outcome.losses) for outcome in outcomes] == [1, 1]


def test_only_the_rows_of_the_order_are_seen(training, bits):
    problem = training()
    part = problem._replace(order=problem.order[:20], rates=problem.rates[:3])
    spoiled = problem.X.copy()
    spoiled[problem.order[20:]] = 0
    outcomes = [part.run(ENGINE, SGD(), part.start(SGD()), X=X) for X in (problem.X, spoiled)]
    assert bits(outcomes[0].state) == bits(outcomes[1].state)
    assert len(outcomes[0].losses) == 3


@settings(max_examples=20)
@given(cuts=st.lists(st.integers(0, 6), max_size=4), weighted=st.booleans())
def test_an_epoch_cut_anywhere_gives_the_same_bits(training, optimizer, bits, cuts, weighted):
    problem = training()
    whole = problem.run(ENGINE, optimizer, problem.start(optimizer), weighted)
    state, losses, correct = problem.start(optimizer), [], 0
    edges = [0, *sorted(cuts), 6]
    for first, last in pairwise(edges):
        piece = problem.run(ENGINE, optimizer, state, weighted, first_step=first, n_steps=last - first)
        state = piece.state
        losses += piece.losses.tolist()
        correct += piece.correct
    assert bits(state) == bits(whole.state)
    assert (state.steps_done, losses, correct) == (6, whole.losses.tolist(), whole.correct)


def test_more_steps_than_the_epoch_has_are_not_taken(training):
    problem = training()
    assert len(problem.run(ENGINE, SGD(), problem.start(SGD()), first_step=4, n_steps=100).losses) == 2
    assert len(problem.run(ENGINE, SGD(), problem.start(SGD()), first_step=6).losses) == 0


@pytest.mark.parametrize("after", [0, 1, 4])
def test_stop_is_heard_between_two_steps(training, optimizer, bits, after):
    problem = training()
    answers = iter([False] * after + [True])
    stopped = problem.run(ENGINE, optimizer, problem.start(optimizer), stop=lambda: next(answers))
    expected = problem.run(ENGINE, optimizer, problem.start(optimizer), n_steps=after)
    assert bits(stopped.state) == bits(expected.state)
    assert stopped.state.steps_done == len(stopped.losses) == after
    assert (stopped.correct, stopped.non_finite_step) == (expected.correct, None)


def test_the_first_loss_that_is_not_finite_ends_the_stretch_before_its_step(training, bits):
    problem = training()
    X = problem.X.astype(np.float64)
    X[problem.order[3 * 8 + 5]] = np.nan  # the first bad row is in the batch of step 3
    X[problem.order[4 * 8]] = np.inf
    outcome = problem.run(ENGINE, Adam(), problem.start(Adam()), X=X)
    expected = problem.run(ENGINE, Adam(), problem.start(Adam()), X=problem.X.astype(np.float64), n_steps=3)
    assert outcome.non_finite_step == 3
    assert outcome.state.steps_done == 3
    assert bits(outcome.state) == bits(expected.state)
    assert outcome.losses.tolist() == expected.losses.tolist()
    assert outcome.correct == expected.correct


def test_the_step_that_is_not_finite_is_counted_within_the_epoch(training):
    problem = training()
    X = problem.X.astype(np.float64)
    X[problem.order[3 * 8]] = np.nan
    state = problem.run(ENGINE, SGD(), problem.start(SGD()), X=X, n_steps=2).state
    outcome = problem.run(ENGINE, SGD(), state, X=X, first_step=2)
    assert (outcome.non_finite_step, outcome.state.steps_done, len(outcome.losses)) == (3, 3, 1)


def test_a_training_that_explodes_ends_without_a_warning(training):
    problem = training(learning_rate=1e30, schedule="constant")
    outcome = problem.run(ENGINE, SGD(), problem.start(SGD()))
    assert outcome.non_finite_step is not None
    assert np.isfinite(outcome.losses).all()


def test_a_batch_of_weight_0_in_all_is_a_step_that_moves_nothing(training):
    problem = training()
    problem.weights[problem.order[8:16]] = 0
    before = problem.run(ENGINE, SGD(), problem.start(SGD()), n_steps=1).state
    outcome = problem.run(ENGINE, SGD(), before, first_step=1, n_steps=1)
    assert (outcome.losses.tolist(), outcome.state.steps_done) == ([0.0], 2)
    assert [layer.W.tolist() for layer in outcome.state.layers] == [layer.W.tolist() for layer in before.layers]


def forms_of(X):
    read_only = X.copy()
    read_only.flags.writeable = False
    wide = np.zeros((2 * len(X), 3 * X.shape[1]), X.dtype)
    wide[::2, ::3] = X
    return {
        "Fortran": np.asfortranarray(X),
        "read-only": read_only,
        "strided": wide[::2, ::3],
        "backwards": X[::-1, ::-1].copy()[::-1, ::-1],
        "big-endian": X.astype(X.dtype.newbyteorder(">")),
    }


@pytest.mark.parametrize("form", forms_of(np.zeros((1, 1))))
@pytest.mark.parametrize("of", [np.uint8, np.float32, np.float64])
def test_the_layout_of_the_data_in_memory_does_not_matter(training, bits, form, of):
    problem = training()
    X = problem.X.astype(of)
    start = problem.start(SGD())
    other = forms_of(X)[form]
    assert bits(problem.run(ENGINE, SGD(), start, X=other).state) == bits(problem.run(ENGINE, SGD(), start, X=X).state)
    predicted = [ENGINE.predict(problem.architecture, start.layers, each).tobytes() for each in (other, X)]
    assert predicted[0] == predicted[1]


@pytest.mark.parametrize("of", [np.uint16, np.int64, np.float32, np.float64])
def test_pixels_are_the_same_in_every_type(training, bits, of):
    problem = training()
    start = problem.start(SGD())
    found = problem.run(ENGINE, SGD(), start, X=problem.X.astype(of))
    assert bits(found.state) == bits(problem.run(ENGINE, SGD(), start).state)


def test_the_engine_gives_the_loss_and_gradients_of_the_equations(training):
    problem = training()
    layers = problem.start(SGD()).layers
    arguments = (problem.architecture, layers, problem.X, problem.y, problem.weights)
    loss, gradients = ENGINE.loss_and_gradients(*arguments)
    expected_loss, expected = loss_and_gradients(*arguments)
    assert loss == expected_loss
    assert [g.W.tobytes() for g in gradients] == [g.W.tobytes() for g in expected]
    assert ENGINE.loss_and_gradients(*arguments[:4])[0] != loss


def test_more_rows_than_fit_at_a_time_are_predicted_piece_by_piece(training):
    problem = training(n=2 * ROWS_AT_A_TIME + 7)
    layers = problem.start(SGD(), np.float64).layers
    trace = forward(problem.architecture, layers, problem.X)
    p = ENGINE.predict(problem.architecture, layers, problem.X)
    logits = ENGINE.logits(problem.architecture, layers, problem.X)
    assert p.shape == (2 * ROWS_AT_A_TIME + 7, 3)
    # Pieces may be multiplied in another order of summation: γ = (sum of fan-ins) ε, on logits of size |z|.
    gamma = 4 * (11 + 7 + 5) * np.finfo(np.float64).eps
    atol = gamma * (1 + sum(np.abs(layer.W).sum() for layer in layers))
    np.testing.assert_allclose(logits, trace.logits, rtol=0, atol=atol)
    np.testing.assert_allclose(p, trace.p, rtol=0, atol=atol)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_rows_are_no_predictions_of_the_networks_type(training, dtype):
    problem = training()
    layers = problem.start(SGD(), dtype).layers
    for predicted in (
        ENGINE.predict(problem.architecture, layers, problem.X[:0]),
        ENGINE.logits(problem.architecture, layers, problem.X[:0]),
    ):
        assert (predicted.shape, predicted.dtype) == ((0, 3), dtype)


def test_an_order_of_no_rows_is_an_epoch_of_no_steps(training, bits):
    problem = training()
    empty = problem._replace(order=problem.order[:0], rates=problem.rates[:0])
    start = problem.start(SGD())
    outcome = empty.run(ENGINE, SGD(), start)
    assert (bits(outcome.state), outcome.losses.shape, outcome.correct) == (bits(start), (0,), 0)


def test_training_learns_what_can_be_learned(training):
    # The class is the brightest of the first three pixels; guessing among three costs log 3.
    problem = training(learning_rate=0.2)
    problem = problem._replace(y=problem.X[:, :3].argmax(axis=1))
    state = problem.start(SGD())
    for _ in range(100):
        state = problem.run(ENGINE, SGD(), state).state
    loss, _ = ENGINE.loss_and_gradients(problem.architecture, state.layers, problem.X, problem.y)
    assert loss < log(3) / 4


def anywhere(array, away):
    """Give the same numbers, beginning so many bytes away from where their type would have them begin."""
    memory = np.empty(array.nbytes + 64 + away, np.uint8)
    begin = -memory.ctypes.data % 64 + away
    found = memory[begin : begin + array.nbytes].view(array.dtype).reshape(array.shape)
    found[...] = array
    return found


def gradient_bytes(loss, gradients):
    return loss, *(tensor.tobytes() for layer in gradients for tensor in layer)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("away", [1, 2, 4, 17])
def test_where_the_parameters_lie_in_memory_does_not_matter(training, optimizer, bits, away, dtype):
    problem = training(widths=(64, 12, 10), n=300, batch_size=32)
    near = problem.run(ENGINE, optimizer, problem.start(optimizer, dtype), n_steps=3).state

    def moved(layers):
        return tuple(Layer(anywhere(W, away), anywhere(b, away)) for W, b in layers)

    far = State(moved(near.layers), tuple(map(moved, near.moments)), near.steps_done)
    assert far.layers[0].W.flags.aligned == (away % near.layers[0].W.itemsize == 0)
    outcomes = [problem.run(ENGINE, optimizer, state, first_step=3) for state in (near, far)]
    assert bits(outcomes[0].state) == bits(outcomes[1].state)
    assert outcomes[0].losses.tolist() == outcomes[1].losses.tolist()
    batch = anywhere(problem.X[:32].astype(dtype), away)
    for method, *of in (
        (ENGINE.loss_and_gradients, problem.y[:32]),
        (ENGINE.logits,),
        (ENGINE.predict,),
    ):
        given = [
            method(problem.architecture, each.layers, X, *of) for each in (near, far) for X in (batch, batch.copy())
        ]
        assert len({each.tobytes() if isinstance(each, np.ndarray) else gradient_bytes(*each) for each in given}) == 1
