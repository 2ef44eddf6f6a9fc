from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, load_iris, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC

import pellucid
from pellucid import Network
from pellucid.answers import Task
from pellucid.engines import ReferenceEngine
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.losses import LOSSES
from pellucid.equations.parameters import Layer
from pellucid.errors import SettingError, ShapeError

REFERENCE = ReferenceEngine()
HAS_LOSSES = "loss" in MLPRegressor().get_params()


def fitted(estimator, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(X, y)


def iris(words=False, classes=3):
    data = load_iris()
    rows = data.target < classes
    return data.data[rows], data.target_names[data.target[rows]] if words else data.target[rows]


def problem(name):
    if name == "digits":
        return load_digits(return_X_y=True)
    if name == "several labels":
        return make_multilabel_classification(n_samples=150, n_features=6, n_classes=4, random_state=0)
    if name in ("a number", "numbers"):
        X, y = load_diabetes(return_X_y=True)
        return X, y if name == "a number" else np.stack([y, X[:, 0] * 10], axis=1)
    return {"iris": iris(), "words": iris(words=True), "two words": iris(words=True, classes=2)}[name]


PROBLEMS = {
    "iris": Task.ONE_OF_SEVERAL,
    "words": Task.ONE_OF_SEVERAL,
    "two words": Task.YES_OR_NO,
    "digits": Task.ONE_OF_SEVERAL,
    "several labels": Task.SEVERAL_LABELS,
    "a number": Task.NUMBERS,
    "numbers": Task.NUMBERS,
}


def model_of(name, **settings):
    kind = MLPRegressor if PROBLEMS[name] is Task.NUMBERS else MLPClassifier
    return kind(hidden_layer_sizes=(9, 8), max_iter=30, random_state=0, **settings)


def outputs(estimator, X):
    return estimator.predict_proba(X) if hasattr(estimator, "predict_proba") else estimator.predict(X)


def assert_alike(one, other, X):
    """Equal labels; outputs that differ by roundings: a few hundred units in the last place of float64."""
    ours, theirs = (
        each.predict(X) if getattr(each, "task", None) is Task.NUMBERS else outputs(each, X) for each in (one, other)
    )
    epsilon = 512 * np.finfo(np.float64).eps
    np.testing.assert_allclose(ours, theirs, rtol=epsilon, atol=epsilon * max(1, np.abs(theirs).max()))
    if hasattr(other, "classes_"):
        np.testing.assert_array_equal(one.predict(X), other.predict(X))


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_fitted_model_becomes_a_network_and_a_fitted_model_again(name):
    X, y = problem(name)
    estimator = fitted(model_of(name), X, y)
    network = Network.from_sklearn(estimator, engine=REFERENCE)
    assert network.task is PROBLEMS[name]
    assert_alike(network, estimator, X)
    again = network.to_sklearn()
    assert_alike(again, estimator, X)
    for ours, theirs in zip(again.coefs_ + again.intercepts_, estimator.coefs_ + estimator.intercepts_, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert again.out_activation_ == estimator.out_activation_


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_every_activation_of_scikit_learn_goes_both_ways(activation):
    X, y = iris()
    estimator = fitted(model_of("iris", activation=activation), X, y)
    network = Network.from_sklearn(estimator, engine=REFERENCE)
    assert_alike(network, estimator, X)
    assert_alike(network.to_sklearn(), estimator, X)


@pytest.mark.skipif(not HAS_LOSSES, reason="this scikit-learn has no losses for regression")
def test_counts_go_both_ways():
    X, y = iris()
    estimator = fitted(MLPRegressor(hidden_layer_sizes=(6,), loss="poisson", max_iter=30, random_state=0), X, y)
    network = Network.from_sklearn(estimator, engine=REFERENCE)
    assert network.architecture.loss.name == "poisson"
    assert_alike(network, estimator, X)
    assert_alike(network.to_sklearn(), estimator, X)


@pytest.mark.skipif(HAS_LOSSES, reason="this scikit-learn has losses for regression")
def test_counts_are_refused_where_scikit_learn_has_no_such_loss(traveller):
    with pytest.raises(SettingError, match="the network's loss is poisson; expected squared_error"):
        traveller("counts").network.to_sklearn()


@pytest.mark.parametrize("name", ["digits", "a number"])
def test_the_scaler_before_it_becomes_the_networks_scaling_and_goes_into_the_first_layer(name):
    X, y = problem(name)
    pipeline = fitted(make_pipeline(StandardScaler(), model_of(name)), X, y)
    network = Network.from_sklearn(pipeline, engine=REFERENCE)
    assert len(network.architecture.scaling.scale) == X.shape[1]
    assert_alike(network, pipeline, X)
    assert_alike(network.to_sklearn(), pipeline, X)


@pytest.mark.parametrize("settings", [{"with_mean": False}, {"with_std": False}])
def test_a_scaler_may_do_half_its_work(settings):
    X, y = iris()
    pipeline = fitted(make_pipeline(StandardScaler(**settings), model_of("iris")), X, y)
    assert_alike(Network.from_sklearn(pipeline, engine=REFERENCE), pipeline, X)


@pytest.mark.parametrize(
    "task", ["words", "whole numbers", "two words", "yes or no", "true or false", "several labels"]
)
@pytest.mark.parametrize("scaling", ["none", "years"])
def test_a_network_becomes_a_classifier_whatever_the_order_of_its_labels(traveller, differences, task, scaling):
    network, X = traveller(task, dtype=np.float64, scaling=scaling)
    X = X.astype(np.float64)
    estimator = network.to_sklearn()
    if network.task is Task.SEVERAL_LABELS:
        columns = range(4)
    else:
        assert estimator.classes_.tolist() == sorted(network.classes)
        columns = [network.classes.index(label) for label in estimator.classes_.tolist()]
    of_p = differences(network, X, np.float64)[1] * (1 + np.abs(network.architecture.scaling.offsets).max())
    assert (np.abs(estimator.predict_proba(X) - network.predict_proba(X)[:, list(columns)]) <= of_p).all()
    np.testing.assert_array_equal(estimator.predict(X), network.predict(X))


def test_a_float32_network_predicts_alike_in_float64(traveller, differences):
    network, X = traveller("a number", scaling="pixels")
    of_p = differences(network, X, np.float32)[1]
    assert (np.abs(network.to_sklearn().predict(X) - network.predict(X)) <= of_p[:, 0]).all()


def test_the_estimator_goes_on_learning_and_is_cloned(traveller):
    network, X = traveller("whole numbers", scaling="none")
    estimator = network.to_sklearn()
    before = estimator.predict_proba(X)
    y = network.predict(X)
    assert clone(estimator).hidden_layer_sizes == (7, 6)
    estimator.partial_fit(X, y)
    assert 0 < np.abs(estimator.predict_proba(X) - before).max() < 0.5
    assert estimator.score(X, y) > 0.8


def test_a_network_without_hidden_layers_becomes_a_linear_classifier(traveller):
    network, X = traveller(hidden=())
    np.testing.assert_array_equal(network.to_sklearn().predict(X), network.predict(X))


@pytest.mark.parametrize("activation", ["gelu", "leaky_relu"])
def test_activations_that_scikit_learn_has_not_are_refused(traveller, activation):
    with pytest.raises(
        SettingError, match=f"the hidden layers have {activation}; expected one activation for all of them"
    ):
        traveller(activation=activation).network.to_sklearn()


def test_two_activations_are_refused():
    architecture = Architecture((2,), (Hidden(2, "relu"), Hidden(2, "tanh")), 2)
    layers = tuple(Layer(np.ones((2, 2)), np.ones(2)) for _ in range(3))
    with pytest.raises(SettingError, match="the hidden layers have relu, tanh"):
        Network(architecture, layers).to_sklearn()


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "quantile"])
def test_losses_that_scikit_learn_has_not_are_refused(loss):
    network = Network(Architecture((2,), (), 1, loss=LOSSES[loss]()), (Layer(np.ones((1, 2)), np.ones(1)),))
    with pytest.raises(SettingError, match=f"the network's loss is {loss}; expected squared_error"):
        network.to_sklearn()


def test_probabilities_that_scikit_learn_has_not_are_refused(traveller):
    with pytest.raises(
        SettingError, match="the network's loss is class_squared_error; expected cross_entropy or binary_cross_entropy"
    ):
        traveller("outputs of least squares").network.to_sklearn()


def test_labels_that_are_fractions_are_refused(traveller):
    with pytest.raises(SettingError, match=r"the classes are 0\.5, -1\.25, 2\.0; expected whole numbers, or words"):
        traveller("fractions").network.to_sklearn()


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (SVC(), "got SVC; expected scikit-learn's MLPClassifier or MLPRegressor"),
        (make_pipeline(MinMaxScaler(), MLPClassifier()), "got MinMaxScaler and MLPClassifier"),
        (pellucid.MLPClassifier(), "Pellucid's own have their network in network_."),
        (MLPClassifier(), "the MLPClassifier is not fitted. Call fit first."),
        ("model.pkl", "got str"),
    ],
    ids=["another model", "another scaler", "our own", "not fitted", "a path"],
)
def test_what_is_no_fitted_perceptron_is_refused_in_a_sentence(estimator, message):
    with pytest.raises(SettingError) as caught:
        Network.from_sklearn(estimator)
    assert message in str(caught.value)


def test_a_classifier_of_one_class_is_refused():
    X, _ = iris()
    estimator = fitted(MLPClassifier(hidden_layer_sizes=(3,), max_iter=2), X, np.zeros(len(X), int))
    with pytest.raises((SettingError, ShapeError), match="was fitted on one class, 0"):
        Network.from_sklearn(estimator)


def test_an_estimator_that_goes_out_knows_its_columns_and_has_no_loss_of_another_fit():
    frame = pytest.importorskip("pandas").DataFrame(np.random.default_rng(0).random((60, 2)), columns=["wide", "long"])
    fitted = pellucid.MLPClassifier((4,), max_iter=200, tol=0.5, random_state=0).fit(frame, np.arange(60) % 3)
    found = fitted.network_.to_sklearn()
    assert found.feature_names_in_.tolist() == ["wide", "long"]
    assert np.isnan(found.loss_)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(found.predict(frame), fitted.predict(frame))
