"""The estimators: scikit-learn's contract, its names, defaults and meaning, and what its users asked for since."""

from pellucid.estimators.classifier import MLPClassifier
from pellucid.estimators.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
