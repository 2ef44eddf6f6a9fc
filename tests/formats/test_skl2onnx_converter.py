from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.ensemble import VotingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pellucid import MLPClassifier, MLPRegressor
from pellucid.errors import MissingExtraError
from pellucid.estimators import register_with_skl2onnx

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx is not installed (group 'test')")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (group 'test')")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:skl2onnx")
SETTINGS = {
    "hidden_layer_sizes": (8, 7),
    "max_iter": 20,
    "random_state": 0,
    "tol": 0.0,
    "n_iter_no_change": 30,
    "engine": "reference",
}


@pytest.fixture(scope="module", autouse=True)
def _registered():
    register_with_skl2onnx()


def fitted(estimator, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # twenty epochs are few
        return estimator.fit(X, y)


def converted(pipeline, X, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        onnx = skl2onnx.to_onnx(pipeline, X[:1], target_opset=17, **options)
    session = onnxruntime.InferenceSession(onnx.SerializeToString(), providers=["CPUExecutionProvider"])
    given = session.run(None, {session.get_inputs()[0].name: X})
    return dict(zip([each.name for each in session.get_outputs()], given, strict=True))


def tolerance(X):
    """Scaled inputs of size about 1, three layers of at most ten terms: a few hundred roundings."""
    return 256 * float(np.finfo(X.dtype).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
def test_a_pipeline_with_a_classifier_gives_labels_and_plain_probabilities(dtype, words, classes):
    data = load_iris()
    rows = data.target < classes
    X, y = data.data[rows].astype(dtype), data.target_names[data.target[rows]] if words else data.target[rows]
    pipeline = fitted(make_pipeline(StandardScaler(), MLPClassifier(activation="gelu", **SETTINGS)), X, y)
    outputs = converted(pipeline, X)
    assert list(outputs) == ["label", "probabilities"]
    expected = pipeline.predict_proba(X)
    atol = 256 * float(np.finfo(np.float32).eps)  # erf is computed in float32
    np.testing.assert_allclose(outputs["probabilities"], expected, rtol=0, atol=atol)
    np.testing.assert_array_equal(outputs["label"], pipeline.predict(X))
    assert outputs["probabilities"].dtype == dtype


def test_the_option_zipmap_is_taken_and_makes_no_maps():
    data = load_iris()
    X = data.data.astype(np.float32)
    classifier = fitted(MLPClassifier(**SETTINGS), X, data.target)
    outputs = converted(classifier, X, options={"zipmap": False})
    assert outputs["probabilities"].shape == (150, 3)
    np.testing.assert_array_equal(outputs["label"], classifier.predict(X))


def test_several_labels_are_a_matrix():
    X, y = make_multilabel_classification(n_samples=80, n_features=6, n_classes=4, random_state=0)
    X = X.astype(np.float32)
    pipeline = fitted(make_pipeline(StandardScaler(), MLPClassifier(**SETTINGS)), X, y)
    outputs = converted(pipeline, X)
    np.testing.assert_array_equal(outputs["label"], pipeline.predict(X))
    np.testing.assert_allclose(outputs["probabilities"], pipeline.predict_proba(X), rtol=0, atol=tolerance(X))


@pytest.mark.parametrize("columns", [1, 2])
def test_numbers_are_one_output(columns):
    X, y = load_diabetes(return_X_y=True)
    X, y = X.astype(np.float32), (y - y.mean()) / y.std()
    y = y if columns == 1 else np.stack([y, -y], axis=1)
    regressor = fitted(MLPRegressor(standardize=True, activation="tanh", **SETTINGS), X, y)
    outputs = converted(regressor, X)
    assert list(outputs) == ["variable"]
    np.testing.assert_allclose(
        outputs["variable"], regressor.predict(X).reshape(len(X), columns), rtol=0, atol=tolerance(X)
    )


def test_two_networks_in_one_graph_keep_their_names_apart():
    data = load_iris()
    X = data.data.astype(np.float32)
    both = [("relu", MLPClassifier(**SETTINGS)), ("mish", MLPClassifier(activation="mish", **SETTINGS))]
    pipeline = fitted(
        make_pipeline(StandardScaler(), VotingClassifier(both, voting="soft", flatten_transform=False)), X, data.target
    )
    outputs = converted(pipeline, X, options={"zipmap": False})
    np.testing.assert_allclose(outputs["probabilities"], pipeline.predict_proba(X), rtol=0, atol=tolerance(X))


def test_without_the_package_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(MissingExtraError, match=r"needs the package skl2onnx"):
        register_with_skl2onnx()
