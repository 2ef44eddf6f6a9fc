"""What scikit-learn's estimators mean, ours mean: the same names, the same steps from the same start, the same quality."""

from __future__ import annotations

import inspect
import os
import signal
import threading
import time
from math import sqrt
from numbers import Integral, Real

import numpy as np
import pytest
import sklearn.neural_network
from sklearn.model_selection import train_test_split

import pellucid
from pellucid import MLPClassifier, MLPRegressor
from pellucid.engines import StoppedError
from pellucid.estimators import searching

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings(
        "ignore:scipy.optimize. The `disp` and `iprint` options:DeprecationWarning"
    ),  # old theirs
]

HAS_WEIGHTS = "sample_weight" in inspect.signature(sklearn.neural_network.MLPClassifier.fit).parameters
HAS_POISSON = "loss" in inspect.signature(sklearn.neural_network.MLPRegressor).parameters

# scikit-learn adds Adam's epsilon before the bias is corrected, ours after, as the equation [adam] says: none is added here.
OURS = {"engine": "reference", "hidden_layer_sizes": (5, 6), "random_state": 0, "shuffle": False, "epsilon": 1e-30}
EPOCHS = 4
CLASSES = ("iris", "two classes", "several labels")
NUMBERS = ("a number", "numbers")
PROBLEMS = (*CLASSES, *NUMBERS)


def ours_for(name: str, **parameters):
    return (MLPClassifier if name in CLASSES else MLPRegressor)(**{**OURS, **parameters})


def assert_alike(ours, theirs, epochs: int, n: int) -> None:
    """Compare parameters and losses: each step adds up n terms, in another order, and passes the difference on."""
    tolerance = 8 * n * epochs * np.finfo(ours.coefs_[0].dtype).eps
    for mine, other in zip([*ours.coefs_, *ours.intercepts_], [*theirs.coefs_, *theirs.intercepts_], strict=True):
        assert mine.dtype == other.dtype
        np.testing.assert_allclose(mine, other, rtol=0, atol=tolerance * max(1, np.abs(other).max()))
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=tolerance)


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_every_parameter_of_theirs_is_ours_with_its_default_and_place(name) -> None:
    theirs = list(inspect.signature(getattr(sklearn.neural_network, name)).parameters.values())
    ours = list(inspect.signature(getattr(pellucid, name)).parameters.values())
    if name == "MLPRegressor" and not HAS_POISSON:
        ours.remove(next(each for each in ours if each.name == "loss"))
    for mine, other in zip(ours, theirs, strict=False):
        assert (mine.name, mine.kind, mine.default) == (other.name, other.kind, other.default)
    assert len(ours) > len(theirs)


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_every_method_of_theirs_is_ours_with_its_parameters(name) -> None:
    theirs, ours = getattr(sklearn.neural_network, name), getattr(pellucid, name)
    methods = [each for each in dir(theirs) if not each.startswith("_") and callable(getattr(theirs(), each))]
    assert {"fit", "partial_fit", "predict", "score"} <= set(methods)
    for each in methods:
        wanted = inspect.signature(getattr(theirs(), each)).parameters
        got = inspect.signature(getattr(ours(), each)).parameters
        assert set(wanted) <= set(got), each
        positional = [p for p in wanted if wanted[p].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
        if HAS_WEIGHTS:  # before 1.7 partial_fit had its classes where now the weights are
            assert list(got)[: len(positional)] == positional, each


FAMILIES = (str, Integral, Real, list, tuple, np.ndarray, type(None))


@pytest.mark.parametrize("settings", [{}, {"solver": "lbfgs"}, {"early_stopping": True}, {"solver": "sgd"}], ids=str)
@pytest.mark.parametrize("name", PROBLEMS)
def test_every_fitted_attribute_of_theirs_is_ours(name, settings, problem, like) -> None:
    X, y = problem(name)
    ours = ours_for(name, max_iter=3, **settings)
    theirs = like(ours, X, y).fit(X, y)
    ours.fit(X, y)
    public = [each for each in vars(theirs) if each.endswith("_") and not each.startswith("_") and each != "rates_"]
    assert {"coefs_", "intercepts_", "n_iter_", "loss_", "n_features_in_", "out_activation_"} <= set(public)
    for each in public:
        wanted, got = getattr(theirs, each), getattr(ours, each)
        kinds = [next(family for family in FAMILIES if isinstance(value, family)) for value in (wanted, got)]
        assert kinds[0] is kinds[1], each
        if isinstance(wanted, list):
            assert [np.shape(item) for item in got] == [np.shape(item) for item in wanted], each
        elif not isinstance(wanted, float):  # what is counted or named is the same, what is measured has the same form
            np.testing.assert_array_equal(got, wanted, err_msg=each)


# -- steps -------------------------------------------------------------------------------------------------------------

SOLVERS = {
    "plain": {"solver": "sgd", "momentum": 0.0},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False},
    "nesterov": {"solver": "sgd"},
    "adam": {"solver": "adam", "beta_1": 0.8, "beta_2": 0.99},
}


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_steps_on_all_examples_are_theirs(name, activation, solver, problem, like) -> None:
    X, y = problem(name)
    settings = {
        "activation": activation,
        "batch_size": len(X),
        "learning_rate_init": 0.05,
        "alpha": 0.3,
        "max_iter": EPOCHS,
    }
    ours = ours_for(name, **settings, **SOLVERS[solver])
    theirs = like(ours, X, y).fit(X, y)
    ours.fit(X, y)
    if name == "numbers":  # scikit-learn follows the slope of the sum over the outputs, but tells of their mean
        theirs.loss_ = ours.loss_
    assert_alike(ours, theirs, EPOCHS, len(X))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", ["iris", "two classes", "a number"])
def test_steps_on_batches_are_theirs_to_the_last_smaller_one(name, solver, engine, problem, like) -> None:
    X, y = problem(name)
    settings = {"batch_size": 32, "learning_rate_init": 0.01, "alpha": 0.3, "max_iter": EPOCHS, "engine": engine}
    ours = ours_for(name, activation="tanh", **settings, **SOLVERS[solver])
    theirs = like(ours, X, y).fit(X, y)
    assert_alike(ours.fit(X, y), theirs, EPOCHS, len(X))
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=8 * len(X) * EPOCHS * np.finfo(float).eps)


@pytest.mark.skipif(not HAS_WEIGHTS, reason="this scikit-learn's own estimators have no sample_weight")
@pytest.mark.parametrize("solver", ["nesterov", "adam"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_weighted_steps_are_theirs(name, solver, engine, problem, like) -> None:
    X, y = problem(name)
    weights = np.random.default_rng(0).uniform(0, 3, len(X))
    ours = ours_for(
        name, activation="tanh", batch_size=40, alpha=0.3, max_iter=EPOCHS, engine=engine, **SOLVERS[solver]
    )
    theirs = like(ours, X, y).fit(X, y, weights)
    ours.fit(X, y, weights)
    if name == "numbers":
        theirs.loss_ = ours.loss_
    assert_alike(ours, theirs, EPOCHS, len(X))


@pytest.mark.skipif(not HAS_POISSON, reason="this scikit-learn's own regressor has no loss for counts")
def test_steps_on_counts_are_theirs(engine, problem, like) -> None:
    X, y = problem("counts")
    ours = MLPRegressor(loss="poisson", max_iter=EPOCHS, **{**OURS, "engine": engine})
    theirs = like(ours, X, y).fit(X, y)
    assert_alike(ours.fit(X, y), theirs, EPOCHS, len(X))
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-10)


def test_float32_steps_are_theirs(engine, problem, like) -> None:
    X, y = problem("iris")
    X = X.astype(np.float32)
    ours = ours_for("iris", max_iter=EPOCHS, engine=engine, **SOLVERS["nesterov"])
    theirs = like(ours, X, y).fit(X, y)
    assert_alike(ours.fit(X, y), theirs, EPOCHS, len(X))


@pytest.mark.parametrize("of_X", ["float64", "float32", "float16", "int64", "int8", "bool"])
def test_the_types_of_numbers_are_theirs(of_X, engine, problem, like) -> None:
    X, y = problem("iris")
    X = (X > 0).astype(of_X)
    ours = ours_for("iris", max_iter=2, engine=engine)
    theirs = like(ours, X, y).fit(X, y)
    ours.fit(X, y)
    assert [W.dtype for W in ours.coefs_] == [W.dtype for W in theirs.coefs_]
    assert ours.predict_proba(X).dtype == theirs.predict_proba(X).dtype
    number = ours_for("a number", max_iter=2, engine=engine)
    assert number.fit(X, y).predict(X).dtype == like(number, X, y).fit(X, y).predict(X).dtype


@pytest.mark.parametrize("name", ["iris", "two classes", "several labels", "a number"])
def test_lbfgs_takes_their_way_down(name, engine, problem, like) -> None:
    X, y = problem(name)
    ours = ours_for(name, solver="lbfgs", activation="tanh", alpha=1.0, max_iter=10, engine=engine)
    theirs = like(ours, X, y).fit(X, y)
    ours.fit(X, y)
    assert ours.n_iter_ == theirs.n_iter_
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=1e-8)  # rounding grows tenfold with an iteration at most


@pytest.mark.parametrize("name", ["iris", "two classes", "several labels", "a number"])
def test_lbfgs_finds_the_bottom_where_there_is_one(name, engine, problem, like) -> None:
    X, y = problem(name)
    settings = {"hidden_layer_sizes": (), "solver": "lbfgs", "alpha": 1.0, "tol": 1e-7, "max_iter": 500}
    ours = ours_for(name, engine=engine, **settings)
    theirs = like(ours, X, y).fit(X, y)
    ours.fit(X, y)
    # At a minimum the loss is off by about the gradient's square over the curvature, which is at least alpha/n.
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=0, atol=ours.coefs_[0].size * 1e-14 * len(X))


def test_predictions_are_theirs_where_the_parameters_are(engine, problem, like) -> None:
    for name in PROBLEMS:
        X, y = problem(name)
        ours = ours_for(name, max_iter=3, engine=engine)
        theirs = like(ours, X, y).fit(X, y)
        ours.fit(X, y)
        ours.coefs_, ours.intercepts_ = [W.copy() for W in theirs.coefs_], [b.copy() for b in theirs.intercepts_]
        eps = 64 * np.finfo(float).eps
        if name in CLASSES:
            np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
            np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=64 * eps)
            np.testing.assert_allclose(ours.predict_log_proba(X), theirs.predict_log_proba(X), rtol=64 * eps, atol=eps)
        else:
            np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=64 * eps, atol=eps)
        assert ours.score(X, y) == pytest.approx(theirs.score(X, y), rel=1e-12)


@pytest.mark.parametrize("name", [*PROBLEMS, "counts"])
def test_a_row_on_its_own_is_answered_as_in_a_batch(name, engine, problem) -> None:
    X, y = problem(name)
    kind = MLPClassifier if name in CLASSES else MLPRegressor
    more = {"loss": "poisson"} if name == "counts" else {}
    fitted = kind(engine=engine, max_iter=3, random_state=0, **more).fit(X, y)
    # One by one the rows go the quick way, and give the same bits natively; NumPy's products depend on how many they are.
    tolerance = 0 if engine == "native" else 64 * np.finfo(float).eps
    for ask in (fitted.predict, *([fitted.predict_proba] if name in CLASSES else [])):
        together = ask(X[:20].tolist())
        for row in range(20):
            alone = ask(X[row : row + 1])
            assert (alone.shape, alone.dtype) == ((1, *together.shape[1:]), together.dtype)
            np.testing.assert_allclose(alone[0], together[row], rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(fitted.network_.predict(X[3]), fitted.predict(X[3:4])[0])


def test_what_is_printed_is_theirs(problem, capsys, like) -> None:
    X, y = problem("two classes")
    ours = ours_for("two classes", verbose=True, early_stopping=True, max_iter=200, tol=0.1, n_iter_no_change=2)
    theirs = like(ours, X, y).fit(X, y)
    wanted = capsys.readouterr().out
    ours.fit(X, y)
    assert capsys.readouterr().out == wanted
    assert wanted.splitlines()[-1].startswith("Validation score did not improve")
    assert theirs.n_iter_ == ours.n_iter_


# -- randomness --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, {"early_stopping": True}, {"dropout": 0.3}, {"solver": "lbfgs"}], ids=str)
def test_the_same_seed_gives_the_same_bits(settings, kind, engine, problem, bits) -> None:
    X, y = problem("iris")
    settings = {"engine": engine, "max_iter": 5, **settings}
    first = kind(random_state=3, **settings).fit(X, y)
    assert bits(kind(random_state=3, **settings).fit(X, y)) == bits(first)
    assert bits(first.fit(X, y)) == bits(kind(random_state=3, **settings).fit(X, y))
    assert bits(kind(random_state=4, **settings).fit(X, y)) != bits(first)


def test_a_generator_gives_another_network_each_time(kind, problem, bits) -> None:
    X, y = problem("iris")
    one, other = np.random.RandomState(0), np.random.RandomState(0)
    twice = [bits(kind(random_state=one, max_iter=2, engine="reference").fit(X, y)) for _ in range(2)]
    assert twice[0] != twice[1]
    assert [bits(kind(random_state=other, max_iter=2, engine="reference").fit(X, y)) for _ in range(2)] == twice


@pytest.mark.parametrize("settings", [{}, {"dropout": 0.3, "max_grad_norm": 1.0}, {"solver": "lbfgs"}], ids=str)
def test_any_number_of_threads_gives_the_same_bits(settings, kind, native, problem, bits) -> None:
    X, y = problem("digits")
    settings = {"hidden_layer_sizes": (64, 32), "max_iter": 3, "random_state": 0, "engine": native, **settings}
    fitted = [kind(n_threads=threads, **settings).fit(X, y) for threads in (1, 2, 3)]
    assert bits(fitted[0]) == bits(fitted[1]) == bits(fitted[2])
    np.testing.assert_array_equal(fitted[0].predict(X), fitted[2].predict(X))


def test_ctrl_c_keeps_what_was_learned(kind, engine, problem) -> None:
    X, y = problem("iris")

    def press(record) -> None:
        if record.epoch == 3:
            signal.raise_signal(signal.SIGINT)

    estimator = kind(engine=engine, callbacks=press, max_iter=20)
    with pytest.warns(UserWarning, match=r"Training interrupted by user\."):
        estimator.fit(X, y)
    assert estimator.n_iter_ == len(estimator.loss_curve_) == 3
    assert len(estimator.predict(X)) == len(X)


def test_ctrl_c_is_heard_within_an_iteration_of_lbfgs(kind, native, problem, monkeypatch, tmp_path) -> None:
    X, y = problem("digits")
    X, y = np.tile(X, (60, 1)), np.tile(y, 60)  # an iteration takes many seconds
    estimator = kind(hidden_layer_sizes=(3_000, 1_000), solver="lbfgs", random_state=0, engine=native)
    press = threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT))
    search, ended = searching.search, []

    def pressed_in_search(*given, **named):
        press.start()
        began = time.perf_counter()
        found = search(*given, **named)
        ended.append(time.perf_counter() - began)
        return found

    monkeypatch.setattr(searching, "search", pressed_in_search)
    with pytest.warns(UserWarning, match=r"Training interrupted by user\."):
        estimator.fit(X, y)
    press.join()
    assert ended[0] < 3
    assert estimator.n_iter_ == len(estimator.history_) == 0
    assert len(estimator.predict(X[:3])) == 3
    estimator.save(tmp_path / "begun.safetensors")
    loaded = kind.load(tmp_path / "begun.safetensors")
    assert loaded.best_loss_ == estimator.best_loss_ == np.inf


def test_ctrl_c_before_the_first_iteration_leaves_an_earlier_fit_as_it_was(kind, engine, problem, monkeypatch) -> None:
    X, y = problem("iris")
    estimator = kind(solver="lbfgs", random_state=0, engine=engine, warm_start=True, max_iter=30).fit(X, y)
    before = estimator.loss_, estimator.best_loss_, estimator.n_iter_, estimator.predict(X).tolist()
    search = searching.search

    def pressed(*given, **named):
        signal.raise_signal(signal.SIGINT)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(given[0].__class__, "loss_and_gradients", stopped)
            return search(*given, **named)

    def stopped(*_given, **_named):
        raise StoppedError

    monkeypatch.setattr(searching, "search", pressed)
    with pytest.warns(UserWarning, match=r"Training interrupted by user\."):
        estimator.fit(X, y)
    assert (estimator.loss_, estimator.best_loss_, estimator.n_iter_, estimator.predict(X).tolist()) == before


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_what_was_saved_before_the_first_epoch_had_ended_learns_on(solver, kind, problem, tmp_path) -> None:
    X, y = problem("iris")
    estimator = kind(solver=solver, random_state=0, max_iter=1).fit(X, y)
    estimator.best_loss_ = np.inf  # as Ctrl-C leaves it
    estimator.save(tmp_path / "begun.safetensors")
    loaded = kind.load(tmp_path / "begun.safetensors").set_params(solver="adam")
    loaded.partial_fit(X, y)
    assert np.isfinite(loaded.best_loss_)


# -- quality -----------------------------------------------------------------------------------------------------------

SEEDS = range(8)
CONTESTS = {
    "iris": {"max_iter": 100, "learning_rate_init": 0.01},
    "wine": {"max_iter": 60, "learning_rate_init": 0.01},
    "breast cancer": {"max_iter": 60, "solver": "sgd", "learning_rate_init": 0.02},
    "digits": {"max_iter": 20, "learning_rate_init": 0.01},
    "diabetes": {"solver": "lbfgs", "alpha": 100.0, "max_iter": 60},
    "linnerud": {"max_iter": 150, "learning_rate_init": 0.03},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CONTESTS)
def test_the_quality_is_theirs_within_the_noise_of_the_seeds(name, engine, problem) -> None:
    X, y = problem(name)
    classifies = name not in ("diabetes", "linnerud")
    scores = []
    for library in (pellucid, sklearn.neural_network):
        kind = getattr(library, "MLPClassifier" if classifies else "MLPRegressor")
        settings = {
            "hidden_layer_sizes": (30,),
            **CONTESTS[name],
            **({"engine": engine} if library is pellucid else {}),
        }
        of_library = []
        for seed in SEEDS:
            X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=seed, test_size=0.3)
            of_library.append(kind(random_state=seed, **settings).fit(X_train, y_train).score(X_test, y_test))
        scores.append(np.array(of_library))
    difference = scores[0] - scores[1]  # of the same rows, so that only the start and the order differ
    noise = difference.std(ddof=1) / sqrt(len(difference))
    one_example = 1 / len(X)
    assert difference.mean() > -3 * noise - one_example


def test_the_loss_falls(kind, engine, problem) -> None:
    X, y = problem("iris")
    curve = kind(engine=engine, random_state=0, max_iter=60).fit(X, y).loss_curve_
    assert curve[-1] < curve[0] / 2
    assert len(curve) == 60


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_false_is_a_0_where_a_number_is_wanted(solver, kind, engine, problem, bits) -> None:
    X, y = problem("iris")
    names = ["alpha", *(["dropout", "input_dropout", "beta_1"] if solver == "adam" else [])]
    fits = [
        kind(solver=solver, engine=engine, max_iter=3, random_state=0, **dict.fromkeys(names, zero)).fit(X, y)
        for zero in (False, 0)
    ]
    assert bits(fits[0]) == bits(fits[1])
