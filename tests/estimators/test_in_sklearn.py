"""The estimators among scikit-learn's own tools, and with what people keep their data in."""

from __future__ import annotations

import warnings
from itertools import pairwise

import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, VotingRegressor
from sklearn.exceptions import DataConversionWarning
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.multioutput import ClassifierChain
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils import estimator_html_repr

from pellucid import MLPClassifier, MLPRegressor
from pellucid.engines import State, choose
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.beyond.extras import Extras
from pellucid.equations.losses import SquaredError
from pellucid.equations.optimizers import SGD
from pellucid.equations.random_streams import Streams
from pellucid.estimators.first_layers import first_layers
from pellucid.estimators.sparse import SparseRows, over

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

QUICK = {"hidden_layer_sizes": (8,), "max_iter": 40, "learning_rate_init": 0.02, "random_state": 0}


@pytest.fixture
def routed():
    """Let scikit-learn route metadata for the time of a test."""
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def test_a_pipeline_is_fitted_and_asked(engine, problem) -> None:
    X, y = problem("iris")
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(engine=engine, **QUICK)).fit(X, y)
    scaled = StandardScaler().fit_transform(X)
    alone = MLPClassifier(engine=engine, **QUICK).fit(scaled, y)
    np.testing.assert_array_equal(pipeline.predict_proba(X), alone.predict_proba(scaled))


def test_a_grid_is_searched_by_two_processes(engine, problem) -> None:
    X, y = problem("iris")
    grid = {"hidden_layer_sizes": [(2,), (8,)], "activation": ["relu", "gelu"]}
    found = [GridSearchCV(MLPClassifier(engine=engine, **QUICK), grid, cv=3, n_jobs=jobs).fit(X, y) for jobs in (2, 1)]
    for name in ("mean_test_score", "std_test_score"):
        np.testing.assert_array_equal(found[0].cv_results_[name], found[1].cv_results_[name])
    assert found[0].best_score_ > 0.9
    np.testing.assert_array_equal(found[0].predict(X), found[1].predict(X))


def test_cross_validation_scores_each_fold(kind, engine, problem) -> None:
    X, y = problem("iris" if is_classifier(kind()) else "diabetes")
    scores = cross_validate(kind(engine=engine, **QUICK), X, y, cv=3, return_train_score=True, return_estimator=True)
    assert np.isfinite(scores["test_score"]).all()
    assert len(scores["estimator"]) == 3


def test_probabilities_can_be_calibrated(problem) -> None:
    X, y = problem("iris")
    calibrated = CalibratedClassifierCV(MLPClassifier(**QUICK), cv=3).fit(X, y, sample_weight=np.ones(len(y)))
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1)
    assert calibrated.score(X, y) > 0.8


def test_estimators_are_stacked_and_vote(problem) -> None:
    X, y = problem("iris")
    members = [("mlp", MLPClassifier(**QUICK)), ("bayes", GaussianNB())]
    assert StackingClassifier(members, GaussianNB(), cv=3).fit(X, y).score(X, y) > 0.9
    X, y = problem("diabetes")
    voters = [("mlp", MLPRegressor(**QUICK)), ("linear", LinearRegression())]
    assert VotingRegressor(voters).fit(X, y / 100).predict(X).shape == y.shape


def test_labels_are_chained(problem) -> None:
    X, y = problem("several labels")
    chain = ClassifierChain(MLPClassifier(**QUICK), order="random", random_state=0).fit(X, y)
    assert chain.predict(X).shape == y.shape


def test_importance_is_found_where_it_is(problem) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    fitted = MLPRegressor(solver="lbfgs", random_state=0).fit(X, 3 * X[:, 1])
    importances = permutation_importance(fitted, X, 3 * X[:, 1], n_repeats=3, random_state=0).importances_mean
    assert importances.argmax() == 1
    assert importances[1] > 100 * max(abs(importances[0]), abs(importances[2]))


def test_a_frame_can_be_made_before_the_network(problem) -> None:
    pd = pytest.importorskip("pandas")
    X, y = problem("iris")
    pipeline = make_pipeline(MinMaxScaler(), MLPClassifier(**QUICK)).set_output(transform="pandas")
    pipeline.fit(pd.DataFrame(X, columns=list("abcd")), y)
    assert pipeline[-1].feature_names_in_.tolist() == list("abcd")


def test_a_clone_has_the_parameters_and_nothing_else(kind, problem) -> None:
    X, y = problem("iris")
    original = kind(activation=["tanh"], n_iter_no_change=np.inf, **QUICK).fit(X, y)
    copy = clone(original)
    assert copy.get_params() == original.get_params()
    assert not [name for name in vars(copy) if name.endswith("_") or name.startswith("_")]
    np.testing.assert_array_equal(copy.fit(X, y).predict(X), original.predict(X))


def test_parameters_are_read_and_set_by_name(kind) -> None:
    estimator = kind()
    for name, value in kind().get_params().items():
        assert getattr(estimator.set_params(**{name: value}), name) is value
    with pytest.raises(ValueError, match="Invalid parameter 'units'"):
        estimator.set_params(units=3)


def test_it_shows_itself_as_scikit_learn_does(kind, problem) -> None:
    assert repr(kind(solver="sgd", dropout=0.5)) == f"{kind.__name__}(dropout=0.5, solver='sgd')"
    X, y = problem("iris")
    assert kind.__name__ in estimator_html_repr(kind(**QUICK).fit(X, y))


def test_it_is_what_it_says_it_is() -> None:
    assert is_classifier(MLPClassifier())
    assert is_regressor(MLPRegressor())
    assert MLPClassifier().__sklearn_tags__().classifier_tags.multi_label
    assert all(kind().__sklearn_tags__().input_tags.sparse for kind in (MLPClassifier, MLPRegressor))


# -- metadata ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("routed")
def test_weights_find_their_way_through_a_search(problem) -> None:
    X, y = problem("iris")
    weights = np.where(y == 2, 0.0, 1.0)
    estimator = MLPClassifier(**QUICK).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    search = GridSearchCV(estimator, {"alpha": [0.1, 0.2]}, cv=3).fit(X, y, sample_weight=weights)
    assert 2 not in search.predict(X)  # of no weight, and so never learned
    assert search.best_score_ > 0.9  # nor held against it


@pytest.mark.usefixtures("routed")
def test_weights_that_nobody_asked_for_are_refused(problem) -> None:
    X, y = problem("iris")
    with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="sample_weight"):
        GridSearchCV(MLPClassifier(**QUICK), {"alpha": [0.1]}, cv=3).fit(X, y, sample_weight=np.ones(len(y)))


@pytest.mark.usefixtures("routed")
def test_a_validation_set_goes_through_the_steps_before_the_network(kind, problem) -> None:
    X, y = problem("iris")
    X = X * 50 + 7
    estimator = kind(**QUICK).set_fit_request(X_val=True, y_val=True)
    pipeline = Pipeline([("scale", StandardScaler()), ("mlp", estimator)], transform_input=["X_val"])
    pipeline.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    scaler = StandardScaler().fit(X[::2])
    by_hand = kind(**QUICK).fit(scaler.transform(X[::2]), y[::2], X_val=scaler.transform(X[1::2]), y_val=y[1::2])
    losses = [[epoch["validation_loss"] for epoch in each.history_] for each in (pipeline[-1], by_hand)]
    assert losses[0] == losses[1]
    assert None not in losses[0]


# -- what data comes in ------------------------------------------------------------------------------------------------


def frame(library: str, X, names=("a", "b", "c", "d")):
    made = pytest.importorskip(library).DataFrame({name: X[:, at] for at, name in enumerate(names)})
    if not hasattr(StandardScaler().fit(made), "feature_names_in_"):
        pytest.skip(f"scikit-learn {sklearn.__version__} reads no column names from this {library}")
    return made


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_are_read_with_their_names(library, kind, engine, problem, bits) -> None:
    X, y = problem("iris")
    of_frame = kind(engine=engine, **QUICK).fit(frame(library, X), y)
    assert of_frame.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    assert of_frame.network_.model.feature_names == ("a", "b", "c", "d")
    of_array = kind(engine=engine, **QUICK).fit(X, y)
    assert bits(of_frame) == bits(of_array)
    np.testing.assert_array_equal(of_frame.predict(frame(library, X)), of_array.predict(X))


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("abdc", "Feature names must be in the same order as they were in fit"),
        ("abce", "Feature names unseen at fit time:\n- e"),
        ("abc", "Feature names seen at fit time, yet now missing:\n- d"),
        ("abcde", "Feature names unseen at fit time:\n- e"),
    ],
)
def test_wrong_columns_are_told_in_scikit_learns_words(library, columns, message, kind, problem) -> None:
    X, y = problem("iris")
    fitted = kind(**QUICK).fit(frame(library, X), y)
    wrong = frame(library, np.column_stack([X, X[:, 0]])[:, : len(columns)], columns)
    for ask in (fitted.predict, lambda X: fitted.score(X, y)):
        with pytest.raises(ValueError, match=message):
            ask(wrong)


def test_an_array_after_a_frame_is_warned_of(kind, problem) -> None:
    X, y = problem("iris")
    fitted = kind(**QUICK).fit(frame("pandas", X), y)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        fitted.predict(X)


def test_a_frame_after_an_array_is_warned_of(kind, problem) -> None:
    X, y = problem("iris")
    fitted = kind(**QUICK).fit(X, y)
    with pytest.warns(UserWarning, match="X has feature names, but"):
        fitted.predict(frame("pandas", X))


@pytest.mark.parametrize("form", ["csr_matrix", "csc_matrix", "csr_array", "csc_array", "coo_array"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sparse_examples_give_the_bits_of_dense_ones(form, solver, kind, engine, problem, bits) -> None:
    X, y = problem("iris")
    X = np.where(np.abs(X) < 0.7, 0, X)
    of_dense = kind(engine=engine, solver=solver, **QUICK).fit(X, y)
    of_sparse = kind(engine=engine, solver=solver, **QUICK).fit(getattr(sparse, form)(X), y)
    assert bits(of_sparse) == bits(of_dense)
    np.testing.assert_array_equal(of_sparse.predict(getattr(sparse, form)(X)), of_dense.predict(X))


def test_sparse_examples_may_stop_early_and_be_judged(kind, engine, problem, bits) -> None:
    X, y = problem("iris")
    settings = {"engine": engine, "early_stopping": True, **QUICK}
    of_dense = kind(**settings).fit(X, y)
    of_sparse = kind(**settings).fit(sparse.csr_array(X), y)
    assert of_sparse.validation_scores_ == of_dense.validation_scores_
    assert bits(of_sparse) == bits(of_dense)
    X_val = sparse.csr_array(X[:20])
    judged = [kind(engine=engine, **QUICK).fit(X, y, X_val=of, y_val=y[:20]) for of in (X[:20], X_val)]
    assert judged[0].validation_scores_ == judged[1].validation_scores_


def test_sparse_labels_are_learned_and_given_as_in_scikit_learn(engine, problem, bits) -> None:
    X, Y = problem("several labels")
    of_dense = MLPClassifier(engine=engine, early_stopping=True, **QUICK).fit(X, Y)
    of_sparse = MLPClassifier(engine=engine, early_stopping=True, **QUICK).fit(X, sparse.csr_array(Y))
    theirs = TheirClassifier(hidden_layer_sizes=(2,), max_iter=2).fit(X, sparse.csr_array(Y)).predict(X)
    answer = of_sparse.predict(X)
    assert (type(answer), answer.dtype, answer.shape) == (type(theirs), theirs.dtype, theirs.shape)
    assert bits(of_sparse) == bits(of_dense)
    np.testing.assert_array_equal(answer.toarray(), of_dense.predict(X))
    assert of_sparse.score(X, Y) == of_dense.score(X, Y)
    epoch = MLPClassifier(engine=engine, **QUICK).partial_fit(X, sparse.csr_array(Y), classes=np.arange(4))
    assert sparse.issparse(epoch.partial_fit(X, sparse.csr_array(Y)).predict(X))


@pytest.mark.parametrize("as_what", ["category", "string", "object", "polars", "list", "frame"])
def test_labels_are_read_from_what_people_keep_them_in(as_what, problem) -> None:
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    X, y = problem("iris")
    words = np.array(["a", "b", "c"])[y]
    given = {
        "category": lambda: pd.Series(words).astype("category"),
        "string": lambda: pd.Series(words, dtype="string"),
        "object": lambda: pd.Series(words, dtype=object),
        "polars": lambda: pl.Series(words),
        "list": words.tolist,
        "frame": lambda: pd.DataFrame({"species": words}),
    }[as_what]()
    settings = {"engine": "reference", "class_weight": "balanced", **QUICK}
    wanted = MLPClassifier(**settings).fit(X, words)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataConversionWarning)  # that a column is taken for a vector
        fitted = MLPClassifier(**settings).fit(X, given, X_val=X, y_val=given)
    assert fitted.classes_.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(fitted.predict(X), wanted.predict(X))


@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
def test_sparse_examples_too_many_to_be_dense_at_once_learn_the_same(
    solver, kind, engine, problem, monkeypatch
) -> None:
    X, y = problem("iris")
    settings = {"engine": engine, "solver": solver, "batch_size": 16, **QUICK}
    at_once = kind(**settings).fit(sparse.csr_array(X), y)
    monkeypatch.setattr("pellucid.estimators.sparse.BYTES_OF_A_BLOCK", 40 * X.shape[1] * X.itemsize)
    in_blocks = kind(**settings).fit(sparse.csr_array(X), y)
    for W, expected in zip(in_blocks.coefs_, at_once.coefs_, strict=True):
        if solver == "sgd":
            np.testing.assert_array_equal(W, expected)
        else:  # sums of blocks are added in another order, and a search may leave the path by a hair
            assert in_blocks.loss_ == pytest.approx(at_once.loss_, rel=0.05)


def test_neurons_are_left_out_alike_wherever_an_epoch_over_sparse_examples_is_cut(engine, monkeypatch) -> None:
    rng = np.random.default_rng(0)
    X = sparse.random_array((50, 6), density=0.5, rng=rng, format="csr")
    monkeypatch.setattr("pellucid.estimators.sparse.BYTES_OF_A_BLOCK", 10 * 6 * 8)
    architecture = Architecture((6,), (Hidden(5),), 1, loss=SquaredError())
    rows, y, extras = SparseRows(X), rng.normal(size=(50, 1)), Extras(dropout=0.4)
    start = State(first_layers(architecture, 0, np.float64), ())

    def run(cuts):
        state = start
        for first, last in pairwise(cuts):
            state = over(choose(engine).engine, rows).run(
                architecture, SGD(), state, rows, y, np.arange(50), np.full(13, 0.1),
                batch_size=4, first_step=first, n_steps=last - first, extras=extras, streams=Streams(0, 1),
            ).state  # fmt: skip
        return [tensor.tobytes() for layer in state.layers for tensor in layer]

    assert run([0, 13]) == run([0, 1, 4, 5, 11, 13]) == run(range(14))


@pytest.mark.parametrize("of", ["C", "F", "read-only", "every second", "reversed", "a list", "integers", "float32"])
def test_the_layout_of_the_examples_does_not_matter(of, kind, engine, problem, bits) -> None:
    X, y = problem("iris")
    X = np.round(X * 4)  # whole numbers, so that every type holds them
    usual = kind(engine=engine, **QUICK).fit(X, y)
    given = {
        "C": np.ascontiguousarray,
        "F": np.asfortranarray,
        "read-only": read_only,
        "every second": lambda X: np.repeat(X, 2, axis=0)[::2],
        "reversed": lambda X: np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
        "a list": lambda X: X.tolist(),
        "integers": lambda X: X.astype(np.int64),
        "float32": lambda X: X.astype(np.float32),
    }[of](X)
    again = kind(engine=engine, **QUICK).fit(given, y)
    if of == "float32":
        assert again.coefs_[0].dtype == np.float32
        return
    assert bits(again) == bits(usual)
    np.testing.assert_array_equal(again.predict(given), usual.predict(X))


@pytest.mark.parametrize(
    "options", [{}, {"solver": "lbfgs"}, {"early_stopping": True}], ids=["adam", "lbfgs", "stopping"]
)
def test_a_table_that_lies_by_columns_is_not_copied_in_each_call(options, kind, problem, monkeypatch) -> None:
    native = pytest.importorskip("pellucid.engines.native", reason="this installation has no native engine")
    for name in ("_gathered", "_converted"):
        monkeypatch.setattr(native, name, lambda *_: pytest.fail("rows are copied in a call"))
    X, y = problem("iris")
    kind(engine="native", **QUICK | options).fit(np.asfortranarray(X), y)


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


def test_bytes_are_read_as_the_numbers_that_they_are(kind, engine, problem, bits) -> None:
    _, y = problem("digits")
    pixels = np.random.default_rng(0).integers(0, 256, (60, 9), dtype=np.uint8)
    of_bytes = kind(engine=engine, **QUICK).fit(pixels, y[:60])
    of_floats = kind(engine=engine, **QUICK).fit(pixels.astype(float), y[:60])
    assert bits(of_bytes) == bits(of_floats)
    np.testing.assert_array_equal(of_bytes.predict(pixels), of_floats.predict(pixels.astype(float)))
