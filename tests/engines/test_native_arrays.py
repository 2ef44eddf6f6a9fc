"""Arrays of every make are read rightly by the binding, or refused; none is written, or copied more often than needed."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from binding_calls import ENGINE, REFUSALS, same, whole_of

from pellucid.engines import ReferenceEngine, State
from pellucid.equations.network import forward
from pellucid.equations.optimizers import Adam, Momentum
from pellucid.equations.parameters import Layer


def unaligned(array):
    memory = np.zeros(array.nbytes + 1, np.uint8)
    memory[1:] = np.frombuffer(array.tobytes(), np.uint8)
    return memory[1:].view(array.dtype).reshape(array.shape)


def in_a_record(array):
    """A column of a structured array: rows lie an odd number of bytes apart."""
    record = np.zeros(len(array), [("a", "u1"), ("rest", array.dtype, array.shape[1:])])
    record["rest"] = array
    return record["rest"]


def read_only(array):
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def strided(array):
    wide = np.zeros([2 * n for n in array.shape], array.dtype)
    part = tuple(slice(None, None, 2) for _ in array.shape)
    wide[part] = array
    return wide[part]


FORMS = {
    "Fortran": np.asfortranarray,
    "read-only": read_only,
    "strided": strided,
    "backwards": lambda array: array[::-1].copy()[::-1],
    "all backwards": lambda array: np.flip(np.flip(array).copy()),
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "unaligned": unaligned,
    "in a record": in_a_record,
    "a subclass": lambda array: array.view(np.ma.MaskedArray),
    "wide rows": lambda array: np.concatenate([array, array], axis=-1)[..., : array.shape[-1]],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("of", [np.uint8, np.int16, np.float32, np.float64])
def test_examples_of_every_make_are_read_rightly(training, form, of):
    problem, start = whole_of(training)
    X = FORMS[form](problem.X.astype(of))
    found = problem.run(ENGINE, Adam(), start, X=X)
    expected = problem.run(ENGINE, Adam(), start, X=problem.X.astype(of))
    same(found.state.layers, expected.state.layers, np.float64)
    trace = forward(problem.architecture, start.layers, problem.X)
    np.testing.assert_allclose(ENGINE.logits(problem.architecture, start.layers, X), trace.logits, rtol=1e-9, atol=1e-9)
    packed = ENGINE.pack(problem.architecture, start.layers)
    quick = packed.quick_predict(X)
    if quick is not None:
        np.testing.assert_allclose(quick, trace.p, rtol=1e-9, atol=1e-9)
    for row in range(3):
        quick = packed.quick_predict(X[row])
        if quick is not None:
            np.testing.assert_allclose(quick, trace.p[row], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("which", ["y", "order", "rates", "weights"])
def test_labels_order_rates_and_weights_of_every_make_are_read_rightly_or_refused(training, form, which):
    problem, start = whole_of(training)
    other = problem._replace(**{which: FORMS[form](getattr(problem, which))})
    expected = problem.run(ENGINE, Adam(), start)
    try:
        found = other.run(ENGINE, Adam(), start)
    except REFUSALS:
        assert form == "unaligned"
    else:
        same(found.state.layers, expected.state.layers, np.float64)


@pytest.mark.parametrize("form", FORMS)
def test_parameters_and_moments_of_every_make_are_read_rightly_or_refused(training, form):
    problem, start = whole_of(training)
    expected = problem.run(ENGINE, Adam(), start).state.layers
    of_this_make = [
        tuple(Layer(*map(FORMS[form], layer)) for layer in record) for record in (start.layers, *start.moments)
    ]
    try:
        found = problem.run(ENGINE, Adam(), State(of_this_make[0], tuple(of_this_make[1:])))
    except REFUSALS:
        assert form in ("big-endian", "unaligned")
    else:
        same(found.state.layers, expected, np.float64)


def test_rows_that_lie_in_one_place_are_as_many_rows(training):
    problem, start = whole_of(training)
    repeated = np.broadcast_to(problem.X[0], problem.X.shape)
    found = problem.run(ENGINE, Adam(), start, X=repeated)
    same(found.state.layers, problem.run(ReferenceEngine(), Adam(), start, X=repeated.copy()).state.layers, np.float64)
    numbers = np.broadcast_to(np.uint8(3), problem.X.shape)
    found = problem.run(ENGINE, Adam(), start, X=numbers)
    same(found.state.layers, problem.run(ENGINE, Adam(), start, X=numbers.copy()).state.layers, np.float64)


@pytest.mark.parametrize("rows", [2**61, 2**62, 2**62 + 2**61])
def test_more_predictions_than_memory_holds_are_refused(training, rows):
    """Of rows that lie in one place there may be so many that the size of the answer overflows."""
    problem = training((1, 4))
    start = problem.start(Adam())
    X = np.broadcast_to(problem.X[0], (rows, 1))
    for answer in (ENGINE.predict, ENGINE.logits):
        with pytest.raises(MemoryError):
            answer(problem.architecture, start.layers, X)


@pytest.mark.parametrize("make", [np.asfortranarray, lambda X: X.astype(np.int32)], ids=["by columns", "int32"])
def test_data_that_must_be_copied_are_copied_once(training, make):
    problem = training((200, 4), n=30_000, batch_size=500)
    start, X = problem.start(Adam()), make(problem.X.astype(np.float32))
    copy = X.size * (4 if X.dtype == np.float32 else 8)
    tracemalloc.start()
    try:
        found = problem.run(ENGINE, Adam(), start, X=X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert copy <= peak <= 1.25 * copy
    same(found.state.layers, problem.run(ENGINE, Adam(), start).state.layers, np.float32)


def test_arrays_that_overlap_are_read_and_not_written(training):
    problem, _ = whole_of(training)
    memory = np.linspace(-1, 1, 200)
    layers = (Layer(memory[:42].reshape(6, 7), memory[3:9]), Layer(memory[10:28].reshape(3, 6), memory[26:29]))
    moments = tuple(tuple(Layer(np.abs(W), np.abs(b)) for W, b in layers) for _ in range(1))
    X = memory[:140].reshape(20, 7)
    before = memory.copy()
    found, expected = (
        problem.run(engine, Momentum(), State(layers, moments), X=X) for engine in (ENGINE, ReferenceEngine())
    )
    same(found.state.layers, expected.state.layers, np.float64)
    assert memory.tobytes() == before.tobytes()


def test_no_examples_are_no_steps_and_no_predictions(training):
    problem, start = whole_of(training)
    for X in (problem.X[:0], problem.X[:0].astype(np.float32), np.zeros((0, 7), np.int64)):
        assert ENGINE.predict(problem.architecture, start.layers, X).shape == (0, 3)
        empty = problem._replace(
            order=problem.order[:0], rates=problem.rates[:0], y=problem.y[:0], weights=problem.weights[:0]
        )
        outcome = empty.run(ENGINE, Adam(), start, X=X)
        assert (outcome.losses.shape, outcome.correct, outcome.non_finite_step) == ((0,), 0, None)
        with pytest.raises(REFUSALS):
            ENGINE.loss_and_gradients(problem.architecture, start.layers, X, problem.y[:0])
