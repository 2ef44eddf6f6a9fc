"""The teacher of a classifier, in whatever form it was given."""

from __future__ import annotations

from typing import Any

from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from pellucid.equations.architecture import Architecture
from pellucid.equations.beyond.teacher import Teacher
from pellucid.loading import load
from pellucid.network import Network


def teacher_of(estimator: Any, architecture: Architecture) -> Teacher | None:
    """Give what ``teacher`` names, ready to teach a network of this architecture; None where there is none.

    Raises ``NotFittedError`` for an estimator that has learned nothing, ``ValueError`` for a network of other columns or
    classes, ``ModelFileError`` for a path at which there is no model.
    """
    given = getattr(estimator, "teacher", None)
    if given is None:
        return None
    network = _network(given)
    if network.classes != estimator._labels():
        theirs, ours = ", ".join(map(repr, network.classes)) or "none", ", ".join(map(repr, estimator._labels()))
        raise ValueError(f"the teacher knows the classes {theirs}; expected those of y: {ours}.")
    teacher = Teacher(network.architecture, network.layers, estimator.teacher_weight, estimator.temperature)
    teacher.check_pupil(architecture)
    return teacher


def _network(given: Any) -> Network:
    if isinstance(given, Network):
        return given
    if isinstance(given, FrozenEstimator):
        given = given.estimator
    if hasattr(given, "get_params"):
        check_is_fitted(given, msg="The teacher is not fitted yet: fit it first, or give a network or a model file.")
        network: Network = given.network_
        return network
    return load(given)
