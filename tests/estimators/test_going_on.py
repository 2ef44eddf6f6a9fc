"""When it is enough, and how it goes on: rates, stopping, the part that is held out, warm starts, one epoch at a time."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelBinarizer

from pellucid import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

IN_ORDER = {"hidden_layer_sizes": (5, 6), "random_state": 0, "shuffle": False, "epsilon": 1e-30}
STOPPING = {"tol": 0.02, "n_iter_no_change": 3, "max_iter": 300, "learning_rate_init": 0.03}


def rates(estimator) -> list[float]:
    return [epoch["learning_rate"] for epoch in estimator.history_]


# -- stopping and rates, beside theirs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("name", ["iris", "two classes", "several labels"])
def test_it_stops_at_their_epoch(name, solver, engine, problem, like) -> None:
    X, y = problem(name)
    ours = MLPClassifier(engine=engine, solver=solver, **IN_ORDER, **STOPPING)
    theirs = like(ours, X, y).fit(X, y)
    ours.fit(X, y)
    assert 3 < theirs.n_iter_ < 300
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.best_loss_ == pytest.approx(theirs.best_loss_, rel=1e-9)


# A falling rate takes effect at once, as the equations [momentum] and [nesterov] have it; scikit-learn's velocity remembers
# the rates of earlier steps. So their momentum is compared where the rate is constant, and the rates without momentum.
@pytest.mark.parametrize(
    "settings",
    [{"learning_rate": "invscaling", "power_t": 0.3}, {"learning_rate": "adaptive"}, {"learning_rate": "constant"}],
    ids=lambda settings: settings["learning_rate"],
)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_each_epochs_rate_is_theirs(settings, early_stopping, engine, problem, like) -> None:
    X, y = problem("two classes")
    settings = {
        **IN_ORDER,
        **STOPPING,
        **settings,
        "solver": "sgd",
        "momentum": 0.0,
        "tol": 0.003,
        "early_stopping": early_stopping,
    }
    ours = MLPClassifier(engine=engine, **settings)
    theirs = like(ours, X, y).fit(X, y)
    ours.fit(X, y)
    np.testing.assert_allclose(rates(ours), theirs.rates_, rtol=8 * np.finfo(float).eps)
    if settings["learning_rate"] == "adaptive":
        assert len(set(theirs.rates_)) > 5


@pytest.mark.parametrize("name", ["two classes", "several labels", "a number"])
def test_stopping_early_goes_back_to_their_best_epoch(name, engine, problem, like) -> None:
    X, y = problem(name)
    kind = MLPRegressor if name == "a number" else MLPClassifier
    ours = kind(engine=engine, early_stopping=True, validation_fraction=0.3, **IN_ORDER, **STOPPING)
    theirs = like(ours, X, y).fit(X, y)
    ours.fit(X, y)
    assert ours.n_iter_ == theirs.n_iter_
    np.testing.assert_allclose(ours.validation_scores_, theirs.validation_scores_, rtol=1e-9)
    assert ours.best_validation_score_ == max(ours.validation_scores_)
    assert ours.best_loss_ is theirs.best_loss_ is None
    assert ours.best_epoch_ == 1 + int(np.argmax(ours.validation_scores_)) < ours.n_iter_
    for W, wanted in zip(ours.coefs_, theirs.coefs_, strict=True):
        np.testing.assert_allclose(W, wanted, rtol=0, atol=1e-9)


def test_stopping_early_keeps_the_parameters_of_the_best_epoch(kind, engine, problem, bits) -> None:
    X, y = problem("iris")
    settings = {"engine": engine, "random_state": 0, "early_stopping": True, "learning_rate_init": 0.03}
    stopped = kind(max_iter=100, **settings).fit(X, y)
    up_to_there = kind(max_iter=stopped.best_epoch_, **settings).fit(X, y)
    assert bits(up_to_there) == bits(stopped)
    assert stopped.best_epoch_ < stopped.n_iter_


# -- the part that is held out -----------------------------------------------------------------------------------------


def held_out_classes(estimator, X, y) -> np.ndarray:
    """Find the held-out examples by their absence: of weight 1 a thousandth at the beginning, and so told apart."""
    seen: list[np.ndarray] = []

    def scorer(_, X_val, y_val) -> float:
        seen.append(y_val)
        return 0.0

    estimator.set_params(scoring=scorer, early_stopping=True, max_iter=1).fit(X, y)
    return seen[0]


def test_the_part_held_out_has_every_class_alike(engine) -> None:
    y = np.repeat([0, 1, 2, 3], [100, 60, 30, 10])
    X = np.random.default_rng(0).normal(size=(200, 2))
    out = held_out_classes(MLPClassifier(engine=engine, random_state=0), X, y)
    assert np.bincount(out).tolist() == [10, 6, 3, 1]
    names = np.array(["a", "b", "c", "d"])
    out = held_out_classes(MLPClassifier(engine=engine, random_state=0), X, names[y])
    assert np.unique(out, return_counts=True)[1].tolist() == [10, 6, 3, 1]


def test_a_class_too_small_to_be_divided_is_warned_of(engine) -> None:
    y = np.repeat([0, 1, 2], [100, 99, 1])
    X = np.random.default_rng(0).normal(size=(200, 2))
    with pytest.warns(UserWarning, match="not divided by class .*The least populated class"):
        out = held_out_classes(MLPClassifier(engine=engine, random_state=0), X, y)
    assert len(out) == 20


def test_of_two_classes_the_smaller_must_be_large_enough_as_in_scikit_learn(engine, like) -> None:
    y = np.repeat([0, 1], [99, 1])
    X = np.random.default_rng(0).normal(size=(100, 2))
    estimator = MLPClassifier(engine=engine, random_state=0, early_stopping=True)
    messages = []
    for each in (estimator, like(estimator, X, y)):
        with pytest.raises(ValueError, match="The least populated class") as caught:
            each.fit(X, y)
        messages.append(str(caught.value)[:60])  # they go on to name the class, theirs by the name that it has inside
    assert messages[0] == messages[1]


def test_a_part_too_small_is_refused_as_in_scikit_learn(kind, engine) -> None:
    X, y = np.arange(8.0).reshape(8, 1), np.tile([0, 1], 4)
    message = "The validation set is too small" if kind is MLPRegressor else "test_size = 1"
    with pytest.raises(ValueError, match=message):
        kind(engine=engine, early_stopping=True).fit(X, y)


# -- going on ----------------------------------------------------------------------------------------------------------

WAYS = {
    "sgd": {"solver": "sgd"},
    "adam": {"solver": "adam"},
    "adamw in batches": {"solver": "adamw", "batch_size": 32},
    "dropout": {"dropout": 0.3, "input_dropout": 0.1},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling"},
    "clipped": {"max_grad_norm": 0.1},
}


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_a_warm_start_goes_on_as_if_it_had_never_stopped(way, shuffle, kind, engine, problem, bits) -> None:
    X, y = problem("iris")
    settings = {"random_state": 0, "shuffle": shuffle, "engine": engine, **WAYS[way]}
    at_once = kind(max_iter=6, **settings).fit(X, y)
    in_two = kind(max_iter=2, warm_start=True, **settings).fit(X, y)
    assert bits(in_two) != bits(at_once)
    in_two.set_params(max_iter=4).fit(X, y)
    assert bits(in_two) == bits(at_once)
    assert in_two.loss_curve_ == at_once.loss_curve_
    assert [epoch["epoch"] for epoch in in_two.history_] == [1, 2, 3, 4, 5, 6]
    assert (in_two.n_iter_, in_two.t_, at_once.t_) == (4, 6 * len(X), 6 * len(X))


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("way", [*WAYS, "cosine", "adaptive"])
def test_epochs_one_by_one_are_a_fit(way, shuffle, kind, engine, problem, bits) -> None:
    X, y = problem("iris")
    more = {
        "cosine": {"learning_rate": "cosine", "warm_up": 2},
        "adaptive": {"learning_rate": "adaptive", "solver": "sgd", "tol": 0.5, "n_iter_no_change": 1},
    }
    settings = {"random_state": 0, "shuffle": shuffle, "engine": engine, "max_iter": 8, **{**WAYS, **more}[way]}
    at_once = kind(**settings).fit(X, y)
    one_by_one = kind(**settings)
    for _ in range(8):
        if kind is MLPClassifier:
            one_by_one.partial_fit(X, y, classes=np.unique(y))
        else:
            one_by_one.partial_fit(X, y)
    assert rates(one_by_one) == rates(at_once)
    assert bits(one_by_one) == bits(at_once)
    assert (one_by_one.n_iter_, one_by_one.t_) == (1, 8 * len(X))


def test_epochs_one_by_one_are_theirs(engine, problem, like) -> None:
    X, y = problem("iris")
    ours = MLPClassifier(
        solver="sgd", momentum=0.0, learning_rate="adaptive", engine=engine, **{**IN_ORDER, **STOPPING}
    )
    theirs = like(ours, X, y)
    for _ in range(30):
        ours.partial_fit(X, y, classes=np.unique(y))
        theirs.partial_fit(X, y, classes=np.unique(y))
    np.testing.assert_allclose(rates(ours), theirs.rates_, rtol=1e-12)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-9)
    assert len(set(rates(ours))) > 1


def test_a_schedule_that_has_ended_stays_at_its_end(problem) -> None:
    X, y = problem("iris")
    estimator = MLPRegressor(learning_rate="linear", max_iter=2, random_state=0, engine="reference")
    for _ in range(4):
        estimator.partial_fit(X, y)
    after = rates(estimator)
    assert after[0] > after[1] == after[2] == after[3]


def test_a_new_class_may_come_later_where_it_was_announced(engine, problem) -> None:
    X, y = problem("iris")
    estimator = MLPClassifier(engine=engine, random_state=0, learning_rate_init=0.05)
    for _ in range(15):
        estimator.partial_fit(X[y < 2], y[y < 2], classes=[0, 1, 2])
    assert set(estimator.predict(X)) == {0, 1}
    for _ in range(60):
        estimator.partial_fit(X, y)
    assert estimator.score(X, y) > 0.9


def test_several_labels_are_learned_batch_by_batch(engine, problem) -> None:
    X, Y = problem("several labels")
    estimator = MLPClassifier(engine=engine, random_state=0)
    estimator.partial_fit(X[:75], Y[:75], classes=np.arange(4)).partial_fit(X[75:], Y[75:])
    assert estimator.predict(X).shape == Y.shape
    assert estimator._label_binarizer.transform(Y).shape == LabelBinarizer().fit(Y).transform(Y).shape


def test_a_warm_start_with_early_stopping_keeps_the_best_of_what_it_tells(kind, engine, problem) -> None:
    X, y = problem("iris")
    settings = {"early_stopping": True, "warm_start": True, "learning_rate_init": 0.03, "tol": 0.0}
    estimator = kind(engine=engine, random_state=0, max_iter=15, **settings)
    _, X_out, _, y_out = train_test_split(
        X, y, random_state=np.random.RandomState(0), test_size=0.1, stratify=y if kind is MLPClassifier else None
    )
    for _ in range(3):
        estimator.fit(X, y)
        assert estimator.score(X_out, y_out) == pytest.approx(estimator.best_validation_score_, rel=1e-9)
        scores = [epoch["validation_score"] for epoch in estimator.history_]
        assert scores == estimator.validation_scores_
        assert scores[estimator.best_epoch_ - 1] == estimator.best_validation_score_
        assert estimator.history_[estimator.best_epoch_ - 1]["epoch"] == estimator.best_epoch_


def test_a_warm_start_goes_on_with_lbfgs(kind, engine, problem) -> None:
    X, y = problem("iris")
    estimator = kind(engine=engine, solver="lbfgs", warm_start=True, max_iter=3, random_state=0)
    losses = [estimator.fit(X, y).loss_ for _ in range(4)]
    assert losses == sorted(losses, reverse=True)
    assert losses[3] < losses[0]


def test_another_solver_may_go_on_where_one_has_stopped(kind, engine, problem) -> None:
    X, y = problem("iris")
    estimator = kind(engine=engine, solver="adam", max_iter=30, warm_start=True, random_state=0).fit(X, y)
    before = estimator.loss_
    assert estimator.set_params(solver="lbfgs").fit(X, y).loss_ < before
    after = estimator.loss_
    estimator.set_params(solver="sgd", learning_rate_init=1e-4, max_iter=3).fit(X, y)
    assert estimator.loss_ == pytest.approx(after, rel=0.2)
    assert [record["epoch"] for record in estimator.history_] == list(range(1, len(estimator.history_) + 1))
    assert [record["loss"] for record in estimator.history_ if record["learning_rate"]] == estimator.loss_curve_
    assert min(record["loss"] for record in estimator.history_[:-3]) == pytest.approx(after)


def test_a_fit_begins_anew_whatever_was_fitted_before(kind, engine, problem, bits) -> None:
    X, y = problem("iris")
    other_X, other_y = problem("numbers" if kind is MLPRegressor else "several labels")
    settings = {"engine": engine, "max_iter": 3, "random_state": 0}
    used = kind(early_stopping=True, **settings).fit(X, y).set_params(early_stopping=False)
    validation = {"X_val": other_X[:30], "y_val": other_y[:30]}
    fresh = kind(**settings).fit(other_X, other_y, **validation)
    used.fit(other_X, other_y, **validation)
    assert bits(used) == bits(fresh)
    assert used.validation_scores_ == fresh.validation_scores_
    assert used.best_epoch_ is None
    assert len(used.history_) == 3


def test_too_few_epochs_are_warned_of_where_the_user_calls(kind, engine, problem) -> None:
    X, y = problem("iris")
    for solver in ("adam", "lbfgs"):
        with pytest.warns(ConvergenceWarning) as caught:
            kind(engine=engine, solver=solver, max_iter=2).fit(X, y)
        assert [warning.filename for warning in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kind(engine=engine, max_iter=2).partial_fit(X, y, **({"classes": [0, 1, 2]} if kind is MLPClassifier else {}))
