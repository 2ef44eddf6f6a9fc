"""Any activation, any loss, any extra: the native engine against the reference engine, and the same bits by every way.

Whole stretches are compared in float64, where a million roundings, more than any of them makes, are still small.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.engines import ReferenceEngine
from pellucid.equations.activations import ACTIVATIONS
from pellucid.equations.architecture import Hidden
from pellucid.equations.beyond.dropout import dropout_mask
from pellucid.equations.beyond.extras import Extras
from pellucid.equations.beyond.max_norm import within_norm
from pellucid.equations.losses import (
    AbsoluteError,
    BinaryCrossEntropy,
    ClassSquaredError,
    CrossEntropy,
    Huber,
    Poisson,
    Quantile,
    SquaredError,
)
from pellucid.equations.optimizers import SGD, Adam, AdamW, Momentum, Nesterov
from pellucid.equations.random_streams import Streams
from pellucid.errors import SettingError, ShapeError

native = pytest.importorskip("pellucid.engines.native", reason="this installation has no native engine")
kernels = native._native.kernels

STREAMS = Streams(seed=2**40 + 3, epoch=5)
MILLION = 1e6 * np.finfo(np.float64).eps
LOSSES = st.one_of(
    st.builds(CrossEntropy, st.sampled_from([0.0, 0.1])),
    st.builds(BinaryCrossEntropy, st.sampled_from([0.0, 0.2])),
    st.builds(Huber, st.sampled_from([0.1, 1.0])),
    st.builds(Quantile, st.sampled_from([0.5, 0.9])),
    st.sampled_from([ClassSquaredError(), SquaredError(), AbsoluteError(), Poisson()]),
)
SHARES = st.sampled_from([0.0, 0.0, 0.25, 0.5, 0.97])
EXTRAS = st.builds(
    Extras,
    input_dropout=SHARES,
    dropout=SHARES,
    l2=st.sampled_from([0.0, 0.0, 0.01, 2.0]),
    clip=st.sampled_from([np.inf, np.inf, 0.05, 3.0]),
    max_norm=st.sampled_from([np.inf, np.inf, 0.5, 2.0]),
)
OPTIMIZERS = st.sampled_from([SGD(), Momentum(0.8), Nesterov(0.8), Adam(), AdamW(weight_decay=0.05)])


# ---- Kernels -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 7, 2**32 + 5, 2**64 - 1])
@pytest.mark.parametrize("rate", [0.2, 0.5, 1e-11, 1 - 1e-11])
def test_masks_have_the_bits_of_the_equation(target, dtype, seed, rate):
    for columns in (1, 3, 4, 5, 15, 17, 33, 64, 65, 200):
        for layer, epoch in ((0, 1), (1, 2**32 - 1), (300, 0)):
            examples = np.array([5, 0, 2**32 - 1, 123456, 5])
            mask = dropout_mask(seed, epoch, examples, layer, columns, rate, dtype)
            found = kernels.dropout(target, seed, epoch, examples, layer, columns, rate, mask[0], row_cuts=[2, 2])
            assert (found.dtype, found.tobytes()) == (dtype, mask.tobytes())


def test_what_is_left_out_is_multiplied_by_the_mask(target, dtype):
    rng = np.random.default_rng(0)
    for shape in ((1, 1), (3, 5), (2, 33), (65, 70)):
        a, mask = rng.normal(size=shape).astype(dtype), (rng.integers(0, 2, shape) * 1.25).astype(dtype)
        found, finite = kernels.leave_out(target, mask, a, row_cuts=[shape[0] // 2])
        assert (found.tobytes(), finite) == ((a * mask).tobytes(), True)
        for value in (np.nan, np.inf, np.finfo(dtype).max):
            a[-1, -1], mask[-1, -1] = value, 1.25
            with np.errstate(over="ignore"):
                np.testing.assert_array_equal(kernels.leave_out(target, mask, a)[0], a * mask)
            assert not kernels.leave_out(target, mask, a)[1]


def test_no_neuron_is_longer_than_it_may_be(target, dtype):
    rng = np.random.default_rng(1)
    for shape in ((1, 1), (3, 5), (9, 33), (70, 65)):
        W = rng.normal(size=shape).astype(dtype)
        for most in (1e-3, np.sqrt(shape[1]), 1e3):
            found = kernels.constrain(target, np.ascontiguousarray(W.T), most, panel_cuts=[0]).T
            wanted = within_norm(W, most)
            # Each norm is a sum in float64 of so many squares, in another order; then one division, one product.
            rounding = (shape[1] * np.finfo(np.float64).eps + 2 * np.finfo(dtype).eps) * np.abs(wanted)
            assert (np.abs(found - wanted) <= rounding).all()


def test_a_neuron_whose_length_is_not_finite_is_left_alone(target, dtype):
    W = np.full((4, 3), 10, dtype)
    W[1, 1], W[2, 0] = np.inf, np.nan
    found = kernels.constrain(target, np.ascontiguousarray(W.T), 1.0).T
    np.testing.assert_array_equal(found[1:3], W[1:3])
    np.testing.assert_allclose(np.linalg.norm(found[[0, 3]], axis=1), 1, rtol=4 * np.finfo(dtype).eps)


def test_a_sum_of_squares_is_one_in_float64(target, dtype):
    for n in (0, 1, 7, 8, 9, 1000, 8193):
        numbers = np.random.default_rng(n).normal(size=n).astype(dtype)
        expected = np.square(numbers, dtype=np.longdouble).sum()
        found = kernels.sum_of_squares(target, numbers)
        assert abs(found - expected) <= (n + 2) * np.finfo(np.float64).eps * expected


RULES = {"sgd": {}, "momentum": {"mu": 0.9}, "adam": {"beta_1": 0.9, "beta_2": 0.99, "epsilon": 1e-6}}
MOMENTS = {"none": 0, "sgd": 0, "momentum": 1, "adam": 2}


@pytest.mark.parametrize("rule", ["none", *RULES])
def test_a_pull_is_part_of_the_gradient_of_weights(target, dtype, rule):
    rng = np.random.default_rng(1)
    for n, fan_in, fan_out in ((1, 1, 1), (5, 7, 9), (66, 33, 40), (9, 64, 130)):
        a, dz = rng.normal(size=(n, fan_in)).astype(dtype), rng.normal(size=(n, fan_out)).astype(dtype)
        a[:, : fan_in // 2] = 0  # a weight whose input is always 0 is pulled, too
        W = rng.normal(size=(fan_out, fan_in)).astype(dtype)
        moments = [np.abs(rng.normal(size=W.shape)).astype(dtype) for _ in range(MOMENTS[rule])]
        step, plain = (kernels.Step(rule, 0.1, 3, pull=pull, **RULES.get(rule, {})) for pull in (0.3, 0.0))
        dW, _, _ = kernels.affine_backward_weights(target, a, dz, W, [], kernels.Step("none"))
        pulled, _, _ = kernels.affine_backward_weights(target, a, dz, W, [], kernels.Step("none", pull=0.3))
        wide = dW.astype(np.float64) + 0.3 * W.astype(np.float64)
        assert (np.abs(pulled - wide) <= 2 * np.finfo(dtype).eps * (np.abs(dW) + np.abs(W))).all()
        for skip_zeros in (False, True):
            for row_cuts in ([], [n // 2] if n > 1 else []):
                found, after, _ = kernels.affine_backward_weights(target, a, dz, W, moments, step, skip_zeros, row_cuts)
                if rule == "none":
                    expected, memories = pulled, []
                else:
                    flat = [moment.ravel() for moment in moments]
                    expected, memories, _ = kernels.update(target, W.ravel(), [pulled.ravel()], flat, plain)
                assert found.tobytes() == expected.tobytes()
                assert [m.tobytes() for m in after] == [m.tobytes() for m in memories]


@pytest.mark.parametrize("rule", RULES)
def test_a_gradient_may_be_shortened_before_it_is_used(target, dtype, rule):
    rng = np.random.default_rng(2)
    theta, g = rng.normal(size=(2, 70)).astype(dtype)
    moments = [np.abs(rng.normal(size=70)).astype(dtype) for _ in range(MOMENTS[rule])]
    step = kernels.Step(rule, 0.1, 3, **RULES[rule])
    found = kernels.update(target, theta, [g], moments, step, factor=0.3)
    expected = kernels.update(target, theta, [g * dtype.type(0.3)], moments, step)
    assert found[0].tobytes() == expected[0].tobytes()
    assert [m.tobytes() for m in found[1]] == [m.tobytes() for m in expected[1]]


# ---- Whole stretches ---------------------------------------------------------------------------------------------------


def beyond(problem, data):
    """A problem with activations, a loss and targets that are drawn; and extras."""
    hidden = tuple(
        Hidden(layer.width, data.draw(st.sampled_from(sorted(ACTIVATIONS)), label="activation"))
        for layer in problem.architecture.hidden
    )
    loss = data.draw(LOSSES, label="loss")
    y, rng = problem.y, np.random.default_rng(3)
    shape = (len(problem.X), problem.architecture.outputs)
    if loss.name == "binary_cross_entropy":
        y = rng.integers(0, 2, shape)
    elif loss.name == "poisson":
        y = rng.poisson(2.0, shape)
    elif not loss.of_classes:
        y = rng.normal(size=shape)
    architecture = replace(problem.architecture, hidden=hidden, loss=loss)
    rates = problem.rates / 10
    return problem._replace(architecture=architecture, y=y, rates=rates), data.draw(EXTRAS, label="extras")


@settings(max_examples=40)
@given(data=st.data(), optimizer=OPTIMIZERS, threads=st.integers(1, 3))
def test_whatever_is_beyond_the_text_is_the_references_but_for_rounding(
    draw_training, target, data, optimizer, threads
):
    problem, stretch = draw_training(data)
    problem, extras = beyond(problem, data)
    start, weighted = problem.start(optimizer, np.float64), problem.weights is not None
    added = {"extras": extras, "streams": STREAMS}
    engine = native.NativeEngine(target, threads)
    with np.errstate(all="ignore"):
        found, expected = (
            problem.run(each, optimizer, start, weighted, **stretch, **added) for each in (engine, ReferenceEngine())
        )
    assert found.non_finite_step == expected.non_finite_step
    if expected.non_finite_step is not None:
        return
    np.testing.assert_allclose(found.losses, expected.losses, rtol=MILLION, atol=MILLION)
    assert found.correct == expected.correct
    for mine, reference in zip(
        (found.state.layers, *found.state.moments), (expected.state.layers, *expected.state.moments), strict=True
    ):
        for layer, wanted in zip(mine, reference, strict=True):
            for tensor, other in zip(layer, wanted, strict=True):
                np.testing.assert_allclose(tensor, other, rtol=MILLION, atol=MILLION)
    batch = (problem.architecture, start.layers, problem.X, problem.y, problem.weights)
    loss, gradients = engine.loss_and_gradients(*batch, l2=extras.l2)
    wanted_loss, wanted = ReferenceEngine().loss_and_gradients(*batch, l2=extras.l2)
    np.testing.assert_allclose(loss, wanted_loss, rtol=MILLION, atol=MILLION)
    for layer, other in zip(gradients, wanted, strict=True):
        for tensor, reference in zip(layer, other, strict=True):
            np.testing.assert_allclose(tensor, reference, rtol=MILLION, atol=MILLION)
    for ask in ("predict", "logits"):
        p, q = (getattr(each, ask)(*batch[:3]) for each in (engine, ReferenceEngine()))
        np.testing.assert_allclose(p, q, rtol=MILLION, atol=MILLION)


@settings(max_examples=15)
@given(data=st.data(), optimizer=OPTIMIZERS, cut=st.integers(0, 4))
def test_neither_threads_nor_cuts_nor_the_type_of_x_change_a_bit_of_it(
    draw_training, target, dtype, bits, data, optimizer, cut
):
    problem, stretch = draw_training(data)
    problem, extras = beyond(problem, data)
    start, weighted = problem.start(optimizer, dtype), problem.weights is not None
    added = {"extras": extras, "streams": STREAMS}

    def everything(threads, X=None, state=start, **stretch):
        outcome = problem.run(native.NativeEngine(target, threads), optimizer, state, weighted, X, **stretch, **added)
        return outcome.state, (bits(outcome.state), outcome.losses.tobytes(), outcome.correct, outcome.non_finite_step)

    _, one = everything(1, **stretch)
    for threads in (2, 3):
        assert everything(threads, **stretch)[1] == one
    for of in (np.int16, np.float32, np.float64):  # that C++ reads, and that are converted
        assert everything(2, X=problem.X.astype(of), **stretch)[1] == one
    begin, whole = stretch["first_step"], stretch["n_steps"]
    middle, first = everything(2, first_step=begin, n_steps=min(cut, whole))
    if first[-1] is None:
        *_, (rest, losses, *_) = everything(
            3, state=middle, first_step=begin + min(cut, whole), n_steps=whole - min(cut, whole)
        )
        assert (rest, first[1] + losses) == one[:2]


def test_dropout_depends_on_the_epoch_and_on_the_example_alone(training, target, dtype):
    problem = training((11, 40, 3), n=30, batch_size=30)
    extras, engine = Extras(input_dropout=0.3, dropout=0.5), native.NativeEngine(target, 1)

    def losses(problem, streams):
        outcome = problem.run(engine, SGD(), problem.start(SGD(), dtype), extras=extras, streams=streams)
        return outcome.losses.tolist()

    assert losses(problem, STREAMS) == losses(problem, STREAMS)
    assert losses(problem, STREAMS) != losses(problem, STREAMS._replace(epoch=6))
    shuffled = problem._replace(order=problem.order[::-1].copy())
    np.testing.assert_allclose(losses(shuffled, STREAMS), losses(problem, STREAMS), rtol=30 * np.finfo(dtype).eps)


def test_where_no_example_counts_nothing_is_learned_and_nothing_costs(training, target, dtype):
    problem = training((11, 7, 3), n=16, batch_size=8)
    problem = problem._replace(weights=np.zeros(16))
    problem.X[:4] = 255
    strange = problem.X.astype(np.float64)
    strange[3, 2], strange[9, 1] = np.nan, np.inf
    start = problem.start(SGD(), dtype)
    for X in (problem.X, strange):
        with np.errstate(invalid="ignore"):
            found, expected = (
                problem.run(engine, SGD(), start, X=X, extras=Extras(l2=0.5))
                for engine in (native.NativeEngine(target, 1), ReferenceEngine())
            )
        assert found.losses.tolist() == expected.losses.tolist() == [0.0, 0.0]
        assert found.correct == expected.correct
        for layer, wanted in zip(found.state.layers, expected.state.layers, strict=True):
            np.testing.assert_array_equal(np.isnan(layer.W), np.isnan(wanted.W))
            np.testing.assert_array_equal(layer.b, wanted.b)


@pytest.mark.parametrize("extras", [Extras(l2=0.1), Extras(clip=0.1), Extras(dropout=0.5)], ids=str)
def test_what_is_not_finite_ends_the_training_as_in_the_reference(training, target, dtype, extras):
    problem = training((11, 7, 3), n=40, batch_size=8)
    X = problem.X.astype(np.float64)
    X[problem.order[20], 3] = np.inf
    start = problem.start(Adam(), dtype)
    for value in (np.inf, np.nan):
        X[problem.order[20], :] = value
        with np.errstate(invalid="ignore"):
            found, expected = (
                problem.run(engine, Adam(), start, X=X, extras=extras, streams=STREAMS)
                for engine in (native.NativeEngine(target, 2), ReferenceEngine())
            )
        assert found.non_finite_step == expected.non_finite_step == 2


# ---- What does not fit is refused --------------------------------------------------------------------------------------


def test_targets_that_do_not_fit_are_refused_in_a_sentence(training):
    problem = training((5, 3), n=6)
    problem = problem._replace(architecture=replace(problem.architecture, loss=SquaredError()))
    engine, start = native.NativeEngine(), problem.start(SGD())
    y = np.zeros((6, 3))
    problem._replace(y=y).run(engine, SGD(), start)
    spoiled = y.copy()
    spoiled[4, 1] = np.nan
    too_large = y.copy()
    too_large[2, 2] = 1e300
    for value, sentence in (
        (y[:, 0], r"targets of shape \(6,\)"),
        (y[:5], r"targets of shape \(5, 3\)"),
        (np.full((6, 3), "a"), "the targets are <U1"),
        (y.astype(complex), "the targets are complex128"),
        (spoiled, "the target of example 4 is nan"),
        (too_large, "the target of example 2 is 1e"),
    ):
        with pytest.raises(ShapeError, match=sentence):
            problem._replace(y=value).run(engine, SGD(), start)
        with pytest.raises(ShapeError, match=sentence):
            engine.loss_and_gradients(problem.architecture, start.layers, problem.X, value)


def test_leaving_out_needs_random_numbers(training):
    problem = training((5, 3), n=6)
    with pytest.raises(SettingError, match="no random numbers"):
        problem.run(native.NativeEngine(), SGD(), problem.start(SGD()), extras=Extras(input_dropout=0.5))
