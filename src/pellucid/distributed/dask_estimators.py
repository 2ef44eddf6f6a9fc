"""The estimators for Dask collections, in the shape that others made customary: fit on a cluster, predict lazily."""

from __future__ import annotations

from typing import Any, Self, TypeVar

from pellucid.distributed.collections import is_collection, mapped
from pellucid.distributed.entrance import fit
from pellucid.estimators.base import BaseMLP
from pellucid.estimators.classifier import MLPClassifier
from pellucid.estimators.regressor import MLPRegressor

Local = TypeVar("Local", bound=BaseMLP)


class DaskMLP:
    """What the two share: ``fit`` on a cluster, and the estimator of this machine that comes of it."""

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, client: Any = None, **how: Any) -> Self:
        """Fit on a cluster: as ``pellucid.distributed.fit``, with its arguments."""
        fitted: Self = fit(self, X, y, sample_weight, client=client, **how)  # type: ignore[type-var]
        return fitted

    def _local(self, kind: type[Local]) -> Local:
        """Give the estimator of this machine with the same parameters and the same network."""
        local = kind.__new__(kind)
        local.__dict__.update({name: value for name, value in self.__dict__.items() if name != "_packed"})
        return local


class DaskMLPClassifier(DaskMLP, MLPClassifier):
    """``MLPClassifier`` for Dask arrays and data frames, and for lists of shards.

    The parameters are those of ``MLPClassifier``; ``max_iter`` counts rounds. ``fit(X, y, client=…)`` has the arguments of
    ``pellucid.distributed.fit``. ``predict`` and ``predict_proba`` of a Dask collection give a Dask array, computed when
    it is asked for; of anything else they answer at once. ``to_local()`` gives a fitted ``MLPClassifier``.

    Raises as ``pellucid.distributed.fit``.
    """

    def predict(self, X: Any) -> Any:
        """Give the most probable label of each example: (n, d) → (n,), lazily for a Dask collection."""
        if not is_collection(X):
            return super().predict(X)
        return mapped(self.to_local().predict, X, self.classes_.dtype, None)

    def predict_proba(self, X: Any) -> Any:
        """Give the probability of each class: (n, d) → (n, k), lazily for a Dask collection."""
        if not is_collection(X):
            return super().predict_proba(X)
        return mapped(self.to_local().predict_proba, X, self.coefs_[0].dtype, len(self.classes_))

    def to_local(self) -> MLPClassifier:
        """Give the fitted classifier of this machine."""
        return self._local(MLPClassifier)


class DaskMLPRegressor(DaskMLP, MLPRegressor):
    """``MLPRegressor`` for Dask arrays and data frames, and for lists of shards: as ``DaskMLPClassifier``."""

    def predict(self, X: Any) -> Any:
        """Give the numbers of each example: (n, d) → (n,) or (n, k), lazily for a Dask collection."""
        if not is_collection(X):
            return super().predict(X)
        outputs = None if self.n_outputs_ == 1 else self.n_outputs_
        return mapped(self.to_local().predict, X, self.coefs_[0].dtype, outputs)

    def to_local(self) -> MLPRegressor:
        """Give the fitted regressor of this machine."""
        return self._local(MLPRegressor)
