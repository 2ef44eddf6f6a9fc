"""A classifier that learns from another network, too: what it may be, and what becomes of it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV

from pellucid import MLPClassifier, MLPRegressor, Network, load
from pellucid.errors import ModelFileError, RunFolderError
from pellucid.formats.records import digest_of_network

QUICK = {"max_iter": 5, "random_state": 0, "engine": "reference", "tol": 0.0, "n_iter_no_change": 100}


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:300], y[:300]


@pytest.fixture(scope="module")
def master(digits):
    settings = {"standardize": True, "max_iter": 30, "learning_rate_init": 0.01}
    with pytest.warns(ConvergenceWarning):
        return MLPClassifier((64,), **{**QUICK, **settings}).fit(*digits)


def fitted(digits, **parameters):
    with pytest.warns(ConvergenceWarning):
        return MLPClassifier((10,), **{**QUICK, **parameters}).fit(*digits)


def same_numbers(one, other):
    return all(mine.tobytes() == its.tobytes() for mine, its in zip(one.coefs_, other.coefs_, strict=True))


def test_every_form_of_a_teacher_teaches_the_same(digits, master, tmp_path) -> None:
    master.save(tmp_path / "teacher.safetensors")
    forms = (
        master.network_,
        FrozenEstimator(master),
        tmp_path / "teacher.safetensors",
        str(tmp_path / "teacher.safetensors"),
    )
    taught = fitted(digits, teacher=master)
    assert not same_numbers(taught, fitted(digits))
    for form in forms:
        assert same_numbers(taught, fitted(digits, teacher=form))


def test_who_hears_the_teacher_alone_says_what_it_says_and_not_what_the_labels_say(digits, master) -> None:
    X, y = digits
    wrong = np.roll(np.arange(10), 1)[y]
    settings = {
        "teacher": master,
        "teacher_weight": 1.0,
        "temperature": 1.0,
        "max_iter": 60,
        "learning_rate_init": 0.02,
    }
    taught = fitted((X, wrong), **settings, standardize=True)
    assert np.mean(taught.predict(X) == master.predict(X)) > 0.97


@pytest.mark.parametrize("kind", ["yes or no", "several labels"])
def test_answers_of_yes_and_no_are_taught_as_well(kind) -> None:
    if kind == "yes or no":
        X, y = load_breast_cancer(return_X_y=True)
    else:
        X, y = make_multilabel_classification(200, 8, n_classes=4, random_state=0)
    teaching = {"standardize": True, "max_iter": 40, "learning_rate_init": 0.01}
    master = fitted((X, y), **teaching)
    taught = fitted((X, 1 - y), **teaching, teacher=master, teacher_weight=1.0)
    assert np.mean(taught.predict(X) == master.predict(X)) > 0.9


def test_both_engines_are_taught_alike(digits, master) -> None:
    pytest.importorskip("pellucid.engines.native", reason="this installation has no native engine")
    X, y = digits[0].astype(np.float64), digits[1]
    ours, reference = (fitted((X, y), teacher=master, engine=engine) for engine in ("native", "reference"))
    # Steps by Adam, each of a few thousand roundings of numbers of the size of 1.
    for W, other in zip(ours.coefs_, reference.coefs_, strict=True):
        np.testing.assert_allclose(W, other, atol=1e-9)


def test_sparse_examples_are_seen_by_the_teacher_as_they_are(digits, master) -> None:
    from scipy.sparse import csr_matrix

    X, y = digits
    assert same_numbers(fitted((csr_matrix(X), y), teacher=master), fitted((X, y), teacher=master))


def test_a_clone_has_the_same_teacher_and_has_learned_nothing(digits, master) -> None:
    taught = fitted(digits, teacher=master, temperature=3.0)
    copy = clone(taught)
    assert copy.teacher is taught.teacher is master
    assert copy.get_params(deep=False) == taught.get_params(deep=False)
    assert not hasattr(copy, "coefs_")
    assert taught.get_params()["teacher__max_iter"] == 30
    assert hasattr(clone(MLPClassifier(teacher=master.network_)), "teacher")


def test_a_search_for_the_temperature_clones_the_pupil_and_not_what_the_teacher_knows(digits, master) -> None:
    with pytest.warns(ConvergenceWarning):
        search = GridSearchCV(
            MLPClassifier((10,), **QUICK, teacher=master), {"temperature": [1.0, 4.0], "teacher_weight": [0.5]}, cv=2
        ).fit(*digits)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_taught_classifier_is_pickled_and_saved_and_says_who_taught_it(digits, master, tmp_path) -> None:
    taught = fitted(digits, teacher=master)
    again = pickle.loads(pickle.dumps(taught))
    assert same_numbers(again, taught)
    assert same_numbers(again.teacher, master)
    taught.save(tmp_path / "pupil.safetensors")
    network = master.network_
    digest = digest_of_network(network.architecture, network.layers)
    assert load(tmp_path / "pupil.safetensors").model.training["teacher"] == digest
    loaded = MLPClassifier.load(tmp_path / "pupil.safetensors")
    assert loaded.teacher is None
    assert same_numbers(loaded, taught)
    path = tmp_path / "teacher.safetensors"
    master.save(path)
    fitted(digits, teacher=str(path)).save(tmp_path / "another.safetensors")
    assert (tmp_path / "another.safetensors").read_bytes() == (tmp_path / "pupil.safetensors").read_bytes()
    fitted(digits).save(tmp_path / "plain.safetensors")
    assert "teacher" not in load(tmp_path / "plain.safetensors").model.training


def test_a_fit_that_was_stopped_goes_on_with_its_teacher_alone(digits, master, tmp_path) -> None:
    whole = fitted(digits, teacher=master)
    stopped = MLPClassifier((10,), **QUICK, teacher=master, callbacks=[lambda record: record.epoch == 2])
    stopped.fit(*digits, checkpoint=tmp_path)
    pupil = MLPClassifier((10,), **QUICK, teacher=master)
    with pytest.warns(ConvergenceWarning):
        pupil.fit(*digits, checkpoint=tmp_path)
    assert same_numbers(pupil, whole)
    other = fitted(digits)
    for parameters in ({"teacher": other}, {"teacher": master, "temperature": 3.0}, {}):
        with pytest.raises(RunFolderError, match=r"settings.teacher was|settings.temperature was 2.0, is 3.0"):
            MLPClassifier((10,), **{**QUICK, **parameters}).fit(*digits, checkpoint=tmp_path)


@pytest.mark.parametrize(
    ("teacher", "error", "message"),
    [
        (MLPClassifier(), NotFittedError, "The teacher is not fitted yet: fit it first, or give a network"),
        (FrozenEstimator(MLPClassifier()), NotFittedError, "The teacher is not fitted yet"),
        ("no such file", ModelFileError, "no such file"),
        ("mnist", ValueError, "the teacher takes 784 inputs; expected 64, as the network that learns"),
    ],
    ids=["unfitted", "frozen unfitted", "no file", "other inputs"],
)
def test_a_teacher_that_cannot_teach_is_refused_in_a_sentence(digits, teacher, error, message) -> None:
    with pytest.raises(error, match=message):
        MLPClassifier(**QUICK, teacher=teacher).fit(*digits)


def test_a_teacher_of_other_classes_or_of_numbers_is_refused(digits, master) -> None:
    X, y = digits
    with pytest.raises(ValueError, match=r"the teacher knows the classes 0, .*9; expected those of y: 'd0', "):
        MLPClassifier(**QUICK, teacher=master).fit(X, np.array([f"d{digit}" for digit in y]))
    with pytest.warns(ConvergenceWarning):
        numbers = MLPRegressor(hidden_layer_sizes=(5,), **QUICK).fit(X, y.astype(float))
    with pytest.raises(ValueError, match="the teacher knows the classes none; expected those of y: 0, "):
        MLPClassifier(**QUICK, teacher=numbers).fit(X, y)
    network = Network(master.network_.architecture, master.network_.layers, tuple("abcdefghij"))
    with pytest.raises(ValueError, match="the teacher knows the classes 'a', "):
        MLPClassifier(**QUICK, teacher=network).fit(X, y)


def test_there_is_no_teacher_for_a_search(digits, master) -> None:
    with pytest.raises(ValueError, match="teacher=<MLPClassifier> has no meaning with solver='lbfgs'"):
        MLPClassifier(solver="lbfgs", teacher=master).fit(*digits)
