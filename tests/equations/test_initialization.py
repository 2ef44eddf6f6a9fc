from __future__ import annotations

from hashlib import sha256
from math import prod, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.initialization import (
    INITIALIZERS,
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    initialize,
)
from pellucid.equations.random_streams import Purpose, uniforms

SEED_NETWORK = Architecture((28, 28), (Hidden(128), Hidden(64)), 10)

# (first three numbers of W, its last, SHA-256 of all its float64) of seed 0, layer by layer: what a seed means.
GOLDEN = [
    (
        ["-0x1.3056e54b40e61p-4", "0x1.82a7a7d891e19p-6", "-0x1.06e077364f018p-5"],
        "0x1.1be4595ddd791p-4",
        "52e6228e081cc43b",
    ),
    (
        ["0x1.6b45d9a982c92p-3", "0x1.6f9678584b521p-5", "0x1.c20a037c99c78p-4"],
        "0x1.9921acd589127p-5",
        "72690f52320644db",
    ),
    (
        ["0x1.cf7ecf28d5cd0p-3", "-0x1.ee838852b98a3p-3", "-0x1.3256602e7fd0fp-2"],
        "0x1.1f75eb7063a5dp-2",
        "1843fd17496c2efb",
    ),
]


def test_he_by_hand(frozen):
    # √(6/24) = 1/2 and √(2/8) = 1/2
    assert he_uniform(frozen([[0.0, 0.25, 0.5]]), fan_out=1, fan_in=24).tolist() == [[-0.5, -0.25, 0.0]]
    assert he_normal(frozen([[3.0, -1.0]]), fan_out=1, fan_in=8).tolist() == [[1.5, -0.5]]


def test_glorot_by_hand(frozen):
    # √(6/(20 + 4)) = 1/2 and √(2/(6 + 2)) = 1/2
    assert glorot_uniform(frozen([[0.0, 0.25, 0.5]]), fan_out=4, fan_in=20).tolist() == [[-0.5, -0.25, 0.0]]
    assert glorot_normal(frozen([[3.0, -1.0]]), fan_out=2, fan_in=6).tolist() == [[1.5, -0.5]]


@pytest.mark.parametrize("rule", ["he-uniform", "glorot-uniform"])
def test_uniform_weights_lie_within_their_bounds(rule):
    for layer in initialize(SEED_NETWORK, 1, rule, np.float64):
        fan_out, fan_in = layer.W.shape
        bound = sqrt(6 / (fan_in + (fan_out if rule == "glorot-uniform" else 0)))
        lowest, highest = layer.W.min(), layer.W.max()
        assert -bound <= lowest < -0.95 * bound
        assert 0.95 * bound < highest < bound


@pytest.mark.parametrize("rule", INITIALIZERS)
def test_weights_have_the_variance_of_their_rule(rule):
    for layer in initialize(SEED_NETWORK, 2, rule, np.float64):
        fan_out, fan_in = layer.W.shape
        variance = 2 / (fan_in if rule.startswith("he") else fan_in + fan_out)
        # E W⁴ is 9/5 σ⁴ for the uniform distribution and 3 σ⁴ for the normal one. Within five standard deviations.
        fourth = 9 / 5 if rule.endswith("uniform") else 3
        assert abs((layer.W**2).mean() - variance) <= 5 * variance * sqrt((fourth - 1) / layer.W.size)
        assert abs(layer.W.mean()) <= 5 * sqrt(variance / layer.W.size)


@pytest.mark.parametrize("rule", INITIALIZERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_biases_begin_at_0_and_everything_has_the_type_that_is_asked_for(rule, dtype):
    layers = initialize(SEED_NETWORK, 3, rule, dtype)
    assert [layer.W.shape for layer in layers] == [*SEED_NETWORK.weight_shapes]
    assert [layer.b.tolist() for layer in layers] == [[0.0] * 128, [0.0] * 64, [0.0] * 10]
    assert {tensor.dtype for layer in layers for tensor in layer} == {np.dtype(dtype)}


@pytest.mark.parametrize("rule", INITIALIZERS)
def test_float32_weights_are_the_float64_ones_rounded(rule):
    drawn_single = initialize(SEED_NETWORK, 4, rule, np.float32)
    drawn_double = initialize(SEED_NETWORK, 4, rule, np.float64)
    for single, double in zip(drawn_single, drawn_double, strict=True):
        assert single.W.tobytes() == double.W.astype(np.float32).tobytes()


@pytest.mark.parametrize("rule", INITIALIZERS)
def test_different_seeds_give_different_weights(rule):
    drawn = [initialize(SEED_NETWORK, seed, rule)[-1].W for seed in (0, 1, 2**32, 2**64 - 1)]
    assert len({W.tobytes() for W in drawn}) == 4


def test_the_layers_of_a_network_differ_though_they_have_one_shape():
    square = Architecture((5,), (Hidden(5), Hidden(5)), 5)
    assert len({layer.W.tobytes() for layer in initialize(square, 0)}) == 3


def test_a_layer_added_at_the_end_leaves_the_others_as_they_were():
    short = initialize(Architecture((5,), (Hidden(4),), 3), 0)
    long = initialize(Architecture((5,), (Hidden(4), Hidden(3)), 2), 0)
    assert [layer.W.tobytes() for layer in long[:2]] == [layer.W.tobytes() for layer in short]


@given(seed=st.integers(0, 2**64 - 1), widths=st.lists(st.integers(1, 9), min_size=1, max_size=3))
def test_the_default_is_he_uniform_read_from_the_stream_of_the_layer(seed, widths):
    architecture = Architecture((widths[0],), tuple(Hidden(width) for width in widths[1:]), 2)
    for number, layer in enumerate(initialize(architecture, seed, dtype=np.float64)):
        u = uniforms(seed, Purpose.INITIAL_WEIGHTS, prod(layer.W.shape), example=number).reshape(layer.W.shape)
        assert layer.W.tolist() == ((2 * u - 1) * sqrt(6 / layer.W.shape[1])).tolist()


def test_seed_0_gives_these_bits():
    for (first, last, digest), layer in zip(GOLDEN, initialize(SEED_NETWORK, 0, dtype=np.float64), strict=True):
        assert [number.hex() for number in layer.W[0, :3].tolist()] == first
        assert float(layer.W[-1, -1]).hex() == last
        assert sha256(layer.W.astype("<f8").tobytes()).hexdigest()[:16] == digest


def test_an_unknown_rule_is_a_key_error():
    with pytest.raises(KeyError, match="zeros"):
        initialize(SEED_NETWORK, 0, "zeros")
