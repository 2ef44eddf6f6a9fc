"""Products of factors rounded to bfloat16, summed in float32, against the equations with the same factors rounded."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pellucid.engines import ReferenceEngine, State, choose
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.bfloat16 import rounded_to_bfloat16
from pellucid.equations.initialization import initialize
from pellucid.equations.losses import SquaredError
from pellucid.equations.optimizers import SGD, Adam, Momentum, Nesterov
from pellucid.equations.parameters import Layer
from pellucid.equations.scaling import Scaling
from pellucid.equations.softmax_cross_entropy import softmax, softmax_cross_entropy_backward
from pellucid.errors import SettingError, ShapeError

native = pytest.importorskip("pellucid.engines.native", reason="this installation has no native engine")

TARGETS = [target.name for target in native.targets() if target.runs_here]
EPSILON = float(np.finfo(np.float32).eps)
SIZES = [
    (1, 1, 2),
    (5, 7, 3),
    (32, 32, 32),
    (31, 33, 17),
    (33, 31, 33),
    (70, 513, 5),
    (257, 64, 130),
]  # n, inputs, outputs


def engine_on(target, threads=1):
    return native.NativeEngine(target, threads).at("bfloat16")


def one_layer(n, inputs, outputs):
    random = np.random.default_rng(n)
    layers = (Layer(random.normal(size=(outputs, inputs)), random.normal(size=outputs)),)
    layers = tuple(Layer(W.astype(np.float32), b.astype(np.float32)) for W, b in layers)
    X = random.normal(size=(n, inputs)).astype(np.float32)
    return Architecture((inputs,), (), outputs), layers, X, random.integers(0, outputs, n)


def rounded(x):
    return rounded_to_bfloat16(x).astype(np.float64)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("size", SIZES)
def test_logits_are_sums_of_products_of_rounded_factors(target, size):
    architecture, ((W, b),), X, _ = one_layer(*size)
    z = engine_on(target).logits(architecture, (Layer(W, b),), X)
    exact = rounded(X) @ rounded(W).T + b
    bound = (X.shape[1] + 2) * EPSILON * (np.abs(rounded(X)) @ np.abs(rounded(W)).T + np.abs(b))
    assert (np.abs(z - exact) <= bound).all()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("size", SIZES)
def test_gradients_are_sums_of_products_of_rounded_factors(target, size):
    architecture, layers, X, y = one_layer(*size)
    _, (gradient,) = engine_on(target).loss_and_gradients(architecture, layers, X, y)
    z = rounded(X) @ rounded(layers[0].W).T + layers[0].b
    dz = softmax_cross_entropy_backward(softmax(z), y)
    # dz is known to some units of float32, which may take it over the edge between two numbers of bfloat16.
    z_error = (X.shape[1] + 2) * EPSILON * (np.abs(rounded(X)) @ np.abs(rounded(layers[0].W)).T + np.abs(layers[0].b))
    dz_error = (4 * z_error.max(axis=1, keepdims=True) + 64 * EPSILON * (1 + np.abs(z))) / len(y)
    at_edge = rounded(dz - dz_error) != rounded(dz + dz_error)
    dz_error = np.where(at_edge, dz_error + 2.0**-7 * np.abs(dz), 0)
    bound = dz_error.T @ np.abs(rounded(X)) + (len(y) + 2) * EPSILON * np.abs(rounded(dz)).T @ np.abs(rounded(X))
    assert (np.abs(gradient.W - rounded(dz).T @ rounded(X)) <= bound + 1e-30).all()


@pytest.mark.parametrize("target", TARGETS)
def test_where_all_factors_are_exact_a_deep_network_has_the_same_bits_as_in_float32(target):
    random = np.random.default_rng(0)
    architecture = Architecture((9,), (Hidden(10), Hidden(7)), 3)
    layers = tuple(
        Layer(random.integers(-1, 2, shape).astype(np.float32), random.integers(-2, 3, shape[0]).astype(np.float32))
        for shape in architecture.weight_shapes
    )
    X = random.integers(0, 3, (50, 9)).astype(np.float32)
    expected = ReferenceEngine().logits(architecture, layers, X)
    np.testing.assert_array_equal(engine_on(target).logits(architecture, layers, X), expected)


@pytest.mark.parametrize("target", TARGETS)
def test_pixels_are_exact_and_it_is_their_products_that_are_scaled(target):
    architecture, layers, _, _ = one_layer(20, 50, 4)
    architecture = Architecture((50,), (), 4, scaling=Scaling((0.0,), (255.0,)))
    X = np.random.default_rng(1).integers(0, 256, (20, 50), np.uint8)
    (W, b), pixels = layers[0], X.astype(np.float64)
    z = engine_on(target).logits(architecture, layers, X)
    bound = (50 + 4) * EPSILON * (pixels @ np.abs(rounded(W)).T / 255 + np.abs(b))
    assert (np.abs(z - (pixels @ rounded(W).T / 255 + b)) <= bound).all()


@pytest.mark.parametrize("target", TARGETS)
def test_threads_and_neighbours_change_no_bit(target):
    architecture = Architecture((40,), (Hidden(33), Hidden(20)), 5)
    layers, random = initialize(architecture, 0), np.random.default_rng(2)
    X, y = random.normal(size=(300, 40)).astype(np.float32), random.integers(0, 5, 300)
    start, order, rates = State(layers, Adam().initial_moments(layers)), random.permutation(300), np.full(5, 0.01)
    outcomes = [
        engine_on(target, threads).run(architecture, Adam(), start, X, y, order, rates, batch_size=70)
        for threads in (1, 2, 3)
    ]
    for outcome in outcomes[1:]:
        assert [each.tobytes() for layer in outcome.state.layers for each in layer] == [
            each.tobytes() for layer in outcomes[0].state.layers for each in layer
        ]
    together = engine_on(target, 2).predict(architecture, layers, X)
    alone = np.concatenate([engine_on(target).predict(architecture, layers, X[row : row + 1]) for row in (0, 37, 299)])
    np.testing.assert_array_equal(together[[0, 37, 299]], alone)


def mostly_zeros(random, n, inputs, share):
    return np.where(random.random((n, inputs)) < share, random.normal(size=(n, inputs)), 0).astype(np.float32)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("size", SIZES)
def test_logits_of_rows_that_are_mostly_zeros(target, size):
    architecture, ((W, b),), X, _ = one_layer(*size)
    X = mostly_zeros(np.random.default_rng(3), *X.shape, share=0.1)
    z = engine_on(target).logits(architecture, (Layer(W, b),), X)
    exact = rounded(X) @ rounded(W).T + b
    bound = (X.shape[1] + 2) * EPSILON * (np.abs(rounded(X)) @ np.abs(rounded(W)).T + np.abs(b))
    assert (np.abs(z - exact) <= bound).all()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("outputs", [7, 64, 90, 200])
def test_a_row_of_zeros_and_some_has_the_same_bits_among_rows_without_zeros(target, outputs):
    architecture, layers, dense, _ = one_layer(40, 333, outputs)
    sparse = mostly_zeros(np.random.default_rng(4), 40, 333, share=0.1)
    among_others = engine_on(target).logits(architecture, layers, np.concatenate([sparse, dense, dense]))[:40]
    np.testing.assert_array_equal(engine_on(target).logits(architecture, layers, sparse), among_others)


@pytest.mark.parametrize("target", TARGETS)
def test_a_zero_that_meets_a_weight_rounded_to_infinity_is_nan_in_any_batch(target):
    W = np.ones((1, 64), np.float32)
    W[0, 0] = 3.4e38  # finite, and nearer to infinity than to any bfloat16
    X = np.random.default_rng(0).random((40, 64), np.float32)
    X[0, :2] = 0
    packed = engine_on(target).pack(Architecture((64,), (), 1, SquaredError()), (Layer(W, np.zeros(1, np.float32)),))
    assert np.isnan(packed.predict(X[:1])).all()
    assert np.isnan(packed.predict(X)[0]).all()


@pytest.mark.parametrize("target", TARGETS)
def test_threads_change_no_bit_where_some_skip_zeros_and_some_do_not(target):
    architecture = Architecture((90,), (Hidden(130),), 5)
    layers, random = initialize(architecture, 0), np.random.default_rng(5)
    X, y = mostly_zeros(random, 300, 90, share=0.2), random.integers(0, 5, 300)
    start, order, rates = State(layers, Adam().initial_moments(layers)), random.permutation(300), np.full(5, 0.01)
    first, *others = [
        engine_on(target, threads).run(architecture, Adam(), start, X, y, order, rates, batch_size=70)
        for threads in (1, 2, 3, 5)
    ]
    for outcome in others:
        for layer, expected in zip(outcome.state.layers, first.state.layers, strict=True):
            np.testing.assert_array_equal(layer.W, expected.W)
            np.testing.assert_array_equal(layer.b, expected.b)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_zero_times_what_is_not_finite_is_nan(target, bad):
    architecture, ((W, b),), _, _ = one_layer(9, 70, 130)
    W = W.copy()
    W[17, 33] = bad
    X = mostly_zeros(np.random.default_rng(6), 9, 70, share=0.1)
    X[4] = 0
    z = engine_on(target).logits(architecture, (Layer(W, b),), X)
    with np.errstate(invalid="ignore"):
        expected = ReferenceEngine().logits(architecture, (Layer(W, b),), X)
    np.testing.assert_array_equal(np.isnan(z), np.isnan(expected))
    assert np.isnan(z[4, 17])


def test_parameters_must_be_float32():
    architecture, layers, X, _ = one_layer(3, 4, 2)
    doubles = tuple(Layer(W.astype(np.float64), b.astype(np.float64)) for W, b in layers)
    with pytest.raises(ShapeError, match="the parameters are float64; expected float32"):
        engine_on(TARGETS[0]).logits(architecture, doubles, X)


def test_the_reference_engine_has_no_bfloat16():
    with pytest.raises(
        SettingError, match="the engine reference has no precision 'bfloat16'; expected one of float32, float64"
    ):
        choose("reference").engine.at("bfloat16")


# ---- Whole steps -------------------------------------------------------------------------------------------------------


def rounding_reference(see=lambda a, b: None):
    """Put equations in the reference engine's way whose factors are rounded first: [bfloat16] as the equations have it.

    ``see`` is shown the factors of each product, a (n, k) and b (k, m), that is made.
    """

    def product(a, b):
        see(rounded(a), rounded(b))
        return rounded(a) @ rounded(b)

    return mock.patch.multiple(
        "pellucid.equations.network",
        affine=lambda a, W, b: product(a, W.T) + b,
        affine_backward_parameters=lambda dz, a: Layer(product(dz.T, a), dz.sum(axis=0)),
        affine_backward_input=product,
    )


def unit(x):
    """The largest power of 2 of which all numbers are multiples."""
    bits = (np.abs(x[x != 0]) * 2.0**40).astype(np.int64)
    return 2.0 ** int(np.log2(bits & -bits).min() - 40) if bits.size else 1.0


def is_exact(a, b):
    """Whether float32 holds the sums of this product in whatever order they are made."""
    return (np.abs(a) @ np.abs(b)).max() <= 2**24 * unit(a) * unit(b)


def draw_problem_of_whole_numbers(data):
    """Draw a network of numbers and a batch: small whole numbers, few of them not 0."""
    widths = data.draw(st.lists(st.integers(1, 70), min_size=1, max_size=4), label="inputs and hidden widths")
    outputs = data.draw(st.integers(1, 40), label="outputs")
    n = 2 ** data.draw(st.integers(0, 6), label="log2 of the batch")  # so that a mean is exact, too
    largest = data.draw(st.sampled_from([3, 30, 700]), label="largest X")  # from 257 on, odd ones are rounded
    random = np.random.default_rng(data.draw(st.integers(0, 2**32), label="seed"))
    activations = [data.draw(st.sampled_from(["relu", "identity"]), label="activation") for _ in widths[1:]]
    architecture = Architecture((widths[0],), tuple(map(Hidden, widths[1:], activations)), outputs, loss=SquaredError())
    layers = tuple(
        Layer(
            (random.integers(-1, 2, shape) * (random.random(shape) < 3 / shape[1])).astype(np.float32),
            random.integers(-2, 3, shape[0]).astype(np.float32),
        )
        for shape in architecture.weight_shapes
    )
    X = random.integers(0, largest + 1, (n, widths[0])) * (random.random((n, widths[0])) < 0.4)
    return architecture, layers, X.astype(np.float32), random.integers(-3, 4, (n, outputs)).astype(np.float64)


@pytest.mark.parametrize("target", TARGETS)
@given(data=st.data())
@settings(deadline=None, max_examples=50)
def test_where_all_sums_are_exact_a_step_of_any_network_has_the_bits_of_the_equations(target, data):
    architecture, layers, X, y = draw_problem_of_whole_numbers(data)
    optimizer = data.draw(st.sampled_from([SGD(), Momentum(0.5), Nesterov(0.5)]), label="optimizer")
    wide = tuple(Layer(W.astype(np.float64), b.astype(np.float64)) for W, b in layers)
    order, rates = np.arange(len(X)), np.array([2.0**-10])

    def step_of(engine, layers):
        start = State(layers, optimizer.initial_moments(layers))
        return engine.run(architecture, optimizer, start, X, y, order, rates, batch_size=len(X))

    with rounding_reference(see=lambda a, b: assume(is_exact(a, b))):
        expected = step_of(ReferenceEngine(), wide)
    found = step_of(engine_on(target, data.draw(st.integers(1, 3), label="threads")), layers)
    assert found.losses == pytest.approx(expected.losses, rel=1e-6)
    for layer, wanted in zip(found.state.layers, expected.state.layers, strict=True):
        for one, other in zip(layer, wanted, strict=True):
            np.testing.assert_array_equal(one, other.astype(np.float32))


@pytest.mark.parametrize("target", TARGETS)
@given(data=st.data())
@settings(deadline=None, max_examples=20)
def test_what_is_kept_beside_the_weights_is_as_new_in_every_step(target, draw_training, optimizer, data):
    """A stretch of steps ends as the same steps do, one by one, each of which begins by rounding the weights."""
    problem, stretch = draw_training(data)
    engine = engine_on(target, data.draw(st.integers(1, 3), label="threads"))
    at_once = problem.run(engine, optimizer, problem.start(optimizer), **stretch)
    state = problem.start(optimizer)
    for step in range(stretch["first_step"], stretch["first_step"] + len(at_once.losses)):
        state = problem.run(engine, optimizer, state, first_step=step, n_steps=1).state
    assert_same_state(state, at_once.state)
    whole = [np.concatenate([tensor.ravel() for layer in at_once.state.layers for tensor in layer])]
    assert np.isfinite(whole).all()


def assert_same_state(one, other):
    for layers, others in zip((one.layers, *one.moments), (other.layers, *other.moments), strict=True):
        for layer, another in zip(layers, others, strict=True):
            for tensor, wanted in zip(layer, another, strict=True):
                np.testing.assert_array_equal(tensor, wanted)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("width", [30, 32, 33])
def test_nothing_comes_from_behind_the_last_neuron_of_a_layer_that_is_infinite(target, width):
    # The first layer's sums are infinite and switch all of the second off, so that only the last biases are left.
    architecture = Architecture((4,), (Hidden(3), Hidden(width)), 5)
    layers = (
        Layer(np.ones((3, 4), np.float32), np.zeros(3, np.float32)),
        Layer(-np.ones((width, 3), np.float32), np.zeros(width, np.float32)),
        Layer(np.ones((5, width), np.float32), np.arange(5, dtype=np.float32)),
    )
    X = np.full((2, 4), 2e38, np.float32)
    np.testing.assert_array_equal(engine_on(target, 1).logits(architecture, layers, X), [range(5), range(5)])


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("where", ["X", "W of the first layer", "W of the last layer"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_comes_back_through_a_deep_network_as_in_the_equations(target, where, bad):
    architecture = Architecture((40,), (Hidden(33), Hidden(20)), 5)
    layers, random = list(initialize(architecture, 0)), np.random.default_rng(7)
    X, y = mostly_zeros(random, 30, 40, share=0.3), random.integers(0, 5, 30)
    if where == "X":
        X[11, 3] = bad
    else:
        at = 0 if "first" in where else -1
        W = layers[at].W.copy()
        W[2, 5] = bad
        layers[at] = layers[at]._replace(W=W)
    with np.errstate(invalid="ignore", over="ignore"):
        with rounding_reference():
            _, expected = ReferenceEngine().loss_and_gradients(architecture, tuple(layers), X, y)
        _, found = engine_on(target, 2).loss_and_gradients(architecture, tuple(layers), X, y)
    for layer, wanted in zip(found, expected, strict=True):
        for one, other in zip(layer, wanted, strict=True):
            np.testing.assert_array_equal(np.isfinite(one), np.isfinite(other))
            np.testing.assert_array_equal(np.isnan(one), np.isnan(other))
