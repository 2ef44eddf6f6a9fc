"""Sparse examples: rows are made dense where they are needed, a few batches at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.engines import Engine, Outcome, State, steps_of_an_epoch
from pellucid.equations.architecture import Architecture
from pellucid.equations.beyond.extras import PLAIN, Extras
from pellucid.equations.optimizers import Optimizer
from pellucid.equations.parameters import Array, Indices, Layer, Layers
from pellucid.equations.random_streams import Streams

BYTES_OF_A_BLOCK = 2**26
"""The most that is dense at once."""


class SparseRows:
    """Sparse examples as the loop sees them: as many as there are; some of them, dense."""

    def __init__(self, X: Any) -> None:
        self._rows = X.tocsr()
        self.dtype = X.dtype

    def __len__(self) -> int:
        return int(self._rows.shape[0])

    @property
    def shape(self) -> tuple[int, int]:
        """(n, d)"""
        n, d = self._rows.shape
        return int(n), int(d)

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        dense: NDArray[Any] = self._rows[rows].toarray()
        return dense

    def fits_at_once(self) -> bool:
        """Say whether all of them may be dense together."""
        return self.rows_of_a_block >= len(self)

    @property
    def rows_of_a_block(self) -> int:
        """How many may be dense at once."""
        return max(1, BYTES_OF_A_BLOCK // (self.shape[1] * int(self.dtype.itemsize)))


class OverSparseRows:
    """An engine for ``SparseRows``: hands them to another engine, block by block. The blocks change no bit of a result,
    but where neurons are left out: the random numbers of an example then belong to its place in the block.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def run(
        self,
        architecture: Architecture,
        optimizer: Optimizer,
        state: State,
        X: SparseRows,
        y: NDArray[Any],
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
        numbers: None = None,
    ) -> Outcome:
        """Take steps of one epoch, as the protocol says; X holds all rows, whose numbers are their places."""
        last = steps_of_an_epoch(len(order), batch_size)
        last = last if n_steps is None else min(last, first_step + n_steps)
        stride = max(1, X.rows_of_a_block // batch_size)
        losses, correct, step = [], 0, first_step
        while step < last:
            block, end = step // stride, min(step // stride * stride + stride, last)
            begin = block * stride if extras.drops else step  # an example's place, and so its numbers, know of no cut
            rows = order[begin * batch_size : end * batch_size]
            of_block = streams and Streams(streams.seed, (streams.epoch << 12) + block & 0xFFFFFFFF)
            outcome = self._engine.run(
                architecture,
                optimizer,
                state,
                X[rows],
                y[rows],
                np.arange(len(rows)),
                rates[begin:end],
                batch_size=batch_size,
                first_step=step - begin,
                weights=None if weights is None else weights[rows],
                extras=extras,
                streams=of_block,
                stop=stop,
            )
            state, correct = outcome.state, correct + outcome.correct
            losses.append(outcome.losses)
            bad = outcome.non_finite_step
            if bad is not None or len(outcome.losses) < end - step:
                return Outcome(state, np.concatenate(losses), correct, None if bad is None else begin + bad)
            step = end
        return Outcome(state, np.concatenate(losses) if losses else np.empty(0), correct)

    def loss_and_gradients(
        self,
        architecture: Architecture,
        layers: Layers,
        X: SparseRows,
        y: NDArray[Any],
        weights: Array | None = None,
        *,
        l2: float = 0.0,
        stop: Callable[[], bool] | None = None,
    ) -> tuple[float, Layers]:
        """Give the mean loss and its gradient: each block's share of it, added up."""
        w = np.ones(len(X)) if weights is None else weights
        total, loss, sums = float(w.sum()), 0.0, None
        penalty = Extras(l2=l2)
        for at in range(0, len(X), X.rows_of_a_block):
            rows = np.arange(at, min(at + X.rows_of_a_block, len(X)))
            part, gradients = self._engine.loss_and_gradients(
                architecture, layers, X[rows], y[rows], w[rows], stop=stop
            )
            share = float(w[rows].sum()) / total if total else 0.0
            loss += share * part
            scaled = [Layer(layer.W * share, layer.b * share) for layer in gradients]
            sums = scaled if sums is None else [Layer(a.W + b.W, a.b + b.b) for a, b in zip(sums, scaled, strict=True)]
        assert sums is not None, "there is at least one example"
        return loss + penalty.penalty(layers, total), penalty.gradient(layers, tuple(sums), total)

    def logits(self, architecture: Architecture, layers: Layers, X: SparseRows) -> Array:
        """Give the last layer's z."""
        blocks = range(0, len(X), X.rows_of_a_block)
        packed = self._engine.pack(architecture, layers)
        return np.concatenate([packed.logits(X[at : at + X.rows_of_a_block]) for at in blocks])


def over(engine: Engine, X: Any) -> Engine:
    """Give an engine that takes X: the engine itself, unless X is ``SparseRows``."""
    if not isinstance(X, SparseRows):
        return engine
    blocks: Any = OverSparseRows(engine)
    return blocks  # type: ignore[no-any-return]
