"""A round as pure functions: what one shard does in it, and how what the shards did becomes one network.

::

    θ_{r+1} = outer step from θ_r to  Σ_i share_i · train(θ_r, shard i, seed, r)              equations [round], [outer]

Nothing here knows where a shard lies or who computes. The same work, state, examples, shard and round give the same bits on
every machine that has the engine named in the work; so whoever was lost can be done again, and the number of shards, not
that of workers, is part of the result. Sums are taken in the order of the shards, ``SHARDS_OF_A_GROUP`` at a time, and then
over the groups, so that nobody ever holds more than one group of networks.

Shard 0 reads the random numbers of the seed itself, and the optimiser's moments are averaged as the parameters are: rounds
of one epoch over a single shard are the training on one machine, to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.distributed.computing import computing
from pellucid.engines import Engine, Outcome, State, steps_of_an_epoch
from pellucid.equations.architecture import Architecture
from pellucid.equations.beyond.extras import PLAIN, Extras
from pellucid.equations.beyond.rounds import outer_step, rounded, weighted_sum
from pellucid.equations.optimizers import Moments, Optimizer
from pellucid.equations.parameters import Indices, Layers
from pellucid.equations.random_streams import Purpose, Streams, random_integers
from pellucid.equations.schedules import rates
from pellucid.training.examples import Examples

SHARDS_OF_A_GROUP = 16


@dataclass(frozen=True)
class Work:
    """What every shard does in a round, but for the parameters: plain records, small enough to be sent with each task.

    ``engine`` and ``version`` name who computes, so that nobody else does. A round is ``epochs`` passes over the shard, or
    so many ``steps``; ``rounds`` and ``warm_up`` are counted in rounds, for the schedule.
    """

    engine: str
    version: str
    precision: str
    architecture: Architecture
    optimizer: Optimizer
    batch_size: int
    seed: int
    rounds: int
    extras: Extras = PLAIN
    schedule: str = "constant"
    learning_rate: float = 0.1
    warm_up: int = 0
    shuffle: bool = True
    epochs: int = 1
    steps: int | None = None


class Contribution(NamedTuple):
    """What one shard, or several added up, give to a round.

    ``layers`` are parameters, or the gradient of a batch's part. ``loss`` is the mean over the examples as they went by, and
    ``rate`` that of the last step. ``non_finite`` is the shard whose loss was infinite or NaN: its round counts for nothing.
    """

    layers: Layers
    moments: Moments
    steps_done: int
    loss: float
    correct: int
    rows: int
    rate: float
    non_finite: int | None = None


def seed_of_shard(seed: int, shard: int) -> int:
    """Give the seed of a shard's shuffles and of what it leaves out: that of the training for the first.

    >>> seed_of_shard(7, 0), seed_of_shard(7, 1) == seed_of_shard(7, 1), seed_of_shard(7, 1) == seed_of_shard(7, 2)
    (7, True, False)
    """
    return seed if shard == 0 else int(random_integers(seed, Purpose.SHARDS, 1, example=shard)[0])


def train_shard(shard: int, examples: Examples, work: Work, state: State, number: int) -> Contribution | None:
    """Train on one shard for a round, from the parameters that all begin with; None where the shard is empty.

    ``number`` is that of the round, from 0: the shard's own epochs go on from round to round, as does the schedule. Raises
    ``SettingError`` where the engine is not there.
    """
    n = len(examples)
    if n == 0:
        return None
    steps_of_epoch = steps_of_an_epoch(n, work.batch_size)
    steps = work.steps or work.epochs * steps_of_epoch
    first = number * steps
    total = max(work.rounds, number + 1) * steps
    pace = rates(work.schedule, work.learning_rate, first, steps, total, work.warm_up * steps)
    losses: list[float] = []
    rows: list[int] = []
    correct, non_finite = 0, None
    with computing(work.engine, work.precision, work.version) as engine:
        for epoch, begins, ends in _stretches(first, first + steps, steps_of_epoch):
            at = epoch * steps_of_epoch + begins - first
            outcome = _run(engine, work, examples, state, shard, epoch, begins, pace[at : at + ends - begins])
            state, correct = outcome.state, correct + outcome.correct
            losses += outcome.losses.tolist()
            taken = range(begins, begins + len(outcome.losses))
            rows += [min(work.batch_size, n - work.batch_size * step) for step in taken]
            if outcome.non_finite_step is not None:
                non_finite = shard
                break
    loss = float(np.average(losses, weights=rows)) if losses else float("nan")
    return Contribution(
        state.layers, state.moments, state.steps_done, loss, correct, sum(rows), float(pace[-1]), non_finite
    )


def _stretches(first: int, last: int, steps_of_epoch: int) -> list[tuple[int, int, int]]:
    """Cut the steps from ``first`` to ``last`` where an epoch ends: epoch, its first step, the one after its last.

    >>> _stretches(3, 9, steps_of_epoch=4)
    [(0, 3, 4), (1, 0, 4), (2, 0, 1)]
    """
    found = []
    while first < last:
        epoch, begins = divmod(first, steps_of_epoch)
        ends = min(steps_of_epoch, begins + last - first)
        found.append((epoch, begins, ends))
        first += ends - begins
    return found


def _run(
    engine: Engine,
    work: Work,
    examples: Examples,
    state: State,
    shard: int,
    epoch: int,
    begins: int,
    pace: NDArray[np.float64],
) -> Outcome:
    n, seed = len(examples), seed_of_shard(work.seed, shard)
    of_epoch = np.zeros(steps_of_an_epoch(n, work.batch_size))
    of_epoch[begins : begins + len(pace)] = pace
    return engine.run(
        work.architecture,
        work.optimizer,
        state,
        examples.X,
        examples.y,
        engine.order(seed, n, epoch) if work.shuffle else np.arange(n),
        of_epoch,
        batch_size=work.batch_size,
        first_step=begins,
        n_steps=len(pace),
        weights=examples.weights,
        extras=work.extras,
        streams=Streams(seed, epoch),
    )


def gradient_of_shard(
    shard: int, examples: Examples, work: Work, layers: Layers, rows: Indices | None
) -> Contribution | None:
    """Give the gradient of the part of a batch that lies in one shard; None where nothing of it does.

    ``rows`` are those of the shard that are in the batch, in the batch's order. The penalty [l2] is not in it: it belongs to
    the whole batch. Raises as ``train_shard``.
    """
    if rows is None or not len(rows):
        return None
    X, y = examples.X[rows], examples.y[rows]
    weights = None if examples.weights is None else examples.weights[rows]
    with computing(work.engine, work.precision, work.version) as engine, np.errstate(over="ignore", invalid="ignore"):
        loss, gradients = engine.loss_and_gradients(work.architecture, layers, X, y, weights)
        z = engine.logits(work.architecture, layers, X) if work.architecture.loss.decides else None
    correct = 0 if z is None else work.architecture.loss.rightly_classified(z, y)
    return Contribution(gradients, (), 0, loss, correct, len(rows), 0.0, None if np.isfinite(loss) else shard)


def added(contributions: Sequence[Contribution | None], shares: Sequence[float]) -> Contribution | None:
    """Add up what the shards of a group gave, in their order, each times its share, in float64: equation [round].

    Losses are added in the same way; ``steps_done`` is the largest, as shards of different sizes take different numbers of
    steps. None where all of them are empty.
    """
    there = [(each, share) for each, share in zip(contributions, shares, strict=True) if each is not None]
    if not there:
        return None
    parts, weights = [each for each, _ in there], [share for _, share in there]
    last = max(parts, key=lambda each: each.steps_done)
    return Contribution(
        layers=weighted_sum(weights, [each.layers for each in parts]),
        moments=tuple(weighted_sum(weights, moment) for moment in zip(*(each.moments for each in parts), strict=True)),
        steps_done=last.steps_done,
        loss=float(sum(share * each.loss for each, share in there)),
        correct=sum(each.correct for each in parts),
        rows=sum(each.rows for each in parts),
        rate=last.rate,
        non_finite=next((each.non_finite for each in parts if each.non_finite is not None), None),
    )


def groups_of(shards: int) -> list[range]:
    """Say which shards are added up together.

    >>> groups_of(20)
    [range(0, 16), range(16, 20)]
    """
    return [range(at, min(at + SHARDS_OF_A_GROUP, shards)) for at in range(0, shards, SHARDS_OF_A_GROUP)]


def all_added(groups: Sequence[Contribution | None]) -> Contribution | None:
    """Add up the groups' sums, in their order."""
    return added(groups, [1.0] * len(groups))


def next_state(
    state: State, total: Contribution, velocity: Layers | None, momentum: float, rate: float
) -> tuple[State, Layers | None]:
    """Make the sum of all shards the state with which the next round begins, and its velocity: equation [outer]."""
    mean = rounded(total.layers, state.layers)
    layers, velocity = outer_step(state.layers, mean, velocity, momentum, rate)
    moments = tuple(rounded(moment, was) for moment, was in zip(total.moments, state.moments, strict=True))
    return State(layers, moments, total.steps_done), velocity


def exact_step(work: Work, state: State, total: Contribution, weight: float, rate: float) -> tuple[State, float]:
    """Take the one step of a batch whose gradient all shards gave together: the state after it, and the loss before it.

    ``weight`` is Σw of the batch. What is added to a step is added here, as one machine would: [l2], [clip], [max-norm].
    """
    gradients = rounded(total.layers, state.layers)
    gradients = work.extras.within_bounds(work.extras.gradient(state.layers, gradients, weight))
    loss = total.loss + work.extras.penalty(state.layers, weight)
    t = state.steps_done + 1
    layers, moments = work.optimizer.step(state.layers, gradients, state.moments, t, rate)
    return State(work.extras.constrained(layers), moments, t), loss
