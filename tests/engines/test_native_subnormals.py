"""Numbers so near to 0 that processors compute with them slowly count as 0 in a step, and nowhere else."""

from __future__ import annotations

import platform

import numpy as np
import pytest

from pellucid.engines import ReferenceEngine, State
from pellucid.equations.architecture import Architecture, Hidden
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


@pytest.mark.parametrize("epsilon", [1e-20, 1e-310])
def test_the_least_epsilon_keeps_adam_from_dividing_zero_by_zero(target, faded, epsilon):
    problem, state_of = faded
    state = state_of(Adam())
    found = problem.run(native.NativeEngine(target, 2), Adam(epsilon=epsilon), state).state
    assert all(np.isfinite(tensor).all() for tensor in tensors(found.layers))
    still = found.layers[0].W[:, :WITHOUT_INK] == state.layers[0].W[:, :WITHOUT_INK]
    assert still[state.moments[1][0].W[:, :WITHOUT_INK] == 0].all()


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
        seen.append((tiny * 1.0).tobytes())
        if answer == "an error":
            raise AskedError
        return answer == "yes" or len(seen) == 3

    engine = native.NativeEngine(target, 2)
    try:
        problem.run(engine, SGD(), problem.start(SGD()), stop=stop)
    except AskedError:
        assert answer == "an error"
    assert set(seen) == {tiny.tobytes()}
    assert (tiny * 1.0).tobytes() == tiny.tobytes()
    assert np.finfo(np.float64).smallest_subnormal > 0


def test_a_caller_for_whom_they_are_zero_is_one(training):
    """The others of this file rest on it."""
    tiny = np.full(64, 5e-324)
    seen = kernels.where_subnormals_are_zero(lambda: (tiny * 1.0).tobytes())
    assert seen == bytes(len(seen))
    assert (tiny * 1.0).tobytes() == tiny.tobytes()


@pytest.mark.parametrize("threads", [1, 3])
def test_predictions_keep_them_whoever_asks_and_whatever_was_done_before(target, training, dtype, threads):
    """Weights that give logits so small; the pool's threads have trained before."""
    architecture = Architecture((8,), (Hidden(2000),), 3)
    least = np.finfo(dtype).smallest_subnormal
    layers = initialize(architecture, 0, dtype=dtype.type)
    layers = (layers[0], Layer((np.sign(layers[1].W) * 100 * least).astype(dtype), layers[1].b))
    X = np.random.default_rng(0).uniform(1, 2, (3000, 8)).astype(dtype)
    problem = training((30, 40, 3), n=200)
    problem.run(native.NativeEngine(target, threads), SGD(), problem.start(SGD()))
    network = native.NativeEngine(target, threads).pack(architecture, layers)
    usual = network.logits(X)
    assert are_subnormal(usual).any()
    assert kernels.where_subnormals_are_zero(lambda: network.logits(X)).tobytes() == usual.tobytes()
    one = kernels.where_subnormals_are_zero(lambda: network.logits(X[:1]))
    assert one.tobytes() == usual[:1].tobytes()


@pytest.mark.parametrize("threads", [1, 3])
def test_a_caller_for_whom_they_are_zero_trains_alike(target, training, bits, threads):
    problem = training((30, 40, 20, 3), n=47)
    engine, state = native.NativeEngine(target, threads), problem.start(Adam())
    usual = problem.run(engine, Adam(), state)
    found = kernels.where_subnormals_are_zero(lambda: problem.run(engine, Adam(), state))
    assert bits(found.state) == bits(usual.state)
