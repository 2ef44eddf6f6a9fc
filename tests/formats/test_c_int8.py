from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid import Network
from pellucid.answers import Task
from pellucid.equations.activations import ACTIVATIONS
from pellucid.equations.parameters import Layer
from pellucid.errors import ShapeError
from pellucid.formats.c_int8 import LARGEST_SUM, c_int8_header, int8_logits, quantized

TASKS = ["words", "two words", "yes or no", "several labels", "a number", "numbers", "counts"]
EPSILON = float(np.finfo(np.float32).eps)


@pytest.fixture(scope="module")
def networks(traveller):
    return (
        {task.replace(" ", "_"): traveller(task) for task in TASKS}
        | {activation: traveller("a number", activation) for activation in ACTIVATIONS}
        | {f"scaling_{scaling}": traveller(scaling=scaling) for scaling in ("none", "pixels")}
        | {"float64": traveller(dtype=np.float64), "shallow": traveller(hidden=(), scaling="none")}
    )


@pytest.fixture(scope="module", params=["C", "C++"])
def compiled(program, networks, request, tmp_path_factory):
    headers = {name: (each.network, c_int8_header(each.network.model, name)) for name, each in networks.items()}
    return program(tmp_path_factory.mktemp("c"), headers, request.param)


def emulated(network, X):
    return int8_logits(network.model, quantized(network.model), X)


def test_the_numpy_emulation_gives_the_bits_of_the_compiled_c(compiled, networks):
    for name in ("a_number", "numbers", "relu", "identity", "leaky_relu"):
        network, X = networks[name]
        np.testing.assert_array_equal(compiled(name, X)[1], emulated(network, X))


def test_where_functions_of_the_c_library_come_in_they_agree_but_for_one_rounding_step(compiled, networks):
    """An activation that differs in its last place may be rounded to the next of 32,767 levels, in each of two layers."""
    for name, traveller in networks.items():
        network, X = traveller
        z, (labels, p) = emulated(network, X), compiled(name, X)
        expected = network.architecture.loss.outputs(z)
        if network.task is Task.YES_OR_NO:
            expected = np.concatenate([1 - expected, expected], axis=1)
        weight = max(np.abs(W).sum(axis=1).max() for W, _ in network.layers)
        level = weight**2 * max(np.abs(seen.a).max() for seen in network.forward(X).layers) / 32767
        np.testing.assert_allclose(p, expected, rtol=level, atol=level)
        if network.task is Task.ONE_OF_SEVERAL:
            np.testing.assert_array_equal(labels, z.argmax(axis=1))
        if network.task is Task.YES_OR_NO:
            np.testing.assert_array_equal(labels, z[:, 0] > 0)


@pytest.mark.slow
def test_mnist_loses_less_than_three_tenths_of_a_point_and_the_header_says_so(mnist, program, tmp_path):
    (network, X), y = mnist
    text = c_int8_header(network.model, "digits", (X, y))
    labels, _ = program(tmp_path, {"digits": (network, text)})("digits", X)
    accuracy, exact = 100 * np.mean(labels == y), 100 * np.mean(network.predict(X) == y)
    assert f"Accuracy {accuracy:.2f} % ({exact:.2f} % in float) on 10,000 test examples." in text
    assert abs(accuracy - exact) < 0.3
    assert "110,800 bytes of constants (437,544 in float)" in text  # 109,184 weights, 8 bytes for each of 202 neurons


@given(data=st.data())
def test_no_sum_can_overflow_and_no_weight_is_half_a_step_off(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    shape = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 5000))
    W = rng.choice([-1.0, 1.0], shape) * data.draw(st.sampled_from([1.0, 1e-30, 1e30]))
    W = np.where(rng.random(shape) < data.draw(st.sampled_from([0.0, 0.5, 1.0])), W * rng.random(shape), W)
    (layer,) = quantized(_Only(Layer(W.astype(np.float32), np.zeros(shape[0], np.float32))))
    assert 1 <= layer.levels <= 32767
    assert layer.levels * np.abs(layer.q.astype(np.int64)).sum(axis=1).max() <= LARGEST_SUM
    scale = layer.scale[:, np.newaxis].astype(float)
    assert (np.abs(layer.q * scale - W) <= scale * (0.5 + 256 * EPSILON)).all()


class _Only:
    def __init__(self, layer):
        self.layers = (layer,)


def test_a_row_of_zeros_and_an_example_of_zeros_are_no_trouble(traveller, program, tmp_path):
    network, X = traveller("numbers", scaling="none")
    first, *rest = network.layers
    W = first.W.copy()
    W[2] = 0
    network = Network(network.architecture, (Layer(W, first.b), *rest), engine=network.engine)
    X = np.concatenate([X * 0, X * 1e-38, X])
    compiled = program(tmp_path, {"zeros": (network, c_int8_header(network.model, "zeros"))})
    z = emulated(network, X)
    assert np.isfinite(z).all()
    np.testing.assert_array_equal(compiled("zeros", X)[1], z)


def test_the_header_needs_math_and_whole_numbers_and_says_how_it_computes(traveller):
    text = c_int8_header(traveller().network.model, "tiny")
    includes = [line for line in text.splitlines() if line.startswith("#include")]
    assert includes == ["#include <math.h>", "#include <stdint.h>"]
    assert "Weights have 8 bits, and each row of them a scale." in text


@pytest.mark.parametrize("task", ["words", "yes or no", "several labels", "a number", "numbers"])
def test_how_good_it_is_is_stated_for_every_task(traveller, task):
    network, X = traveller(task)
    z = network.forward(X).logits
    wanted = {
        Task.ONE_OF_SEVERAL: z.argmax(axis=1),
        Task.YES_OR_NO: z[:, 0] > 0,
        Task.SEVERAL_LABELS: z > 0,
        Task.NUMBERS: z,
    }[network.task]
    text = c_int8_header(network.model, "net", (X, wanted))
    if network.task is Task.NUMBERS:
        (error,) = re.findall(r"Root mean square error (\S+) \(0 in float\) on 60 test examples\.", text)
        assert 0 < float(error) < 0.1 * z.std()
    else:
        (accuracy,) = re.findall(r"Accuracy (\S+) % \(100\.00 % in float\) on 60 test examples\.", text)
        right = emulated(network, X)
        assert float(accuracy) == pytest.approx(
            100
            * network.architecture.loss.rightly_classified(
                right, wanted if network.task is not Task.YES_OR_NO else wanted[:, np.newaxis]
            )
            / 60,
            abs=0.005,
        )
        assert float(accuracy) > 90


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.zeros((3, 4)), np.zeros(3, int), r"the test examples have shape (3, 4); expected (n, 5)."),
        (np.zeros((0, 5)), np.zeros(0, int), r"the test examples have shape (0, 5); expected (n, 5)."),
        (np.zeros((3, 5)), np.zeros(4, int), r"there are 3 test examples and answers of shape (4,)"),
    ],
)
def test_test_examples_that_do_not_fit_are_refused_in_a_sentence(traveller, tmp_path, X, y, message):
    with pytest.raises(ShapeError) as caught:
        traveller().network.to_c(tmp_path / "net.h", int8=True, test=(X, y))
    assert message in str(caught.value)
    assert not (tmp_path / "net.h").exists()
