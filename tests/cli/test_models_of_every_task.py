"""The verbs on models that estimators have saved: numbers, yes or no, several labels."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, make_multilabel_classification

from pellucid import MLPClassifier, MLPRegressor, Network
from pellucid.equations.architecture import Architecture
from pellucid.equations.losses import ClassSquaredError
from pellucid.equations.parameters import Layer


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """Fit an estimator for five epochs, and save it beside its first three examples."""
    monkeypatch.chdir(tmp_path)

    def save(kind, X, y):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # five epochs are few
            estimator = kind(hidden_layer_sizes=(5,), max_iter=5, random_state=0, standardize=True).fit(X, y)
        estimator.save("model.safetensors")
        np.save("three.npy", X[:3])
        return estimator

    return save


def test_a_model_of_numbers_predicts_numbers(cli, saved) -> None:
    X, y = load_diabetes(return_X_y=True)
    regressor = saved(MLPRegressor, X, np.stack([y, -y], axis=1))
    said = cli("predict", "model.safetensors", "three.npy", "--json")
    assert [each["numbers"] for each in said.json["predictions"]] == regressor.predict(X[:3]).tolist()
    first, second = regressor.predict(X[:1])[0]
    assert f"three.npy row 1  {first:.6g}, {second:.6g}" in cli("predict", "model.safetensors", "three.npy").out
    assert "none: it gives numbers" in cli("info", "model.safetensors").out
    np.savez("labelled.npz", X=X, y=np.arange(len(X)) % 2)
    refused = cli("evaluate", "model.safetensors", "--data", "labelled.npz")
    assert refused.code == 2
    assert "this network gives numbers; expected one that tells classes apart." in refused.err


def test_a_model_of_two_classes_is_evaluated_like_any_other(cli, saved) -> None:
    X, y = load_breast_cancer(return_X_y=True)
    classifier = saved(MLPClassifier, X, y)
    np.savez("labelled.npz", X=X, y=y)
    said = cli("evaluate", "model.safetensors", "--data", "labelled.npz", "--json")
    assert said.json["accuracy"] == classifier.score(X, y)
    p = -np.log(classifier.predict_proba(X)[np.arange(len(X)), y])
    assert said.json["loss"] == pytest.approx(p.mean())
    predicted = cli("predict", "model.safetensors", "three.npy", "--json").json["predictions"]
    assert [each["label"] for each in predicted] == classifier.predict(X[:3]).tolist()


def test_where_shares_are_alike_the_label_is_still_what_the_network_says(cli, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    layers = (
        Layer(np.eye(3), np.array([-9.0, -5.0, -9.0])),
    )  # squared errors of classes: all shares are the least one
    network = Network(Architecture((3,), (), 3, loss=ClassSquaredError()), layers)
    network.save("model.safetensors")
    np.save("x.npy", np.zeros((1, 3)))
    (said,) = cli("predict", "model.safetensors", "x.npy", "--json").json["predictions"]
    assert said["label"] == network.predict(np.zeros(3)) == 1
    assert len(set(said["probabilities"])) == 1


def test_a_model_of_several_labels_names_those_that_are_likely(cli, saved) -> None:
    X, y = make_multilabel_classification(n_classes=4, random_state=0)
    classifier = saved(MLPClassifier, X, y)
    predicted = cli("predict", "model.safetensors", "three.npy", "--json").json["predictions"]
    for each, row in zip(predicted, classifier.predict(X[:3]), strict=True):
        assert sorted(each["labels"]) == np.flatnonzero(row).tolist()
    assert cli("predict", "model.safetensors", "three.npy").code == 0


def test_models_that_tell_no_classes_apart_are_explained_by_an_example_alone(cli, saved) -> None:
    X, y = make_multilabel_classification(n_classes=4, random_state=0)
    saved(MLPClassifier, X, y)
    np.savez("labelled.npz", X=X, y=np.arange(len(X)) % 2)
    refused = cli("explain", "model.safetensors", "--data", "labelled.npz")
    assert (refused.code, "this network gives several labels" in refused.err) == (2, True)
    X, y = load_diabetes(return_X_y=True)
    saved(MLPRegressor, X, y)
    np.save("one.npy", X[0])
    assert cli("explain", "model.safetensors", "--image", "one.npy", "--json").json["network"] == "10-5-1"
