"""The native engine: the same equations in C++, several examples and several neurons at a time. The only door to C++.

What is checked here is checked with a sentence; the C++ behind looks once more at whatever memory safety needs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.engines import _native
from pellucid.engines.engine import Examples, Outcome, State, steps_of_an_epoch
from pellucid.equations.architecture import Architecture
from pellucid.equations.optimizers import Optimizer
from pellucid.equations.parameters import Array, Indices, Layer, Layers

POLLED_BY_NOBODY = None


class Target(NamedTuple):
    """A set of kernels: its name, what it needs, and whether this processor has that."""

    name: str
    needs: str
    runs_here: bool


def targets() -> tuple[Target, ...]:
    """List the targets of this build, the best one first."""
    return tuple(Target(*target) for target in _native.targets())


def default_threads() -> int:
    """Give the number of threads that is used unless told otherwise: OMP_NUM_THREADS, else the cores of this process."""
    return int(_native.default_threads())


class NativeEngine:
    """Whole epochs in C++, with the interpreter released."""

    name = "native"
    precisions: tuple[str, ...] = ("float32", "float64")

    def __init__(self, target: str | None = None, threads: int | None = None) -> None:
        self.target = target or next(target.name for target in targets() if target.runs_here)
        self.threads = threads or default_threads()

    def run(
        self,
        architecture: Architecture,
        optimizer: Optimizer,
        state: State,
        X: Examples,
        y: Indices,
        order: Indices,
        rates: NDArray[Any],
        *,
        batch_size: int,
        first_step: int = 0,
        n_steps: int | None = None,
        weights: Array | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> Outcome:
        """Take steps of one epoch, as the protocol says."""
        settings = {"mu": 0.0, "beta_1": 0.0, "beta_2": 0.0, "epsilon": 0.0, "weight_decay": 0.0}
        settings |= {name: getattr(optimizer, name) for name in settings if hasattr(optimizer, name)}
        layers, moments, losses, correct, non_finite_step = _native.run(
            self.target,
            *_described(architecture),
            optimizer.name,
            **settings,
            layers=_contiguous(state.layers),
            moments=[_contiguous(moment) for moment in state.moments],
            steps_done=state.steps_done,
            X=_rows(X),
            y=np.ascontiguousarray(y, np.int64),
            order=np.ascontiguousarray(order, np.int64),
            rates=np.ascontiguousarray(rates, np.float64),
            batch_size=batch_size,
            first_step=first_step,
            n_steps=steps_of_an_epoch(len(order), batch_size) if n_steps is None else n_steps,
            weights=None if weights is None else np.ascontiguousarray(weights, np.float64),
            threads=self.threads,
            stop=stop,
        )
        after = State(_layers(layers), tuple(map(_layers, moments)), state.steps_done + len(losses))
        return Outcome(after, losses, correct, non_finite_step)

    def loss_and_gradients(
        self, architecture: Architecture, layers: Layers, X: Examples, y: Indices, weights: Array | None = None
    ) -> tuple[float, Layers]:
        """Give the mean loss of a batch and its gradient for every W and b."""
        loss, gradients = _native.loss_and_gradients(
            self.target,
            *_described(architecture),
            layers=_contiguous(layers),
            X=_rows(X),
            y=np.ascontiguousarray(y, np.int64),
            weights=None if weights is None else np.ascontiguousarray(weights, np.float64),
            threads=self.threads,
        )
        return loss, _layers(gradients)

    def logits(self, architecture: Architecture, layers: Layers, X: Examples) -> Array:
        """Give the last layer's z: X (n, d) → (n, k)."""
        return self._predictor(architecture, layers).logits(_rows(X), self.threads)

    def predict(self, architecture: Architecture, layers: Layers, X: Examples) -> Array:
        """Give the probabilities: X (n, d) → (n, k)."""
        return self._predictor(architecture, layers).probabilities(_rows(X), self.threads)

    def _predictor(self, architecture: Architecture, layers: Layers) -> Any:
        predictor = _native.Predictor32 if layers[0].W.dtype == np.float32 else _native.Predictor64
        return predictor(self.target, *_described(architecture), _contiguous(layers))


def _described(architecture: Architecture) -> tuple[Any, ...]:
    activations = [hidden.activation for hidden in architecture.hidden]
    return list(architecture.widths), activations, architecture.scaling.offsets, architecture.scaling.scales


def _contiguous(layers: Layers) -> list[tuple[Array, Array]]:
    return [(np.ascontiguousarray(W), np.ascontiguousarray(b)) for W, b in layers]


def _layers(pairs: tuple[tuple[Array, Array], ...]) -> Layers:
    return tuple(Layer(W, b) for W, b in pairs)


def _rows(X: Examples) -> Examples:
    """Give X as it is where C++ can read it: uint8, float32 or float64, the elements of a row side by side."""
    if X.dtype not in (np.uint8, np.float32, np.float64):
        X = X.astype(np.float64)
    return X if X.strides[1] == X.itemsize or X.shape[1] == 1 else np.ascontiguousarray(X)
