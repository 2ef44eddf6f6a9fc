"""A teacher in the native engine: the kernel is the equation, the training the reference's; the same bits by every way."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.engines import ReferenceEngine
from pellucid.equations.activations import ACTIVATIONS
from pellucid.equations.architecture import Hidden
from pellucid.equations.beyond.augmentation import Augmentation
from pellucid.equations.beyond.distillation import PROBABILITIES, distilled_of_each, distilled_slope, softened
from pellucid.equations.beyond.extras import Extras
from pellucid.equations.beyond.teacher import Teacher
from pellucid.equations.initialization import initialize
from pellucid.equations.losses import BinaryCrossEntropy, CrossEntropy
from pellucid.equations.optimizers import SGD, Adam, Momentum
from pellucid.equations.random_streams import Streams
from pellucid.equations.scaling import Scaling
from pellucid.errors import SettingError

native = pytest.importorskip("pellucid.engines.native", reason="this installation has no native engine")
_native, kernels = native._native, native._native.kernels

STREAMS = Streams(seed=2**40 + 3, epoch=5)
MILLION = 1e6 * np.finfo(np.float64).eps
UNIT = 16
WIDER = (Hidden(40), Hidden(9, "tanh"))
MILD = Augmentation(rotation=15, scale=0.15, shear=0.2, shift=1, elastic_alpha=8, elastic_sigma=3)
SHAPES = [(1, 1), (3, 2), (5, 3), (2, 7), (4, 15), (6, 16), (5, 17), (3, 31), (2, 33), (193, 5), (7, 65), (2, 130)]


def taught_by(problem, hidden=WIDER, weight=0.7, temperature=2.5, seed=5):
    """A teacher for a problem's network: wider, with a scaling of its own."""
    scaling = Scaling((31.0,), (120.0,))
    architecture = replace(problem.architecture, hidden=hidden, scaling=scaling)
    return Teacher(architecture, initialize(architecture, seed, dtype=np.float32), weight, temperature)


def with_loss(problem, loss):
    y = problem.y
    if not loss.of_classes:
        y = np.random.default_rng(3).integers(0, 2, (len(problem.X), problem.architecture.outputs))
    return problem._replace(architecture=replace(problem.architecture, loss=loss), y=y)


# ---- The kernel --------------------------------------------------------------------------------------------------------


def asked(shape, dtype, largest):
    """Logits of both, a share and a loss for each row, and the slopes that the labels gave."""
    rng = np.random.default_rng(1)
    z, z_teacher, dz = (rng.normal(size=(3, *shape)) * largest).astype(dtype)
    return z, z_teacher, rng.uniform(0, 1, shape[0]).astype(dtype), dz, rng.uniform(0, 5, shape[0])


@pytest.mark.parametrize("output", PROBABILITIES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("largest", [0.01, 1, 20])
def test_what_a_teacher_adds_is_the_equations(target, dtype, output, shape, largest):
    z, z_teacher, share, dz, loss = asked(shape, dtype, largest)
    wide_z, wide_teacher, wide_share, wide_dz = (each.astype(np.float64) for each in (z, z_teacher, share, dz))
    epsilon, most = np.finfo(dtype).eps, np.abs(z).max() + np.abs(z_teacher).max()
    for weight, temperature in ((0.0, 3.0), (0.3, 1.0), (0.9, 2.0), (1.0, 20.0)):
        by = (weight, temperature, output)
        found, each, padding_is_zero = kernels.distil(
            target, output, weight, temperature, z, z_teacher, share, dz, loss
        )
        expected = distilled_of_each(loss, wide_z, wide_teacher, *by)
        # An answer is of a few roundings of z / T, a row's surprise of a sum of k of them, each times a logit; then T².
        of_answers = (shape[1] + UNIT) * epsilon * (1 + 2 * most / temperature)
        outputs = shape[1] if output == "logistic" else 1
        bound = of_answers * (1 + 2 * most / temperature) * weight * temperature**2 * outputs + epsilon * loss
        assert (np.abs(each - expected) <= bound).all()
        towards = softened(wide_z, temperature, output) + softened(wide_teacher, temperature, output)
        slope = distilled_slope(np.zeros(shape), wide_z, wide_teacher, *by) * wide_share[:, np.newaxis]
        slope += (1 - weight) * wide_dz
        bound = of_answers * weight * temperature * towards * wide_share[:, np.newaxis] + 4 * epsilon * np.abs(wide_dz)
        assert (np.abs(found - slope) <= bound).all()
        assert padding_is_zero
        cuts = sorted(np.random.default_rng(2).integers(0, shape[0] + 1, 3).tolist())
        again = kernels.distil(
            target, output, weight, temperature, z, z_teacher, share, dz, loss, padding=np.nan, row_cuts=cuts
        )
        assert (again[0].tobytes(), again[1].tobytes(), again[2]) == (found.tobytes(), each.tobytes(), True)


@pytest.mark.parametrize("output", PROBABILITIES)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_logit_that_is_not_finite_is_seen_in_the_loss(target, dtype, output, value):
    for of_the_teacher in (False, True):
        z, z_teacher, share, dz, loss = asked((3, 5), dtype, 1)
        (z_teacher if of_the_teacher else z)[1, 2] = value
        _, each, _ = kernels.distil(target, output, 0.5, 2.0, z, z_teacher, share, dz, loss)
        wide = (array.astype(np.float64) for array in (z, z_teacher))
        with np.errstate(all="ignore"):
            expected = distilled_of_each(loss, *wide, 0.5, 2.0, output)
        assert np.isfinite(each).tolist() == np.isfinite(expected).tolist()


# ---- Whole stretches ---------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(data=st.data(), threads=st.integers(1, 3))
def test_who_is_taught_learns_what_the_reference_learns(draw_training, target, data, threads):
    problem, stretch = draw_training(data)
    loss = data.draw(st.sampled_from([CrossEntropy(), CrossEntropy(0.1), BinaryCrossEntropy()]), label="loss")
    problem = with_loss(problem, loss)
    widths = data.draw(st.lists(st.integers(1, 70), max_size=3), label="the teacher's widths")
    bends = st.sampled_from(sorted(ACTIVATIONS))
    teacher = taught_by(
        problem,
        tuple(Hidden(width, data.draw(bends)) for width in widths),
        data.draw(st.sampled_from([0.0, 0.3, 0.9, 1.0]), label="weight"),
        data.draw(st.sampled_from([0.5, 1.0, 2.0, 8.0]), label="temperature"),
    )
    extras = Extras(
        teacher=teacher,
        dropout=data.draw(st.sampled_from([0.0, 0.5])),
        input_dropout=data.draw(st.sampled_from([0.0, 0.25])),
        l2=data.draw(st.sampled_from([0.0, 0.1])),
        clip=data.draw(st.sampled_from([np.inf, 0.5])),
    )
    optimizer, weighted = data.draw(st.sampled_from([SGD(), Adam()])), problem.weights is not None
    start, added = problem.start(optimizer, np.float64), {"extras": extras, "streams": STREAMS}
    with np.errstate(all="ignore"):
        found, expected = (
            problem.run(engine, optimizer, start, weighted, **stretch, **added)
            for engine in (native.NativeEngine(target, threads), ReferenceEngine())
        )
    assert found.non_finite_step == expected.non_finite_step
    if expected.non_finite_step is not None:
        return
    np.testing.assert_allclose(found.losses, expected.losses, rtol=MILLION, atol=MILLION)
    assert found.correct == expected.correct
    for layer, wanted in zip(found.state.layers, expected.state.layers, strict=True):
        for tensor, other in zip(layer, wanted, strict=True):
            np.testing.assert_allclose(tensor, other, rtol=MILLION, atol=MILLION)


@pytest.mark.parametrize("precision", ["float32", "float64", "bfloat16"])
def test_a_teacher_says_in_training_what_it_says_when_it_is_asked(training, target, precision):
    problem = training((50, 40, 30, 10), n=300, batch_size=60)
    teacher, engine = taught_by(problem, weight=1.0), native.NativeEngine(target, 2).at(precision)
    start = problem.start(SGD(), np.float64 if precision == "float64" else np.float32)
    dtype = start.layers[0].W.dtype
    outcome = problem.run(engine, SGD(), start, weighted=False, extras=Extras(teacher=teacher), n_steps=1)
    X = problem.X[problem.order[:60]]
    z, z_teacher = (
        engine.logits(architecture, layers, X).astype(np.float64)
        for architecture, layers in (
            (problem.architecture, start.layers),
            (teacher.architecture, teacher.layers_as(dtype)),
        )
    )
    expected = distilled_of_each(np.zeros(60), z, z_teacher, 1.0, teacher.temperature).mean()
    rounding = (10 + UNIT) * np.finfo(dtype).eps * (1 + np.abs(z).max() + np.abs(z_teacher).max()) ** 2
    assert abs(outcome.losses[0] - expected) <= rounding * teacher.temperature**2


@pytest.mark.parametrize("precision", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("augmentation", [None, MILD], ids=["as they are", "distorted"])
@pytest.mark.parametrize("batch_size", [16, 2100])
def test_neither_threads_nor_cuts_change_a_bit(training, target, bits, precision, augmentation, batch_size):
    problem = training((30, 7, 5, 3), n=2100, batch_size=batch_size)
    problem = problem._replace(architecture=replace(problem.architecture, input_shape=(6, 5)))
    extras = Extras(teacher=taught_by(problem), augmentation=augmentation)
    found = set()
    for threads in (1, 2, 3, 8):
        for cuts in ([len(problem.rates)], [1, 70, len(problem.rates)]):
            start = problem.start(Momentum(0.8), np.float64 if precision == "float64" else np.float32)
            state, losses, engine = start, [], native.NativeEngine(target, threads).at(precision)
            for first, last in zip([0, *cuts], cuts, strict=False):
                outcome = problem.run(
                    engine, Momentum(0.8), state, extras=extras, streams=STREAMS,
                    first_step=first, n_steps=max(0, last - first),
                )  # fmt: skip
                state = outcome.state
                losses += outcome.losses.tolist()
            found.add((str(bits(state)), str(losses)))
    assert len(found) == 1


def test_a_teacher_sees_the_pictures_as_they_are_distorted(training, target):
    problem = training((64, 12, 3), n=1500, batch_size=20)
    problem = problem._replace(architecture=replace(problem.architecture, input_shape=(8, 8)))
    teacher, start = taught_by(problem, temperature=1.0), problem.start(SGD(), np.float64)
    for augmentation in (None, MILD):
        extras = Extras(teacher=teacher, augmentation=augmentation)
        # Floats, as a byte may be rounded to its neighbour.
        found, expected = (
            problem.run(engine, SGD(), start, X=problem.X.astype(np.float64), extras=extras, streams=STREAMS)
            for engine in (native.NativeEngine(target, 2), ReferenceEngine())
        )
        np.testing.assert_allclose(found.losses, expected.losses, rtol=MILLION)
    assert not np.allclose(found.losses[0], problem.run(ReferenceEngine(), SGD(), start).losses[0])


def test_another_teacher_is_heard_by_the_same_engine(training, target):
    problem = training(n=32)
    engine, start = native.NativeEngine(target, 1), problem.start(SGD(), np.float64)
    heard = [taught_by(problem, seed=seed) for seed in (1, 2)]
    losses = []
    for teacher in (*heard, heard[0]):
        extras = Extras(teacher=teacher)
        losses.append(problem.run(engine, SGD(), start, extras=extras).losses)
        np.testing.assert_allclose(losses[-1], problem.run(ReferenceEngine(), SGD(), start, extras=extras).losses)
    assert losses[0].tolist() == losses[2].tolist() != losses[1].tolist()
    again = pickle.loads(pickle.dumps(engine))
    assert problem.run(again, SGD(), start, extras=Extras(teacher=heard[0])).losses.tolist() == losses[0].tolist()
    assert problem.run(engine, SGD(), problem.start(SGD(), np.float32), extras=Extras(teacher=heard[0])).losses.size


@pytest.mark.parametrize("threads", [1, 2])
def test_an_epoch_that_is_stopped_has_taken_whole_steps(training, bits, threads):
    problem = training((784, 20, 10), n=20_000, batch_size=10)
    teacher = taught_by(problem, hidden=(Hidden(200),))
    engine, extras = native.NativeEngine(native.targets()[-1].name, threads), Extras(teacher=teacher)
    asked = 0

    def stop():
        nonlocal asked
        asked += 1
        return asked > 2

    stopped = problem.run(engine, SGD(), problem.start(SGD()), extras=extras, stop=stop)
    steps = len(stopped.losses)
    assert steps < len(problem.rates)
    again = problem.run(engine, SGD(), problem.start(SGD()), extras=extras, n_steps=steps)
    assert bits(again.state) == bits(stopped.state)


# ---- What does not fit is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["reference", "native"])
def test_a_teacher_of_other_data_is_refused_in_a_sentence(training, engine):
    problem = training((11, 7, 3), n=8)
    engine = ReferenceEngine() if engine == "reference" else native.NativeEngine("scalar")
    for widths, message in (((12, 7, 3), "the teacher takes 12 inputs"), ((11, 7, 4), "the teacher has 4 outputs")):
        extras = Extras(teacher=taught_by(training(widths, n=8)))
        with pytest.raises(SettingError, match=message):
            problem.run(engine, SGD(), problem.start(SGD()), extras=extras)


def test_the_binding_refuses_a_teacher_that_would_be_read_beyond_its_end(training, monkeypatch):
    problem = training((11, 7, 3), n=8)
    monkeypatch.setattr("pellucid.engines.native.check_teacher", lambda *_: None)
    for widths in ((12, 7, 3), (11, 7, 4)):
        extras = Extras(teacher=taught_by(training(widths, n=8)))
        with pytest.raises(ValueError, match="the teacher has other inputs or outputs"):
            problem.run(native.NativeEngine("scalar"), SGD(), problem.start(SGD()), extras=extras)
