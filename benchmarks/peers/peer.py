"""What a peer's module says and does: two names and the same three functions.

``NAME``        what people call it
``VARIANTS``    the ways in which it can be used, ("eager", "compiled") say; ("",) where there is one way
``version()``   its version, or None where it is not installed; it is not loaded for that
``trainer()``   makes what trains, or None where this variant cannot train this problem
``predictor()`` makes what predicts, or None likewise

A library is loaded when ``trainer`` or ``predictor`` is called, never before, and by ``import_module``, so that the types
of its functions are the same whether it is installed or not.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as metadata_version
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from benchmarks.problems import PredictionProblem, TrainingProblem
from pellucid.equations.parameters import Indices, Layers


class Trainer(NamedTuple):
    """Somebody who trains. What it has learned stays in it from one epoch to the next.

    ``epoch`` takes the order of the examples, trains on them and gives the mean loss over them, each before its step.
    ``layers`` gives the parameters as they are now, W (fan_out, fan_in): the accuracy of all is computed alike.
    ``precision`` is that of the products. ``remark`` says in what the mathematics differs from that of the others; where
    it is empty, everybody's losses are the same but for rounding.
    """

    precision: str
    epoch: Callable[[Indices], float]
    layers: Callable[[], Layers]
    remark: str = ""


class Predictor(NamedTuple):
    """Somebody who predicts: ``predict`` gives the probabilities (n, k) of the problem's rows."""

    precision: str
    predict: Callable[[], NDArray[Any]]


class Peer(Protocol):
    """The contract; a module keeps it as well as a class would."""

    NAME: str
    VARIANTS: tuple[str, ...]

    def version(self) -> str | None:
        """Give the version, or None where it is not installed."""
        ...

    def trainer(self, problem: TrainingProblem, variant: str, threads: int) -> Trainer | None:
        """Make what trains; None where this variant cannot train this problem."""
        ...

    def predictor(self, problem: PredictionProblem, variant: str, threads: int) -> Predictor | None:
        """Make what predicts; None where this variant cannot."""
        ...


def installed(package: str) -> str | None:
    """Give the version of a package without loading it, or None where it is not installed."""
    try:
        return metadata_version(package)
    except PackageNotFoundError:
        return None
