"""Displays in scikit-learn's manner: what they hold, what they draw, what they refuse."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_digits
from sklearn.metrics import confusion_matrix

from pellucid import MLPClassifier, Network, load
from pellucid.equations.worked_example import ARCHITECTURE, LAYERS
from pellucid.errors import SettingError, ShapeError
from pellucid.report import plot_confusion, plot_history, plot_weights
from pellucid.report.displays import ConfusionDisplay, HistoryDisplay, WeightsDisplay

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
matplotlib.use("Agg")
pyplot = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def closed():
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    names = np.array([f"a {digit}" for digit in range(10)])[y]
    return X[:600] / 16, names[:600], X[600:900] / 16, names[600:900]


@pytest.fixture(scope="module")
def classifier(digits):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # thirty epochs are few
        return MLPClassifier((9,), max_iter=30, random_state=0, early_stopping=True).fit(*digits[:2])


@pytest.fixture
def axes():
    return pyplot.figure().subplots()


def test_a_matrix_has_scikit_learns_counts(classifier, digits, axes):
    X, y = digits[2:]
    display = plot_confusion(classifier, X, y, ax=axes)
    expected = confusion_matrix(y, classifier.predict(X), labels=classifier.classes_)
    assert np.array_equal(display.confusion, expected)
    assert (display.ax_, display.figure_) == (axes, axes.figure)
    written = np.array([int(text.get_text()) for text in axes.texts]).reshape(10, 10)
    assert np.array_equal(written, expected)
    assert [label.get_text() for label in axes.get_xticklabels()] == [f"a {digit}" for digit in range(10)]
    same = ConfusionDisplay.from_estimator(classifier.network_, X, y)
    assert np.array_equal(same.confusion, expected)


def test_a_matrix_is_of_what_the_estimator_says_whatever_the_examples_lie_in(classifier, digits):
    X, y = digits[2:]
    expected = confusion_matrix(y, classifier.predict(X), labels=classifier.classes_)
    assert np.array_equal(ConfusionDisplay.from_estimator(classifier, csr_array(X), y).confusion, expected)
    pandas = pytest.importorskip("pandas")
    named = pandas.DataFrame(X, columns=[f"pixel {place}" for place in range(64)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # five epochs are few
        of_names = MLPClassifier((9,), max_iter=5, random_state=0).fit(named, y)
    expected = confusion_matrix(y, of_names.predict(named), labels=of_names.classes_)
    assert np.array_equal(ConfusionDisplay.from_estimator(of_names, named, y).confusion, expected)
    with pytest.raises(ValueError, match="feature names should match"):
        ConfusionDisplay.from_estimator(of_names, named[named.columns[::-1]], y)


def test_a_matrix_of_predictions_has_scikit_learns_counts_whoever_made_them(classifier, digits, axes):
    X, y = digits[2:]
    said = classifier.predict(X)
    display = ConfusionDisplay.from_predictions(y, said).plot(axes)
    assert np.array_equal(display.confusion, confusion_matrix(y, said))
    assert (display.ax_, display.figure_, display.labels) == (axes, axes.figure, sorted(set(y)))
    some = ConfusionDisplay.from_predictions([1, 0], [1, 1], labels=[2, 1, 0])
    assert np.array_equal(some.confusion, confusion_matrix([1, 0], [1, 1], labels=[2, 1, 0]))
    with pytest.raises(ShapeError, match=r"the labels have shapes \(2,\) and \(1,\)"):
        ConfusionDisplay.from_predictions([0, 1], [0])
    with pytest.raises(SettingError, match="the label 3 is none of the classes; expected one of 0, 1"):
        ConfusionDisplay.from_predictions([0, 3], [0, 1], labels=[0, 1])


def test_weights_are_shown_as_the_pictures_that_they_are_said_to_be(classifier, axes):
    display = plot_weights(classifier, (8, 8), ax=axes)
    assert display.W.shape == (9, 64)
    assert axes.get_images()[0].get_array().shape == (3 * 9 + 1, 3 * 9 + 1, 3)
    assert plot_weights(load("mnist")).W.shape == (128, 784)  # it knows that its inputs are pictures


def test_the_losses_of_a_fit_are_drawn(classifier, axes):
    display = plot_history(classifier, ax=axes)
    assert len(display.history) == classifier.n_iter_
    lines = [line.get_ydata().tolist() for line in axes.get_lines()]
    assert lines[0] == [record["loss"] for record in classifier.history_]
    assert axes.get_yscale() == "log"


def test_without_axes_a_figure_is_made():
    assert plot_weights(load("mnist")).figure_ is pyplot.gcf()


def test_what_cannot_be_drawn_is_refused(digits):
    with pytest.raises(SettingError, match="this MLPClassifier has no network_; expected an estimator that was fitted"):
        plot_weights(MLPClassifier())
    with pytest.raises(SettingError, match="this Network has no history_"):
        plot_history(load("mnist"))
    with pytest.raises(SettingError, match="the history is empty"):
        HistoryDisplay(())
    with pytest.raises(ShapeError, match=r"the weights have shape \(3, 4\), for inputs of \(4,\)"):
        plot_weights(Network(ARCHITECTURE, LAYERS))
    with pytest.raises(ShapeError, match=r"the weights have shape \(3, 4\), for inputs of \(3, 3\)"):
        WeightsDisplay(LAYERS[0].W, (3, 3))
    with pytest.raises(ShapeError, match=r"the matrix has shape \(2, 2\); expected \(3, 3\)"):
        ConfusionDisplay(np.eye(2), "abc")
    with pytest.raises(SettingError, match="the label 'ten' is none of the classes"):
        plot_confusion(Network(ARCHITECTURE, LAYERS, ("no", "yes")), np.zeros((1, 4)), ["ten"])
