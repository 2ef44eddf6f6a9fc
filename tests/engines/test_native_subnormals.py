"""Numbers so near to 0 that processors compute with them slowly count as 0 in a step, and nowhere else."""

from __future__ import annotations

import os
import platform
import threading
import warnings
from contextlib import nullcontext

import numpy as np
import pytest

from pellucid.engines import ReferenceEngine, State
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.beyond.extras import Extras
from pellucid.equations.beyond.teacher import Teacher
from pellucid.equations.initialization import initialize
from pellucid.equations.optimizers import SGD, Adam, AdamW, Momentum, Nesterov
from pellucid.equations.parameters import Layer

native = pytest.importorskip("pellucid.engines.native", reason="this installation has no native engine")
kernels = pytest.importorskip("pellucid.engines._native").kernels

pytestmark = pytest.mark.skipif(
    platform.machine().lower() not in {"x86_64", "amd64", "aarch64", "arm64"},
    reason="on this processor they are kept everywhere",
)

WITH_MOMENTS = pytest.mark.parametrize(
    "rule", [Momentum(), Nesterov(), Adam(), AdamW()], ids=["momentum", "nesterov", "adam", "adamw"]
)
WITHOUT_INK = 9  # so many pixels: their weights have no gradient


def are_subnormal(tensor):
    return (tensor != 0) & (np.abs(tensor) < np.finfo(tensor.dtype).tiny)


def tensors(record):
    return [tensor for layer in record for tensor in layer]


def cleared(record):
    return tuple(Layer(*(np.where(are_subnormal(t), t.dtype.type(0), t) for t in layer)) for layer in record)


@pytest.fixture
def faded(training, dtype):
    """A training, and a state of it in which two of three pairs of moments have all but faded."""
    problem = training((30, 40, 20, 3), n=47)
    problem.X[:, :WITHOUT_INK] = 0

    def of(rule):
        rng = np.random.default_rng(1)
        start = problem.start(rule, dtype)

        def fade(*moments):
            shape, least = moments[0].shape, np.finfo(dtype).smallest_subnormal
            has_faded, sign = rng.random(shape) < 0.67, rng.choice([-1, 1], shape)
            m = sign * np.where(has_faded, rng.integers(1, 1000, shape) * least, rng.uniform(0.001, 0.01, shape))
            v = np.where(has_faded, rng.integers(1, 1000, shape) * least, rng.uniform(0.001, 0.01, shape))
            return [moment.astype(dtype) for moment in (m, v)][: len(moments)]

        layers = [[fade(*pair) for pair in zip(*same, strict=True)] for same in zip(*start.moments, strict=True)]
        moments = tuple(tuple(Layer(W[number], b[number]) for W, b in layers) for number in range(len(start.moments)))
        return State(start.layers, moments, 2000)

    return problem, of


@WITH_MOMENTS
@pytest.mark.parametrize("threads", [1, 3])
def test_a_faded_moment_counts_as_zero_in_a_step(target, faded, bits, rule, threads):
    problem, state_of = faded
    engine, state = native.NativeEngine(target, threads), state_of(rule)
    found = problem.run(engine, rule, state)
    begun = State(state.layers, tuple(map(cleared, state.moments)), state.steps_done)
    assert bits(found.state) == bits(problem.run(engine, rule, begun).state)
    assert not any(are_subnormal(tensor).any() for moment in found.state.moments for tensor in tensors(moment))


@WITH_MOMENTS
def test_no_weight_tells_the_difference(target, faded, rule):
    """The equation keeps what has faded; the weights are the same but for the order of sums."""
    problem, state_of = faded
    state = state_of(rule)
    found = problem.run(native.NativeEngine(target, 2), rule, state).state
    kept = problem.run(ReferenceEngine(), rule, state).state
    epsilon = np.finfo(kept.layers[0].W.dtype).eps
    for ours, theirs in zip(tensors(found.layers), tensors(kept.layers), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1000 * epsilon * np.abs(theirs).max())
    for ours, theirs in zip(found.moments, kept.moments, strict=True):
        idle = theirs[0].W[:, :WITHOUT_INK]
        assert are_subnormal(idle).any()
        assert not ours[0].W[:, :WITHOUT_INK][are_subnormal(idle)].any()


@pytest.mark.parametrize("epsilon", [1e-40, 1e-310])
def test_an_epsilon_that_counts_as_zero_is_the_smallest_normal_number(target, faded, epsilon):
    """Else 0 would be divided by 0: 1e-40 is subnormal in float32, 1e-310 in either type."""
    problem, state_of = faded
    state = state_of(Adam())
    found = problem.run(native.NativeEngine(target, 2), Adam(epsilon=epsilon), state).state
    assert all(np.isfinite(tensor).all() for tensor in tensors(found.layers))
    idle = are_subnormal(state.moments[1][0].W[:, :WITHOUT_INK])
    assert idle.any()
    before, after = (each.layers[0].W[:, :WITHOUT_INK] for each in (state, found))
    np.testing.assert_array_equal(after[idle], before[idle])


@pytest.mark.parametrize("rule", [Adam, AdamW])
@pytest.mark.parametrize("epsilon", [1e-50, 1e-310])
def test_such_an_epsilon_is_the_same_number_for_both_engines(target, training, dtype, rule, epsilon):
    """1e-50 is 0 in float32: the weights of a pixel without ink would be divided 0 by 0."""
    problem = training((30, 40, 20, 3), n=47)
    problem.X[:, :WITHOUT_INK] = 0
    tiny = rule(epsilon=epsilon)
    expected = problem.run(ReferenceEngine(), tiny, problem.start(tiny, dtype), n_steps=1).state
    found = problem.run(native.NativeEngine(target, 2), tiny, problem.start(tiny, dtype), n_steps=1).state
    precision = np.finfo(dtype).eps
    for ours, theirs in zip(tensors(found.layers), tensors(expected.layers), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=100 * precision * np.abs(theirs).max())


class AskedError(Exception):
    """What ``stop`` may raise."""


@pytest.mark.parametrize("answer", ["yes", "no", "an error"])
def test_whoever_is_asked_meanwhile_computes_as_usual(target, training, answer):
    """Python's own numbers, and NumPy's, must not lose their smallest ones because an engine is at work."""
    problem = training((60, 50, 10), n=200, batch_size=1)
    order = np.tile(problem.order, 1000)  # far more than the 20 ms between two questions
    problem = problem._replace(order=order, rates=np.full(len(order), 0.001))
    tiny, seen = np.full(64, 5e-324), []

    def stop():
        seen.append(((tiny * 1.0).tobytes(), threading.current_thread() is threading.main_thread()))
        if answer == "an error":
            raise AskedError
        return answer == "yes" or len(seen) == 3

    engine = native.NativeEngine(target, 2)
    with pytest.raises(AskedError) if answer == "an error" else nullcontext():
        problem.run(engine, SGD(), problem.start(SGD()), stop=stop)
    assert set(seen) == {(tiny.tobytes(), True)}
    assert (tiny * 1.0).tobytes() == tiny.tobytes()


def test_a_caller_for_whom_they_are_zero_is_one():
    """What follows rests on it."""
    tiny = np.full(64, 5e-324)
    seen = kernels.where_subnormals_are_zero(lambda: (tiny * 1.0).tobytes())
    assert seen == bytes(len(seen))
    assert (tiny * 1.0).tobytes() == tiny.tobytes()


@pytest.fixture
def whispering(dtype):
    """A network whose logits are subnormal, and examples for it."""
    architecture = Architecture((8,), (Hidden(2000),), 3)
    first, last = initialize(architecture, 0, dtype=dtype.type)
    tiny = (np.sign(last.W) * 100 * np.finfo(dtype).smallest_subnormal).astype(dtype)
    X = np.random.default_rng(0).uniform(1, 2, (3000, 8)).astype(dtype)
    return architecture, (first, Layer(tiny, last.b)), X


@pytest.mark.parametrize("threads", [1, 3])
def test_predictions_keep_them_whoever_asks(target, whispering, threads):
    architecture, layers, X = whispering
    network = native.NativeEngine(target, threads).pack(architecture, layers)
    usual = network.logits(X)
    assert are_subnormal(usual).any()
    assert kernels.where_subnormals_are_zero(lambda: network.logits(X)).tobytes() == usual.tobytes()
    one = kernels.where_subnormals_are_zero(lambda: network.logits(X[:1]))
    assert one.tobytes() == usual[:1].tobytes()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork()")
def test_predictions_keep_them_by_threads_that_such_a_caller_made(target, training, whispering):
    """A new thread computes as the one that makes it; a process made by fork() makes its threads anew."""
    architecture, layers, X = whispering
    engine, problem = native.NativeEngine(target, 3), training((30, 40, 3), n=200)
    usual = engine.pack(architecture, layers).logits(X)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of threads: that is the point
        child = os.fork()
    if child == 0:
        kernels.where_subnormals_are_zero(lambda: problem.run(engine, SGD(), problem.start(SGD())))
        os._exit(0 if engine.pack(architecture, layers).logits(X).tobytes() == usual.tobytes() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("threads", [1, 3])
def test_a_teacher_is_heard_alike_whoever_asks(target, training, bits, threads):
    """What its hidden neurons say is subnormal; its last weights make it heard."""
    problem = training((30, 40, 20, 3), n=47)
    architecture = training((30, 8, 3)).architecture
    (first, last), quiet, loud = initialize(architecture, 1), np.float32(1e-40), np.float32(1e38)
    layers = (Layer(first.W * quiet, first.b), Layer(last.W * loud, last.b))
    extras = Extras(teacher=Teacher(architecture, layers, 0.9, 1.0))
    engine, state = native.NativeEngine(target, threads), problem.start(Adam())
    usual = problem.run(engine, Adam(), state, extras=extras)
    assert bits(usual.state) != bits(problem.run(engine, Adam(), state).state)
    found = kernels.where_subnormals_are_zero(lambda: problem.run(engine, Adam(), state, extras=extras))
    assert bits(found.state) == bits(usual.state)
