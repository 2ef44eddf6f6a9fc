"""A validation set of the user's own, and any scorer to measure it by."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    adjusted_rand_score,
    f1_score,
    log_loss,
    make_scorer,
    mean_absolute_error,
)
from sklearn.model_selection import train_test_split

from pellucid import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

QUICK = {"hidden_layer_sizes": (8,), "max_iter": 12, "learning_rate_init": 0.02, "random_state": 0}


def column(estimator, name: str) -> list:
    return [epoch[name] for epoch in estimator.history_]


def test_a_validation_set_is_judged_after_each_epoch(engine, problem) -> None:
    X, y = problem("iris")
    estimator = MLPClassifier(engine=engine, **QUICK).fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    assert len(estimator.validation_scores_) == len(column(estimator, "validation_loss")) == 12
    assert (
        estimator.validation_scores_
        == column(estimator, "validation_score")
        == column(estimator, "validation_accuracy")
    )
    assert estimator.validation_scores_[-1] == estimator.score(X[1::2], y[1::2])
    expected = log_loss(y[1::2], estimator.predict_proba(X[1::2]))
    assert column(estimator, "validation_loss")[-1] == pytest.approx(expected, rel=1e-9)


def test_it_changes_nothing_but_what_is_known(kind, engine, problem, bits) -> None:
    X, y = problem("iris")
    judged = kind(engine=engine, **QUICK).fit(X, y, X_val=X[:9], y_val=y[:9])
    assert bits(judged) == bits(kind(engine=engine, **QUICK).fit(X, y))


def test_early_stopping_holds_out_nothing_where_there_is_one(kind, engine, problem, bits) -> None:
    X, y = problem("iris")
    settings = {"engine": engine, **QUICK, "max_iter": 60}
    stopped = kind(early_stopping=True, **settings).fit(X, y, X_val=X[1::4], y_val=y[1::4])
    assert stopped.best_validation_score_ == max(stopped.validation_scores_)
    assert stopped.score(X[1::4], y[1::4]) == pytest.approx(stopped.best_validation_score_, rel=1e-9)
    up_to_there = kind(**{**settings, "max_iter": stopped.best_epoch_}).fit(X, y)
    assert bits(up_to_there) == bits(stopped)


def test_its_examples_may_weigh(kind, engine, problem) -> None:
    X, y = problem("iris")
    only = np.where(y == 0, 1.0, 0.0)
    of_one, of_weights = (
        kind(engine=engine, **QUICK).fit(X, y, **validation)
        for validation in (
            {"X_val": X[y == 0], "y_val": y[y == 0]},
            {"X_val": X, "y_val": y, "sample_weight_val": only},
        )
    )
    np.testing.assert_allclose(column(of_one, "validation_loss"), column(of_weights, "validation_loss"), rtol=1e-9)
    if kind is MLPClassifier:
        assert of_one.validation_scores_ == of_weights.validation_scores_


def test_lbfgs_is_judged_too(kind, engine, problem) -> None:
    X, y = problem("iris")
    estimator = kind(solver="lbfgs", engine=engine, max_iter=5, random_state=0).fit(X, y, X_val=X, y_val=y)
    losses = column(estimator, "validation_loss")
    assert len(losses) == estimator.n_iter_ == 5
    assert losses == sorted(losses, reverse=True)


@pytest.mark.parametrize(
    "scoring",
    ["accuracy", make_scorer(accuracy_score), lambda estimator, X, y: accuracy_score(y, estimator.predict(X))],
)
def test_any_scorer_measures_the_network_of_its_own_epoch(scoring, engine, problem) -> None:
    X, y = problem("digits")
    settings = {"engine": engine, **QUICK}
    usual = MLPClassifier(**settings).fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    scored = MLPClassifier(scoring=scoring, **settings).fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    assert scored.validation_scores_ == usual.validation_scores_
    assert len(set(usual.validation_scores_)) > 6


def test_the_best_epoch_is_that_of_the_measure(problem) -> None:
    X, y = problem("diabetes")
    y = y / 100
    estimator = MLPRegressor(
        scoring="neg_mean_absolute_error", early_stopping=True, engine="reference", **{**QUICK, "max_iter": 60}
    ).fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    error = mean_absolute_error(y[1::2], estimator.predict(X[1::2]))
    assert -error == pytest.approx(estimator.best_validation_score_, rel=1e-12)
    assert estimator.best_validation_score_ == max(column(estimator, "validation_score"))


def unbalanced(n=600):
    X = np.random.default_rng(0).normal(size=(n, 4))
    return X, (X[:, 0] + 0.5 * X[:, 1] > 1.6).astype(int)


@pytest.mark.parametrize(
    ("scoring", "measure"),
    [("accuracy", accuracy_score), ("f1", f1_score), ("adjusted_rand_score", adjusted_rand_score)],
)
def test_what_classes_weigh_is_not_for_a_measure_that_was_asked_for(engine, scoring, measure) -> None:
    X, y = unbalanced()
    settings = {**QUICK, "engine": engine, "class_weight": "balanced", "early_stopping": True, "scoring": scoring}
    classifier = MLPClassifier(**settings, validation_fraction=0.3).fit(X, y)
    _, out = train_test_split(np.arange(len(y)), random_state=np.random.RandomState(0), test_size=0.3, stratify=y)
    assert classifier.best_validation_score_ == pytest.approx(measure(y[out], classifier.predict(X[out])))


@pytest.mark.parametrize("class_weight", ["balanced", {1: 9.0}])
@pytest.mark.parametrize("scoring", [None, "f1"])
def test_examples_weigh_alike_held_out_or_given(engine, class_weight, scoring) -> None:
    X, y = unbalanced()
    settings = {**QUICK, "engine": engine, "class_weight": class_weight, "scoring": scoring, "early_stopping": True}
    rest, out = train_test_split(np.arange(len(y)), random_state=np.random.RandomState(0), test_size=0.3, stratify=y)
    held_out = MLPClassifier(**settings, validation_fraction=0.3).fit(X, y)
    given = MLPClassifier(**settings).fit(X[rest], y[rest], X_val=X[out], y_val=y[out])
    assert given.validation_scores_ == held_out.validation_scores_
    assert column(given, "validation_loss") == column(held_out, "validation_loss")


def test_validation_examples_of_a_class_that_weighs_nothing_are_refused() -> None:
    X, y = unbalanced()
    with pytest.raises(ValueError, match=r"the validation examples weigh nothing; expected .* Try others"):
        MLPClassifier(**QUICK, class_weight={0: 0.0}).fit(X, y, X_val=X[y == 0], y_val=y[y == 0])


@pytest.mark.parametrize("validation", [{}, {"X_val": slice(0, 150, 3), "y_val": slice(0, 150, 3)}])
@pytest.mark.parametrize("is_sparse", [False, True])
def test_a_scorer_is_handed_the_names_of_the_columns(problem, validation, is_sparse) -> None:
    pandas = pytest.importorskip("pandas")
    X, y = problem("iris")
    named = pandas.DataFrame(X, columns=list("abcd"))
    if is_sparse:
        named = named.astype(pandas.SparseDtype(float, 0.0))
    parts = {name: (named if name == "X_val" else y)[rows] for name, rows in validation.items()}
    settings = {**QUICK, "early_stopping": True}
    of_names = MLPClassifier(**settings, scoring="f1_macro").fit(named, y, **parts)  # warnings are errors here
    parts = {name: (X if name == "X_val" else y)[rows] for name, rows in validation.items()}
    assert (
        of_names.validation_scores_
        == MLPClassifier(**settings, scoring="f1_macro").fit(X, y, **parts).validation_scores_
    )


def own_scorer(estimator, X, y):
    return estimator.score(X, y)


@pytest.mark.parametrize(
    "scoring", [own_scorer, "adjusted_rand_score", make_scorer(lambda y, found: (y == found).mean())]
)
def test_a_scorer_that_takes_no_weights_is_handed_none(scoring) -> None:
    X, y = unbalanced()
    settings = {**QUICK, "scoring": scoring, "early_stopping": True}
    classifier = MLPClassifier(**settings).fit(X, y, sample_weight=np.linspace(1, 2, len(y)))
    assert len(classifier.validation_scores_) == classifier.n_iter_


@pytest.mark.parametrize("later", [{"early_stopping": False}, {"early_stopping": False, "max_iter": 1}])
def test_the_best_epoch_of_an_earlier_fit_is_not_that_of_a_later_one(later) -> None:
    X, y = unbalanced()
    classifier = MLPClassifier(**QUICK, warm_start=True, early_stopping=True).fit(X, y)
    assert classifier.best_epoch_ is not None
    classifier.set_params(**later).fit(X, y)
    assert classifier.best_epoch_ is classifier.best_validation_score_ is None


@pytest.mark.parametrize("weight", [np.nan, -2.0, np.inf])
def test_a_class_weight_that_weighs_nothing_known_is_refused(weight) -> None:
    X, y = unbalanced()
    with pytest.raises(ValueError, match=r"class_weight holds 0: .*expected finite numbers of at least 0"):
        MLPClassifier(**QUICK, class_weight={0: weight}).fit(X, y)
