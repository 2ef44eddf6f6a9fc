"""The estimators: scikit-learn's contract, its names, defaults and meaning, and what its users asked for since."""

from pellucid.estimators.classifier import MLPClassifier
from pellucid.estimators.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor", "register_with_skl2onnx"]


def register_with_skl2onnx() -> None:
    """Teach skl2onnx both estimators, so that ``skl2onnx.to_onnx`` converts whole pipelines that hold them.

    Raises ``MissingExtraError`` where skl2onnx is not installed.
    """
    from pellucid.formats.skl2onnx_converter import register

    register(MLPClassifier, MLPRegressor)
