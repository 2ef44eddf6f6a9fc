"""Who listens to a fit: plain functions, objects, bars, and callbacks by scikit-learn's protocol."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from pellucid import MLPRegressor
from pellucid.training.callbacks import Callback
from pellucid.training.history import EpochRecord

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

QUICK = {"hidden_layer_sizes": (8,), "max_iter": 12, "learning_rate_init": 0.02, "random_state": 0}


def column(estimator, name: str) -> list:
    return [epoch[name] for epoch in estimator.history_]


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


@pytest.mark.parametrize("raised", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_fit_that_is_left_by_whatever_exception_leaves_an_earlier_one_as_it_was(kind, problem, raised) -> None:
    X, y = problem("iris")
    estimator = kind(engine="reference", **QUICK).fit(X, y)
    before = estimator.predict(X).tolist()

    def fails(record: EpochRecord) -> None:
        raise raised

    estimator.callbacks = fails
    with pytest.raises(raised):
        estimator.fit(X[:, :2], y)
    estimator.callbacks = None
    assert (estimator.n_features_in_, estimator.predict(X).tolist()) == (X.shape[1], before)
    estimator.partial_fit(X, y)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_bar_is_shown_where_it_is_asked_for(solver, kind, engine, problem, capsys) -> None:
    X, y = problem("iris")
    kind(progress_bar=True, solver=solver, engine=engine, **QUICK).fit(X, y)
    assert "12/12" in capsys.readouterr().out
    kind(solver=solver, engine=engine, **QUICK).fit(X, y)
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
