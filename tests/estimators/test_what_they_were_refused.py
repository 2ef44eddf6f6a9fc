"""What scikit-learn's users have asked for since 2014, and what it does here."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss, make_scorer, mean_absolute_error
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler
from sklearn.utils import compute_sample_weight

from pellucid import MLPClassifier, MLPRegressor
from pellucid.equations.activations import ACTIVATIONS
from pellucid.equations.losses import CrossEntropy, Huber, SquaredError
from pellucid.training.callbacks import Callback
from pellucid.training.history import EpochRecord

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

QUICK = {"hidden_layer_sizes": (8,), "max_iter": 12, "learning_rate_init": 0.02, "random_state": 0}


def column(estimator, name: str) -> list:
    return [epoch[name] for epoch in estimator.history_]


# -- weights of classes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("class_weight", ["balanced", {0: 1.0, 1: 5.0, 2: 0.5}, {1: 3.0}], ids=str)
def test_weights_of_classes_are_weights_of_their_examples(class_weight, solver, engine, problem) -> None:
    X, y = problem("iris")
    X, y = X[20:], y[20:]  # 30, 50, 50
    by_class = MLPClassifier(class_weight=class_weight, engine=engine, solver=solver, **QUICK).fit(X, y)
    weights = compute_sample_weight(class_weight, y)
    by_example = MLPClassifier(engine=engine, solver=solver, **QUICK).fit(X, y, weights)
    np.testing.assert_allclose(by_class.predict_proba(X), by_example.predict_proba(X), rtol=1e-6)


def test_both_kinds_of_weights_are_multiplied(engine, problem) -> None:
    X, y = problem("iris")
    weights = np.random.default_rng(0).uniform(0.5, 2, len(y))
    both = MLPClassifier(class_weight={2: 3.0}, engine=engine, **QUICK).fit(X, y, weights)
    product = MLPClassifier(engine=engine, **QUICK).fit(X, y, np.where(y == 2, 3.0, 1.0) * weights)
    np.testing.assert_array_equal(both.predict_proba(X), product.predict_proba(X))


def test_balanced_classes_weigh_alike_though_the_examples_do_not(problem) -> None:
    X, y = problem("iris")
    weights = np.where(y == 0, 7.0, 1.0)
    given = MLPClassifier(class_weight="balanced", alpha=0.0, engine="reference", **QUICK).fit(X, y, weights)
    plain = MLPClassifier(alpha=0.0, engine="reference", **QUICK).fit(X, y)
    np.testing.assert_allclose(given.predict_proba(X), plain.predict_proba(X), rtol=1e-6)


def test_a_rare_class_is_found_when_it_is_weighed(engine) -> None:
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(480, 2)), rng.normal(size=(20, 2)) + 1.2])
    y = np.repeat(["often", "rare"], [480, 20])
    found = [
        (MLPClassifier(class_weight=each, engine=engine, **QUICK).fit(X, y).predict(X[480:]) == "rare").mean()
        for each in (None, "balanced")
    ]
    assert found[0] < 0.4 < 0.7 < found[1]


def test_weights_of_labels_are_a_list_as_in_scikit_learn(problem) -> None:
    X, Y = problem("several labels")
    given = [{0: 1.0, 1: 1.0 + column} for column in range(4)]
    by_class = MLPClassifier(class_weight=given, engine="reference", **QUICK).fit(X, Y)
    by_example = MLPClassifier(engine="reference", **QUICK).fit(X, Y, compute_sample_weight(given, Y))
    np.testing.assert_array_equal(by_class.predict_proba(X), by_example.predict_proba(X))


# -- what is added to a step -------------------------------------------------------------------------------------------


def test_dropout_makes_overfitting_slower_and_is_absent_from_predictions(engine) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 20)), rng.integers(0, 2, 80)  # nothing to learn, all to memorise
    settings = {"engine": engine, **QUICK, "hidden_layer_sizes": (50,), "max_iter": 60}
    by_heart = MLPClassifier(**settings).fit(X, y)
    left_out = MLPClassifier(dropout=0.5, input_dropout=0.2, **settings).fit(X, y)
    assert log_loss(y, left_out.predict_proba(X)) > 2 * log_loss(y, by_heart.predict_proba(X))
    np.testing.assert_array_equal(left_out.predict_proba(X), left_out.predict_proba(X))


def test_smoothed_labels_keep_probabilities_from_the_ends(engine, problem) -> None:
    X, y = problem("iris")
    settings = {"engine": engine, "solver": "lbfgs", "random_state": 0, "max_iter": 500}
    for labels, classes in ((y, 3), (y > 1, 2)):
        sure = MLPClassifier(**settings).fit(X, labels).predict_proba(X)
        smooth = MLPClassifier(label_smoothing=0.3, **settings).fit(X, labels).predict_proba(X)
        assert sure.max() > 0.999
        # A label is 0.7 + 0.3/k where all examples like it have it; no more is wanted of any probability.
        assert np.quantile(smooth.max(axis=1), 0.9) == pytest.approx(0.7 + 0.3 / classes, abs=0.05)


def test_the_loss_with_smoothed_labels_is_the_equations(problem) -> None:
    X, y = problem("iris")
    estimator = MLPClassifier(label_smoothing=0.2, engine="reference", alpha=0.0, **QUICK)
    estimator.fit(X, y, X_val=X, y_val=y)
    z = estimator.network_.forward(X).logits
    expected = CrossEntropy(label_smoothing=0.2).of_batch(z, y)
    assert column(estimator, "validation_loss")[-1] == pytest.approx(expected, rel=1e-12)


def test_decay_pulls_weights_in_without_entering_the_loss(kind, engine, problem) -> None:
    X, y = problem("iris")
    settings = {"solver": "adamw", "alpha": 0.0, "engine": engine, **QUICK, "max_iter": 60}
    norms = [
        sum((W**2).sum() for W in kind(weight_decay=decay, **settings).fit(X, y).coefs_) for decay in (0.0, 1.0, 10.0)
    ]
    assert norms[0] > norms[1] > norms[2]
    adam = kind(**{**settings, "solver": "adam"}).fit(X, y)
    assert sum((W**2).sum() for W in adam.coefs_) == norms[0]


def test_a_gradient_that_is_cut_takes_a_step_no_longer_than_its_bound(kind, engine, problem) -> None:
    X, y = problem("iris")
    settings = {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.1, "max_iter": 1, "random_state": 0}
    start = kind(**{**settings, "learning_rate_init": 1e-300}, engine=engine).fit(X, y)

    def step(**more):
        after = kind(engine=engine, **settings, **more).fit(X, y)
        moved = [
            a - b for a, b in zip([*after.coefs_, *after.intercepts_], [*start.coefs_, *start.intercepts_], strict=True)
        ]
        return sqrt(sum((each**2).sum() for each in moved))

    free = step()
    assert step(max_grad_norm=100.0) == free
    assert free > 0.1 * 0.01
    assert step(max_grad_norm=0.01) == pytest.approx(0.1 * 0.01, rel=1e-9)


def test_no_neuron_grows_longer_than_its_bound(kind, engine, problem) -> None:
    X, y = problem("iris")
    settings = {
        "hidden_layer_sizes": (6,),
        "max_iter": 20,
        "random_state": 0,
        "learning_rate_init": 0.05,
        "engine": engine,
    }
    free, bound = kind(**settings).fit(X, y), kind(max_norm=0.7, **settings).fit(X, y)
    assert max(np.linalg.norm(W, axis=0).max() for W in free.coefs_) > 0.8
    assert max(np.linalg.norm(W, axis=0).max() for W in bound.coefs_) <= 0.7 * (1 + 1e-12)


def test_the_mean_of_the_last_epochs_is_kept(kind, engine, problem) -> None:
    X, y = problem("iris")
    settings = {"hidden_layer_sizes": (6,), "random_state": 0, "solver": "sgd", "momentum": 0.0, "engine": engine}
    ends = [kind(max_iter=epochs, **settings).fit(X, y).coefs_ for epochs in (3, 4, 5)]
    mean = kind(max_iter=5, average_epochs=3, **settings).fit(X, y)
    for layer, W in enumerate(mean.coefs_):
        np.testing.assert_allclose(W, np.mean([coefs[layer] for coefs in ends], axis=0), rtol=1e-9, atol=1e-12)


SCHEDULES = {
    "constant": lambda t, T: np.ones(len(t)),
    "linear": lambda t, T: 1 - t / T,
    "cosine": lambda t, T: (1 + np.cos(pi * t / T)) / 2,
    "one-cycle": lambda t, T: np.where(t < 0.3 * T, t / (0.3 * T), (1 + np.cos(pi * (t - 0.3 * T) / (0.7 * T))) / 2),
}


@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_any_schedule_goes_with_any_solver(schedule, solver, kind, engine, problem) -> None:
    X, y = problem("iris")
    estimator = kind(learning_rate=schedule, solver=solver, engine=engine, batch_size=50, tol=0, **QUICK).fit(X, y)
    last_steps = 3 * np.arange(12) + 2  # three batches an epoch; an epoch's record tells its last rate
    expected = 0.02 * SCHEDULES[schedule](last_steps, 36)
    np.testing.assert_allclose(column(estimator, "learning_rate"), expected, rtol=1e-12)


def test_the_rate_warms_up_before_its_schedule(kind, problem) -> None:
    X, y = problem("iris")
    estimator = kind(learning_rate="linear", warm_up=4, engine="reference", **QUICK).fit(X, y)
    expected = 0.02 * np.concatenate([np.arange(1, 5) / 4, 1 - np.arange(8) / 8])
    np.testing.assert_allclose(column(estimator, "learning_rate"), expected, rtol=1e-12)


@pytest.mark.parametrize("schedule", ["invscaling", "adaptive"])
def test_scikit_learns_own_schedules_go_with_adam_too(schedule, kind, problem) -> None:
    X, y = problem("iris")
    settings = {"learning_rate": schedule, "n_iter_no_change": 2, "tol": 0.5, "engine": "reference"}
    learned_at = column(kind(**settings, **QUICK).fit(X, y), "learning_rate")
    assert learned_at == sorted(learned_at, reverse=True)
    assert learned_at[0] == 0.02 > 2 * learned_at[-1]


# -- activations -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_learns(activation, kind, engine, problem) -> None:
    X, y = problem("iris")
    estimator = kind(activation=activation, engine=engine, batch_size=30, **{**QUICK, "max_iter": 40}).fit(X, y)
    assert estimator.score(X, y) > 0.8


def test_each_layer_bends_in_its_own_way(kind, engine, problem, bits) -> None:
    X, y = problem("iris")
    settings = {"engine": engine, **QUICK, "hidden_layer_sizes": (6, 5)}
    mixed = kind(activation=["tanh", "gelu"], **settings).fit(X, y)
    assert [hidden.activation for hidden in mixed.network_.architecture.hidden] == ["tanh", "gelu"]
    assert bits(kind(activation=("tanh", "gelu"), **settings).fit(X, y)) == bits(mixed)
    assert bits(kind(activation=("gelu", "tanh"), **settings).fit(X, y)) != bits(mixed)
    assert bits(kind(activation=["tanh", "tanh"], **settings).fit(X, y)) == bits(
        kind(activation="tanh", **settings).fit(X, y)
    )


# -- losses ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def skewed():
    """Numbers whose noise has a long tail upwards, scattered by what x is: their mean, median and quantiles differ."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 3000)
    return x[:, np.newaxis], x + rng.exponential(1.0, 3000) * (1.2 + x)


LONG = {
    "hidden_layer_sizes": (10,),
    "activation": "tanh",
    "learning_rate_init": 0.02,
    "max_iter": 60,
    "random_state": 0,
}


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
def test_a_quantile_lies_above_its_share(q, engine, skewed) -> None:
    X, y = skewed
    estimator = MLPRegressor("quantile", quantile=q, engine=engine, learning_rate="cosine", **LONG).fit(
        X[:2000], y[:2000]
    )
    covered = (y[2000:] <= estimator.predict(X[2000:])).mean()
    noise = sqrt(q * (1 - q) / 1000) + sqrt(
        q * (1 - q) / 2000
    )  # of counting the one part, and of learning from the other
    assert abs(covered - q) < 3 * noise


def test_the_absolute_error_learns_the_median_and_the_squared_one_the_mean(engine, skewed) -> None:
    X, y = skewed
    predictions = {
        loss: MLPRegressor(loss, engine=engine, learning_rate="cosine", **LONG).fit(X, y).predict(X).mean()
        for loss in ("absolute_error", "squared_error")
    }
    scale = (1.2 + X[:, 0]).mean()  # the exponential distribution has mean 1 and median ln 2
    noise = 3 * scale / sqrt(len(y))
    assert predictions["squared_error"] == pytest.approx(X.mean() + scale, abs=noise)
    assert predictions["absolute_error"] == pytest.approx(X.mean() + np.log(2) * scale, abs=noise)


def test_huber_is_between_them(engine, skewed) -> None:
    X, y = skewed

    def mean(loss, **settings):
        return MLPRegressor(loss, engine=engine, learning_rate="cosine", **settings, **LONG).fit(X, y).predict(X).mean()

    near = [mean("absolute_error"), mean("huber", delta=0.1), mean("huber", delta=1.0), mean("squared_error")]
    assert near == sorted(near)
    assert near[3] - near[2] > 0.02
    assert near[2] - near[1] > 0.02
    assert mean("huber", delta=1e6) == pytest.approx(near[3], abs=1e-6)


def test_counts_are_learned_on_their_logarithm(engine, problem) -> None:
    X, y = problem("counts")
    estimator = MLPRegressor("poisson", hidden_layer_sizes=(), solver="lbfgs", alpha=0.0, engine=engine).fit(X, y)
    assert estimator.out_activation_ == "exp"
    assert (estimator.predict(X) > 0).all()
    # The counts were drawn with these; the noise of an estimate is about one over the root of all that was counted.
    np.testing.assert_allclose(estimator.coefs_[0][:, 0], [0.8, -0.4, 0.0], atol=4 / sqrt(y.sum()))
    np.testing.assert_allclose(estimator.predict(X).sum(), y.sum(), rtol=1e-4)


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "quantile", "poisson"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_several_numbers_are_learned_with_any_loss(loss, solver, engine, problem) -> None:
    X, y = problem("numbers")
    y = np.abs(y)
    estimator = MLPRegressor(loss, solver=solver, engine=engine, **QUICK).fit(X, y)
    assert estimator.predict(X).shape == y.shape
    first = estimator.history_[0]["loss"]
    assert estimator.loss_ < first


# -- a validation set of the user's ------------------------------------------------------------------------------------


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


# -- who listens -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_plain_functions_hear_of_each_epoch_and_may_end_it(solver, kind, engine, problem) -> None:
    X, y = problem("iris")
    heard: list[EpochRecord] = []

    def listen(record: EpochRecord) -> bool:
        heard.append(record)
        return record.epoch == 4

    estimator = kind(callbacks=listen, solver=solver, engine=engine, **QUICK).fit(X, y)
    assert [record.epoch for record in heard] == [1, 2, 3, 4]
    assert estimator.n_iter_ == 4
    assert [record.loss for record in heard] == column(estimator, "loss")
    assert kind(callbacks=[lambda record: None, listen], solver=solver, engine=engine, **QUICK).fit(X, y).n_iter_ == 4


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_listener_may_be_an_object(solver, kind, problem) -> None:
    X, y = problem("iris")

    class Third(Callback):
        def on_epoch(self, record: EpochRecord) -> bool:
            return np.bool_(record.epoch == 3)

    assert kind(callbacks=[Third()], solver=solver, engine="reference", **QUICK).fit(X, y).n_iter_ == 3


def test_whoever_says_anything_but_true_ends_nothing(kind, problem) -> None:
    X, y = problem("iris")
    assert kind(callbacks=lambda record: "yes, go on", engine="reference", **QUICK).fit(X, y).n_iter_ == 12


def test_what_a_listener_raises_arrives_and_nothing_is_half_done(kind, problem) -> None:
    X, y = problem("iris")

    def fails(record: EpochRecord) -> None:
        raise RuntimeError("the disk of the listener is full")

    estimator = kind(callbacks=fails, engine="reference", **QUICK)
    with pytest.raises(RuntimeError, match="the disk of the listener is full"):
        estimator.fit(X, y)
    assert not hasattr(estimator, "coefs_")


def test_a_bar_is_shown_where_it_is_asked_for(kind, engine, problem, capsys) -> None:
    X, y = problem("iris")
    kind(progress_bar=True, engine=engine, **QUICK).fit(X, y)
    assert "12/12" in capsys.readouterr().out
    kind(engine=engine, **QUICK).fit(X, y)
    assert not capsys.readouterr().out


class Recorder:
    """A callback by scikit-learn's protocol that writes down what it is told, and may stop."""

    def __init__(self, stop_at: int | None = None, *, scores: bool = True) -> None:
        self.said: list[str] = []
        self.scores: list[float] = []
        self.stop_at, self.takes_scores = stop_at, scores

    def setup(self, estimator, context) -> None:
        self.said.append("setup")

    def teardown(self, estimator, context) -> None:
        self.said.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, fitted_estimator=None) -> None:
        self.said.append(f"begin {context.task_name} {context.task_id}")

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None) -> bool:
        self.said.append(f"end {context.task_name} {context.task_id}")
        if self.takes_scores:
            self.scores.append(fitted_estimator.score(X, y))
        return context.task_name == "epoch" and context.task_id == self.stop_at


def told(epochs: int) -> list[str]:
    each = [f"{what} epoch {number}" for number in range(epochs) for what in ("begin", "end")]
    return ["setup", "begin fit 0", *each, "end fit 0", "teardown"]


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_scikit_learns_callbacks_hear_of_each_epoch_and_may_end_it(solver, kind, engine, problem) -> None:
    pytest.importorskip("sklearn.callback")
    X, y = problem("iris")
    recorder = Recorder()
    estimator = kind(solver=solver, engine=engine, **QUICK).set_callbacks(recorder).fit(X, y)
    assert recorder.said == told(12)
    assert recorder.scores[-1] == estimator.score(X, y)
    assert len(set(recorder.scores)) > 3  # each epoch's own network was asked
    recorder = Recorder(stop_at=4)
    assert kind(solver=solver, engine=engine, **QUICK).set_callbacks(recorder).fit(X, y).n_iter_ == 5
    assert recorder.said == told(5)


def test_no_epoch_begins_that_never_comes(kind, engine, problem) -> None:
    pytest.importorskip("sklearn.callback")
    X, y = problem("iris")
    endings = ({"tol": 1.0, "n_iter_no_change": 2}, {"callbacks": lambda record: record.epoch == 3})
    for ending in endings:
        recorder = Recorder()
        estimator = kind(engine=engine, **ending, **QUICK).set_callbacks(recorder).fit(X, y)
        assert estimator.n_iter_ < 12
        assert recorder.said == told(estimator.n_iter_)


def test_a_refused_fit_is_told_of_in_order(kind, problem) -> None:
    pytest.importorskip("sklearn.callback")
    X, y = problem("iris")
    recorder = Recorder(scores=False)
    with pytest.raises(ValueError, match="non-finite"):
        kind(engine="reference", learning_rate_init=1e200, max_iter=3).set_callbacks(recorder).fit(X, y)
    assert recorder.said[0] == "setup"
    assert recorder.said[-1] == "teardown"


def test_scikit_learns_monitor_scores_each_epoch_within_a_search(kind, problem) -> None:
    callback = pytest.importorskip("sklearn.callback")
    X, y = problem("iris")
    monitor = callback.ScoringMonitor(scoring="r2" if kind is MLPRegressor else "accuracy")
    estimator = kind(engine="reference", **QUICK).set_callbacks(monitor)
    GridSearchCV(estimator, {"alpha": [0.1, 0.2]}, cv=2, n_jobs=1).fit(X, y)
    logs = monitor.get_logs(select="all")
    epochs = [row for log in logs for row in log.data if row["task_name"] == "epoch"]
    assert len(epochs) == 12 * 5  # two parameters on two folds, and the best on all


def test_scikit_learns_bar_shows_epochs(kind, problem, capsys) -> None:
    callback = pytest.importorskip("sklearn.callback")
    X, y = problem("iris")
    kind(engine="reference", **QUICK).set_callbacks(callback.ProgressBar()).fit(X, y)
    assert kind.__name__ in capsys.readouterr().out


# -- looking in, and who computes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("standardize", [False, True])
def test_hidden_activations_are_those_of_a_forward_pass_by_hand(standardize, kind, engine, problem) -> None:
    X, y = problem("iris")
    X = X * 3 + 5
    estimator = kind(
        activation=["tanh", "relu"], standardize=standardize, engine=engine, **{**QUICK, "hidden_layer_sizes": (7, 4)}
    )
    estimator.fit(X, y)
    x = StandardScaler().fit_transform(X) if standardize else X
    W, b = estimator.coefs_, estimator.intercepts_
    first = np.tanh(x @ W[0] + b[0])
    second = np.maximum(first @ W[1] + b[1], 0)
    for layer, expected in ((0, first), (1, second), (-1, second), (-2, first)):
        np.testing.assert_allclose(estimator.hidden_activations(X, layer), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(estimator.hidden_activations(X), estimator.hidden_activations(X, 1))
    for layer in (2, -3):
        with pytest.raises(ValueError, match=rf"layer is {layer}, but the network has 2 hidden layer\(s\)"):
            estimator.hidden_activations(X, layer)


def test_the_history_tells_of_each_epoch(kind, engine, problem) -> None:
    X, y = problem("iris")
    estimator = kind(engine=engine, **QUICK).fit(X, y)
    assert column(estimator, "epoch") == list(range(1, 13))
    assert column(estimator, "loss") == estimator.loss_curve_
    assert all(seconds > 0 for seconds in column(estimator, "seconds"))
    accuracies = column(estimator, "accuracy")
    if kind is MLPClassifier:
        assert accuracies[0] < accuracies[-1] <= 1
    else:
        assert set(accuracies) == {None}
    assert set(column(estimator, "validation_loss")) == {None}


def test_standardizing_is_scaling_beforehand(kind, engine, problem) -> None:
    X, y = problem("iris")
    X = X * [1, 50, 0.01, 3] + [0, 500, 3, -7]
    inside = kind(standardize=True, engine=engine, **QUICK).fit(X, y)
    scaler = StandardScaler().fit(X)
    outside = kind(engine=engine, **QUICK).fit(scaler.transform(X), y)
    np.testing.assert_allclose(inside.predict(X), outside.predict(scaler.transform(X)), rtol=1e-6)
    np.testing.assert_allclose(inside.network_.architecture.scaling.offsets, scaler.mean_)


@pytest.mark.parametrize("precision", ["float32", "float64", "bfloat16"])
def test_the_precision_may_be_another_than_that_of_the_examples(precision, kind, native, problem) -> None:
    X, y = problem("iris")
    dtype = "float64" if precision == "float64" else "float32"
    for of_X in (np.float64, np.float32):
        estimator = kind(precision=precision, engine=native, batch_size=30, **QUICK).fit(X.astype(of_X), y)
        assert {W.dtype for W in [*estimator.coefs_, *estimator.intercepts_]} == {np.dtype(dtype)}
        assert estimator.score(X, y) > 0.8
    usual = kind(engine=native, batch_size=30, **QUICK).fit(X, y)
    errors = {"float32": 1e-3, "float64": 1e-3, "bfloat16": 0.5}[precision]
    np.testing.assert_allclose(estimator.loss_, usual.loss_, rtol=errors)


def test_rounding_products_to_bfloat16_changes_the_bits_and_little_else(kind, native, problem, bits) -> None:
    X, y = problem("iris")
    settings = {"engine": native, **QUICK}
    rounded, single = (kind(precision=precision, **settings).fit(X, y) for precision in ("bfloat16", "float32"))
    assert bits(rounded) != bits(single)
    assert rounded.loss_ == pytest.approx(single.loss_, rel=0.1)


def test_the_engine_that_is_named_computes(kind, engine, problem) -> None:
    X, y = problem("iris")
    assert kind(engine=engine, **QUICK).fit(X, y).network_.engine.name == engine


def test_the_number_of_threads_is_that_of_the_parameter(kind, native, problem) -> None:
    X, y = problem("iris")
    assert kind(engine=native, n_threads=3, **QUICK).fit(X, y).network_.engine.threads == 3


def test_engines_agree(kind, native, problem) -> None:
    X, y = problem("iris")
    ours = [kind(engine=engine, dropout=0.2, max_grad_norm=1.0, **QUICK).fit(X, y) for engine in ("reference", native)]
    np.testing.assert_allclose(ours[0].loss_curve_, ours[1].loss_curve_, rtol=1e-9)


def test_losses_are_the_equations_own(problem) -> None:
    X, y = problem("diabetes")
    y = y / 100
    for name, loss, settings in (("squared_error", SquaredError(), {}), ("huber", Huber(0.5), {"delta": 0.5})):
        estimator = MLPRegressor(name, engine="reference", **settings, **QUICK).fit(X, y, X_val=X, y_val=y)
        expected = loss.of_batch(estimator.predict(X)[:, np.newaxis], y[:, np.newaxis])
        assert column(estimator, "validation_loss")[-1] == pytest.approx(expected, rel=1e-12)
