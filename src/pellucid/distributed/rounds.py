"""The loop over rounds: hand θ to every shard, add up what they give, record, decide. It knows no cluster.

It is the distributed sister of ``training/loop.py``: the same snapshots, rules, callbacks and endings, a round in the place
of an epoch; in exact mode, an epoch of rounds of one batch each.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.distributed.averaging import Contribution, Work, exact_step, gradient_of_shard, next_state, train_shard
from pellucid.distributed.host import Host, Shards
from pellucid.engines import Engine, steps_of_an_epoch
from pellucid.equations.finite import is_finite_number
from pellucid.equations.parameters import Indices, Layers
from pellucid.errors import SettingError
from pellucid.training.callbacks import Callback, Callbacks, EpochFunction
from pellucid.training.evaluation import Judged
from pellucid.training.history import History
from pellucid.training.keeper import Keeper
from pellucid.training.loop import Fit, all_finite
from pellucid.training.recording import Passed, recorded
from pellucid.training.rules import Rules, what_is_kept
from pellucid.training.snapshot import Snapshot
from pellucid.training.stopping import Ending


@dataclass(frozen=True)
class Rounds:
    """What a round is: ``epochs`` passes of each shard over itself, or ``steps``, or in ``exact`` mode one batch of all.

    ``momentum`` and ``rate`` are μ and ρ of [outer]. Raises ``SettingError`` for what cannot be.
    """

    epochs: int = 1
    steps: int | None = None
    exact: bool = False
    momentum: float = 0.0
    rate: float = 1.0

    def __post_init__(self) -> None:
        for name, value in (("epochs_per_round", self.epochs), ("steps_per_round", self.steps)):
            if value is not None and (type(value) is not int or value < 1):
                raise SettingError(f"{name} is {value!r}", "a whole number, at least 1")
        if not is_finite_number(self.momentum) or not 0 <= self.momentum < 1:
            raise SettingError(f"outer_momentum is {self.momentum!r}", "at least 0 and below 1", "Try 0.5.")
        if not is_finite_number(self.rate) or self.rate <= 0:
            raise SettingError(f"outer_rate is {self.rate!r}", "a positive number", "Try 1.")
        if self.steps is not None and self.epochs != 1:
            raise SettingError("both epochs_per_round and steps_per_round are given", "one of them")
        if self.exact and (self.steps is not None or self.epochs != 1 or self.momentum or self.rate != 1):
            raise SettingError(
                "exact=True is given with settings of longer rounds",
                "neither epochs_per_round, steps_per_round, outer_momentum nor outer_rate",
                "A round of the exact mode is one batch, and its step is the optimiser's own.",
            )

    def to_record(self) -> dict[str, Any]:
        """Write it as JSON can, for a checkpoint to be known by."""
        return {f"rounds.{name}": value for name, value in vars(self).items()}


@dataclass(frozen=True, eq=False)
class Gathered:
    """The shards of a training, ready: where they are, and of each its rows and the sum of its examples' weights.

    ``weights`` holds the weight of each example of each shard, where there are weights and the exact mode needs them.
    """

    shards: Shards
    rows: Sequence[int]
    weight: Sequence[float]
    weights: Sequence[NDArray[Any]] | None = None

    def shares(self) -> list[float]:
        """Give the share of each shard in all: s of [round]."""
        total = float(sum(self.weight))
        return [each / total for each in self.weight]


def fit_rounds(
    host: Host,
    gathered: Gathered,
    how: Rounds,
    work: Callable[[History], Work],
    engine: Engine,
    rules: Rules,
    start: Snapshot,
    *,
    callbacks: Sequence[Callback | EpochFunction] = (),
    keep: Callable[[Snapshot], None] = lambda _: None,
    keep_seconds: float = inf,
    stop: Callable[[], bool] = lambda: False,
    judges: Callable[[Layers], Judged] | None = None,
) -> Fit:
    """Train in rounds, from where ``start`` stands.

    ``work`` says what a round is asked for, given the rounds before it; ``engine`` shuffles for the exact mode. The rest is
    as in ``training.loop.fit``: a snapshot is kept after each round; in exact mode at the end of each epoch, and within one
    every ``keep_seconds``. Raises what the host and the tasks raise.
    """
    teller, keeper, snapshot = Callbacks(callbacks), Keeper(keep, keep_seconds), start
    while (reason := rules.ending(snapshot.history)) is None:
        of_round = work(snapshot.history)
        began = time.perf_counter() - snapshot.seconds
        if how.exact:
            after = _exact_epoch(host, gathered, of_round, engine, rules, snapshot, keeper, stop, began)
        else:
            after = _round(host, gathered, how, of_round, snapshot)
        if after is None:
            best = snapshot.epochs_done or None
            before = snapshot.layers_before if snapshot.average is None else snapshot.average
            return Fit(before, snapshot, Ending.DIVERGED, best)
        if after.record is None:
            keeper.keep(after.snapshot)
            layers, epoch = what_is_kept(rules, after.snapshot, Ending.INTERRUPTED)
            return Fit(layers, after.snapshot, Ending.INTERRUPTED, epoch)
        loss, correct, rows, rate = after.record
        accuracy = correct / rows if of_round.architecture.loss.decides else None
        passed = Passed(loss, accuracy, rate, time.perf_counter() - began, rows)
        snapshot = replace(recorded(rules, after.snapshot, passed, judges), velocity=after.snapshot.velocity)
        keeper.keep(snapshot)
        wants_to_end = teller.on_epoch(snapshot.history[-1])
        if wants_to_end or stop():
            reason = rules.ending(snapshot.history) or (Ending.CALLBACK if wants_to_end else Ending.INTERRUPTED)
            break
    layers, epoch = what_is_kept(rules, snapshot, reason)
    return Fit(layers, snapshot, reason, epoch)


@dataclass(frozen=True, eq=False)
class _After:
    """Where a round has led, and what is recorded of it: loss, correct, rows, rate; None where it was cut short."""

    snapshot: Snapshot
    record: tuple[float, int, int, float] | None


def _round(host: Host, gathered: Gathered, how: Rounds, work: Work, snapshot: Snapshot) -> _After | None:
    """Take a round of trainings; None where it diverged."""
    number = snapshot.epochs_done
    total = host.total(train_shard, gathered.shards, gathered.shares(), work, snapshot.state, number)
    if not _finite(total):
        return None
    assert total is not None, "there is an example somewhere"
    state, velocity = next_state(snapshot.state, total, snapshot.velocity, how.momentum, how.rate)
    if not all_finite(state.layers):
        return None
    after = replace(snapshot, state=state, velocity=velocity)
    return _After(after, (total.loss, total.correct, total.rows, total.rate))


def _finite(total: Contribution | None) -> bool:
    if total is None:
        return True
    return total.non_finite is None and all(all_finite(layers) for layers in (total.layers, *total.moments))


def _exact_epoch(
    host: Host,
    gathered: Gathered,
    work: Work,
    engine: Engine,
    rules: Rules,
    snapshot: Snapshot,
    keeper: Keeper,
    stop: Callable[[], bool],
    began: float,
) -> _After | None:
    """Take the rest of an epoch's batches, each a round: those of one machine that has all shards, one below the other."""
    n, epoch = sum(gathered.rows), snapshot.epochs_done
    steps = steps_of_an_epoch(n, work.batch_size)
    order, rates = rules.order(engine, n, epoch), rules.rates(snapshot.history, steps)
    weights = None if gathered.weights is None else np.concatenate(list(gathered.weights))
    losses = snapshot.losses.tolist()
    for step in range(snapshot.steps_done, steps):
        if stop():
            return _After(replace(snapshot, losses=np.array(losses), seconds=time.perf_counter() - began), None)
        batch = order[step * work.batch_size : (step + 1) * work.batch_size]
        rows, of_shards = _of_shards(batch, gathered.rows)
        weight = [float(len(each) if weights is None else weights[each].sum()) for each in of_shards]
        whole = sum(weight)
        shares = [each / whole if whole else 0.0 for each in weight]
        own = [each if len(each) else None for each in rows]
        total = host.total(gradient_of_shard, gathered.shards, shares, work, snapshot.state.layers, own=own)
        if not _finite(total):
            return None
        assert total is not None, "a batch has at least one example"
        state, loss = exact_step(work, snapshot.state, total, whole, float(rates[step]))
        if not (isfinite(loss) and all_finite(state.layers)):
            return None
        losses.append(loss)
        snapshot = replace(snapshot, state=state, correct=snapshot.correct + total.correct)
        if keeper.due() and step + 1 < steps:
            keeper.keep(replace(snapshot, losses=np.array(losses), seconds=time.perf_counter() - began))
    sizes = [min(work.batch_size, n - work.batch_size * step) for step in range(steps)]
    loss = float(np.average(losses, weights=sizes))
    return _After(snapshot, (loss, snapshot.correct, n, float(rates[-1])))


def _of_shards(batch: Indices, rows: Sequence[int]) -> tuple[list[Indices], list[Indices]]:
    """Part a batch by the shards in which its examples lie: of each shard the rows, counted in it and counted in all.

    >>> _of_shards(np.array([5, 0, 3]), rows=[2, 0, 4])[0]
    [array([0]), array([], dtype=int64), array([3, 1])]
    """
    ends = np.cumsum(rows)
    of = np.searchsorted(ends, batch, side="right")
    in_all = [batch[of == shard] for shard in range(len(rows))]
    return [each - (end - n) for each, end, n in zip(in_all, ends, rows, strict=True)], in_all
