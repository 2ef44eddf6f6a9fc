"""Estimators that are kept: in model files, in pickles, by joblib and skops; and what may be put into them."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from dataclasses import replace

import joblib
import numpy as np
import pytest
from sklearn.base import clone

import pellucid
from pellucid import MLPClassifier, MLPRegressor
from pellucid.cli import main
from pellucid.errors import ModelFileError, PellucidError
from pellucid.estimators.keeping import FITTED
from pellucid.estimators.rules import NO_STANDING
from pellucid.formats.model_file import read_model, write_model

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

QUICK = {"hidden_layer_sizes": (8, 5), "max_iter": 8, "learning_rate_init": 0.02, "random_state": 0}

KINDS_OF_CLASSES = {
    "whole numbers": np.array([7, -2, 30]),
    "words": np.array(["setosa", "versi", "élan"]),
    "objects": np.array(["setosa", "versi", "élan"], dtype=object),
    "numbers": np.array([0.0, 1.0, 2.0]),
    "bytes": np.array([3, 200, 9], dtype=np.uint8),
    "short numbers": np.array([0.0, 1.0, -7.0], dtype=np.float32),
    "large numbers": np.array([1, 2**63 + 1, 2**63 + 2], dtype=np.uint64),
    "two words": np.array(["no", "yes", "yes"]),
    "yes or no": np.array([False, True, True]),
    "two numbers": np.array([0, 1, 1]),
}


def assert_same(one, other, X) -> None:
    """Compare what is asked of them, to the bit, and what a fit has shown."""
    answer, wanted = other.predict(X), one.predict(X)
    np.testing.assert_array_equal(answer, wanted)
    assert answer.dtype == wanted.dtype
    if isinstance(one, MLPClassifier):
        np.testing.assert_array_equal(other.predict_proba(X), one.predict_proba(X))
        np.testing.assert_array_equal(other.classes_, one.classes_)
    for name in (*FITTED, "n_features_in_", "n_layers_", "n_outputs_", "out_activation_"):
        assert getattr(other, name) == getattr(one, name), name
    for mine, theirs in zip([*one.coefs_, *one.intercepts_], [*other.coefs_, *other.intercepts_], strict=True):
        assert theirs.dtype == mine.dtype
        np.testing.assert_array_equal(theirs, mine)


# -- the model file ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", KINDS_OF_CLASSES)
def test_classes_of_every_kind_are_saved_to_the_bit(classes, engine, problem, tmp_path) -> None:
    X, y = problem("iris")
    fitted = MLPClassifier(engine=engine, **QUICK).fit(X, KINDS_OF_CLASSES[classes][y])
    fitted.save(tmp_path / "model.safetensors")
    assert_same(fitted, MLPClassifier.load(tmp_path / "model.safetensors"), X)


@pytest.mark.parametrize("named", ["int8", "bool", "uint16", "float16", "complex64", "V1", ["int8"], {"int8": 1}, None])
def test_a_type_that_cannot_hold_the_classes_or_is_none_is_passed_over(named, problem, tmp_path) -> None:
    X, y = problem("iris")
    fitted = MLPClassifier(engine="reference", **QUICK).fit(X, np.array([700, -2, 30])[y])
    fitted.save(tmp_path / "model")
    model = read_model(tmp_path / "model")
    record = {**model.training, "estimator": {**model.training["estimator"], "type_of_classes": named}}
    write_model(tmp_path / "model", replace(model, training=record))
    assert_same(fitted, MLPClassifier.load(tmp_path / "model"), X)


def test_a_run_and_a_bundled_model_are_loaded_by_name(tmp_path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(
        ModelFileError, match=r"the folder .*run holds no model\.safetensors; expected a model file, or a run"
    ):
        MLPClassifier.load(tmp_path / "run")
    bundled = MLPClassifier.load("mnist")
    bundled.save(tmp_path / "run" / "model.safetensors")
    X = np.eye(784)
    np.testing.assert_array_equal(MLPClassifier.load(tmp_path / "run").predict_proba(X), bundled.predict_proba(X))
    np.testing.assert_array_equal(bundled.predict_proba(X), pellucid.load("mnist").predict_proba(X))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"solver": "lbfgs"},
        {"early_stopping": True},
        {"standardize": True, "activation": ("gelu", "tanh")},
        {"precision": "float32", "n_iter_no_change": np.inf},
        {"hidden_layer_sizes": np.array([6, 4]), "alpha": np.float32(0.25)},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["iris", "several labels", "a number", "numbers"])
def test_every_kind_of_network_is_saved_to_the_bit(name, settings, problem, tmp_path) -> None:
    X, y = problem(name)
    kind = MLPRegressor if "number" in name else MLPClassifier
    fitted = kind(engine="reference", **{**QUICK, **settings}).fit(X, y)
    fitted.save(tmp_path / "model.safetensors")
    again = kind.load(tmp_path / "model.safetensors")
    assert_same(fitted, again, X)
    assert again.score(X, y) == fitted.score(X, y)
    for parameter, value in fitted.get_params().items():
        loaded = again.get_params()[parameter]
        if isinstance(value, np.ndarray | list | tuple):
            assert tuple(loaded) == tuple(value)
        else:
            assert loaded == value, parameter


@pytest.mark.parametrize(
    ("loss", "settings"),
    [("quantile", {"quantile": 0.8}), ("huber", {"delta": 2.5}), ("poisson", {}), ("absolute_error", {})],
)
def test_the_loss_is_saved_with_its_setting(loss, settings, problem, tmp_path) -> None:
    X, y = problem("counts")
    fitted = MLPRegressor(loss, engine="reference", **settings, **QUICK).fit(X, y)
    fitted.save(tmp_path / "model.safetensors")
    again = MLPRegressor.load(tmp_path / "model.safetensors")
    assert_same(fitted, again, X)
    assert again.get_params() == fitted.get_params()


@pytest.mark.parametrize("score", [np.nan, np.inf, -np.inf], ids=str)
def test_a_score_that_is_no_finite_number_is_saved(score, kind, problem, tmp_path) -> None:
    X, y = problem("iris")
    fitted = kind(scoring=lambda *_: score, engine="reference", **QUICK).fit(X, y, X_val=X, y_val=y)
    fitted.save(tmp_path / "model.safetensors")
    again = kind.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.validation_scores_, [score] * QUICK["max_iter"])
    np.testing.assert_array_equal(again.best_validation_score_, score)


@pytest.mark.parametrize(
    ("name", "class_weight"),
    [
        ("several labels", [{0: 1.0, 1: 1.0 + column} for column in range(4)]),
        ("iris", {"nan": 2.0, "inf": 3.0}),
        ("iris", "balanced"),
    ],
    ids=["labels", "words that spell numbers", "balanced"],
)
def test_weights_of_classes_are_saved_as_they_were_given(name, class_weight, problem, tmp_path) -> None:
    X, y = problem(name)
    y = y if name == "several labels" else np.array(["nan", "inf", "-inf"])[y]
    fitted = MLPClassifier(class_weight=class_weight, engine="reference", **QUICK).fit(X, y)
    fitted.save(tmp_path / "model.safetensors")
    again = MLPClassifier.load(tmp_path / "model.safetensors")
    assert again.class_weight == class_weight
    again.fit(X, y)  # which refuses what is no weight


def test_where_a_fit_stands_before_its_first_epoch_is_saved(kind, problem, tmp_path) -> None:
    X, y = problem("iris")
    fitted = kind(engine="reference", **QUICK).fit(X, y)
    fitted._standing = NO_STANDING
    fitted.save(tmp_path / "model.safetensors", optimizer=True)
    assert kind.load(tmp_path / "model.safetensors")._standing == NO_STANDING


def test_infinities_of_older_files_are_read(problem, tmp_path) -> None:
    X, y = problem("iris")
    fitted = MLPClassifier(engine="reference", n_iter_no_change=np.inf, **QUICK).fit(X, y)
    fitted.save(tmp_path / "model", optimizer=True)
    model = read_model(tmp_path / "model")
    record = model.training["estimator"]
    older = {
        **record,
        "parameters": {**record["parameters"], "n_iter_no_change": "inf", "class_weight": {"pairs": [["inf", 2.0]]}},
        "fitted": {**record["fitted"], "best_loss_": "inf", "standing": ["inf", 0, 0, 0, False]},
    }
    write_model(tmp_path / "model", replace(model, training={**model.training, "estimator": older}))
    again = MLPClassifier.load(tmp_path / "model")
    assert again.n_iter_no_change == again.best_loss_ == np.inf
    assert again.class_weight == {"inf": 2.0}
    assert again._standing == NO_STANDING


def test_names_of_columns_are_saved(kind, problem, tmp_path) -> None:
    pd = pytest.importorskip("pandas")
    X, y = problem("iris")
    X = pd.DataFrame(X, columns=["a", "b", "ç", "d e"])
    fitted = kind(engine="reference", **QUICK).fit(X, y)
    fitted.save(tmp_path / "model.safetensors")
    again = kind.load(tmp_path / "model.safetensors")
    assert again.feature_names_in_.tolist() == ["a", "b", "ç", "d e"]
    assert_same(fitted, again, X)
    with pytest.raises(ValueError, match="Feature names"):
        again.predict(X[["b", "a", "ç", "d e"]])


ASKS = """
import json, sys
import numpy as np
import pellucid

network = pellucid.load(sys.argv[1])
X = np.load(sys.argv[2])
answer = network.predict(X).tolist()
loaded = sorted({name.split(".")[0] for name in sys.modules} & {"sklearn", "scipy", "joblib", "pandas"})
print(json.dumps([answer, loaded]))
"""


@pytest.mark.parametrize("name", ["iris", "several labels", "numbers"])
def test_the_network_answers_on_its_own_without_scikit_learn(name, problem, tmp_path) -> None:
    X, y = problem(name)
    fitted = (MLPRegressor if name == "numbers" else MLPClassifier)(engine="reference", **QUICK).fit(X, y)
    fitted.save(tmp_path / "model.safetensors")
    np.save(tmp_path / "X.npy", X)
    command = [sys.executable, "-c", ASKS, str(tmp_path / "model.safetensors"), str(tmp_path / "X.npy")]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**_environment(), "PELLUCID_ENGINE": "reference"}
    )
    answer, loaded = json.loads(done.stdout)
    assert answer == fitted.predict(X).tolist()
    assert loaded == []


def _environment() -> dict[str, str]:
    import os

    return dict(os.environ)


WAYS = {
    "adam": {},
    "adamw": {"solver": "adamw", "learning_rate": "cosine", "max_iter": 20},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.5, "n_iter_no_change": 1},
    "dropout": {"dropout": 0.3},
}


@pytest.mark.parametrize("way", WAYS)
def test_with_the_optimizer_it_goes_on_to_the_bit(way, kind, engine, problem, tmp_path, bits) -> None:
    X, y = problem("iris")
    first = {"classes": np.unique(y)} if kind is MLPClassifier else {}
    fitted = kind(engine=engine, **{**QUICK, **WAYS[way]})
    for _ in range(4):
        fitted.partial_fit(X, y, **first)
    fitted.save(tmp_path / "whole.safetensors", optimizer=True)
    again = kind.load(tmp_path / "whole.safetensors")
    for _ in range(5):
        fitted.partial_fit(X, y)
        again.partial_fit(X, y)
    assert bits(again) == bits(fitted)
    assert again.loss_curve_ == fitted.loss_curve_


def test_the_optimizer_stays_behind_unless_it_is_asked_for(kind, problem, tmp_path) -> None:
    from safetensors import safe_open

    X, y = problem("digits")
    fitted = kind(engine="reference", **QUICK).fit(X, y)
    fitted.save(tmp_path / "plain.safetensors")
    fitted.save(tmp_path / "whole.safetensors", optimizer=True)
    names = {}
    for which in ("plain", "whole"):
        with safe_open(tmp_path / f"{which}.safetensors", "numpy") as opened:
            names[which] = set(opened.keys())
    of_layers = {f"layers.{i}.{part}" for i in range(3) for part in ("weight", "bias")}
    assert names["plain"] == of_layers
    assert len(names["whole"] - of_layers) == 2 * len(of_layers)  # Adam's two moments


def test_a_plain_file_is_the_same_bytes_whenever_it_is_written(kind, problem, tmp_path) -> None:
    X, y = problem("iris")
    for name in ("one", "other"):
        kind(engine="reference", **QUICK).fit(X, y).save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_the_other_kinds_file_is_refused(problem, tmp_path) -> None:
    X, y = problem("iris")
    MLPRegressor(engine="reference", **QUICK).fit(X, y).save(tmp_path / "numbers")
    MLPClassifier(engine="reference", **QUICK).fit(X, y).save(tmp_path / "classes")
    with pytest.raises(
        ModelFileError, match=r"gives numbers, which is not the work of MLPClassifier.*MLPRegressor\.load"
    ):
        MLPClassifier.load(tmp_path / "numbers")
    with pytest.raises(ModelFileError, match=r"tells classes apart, .*MLPRegressor.*MLPClassifier\.load"):
        MLPRegressor.load(tmp_path / "classes")


def test_a_file_that_is_no_model_is_refused(kind, tmp_path) -> None:
    (tmp_path / "text").write_text("no model")
    with pytest.raises(ModelFileError):
        kind.load(tmp_path / "text")
    with pytest.raises(PellucidError):
        kind.load(tmp_path / "nothing there")


def test_what_the_command_line_has_trained_is_a_classifier(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as done:
        main(
            [
                "train",
                "--data",
                "digits",
                "--epochs",
                "1",
                "--hidden",
                "16",
                "--engine",
                "reference",
                "--out",
                "run",
                "--json",
            ]
        )
    assert done.value.code in (0, None)
    classifier = MLPClassifier.load(tmp_path / "run" / "model.safetensors")
    X = pellucid.datasets.load("digits").X_test
    np.testing.assert_array_equal(classifier.predict(X), pellucid.load(tmp_path / "run").predict(X))
    assert classifier.hidden_layer_sizes == (16,)
    assert (
        classifier.set_params(max_iter=2, warm_start=True).fit(X, classifier.predict(X)).score(X, classifier.predict(X))
        > 0.9
    )


def test_what_is_a_function_stays_behind(kind, problem, tmp_path) -> None:
    X, y = problem("iris")
    fitted = kind(callbacks=lambda record: None, scoring=None, engine="reference", **QUICK).fit(X, y)
    fitted.save(tmp_path / "model.safetensors")
    assert kind.load(tmp_path / "model.safetensors").callbacks is None


def test_nothing_is_saved_before_anything_is_learned(kind, tmp_path) -> None:
    with pytest.raises(ValueError, match="not fitted yet"):
        kind().save(tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())


# -- pickles -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["pickle", "joblib", "copy"])
def test_an_estimator_is_carried_about(way, kind, engine, problem, tmp_path) -> None:
    X, y = problem("iris")
    fitted = kind(engine=engine, **QUICK).fit(X, y)
    if way == "joblib":
        joblib.dump(fitted, tmp_path / "estimator")
        again = joblib.load(tmp_path / "estimator")
    else:
        again = pickle.loads(pickle.dumps(fitted)) if way == "pickle" else copy.deepcopy(fitted)
    assert_same(fitted, again, X)
    first = {"classes": np.unique(y)} if kind is MLPClassifier else {}
    assert again.partial_fit(X, y, **first).t_ == fitted.t_ + len(X)


def test_an_unfitted_estimator_is_carried_about(kind) -> None:
    assert pickle.loads(pickle.dumps(kind(alpha=0.5))).alpha == 0.5


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_pickle_is_hardly_larger_than_the_weights(solver, engine) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 784)).astype(np.float32), np.arange(200) % 10
    fitted = MLPClassifier((128, 64), solver=solver, max_iter=20, engine=engine).fit(X, y)
    weights = sum(array.nbytes for array in [*fitted.coefs_, *fitted.intercepts_])
    assert weights == 437_544
    fitted.predict(X)
    for protocol in (pickle.DEFAULT_PROTOCOL, pickle.HIGHEST_PROTOCOL):
        assert len(pickle.dumps(fitted, protocol)) <= 1.1 * weights


@pytest.mark.parametrize(
    "settings", [{}, {"early_stopping": True}, {"solver": "lbfgs"}, {"standardize": True}], ids=str
)
@pytest.mark.parametrize("name", ["iris", "two classes", "several labels", "a number"])
def test_skops_needs_to_trust_the_estimator_alone(name, settings, problem) -> None:
    skops = pytest.importorskip("skops.io")
    X, y = problem(name)
    kind = MLPRegressor if "number" in name else MLPClassifier
    fitted = kind(engine="reference", **{**QUICK, **settings}).fit(X, y)
    data = skops.dumps(fitted)
    trusted = [f"{kind.__module__}.{kind.__name__}"]
    assert skops.get_untrusted_types(data=data) == trusted
    assert_same(fitted, skops.loads(data, trusted=trusted), X)


# -- parameters that are put in ----------------------------------------------------------------------------------------


def test_arrays_put_into_coefs_are_used(kind, engine, problem) -> None:
    X, y = problem("iris")
    fitted = kind(engine=engine, **QUICK).fit(X, y)
    for scale in np.linspace(0.1, 2, 20):  # each array may come to lie where the one before it lay
        fitted.coefs_[-1] = np.full(fitted.coefs_[-1].shape, scale)
        fitted.intercepts_[-1] = np.full(fitted.intercepts_[-1].shape, 3.0)
        z = fitted.hidden_activations(X) @ fitted.coefs_[-1] + 3.0
        if kind is MLPRegressor:
            np.testing.assert_allclose(fitted.predict(X), z[:, 0], rtol=1e-12)
        else:
            np.testing.assert_allclose(fitted.predict_proba(X), 1 / 3, rtol=1e-12)
            np.testing.assert_allclose(fitted.network_.forward(X).logits, z, rtol=1e-12)


def test_a_change_in_place_is_refused(kind, engine, problem) -> None:
    X, y = problem("iris")
    fitted = kind(engine=engine, **QUICK).fit(X, y)
    for array in (*fitted.coefs_, *fitted.intercepts_):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    mine = np.zeros_like(fitted.coefs_[0])
    fitted.coefs_[0] = mine
    fitted.predict(X)
    with pytest.raises(ValueError, match="read-only"):
        mine[0] = 1


def test_arrays_of_another_shape_are_refused(kind, problem) -> None:
    X, y = problem("iris")
    fitted = kind(engine="reference", **QUICK).fit(X, y)
    fitted.coefs_[0] = np.zeros((3, 8))
    with pytest.raises(ValueError, match=r"\(8, 3\)"):
        fitted.predict(X)


def test_a_fit_goes_on_from_what_was_put_in(kind, engine, problem, bits) -> None:
    X, y = problem("iris")
    given = kind(engine=engine, **QUICK).fit(X, y)
    taken = clone(given).set_params(max_iter=1).fit(X, y * 0.5 if kind is MLPRegressor else y)
    taken.coefs_, taken.intercepts_ = [W.copy() for W in given.coefs_], [b.copy() for b in given.intercepts_]
    for each in (given, taken):
        each.set_params(solver="sgd", warm_start=True, max_iter=3, shuffle=False).fit(X, y)
    assert bits(given) == bits(taken)


class Forecaster(MLPRegressor):
    """A regressor by another name."""


def test_an_estimator_of_the_users_own_name_reads_its_file(problem, tmp_path) -> None:
    X, y = problem("iris")
    forecaster = Forecaster(engine="reference", **QUICK).fit(X, y)
    forecaster.save(tmp_path / "model")
    np.testing.assert_array_equal(Forecaster.load(tmp_path / "model").predict(X), forecaster.predict(X))


@pytest.mark.parametrize(
    "spoiled",
    [
        {"parameters": 7},
        {"parameters": {"class_weight": {"words": 1}}},
        {"fitted": ["loss_"]},
    ],
)
def test_a_spoiled_record_of_an_estimator_is_refused_in_a_sentence(problem, tmp_path, spoiled) -> None:
    X, y = problem("iris")
    MLPClassifier(engine="reference", **QUICK).fit(X, y).save(tmp_path / "model")
    model = read_model(tmp_path / "model")
    record = {**model.training, "estimator": {**model.training["estimator"], **spoiled}}
    write_model(tmp_path / "model", replace(model, training=record))
    with pytest.raises(ModelFileError, match=r"model says of its estimator is spoiled"):
        MLPClassifier.load(tmp_path / "model")
