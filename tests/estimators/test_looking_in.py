"""What can be seen of a fitted network, and who computed it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from pellucid import MLPClassifier, MLPRegressor
from pellucid.equations.losses import Huber, SquaredError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

QUICK = {"hidden_layer_sizes": (8,), "max_iter": 12, "learning_rate_init": 0.02, "random_state": 0}


def column(estimator, name: str) -> list:
    return [epoch[name] for epoch in estimator.history_]


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
