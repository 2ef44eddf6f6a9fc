"""The reference engine: the equations, composed. It is right by definition; other engines are held against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.engines.engine import (
    Examples,
    Outcome,
    Packed,
    State,
    StoppedError,
    check_pictures,
    check_precision,
    check_streams,
    check_teacher,
    steps_of_an_epoch,
)
from pellucid.engines.memory import plain, plain_layers
from pellucid.equations.architecture import Architecture
from pellucid.equations.beyond.extras import PLAIN, Extras
from pellucid.equations.losses import Targets
from pellucid.equations.network import Masks, backward, forward, loss_and_gradients
from pellucid.equations.optimizers import Optimizer
from pellucid.equations.parameters import Array, Indices, Layers
from pellucid.equations.random_streams import Purpose, Streams, permutation

ROWS_AT_A_TIME = 2048
"""Predictions for more rows than this are made piece by piece, so that memory does not grow with the data."""


class ReferenceEngine:
    """NumPy, one equation after the other."""

    name = "reference"
    target = "numpy"
    precisions: tuple[str, ...] = ("float32", "float64")
    slow_precisions: tuple[str, ...] = ()
    threads: int | None = None

    def at(self, precision: str) -> ReferenceEngine:
        """Give itself: the parameters' type is the precision."""
        check_precision(self, precision)
        return self

    def order(self, seed: int, n: int, epoch: int) -> Indices:
        """Shuffle, by the equation."""
        return permutation(seed, Purpose.ORDER, n, epoch)

    def run(
        self,
        architecture: Architecture,
        optimizer: Optimizer,
        state: State,
        X: Examples,
        y: Targets,
        order: Indices,
        rates: NDArray[Any],
        *,
        batch_size: int,
        first_step: int = 0,
        n_steps: int | None = None,
        weights: Array | None = None,
        extras: Extras = PLAIN,
        streams: Streams | None = None,
        stop: Callable[[], bool] | None = None,
        numbers: Indices | None = None,
    ) -> Outcome:
        """Take steps of one epoch, as the protocol says: forwards, loss, backwards, update."""
        check_streams(extras, streams)
        check_pictures(architecture, extras)
        check_teacher(architecture, extras)
        last_step = steps_of_an_epoch(len(order), batch_size)
        if n_steps is not None:
            last_step = min(last_step, first_step + n_steps)
        state = State(plain_layers(state.layers), tuple(map(plain_layers, state.moments)), state.steps_done)
        losses: list[float] = []
        correct = 0
        with np.errstate(over="ignore", invalid="ignore"):  # a loss that is not finite is reported, not warned of
            for step in range(first_step, last_step):
                if stop is not None and stop():
                    break
                rows = order[step * batch_size : (step + 1) * batch_size]
                y_batch = y[rows]
                w = None if weights is None else weights[rows]
                weight = len(rows) if w is None else float(w.sum())
                masks: Masks = ()
                X_batch = X[rows]
                if streams is not None and extras.needs_streams:
                    examples = rows if numbers is None else numbers[rows]
                    X_batch = extras.pictures(architecture, streams, X_batch, examples)
                    masks = extras.masks(architecture, streams, examples, state.layers[0].W.dtype)
                trace = forward(architecture, state.layers, X_batch, masks)
                loss, dz = extras.loss_and_slope(architecture, trace, X_batch, y_batch, w)
                loss += extras.penalty(state.layers, weight)
                if not np.isfinite(loss):
                    return Outcome(state, np.array(losses), correct, non_finite_step=step)
                gradients = backward(architecture, state.layers, trace, y_batch, w, dz)
                gradients = extras.within_bounds(extras.gradient(state.layers, gradients, weight))
                t = state.steps_done + 1
                layers, moments = optimizer.step(state.layers, gradients, state.moments, t, float(rates[step]))
                state = State(extras.constrained(layers), moments, t)
                losses.append(loss)
                correct += architecture.loss.rightly_classified(trace.logits, y_batch)
        return Outcome(state, np.array(losses), correct)

    def loss_and_gradients(
        self,
        architecture: Architecture,
        layers: Layers,
        X: Examples,
        y: Targets,
        weights: Array | None = None,
        *,
        l2: float = 0.0,
        stop: Callable[[], bool] | None = None,
    ) -> tuple[float, Layers]:
        """Give the mean loss of a batch and its gradient for every W and b, with the penalty [l2] if there is one.

        Raises ``StoppedError`` where ``stop`` says so beforehand: the equations are not cut.
        """
        if stop is not None and stop():
            raise StoppedError
        layers = plain_layers(layers)
        loss, gradients = loss_and_gradients(architecture, layers, plain(X), y, weights)
        extras, weight = Extras(l2=l2), len(X) if weights is None else float(weights.sum())
        return loss + extras.penalty(layers, weight), extras.gradient(layers, gradients, weight)

    def logits(self, architecture: Architecture, layers: Layers, X: Examples) -> Array:
        """Give the last layer's z: X (n, d) → (n, k)."""
        layers = plain_layers(layers)
        return np.concatenate([forward(architecture, layers, piece).logits for piece in _pieces(X)])

    def predict(self, architecture: Architecture, layers: Layers, X: Examples) -> Array:
        """Give the outputs: X (n, d) → (n, k)."""
        layers = plain_layers(layers)
        return np.concatenate([forward(architecture, layers, piece).p for piece in _pieces(X)])

    def pack(self, architecture: Architecture, layers: Layers) -> Packed:
        """Remember the network: there is nothing to arrange."""
        return _Remembered(self, architecture, layers)


class _Remembered:
    """A network and its engine."""

    def __init__(self, engine: ReferenceEngine, architecture: Architecture, layers: Layers) -> None:
        self._engine, self._architecture, self._layers = engine, architecture, layers

    def logits(self, X: Examples) -> Array:
        """Ask the engine."""
        return self._engine.logits(self._architecture, self._layers, X)

    def predict(self, X: Examples) -> Array:
        """Ask the engine."""
        return self._engine.predict(self._architecture, self._layers, X)

    def quick_logits(self, X: Any) -> None:
        """Leave it to the longer look: beside NumPy's time it is short."""

    def quick_predict(self, X: Any) -> None:
        """Leave it to the longer look."""


def _pieces(X: Examples) -> Iterator[Examples]:
    for start in range(0, max(1, len(X)), ROWS_AT_A_TIME):
        yield plain(X[start : start + ROWS_AT_A_TIME])
