"""What cannot be done with data, or next, is said in a sentence, and nothing is half done."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from pellucid import MLPClassifier, MLPRegressor
from pellucid.engines import choose

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

QUICK = {"hidden_layer_sizes": (5,), "max_iter": 4, "random_state": 0, "engine": "reference"}

# -- data --------------------------------------------------------------------------------------------------------------

ROWS = np.arange(24.0).reshape(8, 3)
LABELS = np.array([0, 1, 2, 0, 1, 2, 0, 1])
WITH_A_HOLE = np.where(np.arange(8) == 3, np.nan, LABELS)

DATA = {
    "no rows": ((ROWS[:0], LABELS[:0]), r"Found array with 0 sample\(s\)"),
    "no columns": ((ROWS[:, :0], LABELS), r"0 feature\(s\)"),
    "one example": ((ROWS[0], LABELS), "Expected 2D array, got 1D array instead"),
    "pictures": ((ROWS.reshape(2, 4, 3), LABELS[:2]), "dim 3"),
    "NaN in X": ((np.where(ROWS == 4, np.nan, ROWS), LABELS), "Input X contains NaN"),
    "infinity in X": ((np.where(ROWS == 4, np.inf, ROWS), LABELS), "Input X contains infinity"),
    "complex numbers": ((ROWS * 1j, LABELS), "Complex data not supported"),
    "words in X": ((np.full((8, 3), "word"), LABELS), "could not convert string to float|dtype='numeric'"),
    "objects in X": ((np.array([[{}, [], ()]] * 8, dtype=object), LABELS), "must be|not|float"),
    "NaN in sparse X": ((sparse.csr_array(np.where(ROWS == 4, np.nan, ROWS)), LABELS), "Input X contains NaN"),
    "NaN in y": ((ROWS, WITH_A_HOLE), "Input y contains NaN|Input contains NaN"),
    "too few labels": ((ROWS, LABELS[:7]), r"inconsistent numbers of samples: \[8, 7\]"),
    "no labels": ((ROWS, None), "requires y to be passed|y cannot be None"),
    "too few weights": ((ROWS, LABELS, np.ones(7)), "sample_weight"),
    "NaN in the weights": ((ROWS, LABELS, np.where(LABELS == 1, np.nan, 1.0)), "sample_weight contains NaN"),
    "a matrix of weights": ((ROWS, LABELS, np.ones((8, 2))), "Sample weights must be 1D"),
}


@pytest.mark.parametrize("which", DATA)
def test_data_that_cannot_be_learned_from_is_refused(which, kind) -> None:
    data, message = DATA[which]
    with pytest.raises((ValueError, TypeError), match=message):
        kind(**QUICK).fit(*data)


def test_one_class_is_nothing_to_tell_apart() -> None:
    with pytest.raises(ValueError, match=r"y holds 1 class, 'a'; expected at least 2 classes to tell apart"):
        MLPClassifier(**QUICK).fit(ROWS, ["a"] * 8)
    with pytest.raises(ValueError, match="1 class"):
        MLPClassifier(**QUICK).partial_fit(ROWS, [3] * 8, classes=[3])


def test_numbers_are_no_classes() -> None:
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        MLPClassifier(**QUICK).fit(ROWS, ROWS[:, 0] + 0.5)


def test_words_are_no_numbers() -> None:
    with pytest.raises(ValueError, match="could not convert string to float"):
        MLPRegressor(**QUICK).fit(ROWS, ["a"] * 8)


@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_dates_are_refused_before_they_are_learned(how) -> None:
    dates = np.array(["2024-01-01", "2024-01-02", "2024-01-03"], dtype="datetime64[D]")
    seen: list[object] = []
    estimator = MLPClassifier(callbacks=seen.append, **QUICK)
    before = dict(vars(estimator))
    with pytest.raises(ValueError, match=r"the classes are datetime\.date.*; expected numbers, or words\. Try"):
        getattr(estimator, how)(ROWS, dates[LABELS], **({"classes": dates} if how == "partial_fit" else {}))
    assert vars(estimator) == before
    assert seen == []


def test_several_columns_of_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="Multioutput target data is not supported"):
        MLPClassifier(**QUICK).fit(ROWS, np.stack([LABELS, LABELS], axis=1))


def test_counts_are_not_negative() -> None:
    with pytest.raises(
        ValueError, match=r"loss='poisson' wants counts, but y holds -1\.0; expected numbers of at least 0"
    ):
        MLPRegressor("poisson", **QUICK).fit(ROWS, LABELS - 1.0)


def test_weights_under_which_no_class_counts_are_refused() -> None:
    with pytest.raises(ValueError, match=r"class_weight is 0 for all of \(0, 1, 2\); expected one of them"):
        MLPClassifier(class_weight={0: 0, 1: 0, 2: 0}, **QUICK).fit(ROWS, LABELS)
    MLPClassifier(class_weight={0: 0, 1: 0}, **QUICK).fit(ROWS, LABELS)


@pytest.mark.parametrize("weights", [{5: 2.0}, {"0": 1.0}, {0: 1.0, 1: 1.0, 2: 1.0, 3: 1.0}], ids=str)
def test_weights_for_classes_that_are_not_there_are_refused(weights) -> None:
    absent = next(name for name in weights if name not in (0, 1, 2))
    with pytest.raises(
        ValueError, match=rf"class_weight names {absent!r}, which is no class of y; expected of \(0, 1, 2\)"
    ):
        MLPClassifier(class_weight=weights, **QUICK).fit(ROWS, LABELS)


def test_weights_for_what_no_label_is_are_refused() -> None:
    several = np.eye(3, dtype=int)[LABELS]
    with pytest.raises(ValueError, match=r"class_weight names 7, which is no class of y; expected of \(0, 1\)"):
        MLPClassifier(class_weight=[{1: 2.0}, {7: 3.0}, {}], **QUICK).fit(ROWS, several)
    with pytest.raises(ValueError, match="number of elements in class_weight should match number of outputs"):
        MLPClassifier(class_weight=[{1: 2.0}], **QUICK).fit(ROWS, several)
    with pytest.raises(ValueError, match="class_weight should be a list of dicts"):
        MLPClassifier(class_weight={1: 2.0}, **QUICK).fit(ROWS, several)


def test_numbers_too_large_to_learn_from_are_told_of(kind, engine) -> None:
    X = np.array([[1e200, -1e200], [-1e200, 1e200]] * 10)
    with pytest.raises(ValueError, match=r"Solver produced non-finite parameter weights.*Try standardize=True"):
        kind(**{**QUICK, "engine": engine}).fit(X, np.tile([0, 1], 10))


# -- validation sets ---------------------------------------------------------------------------------------------------

VALIDATION = {
    "other columns": ({"X_val": ROWS[:, :2], "y_val": LABELS}, "X has 2 features, but MLP.* is expecting 3 features"),
    "no y": ({"X_val": ROWS}, "X_val is given without y_val"),
    "no X": ({"y_val": LABELS}, "y_val is given without X_val"),
    "weights alone": ({"sample_weight_val": np.ones(8)}, "sample_weight_val is given without X_val and y_val"),
    "too few labels": ({"X_val": ROWS, "y_val": LABELS[:3]}, "inconsistent numbers of samples"),
    "NaN": ({"X_val": np.where(ROWS == 4, np.nan, ROWS), "y_val": LABELS}, "contains NaN"),
    "no rows": ({"X_val": ROWS[:0], "y_val": LABELS[:0]}, "0 sample"),
    "too few weights": ({"X_val": ROWS, "y_val": LABELS, "sample_weight_val": np.ones(3)}, "sample_weight"),
}


@pytest.mark.parametrize("which", VALIDATION)
def test_a_validation_set_must_be_like_the_examples(which, kind) -> None:
    given, message = VALIDATION[which]
    with pytest.raises(ValueError, match=message):
        kind(**QUICK).fit(ROWS, LABELS, **given)


def test_its_columns_are_named_as_the_examples_are(kind) -> None:
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(ROWS, columns=list("abc"))
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        kind(**QUICK).fit(X, LABELS, X_val=X[["b", "a", "c"]], y_val=LABELS)


def test_its_classes_are_those_of_the_examples() -> None:
    with pytest.raises(ValueError, match=r"has classes not in `self\.classes_`"):
        MLPClassifier(**QUICK).fit(ROWS[LABELS < 2], LABELS[LABELS < 2], X_val=ROWS, y_val=LABELS)


@pytest.mark.parametrize("columns", [2, 3])
def test_it_has_one_label_for_each_example_where_the_examples_have(columns) -> None:
    several = np.eye(columns, dtype=int)[LABELS % columns]
    with pytest.raises(ValueError, match=rf"y has shape \(8, {columns}\), but the classifier tells 3 classes apart"):
        MLPClassifier(**QUICK).fit(ROWS, LABELS, X_val=ROWS, y_val=several)


def test_its_numbers_are_as_many() -> None:
    with pytest.raises(ValueError, match=r"y has shape \(8, 2\), but the regressor has 1 output"):
        MLPRegressor(**QUICK).fit(ROWS, LABELS, X_val=ROWS, y_val=np.stack([LABELS, LABELS], axis=1))


# -- going on ----------------------------------------------------------------------------------------------------------


def test_the_first_batch_must_come_with_all_classes() -> None:
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
        MLPClassifier(**QUICK).partial_fit(ROWS, LABELS)


def test_classes_that_were_not_announced_are_refused() -> None:
    estimator = MLPClassifier(**QUICK)
    with pytest.raises(ValueError, match=r"has classes not in `self.classes_`.*\[2\]"):
        estimator.partial_fit(ROWS, LABELS, classes=[0, 1])
    estimator.partial_fit(ROWS, LABELS, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"has classes not in `self.classes_`.*\[9\]"):
        estimator.partial_fit(ROWS, np.where(LABELS == 2, 9, LABELS))
    with pytest.raises(ValueError, match="is not the same as on last call"):
        estimator.partial_fit(ROWS, LABELS, classes=[0, 1, 2, 3])


def test_several_labels_are_announced_by_their_columns() -> None:
    several = np.eye(3, dtype=int)[LABELS]
    for classes in (["a", "b", "c"], [0, 1], [1, 2, 3], [0, 1, 2, 3]):
        with pytest.raises(ValueError, match=r"but y holds 3 labels at once; expected \[0, 1, 2\], its columns"):
            MLPClassifier(**QUICK).partial_fit(ROWS, several, classes=classes)
    estimator = MLPClassifier(**QUICK).partial_fit(ROWS, several, classes=[2, 1, 0]).partial_fit(ROWS, several)
    assert set(estimator.predict(ROWS).ravel().tolist()) <= {0, 1}


def test_one_label_does_not_go_on_as_several() -> None:
    several = np.eye(3, dtype=int)[LABELS]
    estimator = MLPClassifier(warm_start=True, **QUICK).fit(ROWS, LABELS)
    for go_on in (estimator.fit, estimator.partial_fit):
        with pytest.raises(ValueError, match=r"y has shape \(8, 3\), but the classifier tells 3 classes apart"):
            go_on(ROWS, several)


def test_a_first_batch_that_is_refused_leaves_no_trace(kind) -> None:
    estimator = kind(**QUICK)
    classes = {"classes": [0, 1]} if kind is MLPClassifier else {}
    before = dict(vars(estimator))
    with pytest.raises(ValueError, match="contains NaN"):
        estimator.partial_fit(ROWS * np.nan, LABELS, **classes)
    assert vars(estimator) == before
    if kind is MLPClassifier:
        estimator.partial_fit(ROWS, LABELS, classes=[0, 1, 2])  # other ones than those of the refused batch


def test_lbfgs_has_no_single_epoch(kind) -> None:
    estimator = kind(solver="lbfgs")
    assert not hasattr(estimator, "partial_fit")
    with pytest.raises(AttributeError, match="has no attribute 'partial_fit'") as caught:
        estimator.partial_fit(ROWS, LABELS)
    assert "lbfgs is not stochastic" in str(caught.value.__cause__)


def test_a_single_epoch_does_not_stop_early(kind) -> None:
    classes = {"classes": [0, 1, 2]} if kind is MLPClassifier else {}
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True"):
        kind(early_stopping=True, **QUICK).partial_fit(ROWS, LABELS, **classes)


CHANGES = {
    "another width": (
        {"hidden_layer_sizes": (6,)},
        ROWS,
        LABELS,
        "the fitted network is .* but the parameters and the data",
    ),
    "another depth": ({"hidden_layer_sizes": (5, 5)}, ROWS, LABELS, "Set warm_start=False to begin anew"),
    "other columns": ({}, ROWS[:, :2], LABELS, "X has 2 features, but"),
    "another precision": (
        {"precision": "float32"},
        ROWS,
        LABELS,
        "the fitted network is of float64, but precision is now 'float32'; expected the same to go on from it",
    ),
    "standardized all at once": (
        {"standardize": True},
        ROWS,
        LABELS,
        "takes its inputs as they are, but standardize is now True; expected the same",
    ),
}


@pytest.mark.parametrize("which", CHANGES)
def test_a_warm_start_needs_the_network_that_there_is(which, kind) -> None:
    change, X, y, message = CHANGES[which]
    estimator = kind(warm_start=True, **QUICK).fit(ROWS, LABELS)
    with pytest.raises(ValueError, match=message):
        estimator.set_params(**change).fit(X, y)


def test_a_warm_start_needs_the_classes_that_there_are() -> None:
    estimator = MLPClassifier(warm_start=True, **QUICK).fit(ROWS, LABELS)
    with pytest.raises(ValueError, match=r"has classes not in `self\.classes_`"):
        estimator.fit(ROWS, LABELS + 1)


# -- nothing half done -------------------------------------------------------------------------------------------------


def fails(*_) -> bool:
    raise RuntimeError("it fails in the midst of the training")


REFUSED = {
    "NaN in X": ({}, (ROWS * np.nan, LABELS), {}),
    "other columns": ({}, (ROWS[:, :2], LABELS[:3]), {}),
    "two columns and a wrong solver": ({"solver": "newton"}, (ROWS[:, :2], LABELS), {}),
    "contradiction": ({"activation": ["relu", "relu"]}, (ROWS, LABELS), {}),
    "a validation set with other columns": ({}, (ROWS, LABELS), {"X_val": ROWS[:, :1], "y_val": LABELS}),
    "an unknown engine": ({"engine": "gpu"}, (ROWS, LABELS), {}),
    "an unknown scorer": ({"scoring": "best"}, (ROWS, LABELS), {"X_val": ROWS, "y_val": LABELS}),
    "a listener that fails": ({"callbacks": fails}, (ROWS[:, :2], LABELS % 2), {}),
    "a scorer that fails": ({"scoring": fails}, (ROWS, LABELS), {"X_val": ROWS, "y_val": LABELS}),
    "a training that diverges": ({"learning_rate_init": 1e300, "solver": "sgd"}, (ROWS[:, :2], LABELS), {}),
    "a search that diverges": ({"solver": "lbfgs"}, (ROWS * 1e200, LABELS), {}),
}


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize("which", REFUSED)
def test_a_refused_fit_leaves_everything_as_it_was(which, warm_start, kind, engine) -> None:
    change, data, validation = REFUSED[which]
    estimator = kind(**{**QUICK, "engine": engine}, warm_start=warm_start).fit(ROWS, LABELS)
    parameters = estimator.get_params()
    attributes = {name: value for name, value in vars(estimator).items() if name not in parameters}
    lists = {name: list(value) for name, value in attributes.items() if isinstance(value, list)}
    predictions = estimator.predict(ROWS)
    with pytest.raises((ValueError, TypeError, RuntimeError)):
        estimator.set_params(**change).fit(*data, **validation)
    after = {name: value for name, value in vars(estimator).items() if name not in parameters}
    assert after.keys() == attributes.keys()
    assert all(after[name] is attributes[name] for name in attributes)
    assert {name: list(after[name]) for name in lists} == lists
    np.testing.assert_array_equal(estimator.predict(ROWS), predictions)


# -- questions ---------------------------------------------------------------------------------------------------------

QUESTIONS = {
    "other columns": (ROWS[:, :2], "X has 2 features, but MLP.* is expecting 3 features as input"),
    "one example": (ROWS[0], "Expected 2D array, got 1D array instead"),
    "no rows": (ROWS[:0], r"Found array with 0 sample\(s\)"),
    "NaN": (np.where(ROWS == 4, np.nan, ROWS), "Input X contains NaN"),
    "infinity": (np.where(ROWS == 4, np.inf, ROWS), "Input X contains infinity"),
    "complex numbers": (ROWS * 1j, "Complex data not supported"),
    "words": (np.full((8, 3), "word"), "could not convert string to float|dtype='numeric'"),
}


@pytest.mark.parametrize("which", QUESTIONS)
def test_questions_that_have_no_answer_are_refused(which, kind, engine) -> None:
    X, message = QUESTIONS[which]
    estimator = kind(**{**QUICK, "engine": engine}).fit(ROWS, LABELS)
    asks = [estimator.predict, estimator.hidden_activations]
    if kind is MLPClassifier:
        asks += [estimator.predict_proba, estimator.predict_log_proba]
    for ask in asks:
        with pytest.raises(ValueError, match=message):
            ask(X)


def test_numbers_too_large_to_compute_with_are_refused(kind, engine) -> None:
    estimator = kind(**{**QUICK, "engine": engine}).fit(ROWS, LABELS)
    estimator.coefs_ = [np.full(W.shape, 2.0) for W in estimator.coefs_]
    for X in (np.full((1, 3), 1e308), sparse.csr_array(np.full((1, 3), 1e308))):
        with pytest.raises(ValueError, match="the numbers in row 0 of X are too large to compute with"):
            estimator.predict(X)


def test_who_has_learned_nothing_answers_nothing(kind) -> None:
    for ask in (
        kind().predict,
        kind().hidden_activations,
        lambda X: kind().network_,
        lambda X: kind().score(X, LABELS),
    ):
        with pytest.raises(ValueError, match="is not fitted yet"):
            ask(ROWS)


def test_the_engines_refuse_alike(kind, native) -> None:
    messages = []
    for engine in ("reference", native):
        assert choose(engine).engine.name == engine
        with pytest.raises(ValueError, match="non-finite") as caught:
            kind(solver="sgd", learning_rate_init=1e300, **{**QUICK, "engine": engine}).fit(ROWS, LABELS)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
