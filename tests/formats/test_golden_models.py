"""Old model files load forever, and predict what they always did."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pellucid import load
from pellucid.engines import ReferenceEngine
from pellucid.equations.losses import BinaryCrossEntropy, Huber

GOLDEN = Path(__file__).parent / "golden"
TOLD = json.loads((GOLDEN / "predictions.json").read_text(encoding="utf-8"))
EXACT = ["yes-or-no", "numbers", "several-labels"]
"""Those whose z needs no rounding: sums of short binary numbers, and ReLU."""


def numbers(rows, dtype):
    return np.array([[float.fromhex(number) for number in row] for row in rows], dtype)


def network_of(name):
    return load(GOLDEN / f"{name}.safetensors", engine=ReferenceEngine())


def test_there_is_a_file_for_each_that_is_told_of_and_each_is_tiny():
    assert sorted(path.stem for path in GOLDEN.glob("*.safetensors")) == sorted(TOLD)
    assert all(path.stat().st_size < 4096 for path in GOLDEN.glob("*.safetensors"))


@pytest.mark.parametrize("name", TOLD)
def test_every_weight_is_read_to_the_bit(name):
    told, network = TOLD[name], network_of(name)
    for layer, expected in zip(network.layers, told["weights"], strict=True):
        assert [float(number).hex() for number in (*layer.W.ravel(), *layer.b)] == expected
        assert layer.W.dtype == layer.b.dtype == told["dtype"]


@pytest.mark.parametrize("name", TOLD)
def test_what_is_predicted_is_what_was_predicted_to_the_bit_where_sums_are_exact(name):
    told, network = TOLD[name], network_of(name)
    X, epsilon = np.array(told["X"]), float(np.finfo(told["dtype"]).eps)
    logits, outputs = numbers(told["logits"], told["dtype"]), numbers(told["outputs"], told["dtype"])
    trace = network.forward(X)
    if name in EXACT:
        np.testing.assert_array_equal(trace.logits, logits)
    depth = len(network.layers)  # layers of a few terms: a few roundings each, no weight above 1
    np.testing.assert_allclose(trace.logits, logits, rtol=0, atol=16 * depth * epsilon * (1 + np.abs(logits).max()))
    np.testing.assert_allclose(trace.p, outputs, rtol=32 * depth * epsilon)
    predicted = network.predict(X)
    if network.classes:
        assert predicted.tolist() == told["predicted"]
        assert [network.classes, network.task.value] == [tuple(told["classes"]), told["task"]]
    else:
        np.testing.assert_array_equal(predicted, trace.p)


def test_what_a_file_says_beside_its_weights_is_read():
    winter, house = network_of("yes-or-no"), network_of("numbers")
    assert winter.architecture.loss == BinaryCrossEntropy(label_smoothing=0.25)
    assert winter.architecture.input_shape == (2, 2)
    assert winter.model.training == {"seed": 7, "data": {"name": "seasons"}}
    assert (winter.model.test_accuracy, winter.model.version) == (0.875, "0.1.0")
    assert house.architecture.loss == Huber(delta=2.5)
    assert house.architecture.scaling.offset == (2000.0, 0.0, 0.0)
    assert house.model.feature_names == ("year", "kind=a", "kind=b")
    assert house.model.columns == (("year", None), ("kind", ("a", "b")))
