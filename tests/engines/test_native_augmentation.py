"""Pictures distorted by the native engine: those of the equation, and the same bits by every way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.engines import ReferenceEngine
from pellucid.equations.beyond.augmentation import Augmentation, augmented
from pellucid.equations.beyond.extras import Extras
from pellucid.equations.optimizers import SGD, Adam
from pellucid.equations.random_streams import Streams
from pellucid.errors import SettingError

native = pytest.importorskip("pellucid.engines.native", reason="this installation has no native engine")
_native, kernels = native._native, native._native.kernels

STREAMS = Streams(seed=2**40 + 3, epoch=5)
MILLION = 1e6 * np.finfo(np.float64).eps
MILD = Augmentation(rotation=15, scale=0.15, shear=0.2, shift=1, elastic_alpha=8, elastic_sigma=3)
WAYS = {
    "nothing": Augmentation(),
    "turned": Augmentation(rotation=180),
    "mapped": Augmentation(rotation=15, scale=0.3, shear=0.3, shift=0.5),
    "warped": Augmentation(elastic_alpha=3, elastic_sigma=1.5),
    "all": MILD,
}


@pytest.fixture(scope="module")
def pictures_training(training):
    """Make a training on pictures of a shape."""

    def make(shape=(6, 5), **settings):
        made = training((int(np.prod(shape)), 7, 5, 3), **settings)
        return made._replace(architecture=replace(made.architecture, input_shape=shape))

    return make


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 5), (8, 8), (17, 33), (28, 28), (4, 6, 3), (70, 2)])
@pytest.mark.parametrize("given_type", ["uint8", "float32", "float64"])
def test_a_distorted_picture_is_the_equations(target, dtype, way, shape, given_type, training):
    by, n = WAYS[way], 6
    architecture = replace(training((int(np.prod(shape)), 3)).architecture, input_shape=shape)
    rng = np.random.default_rng(0)
    X = (rng.integers(0, 256, (n, architecture.inputs)) * (rng.random((n, architecture.inputs)) < 0.6)).astype(
        given_type
    )
    examples = np.array([0, 1, 2, 2**32 - 1, 77, 5])
    found = kernels.distort(target, native.augmentation_of(architecture, by), *STREAMS, examples, X, np.zeros(1, dtype))
    exact = augmented(X.astype(np.float64), shape, by, *STREAMS, examples)
    # A source is a sum of a few numbers of the size of the picture, each rounded a few times, and of a displacement, a sum
    # of rows + columns products; what is looked up there changes by at most 255 from pixel to pixel, in x and in y.
    eps, size = np.finfo(dtype).eps, sum(shape[:2])
    off = 2 * 255 * eps * (8 * size + by.elastic_alpha * size) + 8 * 255 * eps
    assert found.dtype == X.dtype
    if given_type == "uint8":
        tie = np.abs(exact - np.floor(exact) - 0.5) <= off
        assert (found[~tie] == np.rint(exact[~tie])).all()
        assert (np.abs(found.astype(float) - exact) <= 0.5 + off).all()
    else:
        assert (np.abs(found - exact) <= off + 255 * np.finfo(given_type).eps).all()


def test_strengths_of_0_change_no_bit(target, training):
    architecture = replace(training((30, 3)).architecture, input_shape=(6, 5))
    X = np.random.default_rng(0).integers(0, 256, (40, 30), dtype=np.uint8)
    described = native.augmentation_of(architecture, Augmentation())
    assert (kernels.distort(target, described, *STREAMS, np.arange(40), X, np.zeros(1)) == X).all()


@settings(deadline=None)
@given(
    data=st.data(),
    shape=st.tuples(st.integers(2, 9), st.integers(2, 9)) | st.tuples(st.integers(2, 5), st.integers(2, 5), st.just(2)),
    of_X=st.sampled_from([np.uint8, np.float32, np.float64, np.int64]),
    batch_size=st.integers(1, 70),
    dropout=st.sampled_from([0.0, 0.5]),
)
def test_stretches_agree_with_the_reference(pictures_training, data, shape, of_X, batch_size, dropout):
    problem = pictures_training(shape, n=data.draw(st.integers(1, 60)), batch_size=batch_size)
    problem = problem._replace(X=problem.X.astype(of_X))
    by = Augmentation(rotation=30, scale=0.3, shear=0.3, shift=1, elastic_alpha=data.draw(st.sampled_from([0, 3])))
    extras, optimizer = Extras(augmentation=by, input_dropout=dropout), data.draw(st.sampled_from([SGD(), Adam()]))
    state = problem.start(optimizer, np.float64)
    stretch = {"first_step": data.draw(st.integers(0, len(problem.rates) - 1)), "n_steps": 3}
    ours, right = (
        problem.run(engine, optimizer, state, extras=extras, streams=STREAMS, **stretch)
        for engine in (native.NativeEngine("avx2" if has_avx2() else "scalar"), ReferenceEngine())
    )
    np.testing.assert_allclose(ours.losses, right.losses, rtol=MILLION)
    for one, other in zip(ours.state.layers, right.state.layers, strict=True):
        np.testing.assert_allclose(one.W, other.W, rtol=MILLION, atol=MILLION)


def has_avx2():
    return any(target.name == "avx2" and target.runs_here for target in native.targets())


@pytest.mark.parametrize("batch_size", [1, 16, 300, 2100])
def test_threads_and_cuts_change_no_bit(pictures_training, target, dtype, bits, batch_size):
    problem = pictures_training(n=2100, batch_size=batch_size)
    extras = Extras(augmentation=MILD, dropout=0.25)
    found = set()
    for threads in (1, 2, 3, 8):
        for cuts in ([len(problem.rates)], [1, 2, len(problem.rates)]):
            state, losses = problem.start(SGD(), dtype), []
            for first, last in zip([0, *cuts], cuts, strict=False):
                outcome = problem.run(
                    native.NativeEngine(target, threads=threads), SGD(), state, extras=extras, streams=STREAMS,
                    first_step=first, n_steps=max(0, last - first),
                )  # fmt: skip
                state = outcome.state
                losses += outcome.losses.tolist()
            found.add((str(bits(state)), str(losses)))
    assert len(found) == 1


def test_an_epoch_that_is_stopped_has_taken_whole_steps(pictures_training, bits):
    problem = pictures_training((28, 28), n=20_000, batch_size=10)
    engine, extras = native.NativeEngine(native.targets()[-1].name, threads=2), Extras(augmentation=MILD)
    asked = 0

    def stop():
        nonlocal asked
        asked += 1
        return asked > 2

    stopped = problem.run(engine, SGD(), problem.start(SGD()), extras=extras, streams=STREAMS, stop=stop)
    steps = len(stopped.losses)
    assert steps < len(problem.rates)
    again = problem.run(engine, SGD(), problem.start(SGD()), extras=extras, streams=STREAMS, n_steps=steps)
    assert bits(again.state) == bits(stopped.state)


@pytest.mark.parametrize("engine", ["reference", "native"])
def test_what_is_no_picture_is_refused_in_a_sentence(training, engine):
    problem = training()
    engine = ReferenceEngine() if engine == "reference" else native.NativeEngine("scalar")
    with pytest.raises(SettingError, match="augmentation distorts pictures, but an example has the shape"):
        problem.run(engine, SGD(), problem.start(SGD()), extras=Extras(augmentation=MILD), streams=STREAMS)


def test_without_streams_nothing_is_distorted(pictures_training):
    problem = pictures_training()
    with pytest.raises(SettingError, match="pictures are to be distorted, but no random numbers are given"):
        problem.run(native.NativeEngine("scalar"), SGD(), problem.start(SGD()), extras=Extras(augmentation=MILD))


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape": (0, 5, 1)},
        {"shape": (5, 5, -1)},
        {"shape": (2**62, 2**62, 1)},
        {"shape": (5000, 5000, 1)},
        {"rotation": np.nan},
        {"rotation": 4.0},
        {"scale": 1.0},
        {"shift": np.inf},
        {"G_rows": np.ones((5, 5))},
        {"G_rows": np.ones((4, 5)), "G_columns": np.ones((5, 5))},
    ],
)
def test_the_binding_refuses_what_would_read_beyond_a_picture(wrong):
    right = {
        "rotation": 0.1,
        "scale": 0.1,
        "shear": 0.1,
        "shift": 1.0,
        "G_rows": None,
        "G_columns": None,
        "shape": (5, 5, 1),
    }
    _native.Augmentation(**right)
    with pytest.raises(ValueError):
        _native.Augmentation(**(right | wrong))


def test_pictures_of_another_size_than_the_network_takes_are_refused(pictures_training):
    problem = pictures_training((6, 5))
    described = _native.Augmentation(0.1, 0.1, 0.1, 1.0, None, None, (5, 5, 1))
    with pytest.raises(ValueError, match="shapes that fit"):
        kernels.distort("scalar", described, 0, 0, np.arange(47), problem.X, np.zeros(1))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_pixel_that_is_no_number_stays_near_its_place(target, dtype, training, value):
    architecture = replace(training((81, 3)).architecture, input_shape=(9, 9))
    X = np.ones((1, 81))
    X[0, 40] = value
    turned = native.augmentation_of(architecture, Augmentation(rotation=10))
    found = kernels.distort(target, turned, *STREAMS, np.array([0]), X, np.zeros(1, dtype)).reshape(9, 9)
    assert not np.isfinite(found[3:6, 3:6]).all()
    found[3:6, 3:6] = 1
    assert np.isfinite(found).all()
