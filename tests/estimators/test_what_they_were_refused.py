"""What scikit-learn's users have asked for since 2014: weights of classes, steps, activations, losses."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
import pytest
from sklearn.metrics import log_loss
from sklearn.utils import compute_sample_weight

from pellucid import MLPClassifier, MLPRegressor
from pellucid.equations.activations import ACTIVATIONS
from pellucid.equations.losses import CrossEntropy

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


@pytest.mark.parametrize("class_weight", [{0: 1.0, 2: 5.0}, {0: 0.5, 1: 1.0, 2: 5.0}], ids=str)
def test_a_batch_may_lack_a_class_that_is_weighed(class_weight, engine, problem, bits) -> None:
    X, y = problem("iris")
    by_class = MLPClassifier(class_weight=class_weight, engine=engine, **QUICK)
    by_example = MLPClassifier(engine=engine, **QUICK)
    for rows in (y < 2, y > 0, y == 1):
        weights = np.array([class_weight.get(label, 1.0) for label in y[rows].tolist()])
        by_class.partial_fit(X[rows], y[rows], classes=[0, 1, 2])
        by_example.partial_fit(X[rows], y[rows], weights, classes=[0, 1, 2])
    assert bits(by_class) == bits(by_example)


def test_a_batch_may_lack_a_label_that_is_weighed(problem, bits) -> None:
    X, Y = problem("several labels")
    without = Y * [0, 1, 1, 1]
    weights = np.where(without[:, 1] == 1, 3.0, 1.0)
    given = [{1: 2.0}, {1: 3.0}, {}, {}]
    by_class = MLPClassifier(class_weight=given, engine="reference", **QUICK).partial_fit(X, without, classes=range(4))
    by_example = MLPClassifier(engine="reference", **QUICK).partial_fit(X, without, weights, classes=range(4))
    assert bits(by_class) == bits(by_example)


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


def test_a_fit_that_ends_before_there_is_a_mean_says_so(kind, problem) -> None:
    X, y = problem("iris")
    ends_early = {"solver": "sgd", "learning_rate_init": 1e-6, "n_iter_no_change": 2, "tol": 1.0, "random_state": 0}
    with pytest.warns(
        UserWarning, match="No mean was taken: it would have been that of the last 5 of 90 epochs"
    ) as all_:
        kind(max_iter=90, average_epochs=5, **ends_early).fit(X, y)
    assert __file__ in {warning.filename for warning in all_}


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
