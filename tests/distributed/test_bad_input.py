"""What cannot be is a sentence: which shard, which row, what was expected, what to try."""

from __future__ import annotations

import warnings
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning

from pellucid import MLPClassifier, MLPRegressor
from pellucid.distributed import DaskMLPClassifier, fit
from pellucid.distributed.choosing import engine_of_all
from pellucid.distributed.computing import Able, computing
from pellucid.errors import DataError, SettingError

X = np.arange(24.0).reshape(8, 3)
Y = np.array([0, 1] * 4)
FRAME = pd.DataFrame(X, columns=["a", "b", "c"])


def with_value(value, row, column, X=X):
    X = X.copy()
    X[row, column] = value
    return X


SHARDS = {
    "columns": ([(X, Y), (X[:, :2], Y)], "shard 0 has 3 columns, but shard 1 2; expected the same columns in all"),
    "names": (
        [(FRAME, Y), (FRAME.rename(columns={"b": "d"}), Y)],
        "shard 0 has the column 'b', but shard 1 'd' in its place",
    ),
    "order": ([(FRAME, Y), (FRAME[["a", "c", "b"]], Y)], "shard 0 has the column 'b', but shard 1 'c' in its place"),
    "names and none": ([(FRAME, Y), (X, Y)], "but shard 1 'none' in its place"),
    "types": (
        [(X, Y), (X, Y), (X.astype(np.float32), Y)],
        r"shard 0 has examples of the type float64, but shard 2 float32.*Try X.astype\('float64'\)",
    ),
    "NaN": ([(X, Y), (with_value(np.nan, 5, 1), Y)], "shard 1 has no value in row 5, column 1; expected a number"),
    "NaN in a frame": (
        [(X, Y), (pd.DataFrame(with_value(np.nan, 5, 1), columns=list("abc")), Y)],
        "shard 1 has no value in row 5, column 'b'",
    ),
    "infinite": ([(with_value(-np.inf, 2, 0), Y)], "shard 0 has the value -inf in row 2, column 0"),
    "no label": ([(X, Y), (X, np.where(Y == 1, np.nan, 0.0))], "shard 1 has no label in row 1"),
    "pandas' NA as label": (
        [(X, Y), (X, pd.Series(["a", pd.NA] * 4, dtype="string"))],
        "shard 1 has no label in row 1; expected a label",
    ),
    "NA in a frame": (
        [(FRAME.astype("Float64").mask(FRAME == 16), Y)],
        "shard 0 has no value in row 5, column 'b'; expected a number",
    ),
    "no y": ([(X, Y), (X, None)], r"shard 1 has no y; expected \(X, y\)"),
    "y of no dimension": ([(X, 1)], r"y of shard 0 has the shape \(\); expected \(n,\)"),
    "rows of several lengths": ([([[1, 2], [3]], [0, 1])], "X of shard 0 has rows of several lengths; expected one"),
    "words as weights": (
        [(X, Y, ["a"] * 8)],
        "the weights of shard 0 are no numbers; expected one of at least 0 for each row",
    ),
    "None as label": ([(X, np.array(["a", None] * 4, object))], "shard 0 has no label in row 1"),
    "words": ([(FRAME.assign(b="red"), Y)], "column 'b' of shard 0 has the type .*; expected numbers. Turn words into"),
    "kinds of labels": ([(X, Y), (X, Y.astype(str))], "shard 0 has labels that are numbers, but shard 1 words"),
    "mixed labels": ([(X, np.array([0, "1"] * 4, object))], "the labels of shard 0 are of several types"),
    "several labels": ([(X, np.eye(8))], r"y of shard 0 has the shape \(8, 8\); expected \(n,\)"),
    "one class": ([(X, Y * 0), (X, Y * 0)], "all shards hold one class, 0; expected at least 2"),
    "lengths": ([(X, Y), (X, Y[:-1])], "shard 1 has 8 rows of X and 7 labels; expected one for each row"),
    "weights' length": ([(X, Y, np.ones(7))], "shard 0 has 8 rows of X and 7 weights"),
    "a weight below 0": ([(X, Y, np.array([1.0, 1, -1, 1, 1, 1, 1, 1]))], "shard 0 has the weight -1.0 in row 2"),
    "weights and none": ([(X, Y, np.ones(8)), (X, Y)], "shard 0 has weights, but shard 1 none"),
    "weights of 0": ([(X, Y, np.zeros(8))], "the weights of all examples are 0"),
    "one dimension": ([(X[0], Y)], r"X of shard 0 has the shape \(3,\); expected \(n, d\)"),
    "text": ([(X.astype(str), Y)], "X of shard 0 has the type <U"),
    "no pair": ([X, X], r"shard 0 is a ndarray; expected \(X, y\)"),
    "no shards": ([], "the list of shards is empty; expected at least one"),
    "only empty ones": ([(X[:0], Y[:0])] * 3, "none of the 3 shards has any rows"),
    "no list": (X, "X is a ndarray; expected a Dask array or data frame, or a list of shards.*estimator.fit"),
}


@pytest.mark.parametrize("case", SHARDS)
def test_shards_that_cannot_be(case):
    shards, sentence = SHARDS[case]
    with pytest.raises(DataError, match=sentence):
        fit(MLPClassifier((3,), max_iter=1), shards)


FRAMES = {
    "truths and numbers": FRAME.assign(b=FRAME["b"] > 9),
    "whole numbers that may be missing": FRAME.astype("Int64"),
    "numbers that may be missing": FRAME.astype("Float64"),
    "both": FRAME.assign(b=pd.array(FRAME["b"] > 9, dtype="boolean")),
}


@pytest.mark.parametrize("case", FRAMES)
def test_frames_of_numbers_are_learned_from_whatever_their_types(case, bytes_of):
    frame = FRAMES[case]
    settings = {"hidden_layer_sizes": (3,), "max_iter": 2, "random_state": 0, "engine": "reference"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        in_a_shard, alone = fit(MLPClassifier(**settings), [(frame, Y)]), MLPClassifier(**settings).fit(frame, Y)
    assert bytes_of(in_a_shard) == bytes_of(alone)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_score_that_is_no_number_loses_no_fit(tmp_path):
    classifier = MLPClassifier((3,), max_iter=2, random_state=0, scoring=lambda *_: np.nan)
    fit(classifier, [(X, Y), (X, Y)], X_val=X, y_val=Y, checkpoint=tmp_path / "fit")
    again = MLPClassifier.load(tmp_path / "fit" / "model.safetensors")
    np.testing.assert_array_equal(again.validation_scores_, [np.nan, np.nan])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_dates_are_refused_before_they_are_learned():
    classifier = MLPClassifier((3,), max_iter=1)
    with pytest.raises(ValueError, match=r"the classes are datetime\.date.*; expected numbers, or words"):
        fit(classifier, [(X, np.array(["2024-01-01", "2024-01-02"], "datetime64[D]")[Y])])
    assert not hasattr(classifier, "classes_")


def test_an_unknown_class_is_named_with_shard_and_row():
    with pytest.raises(DataError, match=r"shard 1 has the class 7 in row 4; expected one of 0, 1. Is it a slip"):
        fit(MLPClassifier((3,)), [(X, Y), (X, np.where(np.arange(8) == 4, 7, Y))], classes=[0, 1])


def test_sparse_shards_are_refused():
    from scipy.sparse import csr_matrix

    with pytest.raises(DataError, match="X of shard 0 is sparse; expected dense examples"):
        fit(MLPClassifier((3,)), [(csr_matrix(X), Y)])


def test_targets_that_cannot_be():
    with pytest.raises(DataError, match="y of shard 0 has the type <U"):
        fit(MLPRegressor(hidden_layer_sizes=(3,)), [(X, Y.astype(str))])
    with pytest.raises(DataError, match=r"shard 1 has the target -1.0 in row 2; expected a count"):
        fit(MLPRegressor("poisson", (3,)), [(X, X[:, 0]), (X, np.array([1.0, 2, -1, 1, 1, 1, 1, 1]))])
    with pytest.raises(DataError, match=r"shard 1 has the target -1\.0 in row 7, column 1; expected a count"):
        fit(MLPRegressor("poisson", (3,)), [(X, X[:, :2]), (X, with_value(-1.0, 7, 1)[:, :2])])
    with pytest.raises(DataError, match=r"shard 0 has \(1,\) targets an example, but shard 1 \(2,\)"):
        fit(MLPRegressor(hidden_layer_sizes=(3,)), [(X, X[:, 0]), (X, X[:, :2])])


SETTINGS = {
    "lbfgs": ({"solver": "lbfgs"}, {}, "solver='lbfgs' looks at all examples at once.*sgd, adam or adamw"),
    "early stopping": ({"early_stopping": True}, {}, "early_stopping=True would hold out.*X_val and y_val"),
    "warm start": ({"warm_start": True}, {}, "warm_start=True; expected False"),
    "exact dropout": ({"dropout": 0.5}, {"exact": True}, "dropout in exact mode; expected none"),
    "epochs": ({}, {"epochs_per_round": 0}, "epochs_per_round is 0; expected a whole number, at least 1"),
    "steps": ({}, {"steps_per_round": 1.5}, "steps_per_round is 1.5; expected a whole number"),
    "both": ({}, {"steps_per_round": 2, "epochs_per_round": 2}, "both epochs_per_round and steps_per_round"),
    "momentum": ({}, {"outer_momentum": 1.0}, "outer_momentum is 1.0; expected at least 0 and below 1"),
    "no momentum": ({}, {"outer_momentum": "0.5"}, "outer_momentum is '0.5'; expected at least 0 and below 1"),
    "rate": ({}, {"outer_rate": 0}, "outer_rate is 0; expected a positive number"),
    "exact and steps": (
        {},
        {"exact": True, "steps_per_round": 3},
        "exact=True is given with settings of longer rounds",
    ),
    "shards": ({}, {"shards": 3}, "shards is 3; expected a whole number from 1 to the 2 partitions"),
    "client": ({}, {"client": 7}, "client is a int; expected a Dask client, an address, an executor"),
    "engine": ({"engine": "native:none"}, {}, "not all workers have the engine 'native:none'; expected one of"),
    "a class's weight": ({"class_weight": {5: 1.0}}, {}, "class_weight names 5, which is no class of y"),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_seed_that_nobody_gave_is_kept_with_the_checkpoints(tmp_path):
    fits = [
        fit(MLPClassifier((3,), max_iter=rounds, random_state=None), [(X, Y), (X, Y)], checkpoint=tmp_path / folder)
        for rounds, folder in ((2, "a"), (2, "a"), (2, "b"))
    ]
    first, again, other = (fitted.coefs_[0] for fitted in fits)
    assert (first == again).all()
    assert not (first == other).all()


@pytest.mark.parametrize("case", SETTINGS)
def test_settings_that_cannot_be(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parameters, how, sentence = SETTINGS[case]
    classifier = MLPClassifier((3,), **{"random_state": 0, **parameters})
    with pytest.raises(ValueError, match=sentence):
        fit(classifier, [(X, Y), (X, Y)], **how)
    assert not hasattr(classifier, "classes_")  # a fit that was refused leaves everything as it was
    assert not hasattr(classifier, "coefs_")


def test_a_fit_that_diverges_says_so():
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        fit(
            MLPRegressor("squared_error", (3,), solver="sgd", learning_rate_init=1e30, random_state=0),
            [(X, X[:, 0])] * 2,
        )


class Host:
    """What workers say of themselves; nothing else is asked."""

    def __init__(self, *answers):
        self.answers = answers

    def able(self):
        return self.answers


def test_the_engine_is_one_that_all_workers_have():
    ours = Able("0.1.0", ("native:avx512", "native:avx2", "reference"))
    name, engine = engine_of_all(Host(ours, Able("0.1.0", ("native:scalar", "reference"))), None, "float32")
    assert (name, engine.name) == ("reference:numpy", "reference")
    with pytest.raises(
        SettingError, match=r"not all workers have the engine 'native:avx512'; expected one of reference\."
    ):
        engine_of_all(Host(ours, Able("0.1.0", ("reference",))), "native:avx512", "float32")
    with pytest.raises(SettingError, match=r"a worker has Pellucid 0\.0\.9; expected 0\.1\.0"):
        engine_of_all(Host(ours, Able("0.0.9", ours.engines)), None, "float32")


def test_a_worker_that_comes_later_and_lacks_the_engine_says_so():
    with (
        pytest.raises(
            SettingError, match=r"a worker lacks the engine of this training.*Name an engine that all workers"
        ),
        computing("native:none", "float32", "0.1.0"),
    ):
        pass
    with pytest.raises(SettingError, match="expected 8, as the client has"), computing("reference", "float32", "8"):
        pass


def test_dasks_shards_need_dask():
    delayed = pytest.importorskip("dask.delayed").delayed
    with pytest.raises(SettingError, match="the shards are Dask's, and no Dask client is active; expected client="):
        fit(MLPClassifier((3,)), [delayed((X, Y))])
    with (
        ProcessPoolExecutor(1) as executor,
        pytest.raises(SettingError, match="an executor, and the shards are Dask's"),
    ):
        DaskMLPClassifier((3,)).fit([delayed((X, Y))], client=executor)


def test_partitions_that_do_not_fit_are_a_sentence():
    da = pytest.importorskip("dask.array")
    lazy = da.from_array(X, chunks=(4, 3))
    with pytest.raises(DataError, match=r"X has 2 partitions of rows and y has 4; expected the same"):
        fit(MLPClassifier((3,)), lazy, da.from_array(Y, chunks=2))
    with pytest.raises(DataError, match="X is a Dask collection and y is a ndarray"):
        fit(MLPClassifier((3,)), lazy, Y)
    with pytest.raises(DataError, match="y is missing"):
        fit(MLPClassifier((3,)), lazy)
