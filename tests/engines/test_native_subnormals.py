"""Numbers so near to 0 that processors compute with them slowly count as 0 in a step, and nowhere else."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from pellucid.engines import ReferenceEngine, State
from pellucid.equations.optimizers import SGD, Adam, AdamW, Momentum, Nesterov
from pellucid.equations.parameters import Layer

native = pytest.importorskip("pellucid.engines.native", reason="this installation has no native engine")


def are_subnormal(tensor):
    return (tensor != 0) & (np.abs(tensor) < np.finfo(tensor.dtype).tiny)


def of_each(record, change):
    return tuple(Layer(change(layer.W), change(layer.b)) for layer in record)


@pytest.fixture
def faded(training, dtype):
    """A training whose first pixels are never inked, and a state of it in which two moments of three have all but faded."""
    problem = training((30, 40, 20, 3), n=47)
    problem.X[:, :9] = 0

    def of(rule):
        rng = np.random.default_rng(1)
        least = np.finfo(dtype).smallest_subnormal

        def fade(tensor):
            tiny = (rng.integers(1, 1000, tensor.shape) * least).astype(dtype)
            usual = rng.uniform(0.01, 0.1, tensor.shape).astype(dtype)
            return np.where(rng.random(tensor.shape) < 0.67, tiny, usual)

        start = problem.start(rule, dtype)
        return State(start.layers, tuple(of_each(moment, fade) for moment in start.moments), 2000)

    return problem, of


@pytest.mark.parametrize("rule", [Momentum(), Nesterov(), Adam(), AdamW()], ids=lambda rule: rule.name)
@pytest.mark.parametrize("threads", [1, 3])
def test_a_faded_moment_counts_as_zero_and_no_weight_tells_the_difference(target, faded, bits, rule, threads):
    problem, state_of = faded
    engine, state = native.NativeEngine(target, threads), state_of(rule)
    cleared = tuple(
        of_each(moment, lambda m: np.where(are_subnormal(m), m.dtype.type(0), m)) for moment in state.moments
    )
    found = problem.run(engine, rule, state)
    from_nothing = problem.run(engine, rule, State(state.layers, cleared, state.steps_done))
    assert bits(found.state) == bits(from_nothing.state)
    assert not any(
        are_subnormal(tensor).any() for moment in found.state.moments for layer in moment for tensor in layer
    )

    expected = problem.run(ReferenceEngine(), rule, state).state  # the equation keeps those of the pixels without ink
    for ours, theirs in zip(found.state.moments, expected.moments, strict=True):
        assert are_subnormal(theirs[0].W[:9]).any()
        assert not ours[0].W[:9][are_subnormal(theirs[0].W[:9])].any()


def test_whoever_is_asked_meanwhile_computes_as_usual(target, training):
    """Python's own numbers, and NumPy's, must not lose their smallest ones because an engine is at work."""
    problem = training((784, 300, 10), n=2000, batch_size=50)
    tiny, seen = np.full(64, 5e-324), []

    def stop():
        seen.append((float(tiny[0]) * 1.0, (tiny * 1.0).sum(), threading.current_thread() is threading.main_thread()))
        return True

    engine, state = native.NativeEngine(target, 2), problem.start(SGD())
    for _ in range(1000):
        problem.run(engine, SGD(), state, stop=stop)
        if seen:
            break
    assert seen == [(5e-324, 64 * 5e-324, True)]
    assert float(tiny[0]) * 1.0 == 5e-324
    assert np.finfo(np.float64).smallest_subnormal > 0
