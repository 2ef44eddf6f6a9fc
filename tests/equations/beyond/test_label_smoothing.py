from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pellucid.equations.beyond.label_smoothing import smoothed_labels
from pellucid.equations.losses import BinaryCrossEntropy, CrossEntropy
from pellucid.equations.softmax_cross_entropy import cross_entropy_of_each

EPS = np.finfo(np.float64).eps


@given(epsilon=st.floats(0, 0.999), classes=st.integers(2, 20), n=st.integers(1, 5), data=st.data())
def test_smoothed_labels_sum_to_1_and_keep_their_favourite(epsilon, classes, n, data):
    of_class = np.array(data.draw(st.lists(st.integers(0, classes - 1), min_size=n, max_size=n)))
    y = smoothed_labels(np.eye(classes)[of_class], epsilon, classes)
    assert (np.abs(y.sum(axis=1) - 1) <= (classes + 2) * EPS).all()
    assert (y.argmax(axis=1) == of_class).all()
    assert (y >= epsilon / classes).all()


def test_without_smoothing_the_labels_are_themselves(frozen):
    y = frozen([[0.0, 1.0]])
    assert smoothed_labels(y, 0.0, 2) is y


def test_the_type_of_the_labels_is_kept(frozen):
    assert smoothed_labels(frozen([[0, 1]], np.float32), 0.1, 2).dtype == np.float32


@given(epsilon=st.floats(0.001, 0.999), data=st.data())
def test_the_smoothed_surprise_is_a_mixture_of_the_surprise_and_the_mean_over_all_classes(epsilon, data):
    z = np.array(data.draw(st.lists(st.lists(st.floats(-9, 9), min_size=4, max_size=4), min_size=2, max_size=2)))
    y = np.array([1, 3])
    of_every_class = np.stack([cross_entropy_of_each(z, np.full(2, j)) for j in range(4)], axis=1)
    expected = (1 - epsilon) * cross_entropy_of_each(z, y) + epsilon * of_every_class.mean(axis=1)
    np.testing.assert_allclose(CrossEntropy(epsilon).of_each(z, y), expected, rtol=16 * EPS)


def test_the_best_answer_is_the_smoothed_label():
    smoothed = np.array([[0.925, 0.025, 0.025, 0.025]])
    assert np.abs(CrossEntropy(0.1).slope_of_each(smoothed, np.array([0]))).max() <= 2 * EPS
    assert np.abs(BinaryCrossEntropy(0.1).slope_of_each(np.array([[0.95]]), np.array([[1.0]]))).max() <= 2 * EPS


def test_yes_or_no_is_smoothed_as_two_classes_are():
    two = CrossEntropy(0.2).of_each(np.array([[0.0, 1.5]]), np.array([1]))
    one = BinaryCrossEntropy(0.2).of_each(np.array([[1.5]]), np.array([[1.0]]))
    np.testing.assert_allclose(one, two, rtol=4 * EPS)
