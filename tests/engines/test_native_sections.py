"""Batches of many rows, which the native engine cuts into sections: their gradients are summed apart, and then together."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.engines import ReferenceEngine
from pellucid.equations.beyond.extras import Extras
from pellucid.equations.optimizers import SGD, Adam

native = pytest.importorskip("pellucid.engines.native", reason="this installation has no native engine")

FEW, MANY = (30, 20, 5), (130, 97, 9)  # neurons, and so weights: a section has at least 64 rows, or 128
THREADS = (1, 2, 3, 8)


def sections_of(batch_size, widths):
    """How many the engine is to make of a batch."""
    fewest = 64 if widths == FEW else 128
    return max(n for n in (1, 2, 4, 8) if n == 1 or batch_size >= n * fewest)


def tensors(gradients):
    return [tensor for layer in gradients for tensor in layer]


def everything(outcome):
    layers = [tensor.tobytes() for layer in outcome.state.layers for tensor in layer]
    return layers, outcome.losses.tobytes(), outcome.correct, outcome.non_finite_step


@pytest.mark.parametrize(
    ("widths", "batch_size"), [*((FEW, n) for n in (64, 128, 256, 512)), *((MANY, n) for n in (128, 256, 512, 1024))]
)
def test_the_gradient_of_a_batch_is_the_sum_of_those_of_its_sections(training, target, dtype, widths, batch_size):
    problem = training(widths, n=batch_size)
    layers, n = problem.start(SGD(), dtype).layers, sections_of(batch_size, widths)
    rows, parts = batch_size // n, []
    for i in range(n):
        here = slice(i * rows, (i + 1) * rows)
        _, part = native.NativeEngine(target, 1).loss_and_gradients(
            problem.architecture, layers, problem.X[here], problem.y[here]
        )
        parts.append([tensor / dtype.type(n) for tensor in tensors(part)])  # exact: n is a power of two
    expected = [sum(summands[1:], summands[0]) for summands in zip(*parts, strict=True)]
    for threads in THREADS:
        _, found = native.NativeEngine(target, threads).loss_and_gradients(
            problem.architecture, layers, problem.X, problem.y
        )
        for tensor, wanted in zip(tensors(found), expected, strict=True):
            assert tensor.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("extras", [Extras(), Extras(l2=0.1, clip=0.5, max_norm=0.8)], ids=["plain", "bounded"])
@pytest.mark.parametrize(("n", "batch_size"), [(1300, 512), (1025, 1024), (600, 257), (515, 511)])
def test_a_last_batch_may_have_fewer_rows_than_sections(training, target, n, batch_size, extras):
    problem = training(FEW, n=n, batch_size=batch_size)
    start = problem.start(Adam(), np.float64)
    expected = problem.run(ReferenceEngine(), Adam(), start, extras=extras)
    one, *others = (
        problem.run(native.NativeEngine(target, threads), Adam(), start, extras=extras) for threads in THREADS
    )
    assert [everything(other) for other in others] == [everything(one)] * 3
    np.testing.assert_allclose(one.losses, expected.losses, rtol=1e-12)
    for layer, wanted in zip(one.state.layers, expected.state.layers, strict=True):
        for tensor, reference in zip(layer, wanted, strict=True):
            np.testing.assert_allclose(tensor, reference, rtol=1e-9, atol=1e-12)


def test_bfloat16_has_the_same_bits_with_any_number_of_threads(training, target):
    problem = training(MANY, n=1100, batch_size=512)
    problem.X[:, ::3] = 0
    start = problem.start(Adam())
    one, *others = (
        everything(problem.run(native.NativeEngine(target, threads, bfloat16=True), Adam(), start))
        for threads in THREADS
    )
    assert others == [one] * 3


@pytest.mark.parametrize("threads", THREADS)
def test_a_row_that_is_not_finite_ends_the_training_before_its_step(training, target, dtype, bits, threads):
    problem = training(FEW, n=2048, batch_size=256)
    X = problem.X.astype(np.float64)
    engine, start = native.NativeEngine(target, threads), problem.start(SGD(), dtype)
    for row in (600, 767):  # of the third step: in its second section, and in its last
        strange = X.copy()
        strange[problem.order[row]] = np.nan
        found = problem.run(engine, SGD(), start, X=strange)
        assert (found.non_finite_step, len(found.losses)) == (2, 2)
        before = problem.run(engine, SGD(), start, X=X, n_steps=2)
        assert bits(found.state) == bits(before.state)


@pytest.mark.parametrize("threads", THREADS)
def test_whoever_stops_gets_what_the_steps_taken_had_made(training, bits, threads):
    problem = training((784, 128, 10), n=30_000, batch_size=4096)
    engine, start = native.NativeEngine(threads=threads), problem.start(Adam())
    for at in (1, 2, 3):
        asked = []

        def stop(asked=asked, at=at) -> bool:
            asked.append(1)
            return len(asked) == at

        found = problem.run(engine, Adam(), start, stop=stop)
        whole = problem.run(engine, Adam(), start, n_steps=len(found.losses)) if len(found.losses) else None
        assert len(asked) <= at
        assert whole is None or everything(found) == everything(whole)
