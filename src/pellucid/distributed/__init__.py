"""Training on many machines, in rounds that are pure functions of what they are given.

``averaging.py`` is what a round is, ``rounds.py`` the loop over them; ``host.py`` and ``dask_host.py`` carry their tasks
out; ``fitting.py`` is one fit of an estimator, ``entrance.py`` the door. Dask loads when something of it is used.
"""

from __future__ import annotations

from pellucid.distributed.dask_estimators import DaskMLPClassifier, DaskMLPRegressor
from pellucid.distributed.entrance import fit

__all__ = ["DaskMLPClassifier", "DaskMLPRegressor", "fit"]
