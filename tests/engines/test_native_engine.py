"""What the native engine promises beyond agreement: the same bits by every way of working, and good manners."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.engines import ReferenceEngine, State
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.initialization import initialize
from pellucid.equations.optimizers import SGD, Adam, AdamW
from pellucid.equations.parameters import Layer
from pellucid.equations.scaling import Scaling

native = pytest.importorskip("pellucid.engines.native", reason="this installation has no native engine")


def everything(bits, outcome):
    return bits(outcome.state), outcome.losses.tobytes(), outcome.correct, outcome.non_finite_step


# ---- The same bits -----------------------------------------------------------------------------------------------------


@settings(max_examples=6)
@given(data=st.data())
def test_the_number_of_threads_changes_no_bit(draw_training, optimizer, target, dtype, bits, data):
    problem, stretch = draw_training(data, most_steps=12)
    start, weighted = problem.start(optimizer, dtype), problem.weights is not None
    one, *others = (
        everything(bits, problem.run(native.NativeEngine(target, threads), optimizer, start, weighted, **stretch))
        for threads in (1, 2, 3, 8)
    )
    assert others == [one] * 3
    batch = (problem.architecture, start.layers, problem.X, problem.y, problem.weights)
    losses = [native.NativeEngine(target, threads).loss_and_gradients(*batch) for threads in (1, 2, 3)]
    assert len({(loss, *(t.tobytes() for layer in g for t in layer)) for loss, g in losses}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("rule", [SGD(), Adam()], ids=["sgd", "adam"])
@pytest.mark.parametrize("widths", [(784, 128, 64, 10), (30, 257, 300, 20, 3), (1100, 1000, 7)], ids=str)
def test_the_number_of_threads_changes_no_bit_of_larger_networks(training, target, dtype, bits, widths, rule):
    problem = training(widths, n=560, batch_size=520)
    problem.X[:, ::3] = 0
    start = problem.start(rule, dtype)
    one, *others = (
        everything(bits, problem.run(native.NativeEngine(target, threads), rule, start)) for threads in (1, 2, 3)
    )
    assert others == [one] * 2


@settings(max_examples=6)
@given(data=st.data(), cuts=st.lists(st.integers(0, 12), max_size=4), threads=st.integers(1, 3))
def test_a_stretch_cut_anywhere_gives_the_same_bits(draw_training, optimizer, target, dtype, bits, data, cuts, threads):
    problem, stretch = draw_training(data, most_steps=12)
    engine, weighted = native.NativeEngine(target, threads), problem.weights is not None
    state = problem.start(optimizer, dtype)
    whole = problem.run(engine, optimizer, state, weighted, **stretch)
    steps, losses, correct = len(whole.losses), [], 0
    edges = [0, *sorted(min(cut, steps) for cut in cuts), steps]
    for begin, end in pairwise(edges):
        first_step = stretch["first_step"] + begin
        piece = problem.run(engine, optimizer, state, weighted, first_step=first_step, n_steps=end - begin)
        state, losses, correct = piece.state, losses + piece.losses.tolist(), correct + piece.correct
    assert (bits(state), losses, correct) == (bits(whole.state), whole.losses.tolist(), whole.correct)
    assert state.steps_done == whole.state.steps_done


@settings(max_examples=12)
@given(data=st.data())
def test_a_rows_prediction_is_the_same_in_any_company(draw_training, target, dtype, data):
    problem, _ = draw_training(data)
    layers = initialize(problem.architecture, 0, dtype=dtype)
    X, n = problem.X, len(problem.X)
    rng = np.random.default_rng(n)
    for method in ("logits", "predict"):
        alone, *others = (getattr(native.NativeEngine(target, threads), method) for threads in (1, 1, 2, 3))
        whole = alone(problem.architecture, layers, X)
        for rows in ([0], [n - 1], rng.permutation(n), rng.integers(0, n, 5), np.tile(np.arange(n), 3)):
            for predict in others:
                assert predict(problem.architecture, layers, X[rows]).tobytes() == whole[rows].tobytes()


def test_a_rows_prediction_is_the_same_among_thousands(training, target, dtype):
    problem = training((200, 90, 70, 10), n=3000)
    problem.X[:1500, 20:] = 0
    layers = problem.start(SGD(), dtype).layers
    whole = native.NativeEngine(target, 1).predict(problem.architecture, layers, problem.X)
    for threads in (2, 3, 8):
        found = native.NativeEngine(target, threads).predict(problem.architecture, layers, problem.X)
        assert found.tobytes() == whole.tobytes()
    one = native.NativeEngine(target, 1)
    for row in range(0, 3000, 149):
        assert one.predict(problem.architecture, layers, problem.X[row : row + 1]).tobytes() == whole[row].tobytes()


@pytest.mark.parametrize("of", ["uint8", "float32", "float64", "int64"])
def test_pixels_of_every_type_are_the_same_pixels(training, target, dtype, of):
    problem = training((60, 20, 5))
    layers = problem.start(SGD(), dtype).layers
    engine = native.NativeEngine(target, 1)
    found = engine.logits(problem.architecture, layers, problem.X.astype(of))
    assert found.tobytes() == engine.logits(problem.architecture, layers, problem.X).tobytes()


# ---- What is not finite ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [30.0, 1e6, 1e30])
@pytest.mark.parametrize("widths", [(11, 3), (30, 20, 10, 5)], ids=str)
def test_training_diverges_at_the_same_step_as_the_reference(training, optimizer, target, dtype, bits, widths, rate):
    problem = training(widths, n=150, batch_size=10)
    problem = problem._replace(rates=np.full(15, rate))
    start = problem.start(optimizer, dtype)
    with np.errstate(all="ignore"):
        reference = problem.run(ReferenceEngine(), optimizer, start)
    for threads in (1, 2):
        engine = native.NativeEngine(target, threads)
        found = problem.run(engine, optimizer, start)
        assert found.non_finite_step == reference.non_finite_step
        assert len(found.losses) == len(reference.losses)
        before = problem.run(engine, optimizer, start, n_steps=len(found.losses))
        assert before.non_finite_step is None
        assert everything(bits, found)[:3] == everything(bits, before)[:3]


def test_a_decay_that_overshoots_is_the_equation_all_the_same(training, target, dtype):
    problem = training((11, 7, 3))._replace(rates=np.full(6, 2.0))
    for decay in (0.4, 0.5, 0.7):  # W is multiplied by 0.2, 0, −0.4
        rule = AdamW(weight_decay=decay)
        start = problem.start(rule, dtype)
        found = problem.run(native.NativeEngine(target, 1), rule, start, n_steps=3)
        expected = problem.run(ReferenceEngine(), rule, start, n_steps=3)
        assert (found.non_finite_step, len(found.losses)) == (None, 3)
        np.testing.assert_allclose(found.losses, expected.losses, rtol=1e4 * np.finfo(dtype).eps)


STRANGE = [np.nan, np.inf, -np.inf]


def masks(record):
    tensors = [tensor for layer in record for tensor in layer]
    return [(np.isnan(t).tolist(), np.where(np.isinf(t), t, 0).tolist()) for t in tensors]


@pytest.mark.parametrize("value", STRANGE)
@pytest.mark.parametrize("of", ["uint8", "float32", "float64"])
@pytest.mark.parametrize("zeros", [0.0, 0.95])
def test_weights_that_are_not_finite_spread_as_in_the_reference(training, target, dtype, value, of, zeros):
    problem = training((40, 30, 20, 5), n=30, batch_size=30)
    rng = np.random.default_rng(3)
    X = (problem.X * (rng.random(problem.X.shape) >= zeros)).astype(of)
    reference, engine = ReferenceEngine(), native.NativeEngine(target, 1)
    for number in range(3):
        for which in ((0, 0), (-1, -1)):
            layers = [Layer(W.copy(), b) for W, b in problem.start(SGD(), dtype).layers]
            layers[number].W[which] = value
            layers = tuple(layers)
            with np.errstate(invalid="ignore", over="ignore"):
                expected = reference.logits(problem.architecture, layers, X)
                loss, gradients = reference.loss_and_gradients(problem.architecture, layers, X, problem.y)
            found = engine.logits(problem.architecture, layers, X)
            np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected))
            assert masks([[found]]) == masks([[expected]])
            found_loss, found_gradients = engine.loss_and_gradients(problem.architecture, layers, X, problem.y)
            if np.isfinite(loss):
                np.testing.assert_allclose(found_loss, loss, rtol=1e4 * np.finfo(dtype).eps)
            else:
                assert not np.isfinite(found_loss)
            assert masks(found_gradients) == masks(gradients)


@pytest.mark.parametrize("value", STRANGE)
@pytest.mark.parametrize("of", ["float32", "float64"])
def test_data_that_are_not_finite_spread_as_in_the_reference(training, target, dtype, value, of):
    problem = training((40, 30, 20, 5), n=30, batch_size=30)
    X = problem.X.astype(of)
    X[3, 7] = X[20, 39] = value
    layers = list(problem.start(SGD(), dtype).layers)
    reference, engine = ReferenceEngine(), native.NativeEngine(target, 1)
    for sign in (1, -1):  # negative weights turn infinity into a ReLU's 0
        layers[0] = Layer(sign * np.abs(layers[0].W), layers[0].b)
        with np.errstate(invalid="ignore", over="ignore"):
            expected = reference.logits(problem.architecture, tuple(layers), X)
            _, gradients = reference.loss_and_gradients(problem.architecture, tuple(layers), X, problem.y)
        assert masks([[engine.logits(problem.architecture, tuple(layers), X)]]) == masks([[expected]])
        found = engine.loss_and_gradients(problem.architecture, tuple(layers), X, problem.y)[1]
        assert masks(found) == masks(gradients)


# ---- Manners -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def slow_training():
    """One step of a second or more."""
    widths, n = (784, 2500, 2000, 1500, 1000, 10), 512
    architecture = Architecture(
        widths[:1], tuple(map(Hidden, widths[1:-1])), widths[-1], scaling=Scaling((0.0,), (255.0,))
    )
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (n, widths[0]), dtype=np.uint8), rng.integers(0, 10, n)
    return architecture, X, y, initialize(architecture, 0, dtype=np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_stop_is_heard_within_a_fifth_of_a_second_in_the_middle_of_a_long_step(slow_training, threads):
    architecture, X, y, layers = slow_training
    engine, latencies = native.NativeEngine(threads=threads), []
    for after in (0.05, 0.15, 0.3, 0.6):
        begin = time.perf_counter()
        outcome = engine.run(
            architecture,
            SGD(),
            State(layers, (), 0),
            X,
            y,
            np.tile(np.arange(512), 40),
            np.full(40, 0.01),
            batch_size=512,
            stop=lambda begin=begin, after=after: time.perf_counter() - begin > after,
        )
        latencies.append(time.perf_counter() - begin - after)
        assert len(outcome.losses) < 40
    assert sorted(latencies)[1] < 0.2, latencies


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "float64", "bfloat16"])
def test_stop_is_asked_while_the_gradients_of_a_large_batch_are_summed(slow_training, target, precision):
    """No question waits for a quarter of a chunk: its way forwards, back and into the gradients takes a third each."""
    if target == "scalar":
        pytest.skip("portable code takes too long")
    architecture, X, y, layers = slow_training
    dtype, rows, rows_of_a_chunk = (
        np.float64 if precision == "float64" else np.float32,
        1024,
        512 if precision == "bfloat16" else 256,
    )
    layers = tuple(Layer(*(each.astype(dtype) for each in layer)) for layer in layers)
    engine, order, found = native.NativeEngine(target, 1).at(precision), np.arange(rows) % len(X), []
    for _ in range(3):  # a busy machine takes its time now and then
        asked = []
        engine.run(
            architecture, SGD(), State(layers, ()), X, y, order, np.array([0.01]), batch_size=rows,
            stop=lambda asked=asked: asked.append(time.perf_counter()),
        )  # fmt: skip
        chunk = (asked[-1] - asked[0]) / (rows / rows_of_a_chunk - 1 / 3)  # the last gradients ask nobody
        found.append((max(np.diff(asked)), max(chunk / 4, 0.06)))  # it asks every 20 ms at most
        if found[-1][0] < found[-1][1]:
            return
    pytest.fail(f"longest silence, and what was expected: {found}")


def long_training(training):
    problem = training((60, 50, 10), n=200, batch_size=1)
    order = np.tile(problem.order, 1000)
    return problem._replace(order=order, rates=np.full(len(order), 0.001))


@pytest.mark.parametrize("threads", [1, 2])
def test_stop_ends_a_stretch_between_two_steps(training, target, dtype, bits, threads):
    problem = long_training(training)
    start, engine = problem.start(Adam(), dtype), native.NativeEngine(target, threads)
    began = time.perf_counter()
    stopped = problem.run(engine, Adam(), start, stop=lambda: time.perf_counter() - began > 0.05)
    assert len(stopped.losses) < len(problem.order)
    until = problem.run(engine, Adam(), start, n_steps=len(stopped.losses))
    assert everything(bits, stopped) == everything(bits, until)


@pytest.mark.parametrize("name", ["y", "order"])
def test_whoever_writes_to_labels_or_order_meanwhile_changes_nothing(training, bits, name):
    problem = training((40, 30, 5), n=400_000, batch_size=20)  # long enough for stop to be asked
    start, written = problem.start(SGD()), []
    engine = native.NativeEngine(None, 2)
    mine = problem._replace(**{name: getattr(problem, name).astype(np.int64)})

    def stop():
        getattr(mine, name)[:] = 2**40
        written.append(True)
        return False

    found = mine.run(engine, SGD(), start, stop=stop)
    assert written
    assert everything(bits, found) == everything(bits, problem.run(engine, SGD(), start))


def test_whoever_is_asked_whether_to_stop_may_use_the_engine(training, bits):
    problem = training((784, 300, 200, 10), n=3_000, batch_size=500)
    engine, start, answers = native.NativeEngine(threads=3), problem.start(SGD()), []

    def stop():
        answers.append(engine.predict(problem.architecture, start.layers, problem.X))
        return False

    found = problem.run(engine, SGD(), start, stop=stop)
    assert everything(bits, found) == everything(bits, problem.run(engine, SGD(), start))
    assert answers
    assert all((answer == answers[0]).all() for answer in answers)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_stop_raises_comes_through_and_leaves_everything_in_order(training, target, bits, error):
    problem = long_training(training)
    start, engine = problem.start(SGD()), native.NativeEngine(target, 2)

    def stop():
        raise error("enough")

    for _ in range(3):
        with pytest.raises(error, match="enough"):
            problem.run(engine, SGD(), start, stop=stop)
    expected = problem.run(native.NativeEngine(target, 1), SGD(), start, n_steps=50)
    assert everything(bits, problem.run(engine, SGD(), start, n_steps=50)) == everything(bits, expected)


def test_an_answer_of_stop_that_has_no_truth_is_an_error(training, target):
    problem = long_training(training)
    with pytest.raises(ValueError, match="ambiguous"):
        problem.run(native.NativeEngine(target, 2), SGD(), problem.start(SGD()), stop=lambda: np.zeros(2))


def fit(training, target, threads, bits):
    problem = training((60, 50, 10), n=300, batch_size=7)
    return everything(bits, problem.run(native.NativeEngine(target, threads), Adam(), problem.start(Adam())))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork()")
def test_a_forked_child_trains_as_its_parent_does(training, target, bits):
    expected = fit(training, target, 2, bits)
    for _ in range(3):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of threads: that is the point
            child = os.fork()
        if child == 0:
            same = fit(training, target, 3, bits) == expected == fit(training, target, 1, bits)
            os._exit(0 if same else 1)
        assert fit(training, target, 2, bits) == expected
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_fits_in_many_threads_at_once_give_the_same_bits(training, target, bits):
    expected = fit(training, target, 1, bits)
    found = []
    threads = [threading.Thread(target=lambda: found.append(fit(training, target, 3, bits))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 6


def digest_of_a_fit(target, threads):
    """A fit that a process which knows no fixture can make."""
    import numpy as np

    from pellucid.engines import State, native
    from pellucid.equations.architecture import Architecture, Hidden
    from pellucid.equations.initialization import initialize
    from pellucid.equations.optimizers import SGD

    rng = np.random.default_rng(0)
    architecture = Architecture((30,), (Hidden(40),), 5)
    X, y, order = rng.normal(size=(200, 30)), rng.integers(0, 5, 200), rng.permutation(200)
    state = State(initialize(architecture, 0, dtype=np.float32), (), 0)
    outcome = native.NativeEngine(target, threads).run(
        architecture, SGD(), state, X, y, order, np.full(20, 0.1), batch_size=10
    )
    return b"".join(tensor.tobytes() for layer in outcome.state.layers for tensor in layer)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_fits_side_by_side_in_joblib_give_the_same_bits(target, backend):
    joblib = pytest.importorskip("joblib")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        jobs = (joblib.delayed(digest_of_a_fit)(target, threads) for threads in (1, 2, 3, 1, 2, 3))
        found = joblib.Parallel(n_jobs=3, backend=backend)(jobs)
    assert found == [digest_of_a_fit(target, 1)] * 6


@pytest.mark.parametrize(
    ("value", "threads"),
    [("3", 3), ("4,2", 4), ("2000", 1024), ("9" * 30, 1024), ("0", None), ("-2", None), ("many", None), (None, None)],
)
def test_omp_num_threads_is_honoured_where_it_is_a_number(value, threads):
    environment = {name: text for name, text in os.environ.items() if name != "OMP_NUM_THREADS"}
    if value is not None:
        environment["OMP_NUM_THREADS"] = value
    code = "from pellucid.engines import native; print(native.default_threads(), native.NativeEngine().threads)"
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert found.stdout.split() == [str(threads or cores)] * 2
