from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.equations.metrics import (
    CalibrationBin,
    Confusion,
    accuracy,
    calibration,
    confusion_matrix,
    dead_layers,
    most_confused,
    precision_and_recall,
)
from pellucid.equations.network import forward
from pellucid.equations.parameters import Layer
from pellucid.equations.worked_example import ARCHITECTURE, LAYERS, X

NAN = float("nan")
EPS = np.finfo(np.float64).eps


def test_accuracy_is_the_share_of_rows_whose_largest_logit_is_right(frozen):
    z = frozen([[1.0, 2.0, 0.0], [3.0, 2.0, 1.0], [-1.0, -3.0, -2.0], [0.0, 0.5, 9.0]])
    assert accuracy(z, frozen([1, 0, 1, 2])) == 0.75


def test_of_several_largest_logits_the_first_counts():
    z = np.array([[1.0, 1.0], [1.0, 1.0]])
    assert accuracy(z, np.array([0, 1])) == 0.5


def test_rows_are_what_is_and_columns_what_it_was_taken_for(frozen):
    confusion = confusion_matrix(frozen([0, 0, 0, 1, 2, 2]), frozen([0, 1, 1, 1, 0, 2]), n_classes=4)
    assert confusion.tolist() == [[1, 2, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]


@given(n=st.integers(0, 60), k=st.integers(1, 12), seed=st.integers(0, 2**32))
def test_confusion_counts_every_example_once(n, k, seed):
    y, predicted = np.random.default_rng(seed).integers(0, k, (2, n))
    confusion = confusion_matrix(y, predicted, k)
    assert confusion.shape == (k, k)
    assert confusion.sum() == n
    assert confusion.sum(axis=1).tolist() == np.bincount(y, minlength=k).tolist()
    assert confusion.sum(axis=0).tolist() == np.bincount(predicted, minlength=k).tolist()
    assert np.trace(confusion) == (y == predicted).sum()


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int32, np.int64])
def test_labels_of_a_narrow_type_are_counted_as_the_others(dtype):
    # 47 classes, as EMNIST has: 46 · 47 + 45 does not fit into a byte.
    y, predicted = np.array([46, 20, 46], dtype), np.array([45, 20, 46], dtype)
    confusion = confusion_matrix(y, predicted, 47)
    assert (confusion[46, 45], confusion[20, 20], confusion[46, 46], confusion.sum()) == (1, 1, 1, 3)


def test_the_most_frequent_mistakes_come_first_and_the_diagonal_is_none(frozen):
    confusion = frozen([[50, 0, 2], [1, 60, 0], [0, 4, 70]])
    worst = [Confusion(2, 1, 4), Confusion(0, 2, 2), Confusion(1, 0, 1)]
    assert most_confused(confusion, n=9) == worst
    assert most_confused(confusion, n=2) == worst[:2]
    assert most_confused(confusion, n=0) == []


def test_equally_frequent_mistakes_come_in_the_order_of_the_classes():
    assert most_confused(np.array([[0, 1], [1, 0]]), n=2) == [Confusion(0, 1, 1), Confusion(1, 0, 1)]


def test_a_network_without_mistakes_confuses_nothing():
    assert most_confused(np.diag([3, 4]), n=5) == []


def test_precision_goes_down_the_columns_and_recall_along_the_rows(frozen):
    precision, recall = precision_and_recall(frozen([[3, 1], [2, 4]]))
    assert precision.tolist() == [3 / 5, 4 / 5]
    assert recall.tolist() == [3 / 4, 4 / 6]


def test_a_class_never_named_has_no_precision_and_a_class_without_examples_no_recall(frozen):
    precision, recall = precision_and_recall(frozen([[2, 0, 1], [1, 0, 0], [0, 0, 0]]))
    np.testing.assert_array_equal(precision, [2 / 3, NAN, 0.0])
    np.testing.assert_array_equal(recall, [2 / 3, 0.0, NAN])


def test_calibration_by_hand(frozen):
    # Four bins. (¼, ½]: 0.5, right. (½, ¾]: 0.625, wrong. (¾, 1]: 0.875 and 1, one of them right.
    p = frozen([[0.5, 0.5], [0.375, 0.625], [0.875, 0.125], [1.0, 0.0]])
    error, bins = calibration(p, frozen([0, 0, 0, 1]), n_bins=4)
    assert bins == [CalibrationBin(1, 0.5, 1.0), CalibrationBin(1, 0.625, 0.0), CalibrationBin(2, 0.9375, 0.5)]
    assert error == (0.5 + 0.625 + 2 * 0.4375) / 4


def test_a_confidence_of_exactly_1_falls_into_the_last_bin():
    error, bins = calibration(np.array([[1.0, 0.0]] * 4), np.array([0, 0, 0, 1]))
    assert (error, bins) == (0.25, [CalibrationBin(4, 1.0, 0.75)])


def test_a_network_that_is_as_sure_as_it_is_right_has_no_calibration_error():
    assert calibration(np.array([[0.75, 0.25]] * 4), np.array([0, 0, 0, 1]))[0] == 0


@given(n=st.integers(1, 40), k=st.integers(2, 6), n_bins=st.integers(1, 20), seed=st.integers(0, 2**32))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_bins_hold_every_example_once_and_what_they_say_adds_up(dtype, n, k, n_bins, seed):
    rng = np.random.default_rng(seed)
    p, y = rng.dirichlet(np.ones(k), n).astype(dtype), rng.integers(0, k, n)
    error, bins = calibration(p, y, n_bins)
    assert 0 <= error <= 1
    assert sum(each.examples for each in bins) == n
    assert 1 <= len(bins) <= n_bins
    means = [each.confidence for each in bins]
    assert means == sorted(means)
    right = sum(each.examples * each.accuracy for each in bins)
    assert abs(right / n - accuracy(p, y)) <= 4 * n * EPS
    sure = sum(each.examples * each.confidence for each in bins)
    assert abs(sure - p.max(axis=1).astype(np.float64).sum()) <= 4 * n * EPS * n


def test_no_layer_of_the_worked_example_is_dead_though_neurons_of_it_are_off():
    assert dead_layers(forward(ARCHITECTURE, LAYERS, X)) == []


@pytest.mark.parametrize("dead", [1, 2])
def test_a_layer_whose_every_neuron_is_off_is_dead(dead):
    layers = [*LAYERS]
    layers[dead - 1] = Layer(layers[dead - 1].W, layers[dead - 1].b - 10)
    assert dead in dead_layers(forward(ARCHITECTURE, tuple(layers), X))


def test_one_living_neuron_for_one_example_keeps_a_layer_alive():
    layers = (Layer(LAYERS[0].W, np.array([-10.0, -10.0, -10.0])), *LAYERS[1:])
    batch = np.vstack([X, [[30.0, 0.0, 0.0, 0.0]]])
    assert 1 not in dead_layers(forward(ARCHITECTURE, layers, batch))


def test_the_output_layer_is_never_called_dead():
    layers = (*LAYERS[:2], Layer(np.zeros((2, 3)), np.zeros(2)))
    assert dead_layers(forward(ARCHITECTURE, layers, X)) == []
