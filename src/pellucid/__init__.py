"""Pellucid: the multilayer perceptron that you can read, as fast as the CPU permits.

    >>> from pellucid import equations
    >>> equations.architecture.Architecture((28, 28), (equations.architecture.Hidden(128),), 10).n_parameters
    101770

Every public name is here; each room loads when one of its names is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid import datasets, equations, errors
    from pellucid.estimators import MLPClassifier, MLPRegressor
    from pellucid.loading import load
    from pellucid.network import Network

__version__ = "0.1.0"

__all__ = ["MLPClassifier", "MLPRegressor", "Network", "__version__", "datasets", "equations", "errors", "load"]

_ROOMS = {"datasets", "equations", "errors"}
_NAMES = {
    "MLPClassifier": "pellucid.estimators",
    "MLPRegressor": "pellucid.estimators",
    "Network": "pellucid.network",
    "load": "pellucid.loading",
}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"pellucid.{name}")
    if name in _NAMES:
        return getattr(import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'pellucid' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
