"""How fast this machine's engines are: the text's network, an epoch and predictions, each engine in turn.

Whoever computes takes the same steps from the same first weights on the same examples, so that losses and accuracies can
stand beside the times. The engines take turns, round after round, so that a machine that is busy for a while is so for
all of them; of the rounds the medians are told, and of the ratios to the reference engine, taken round by round.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.engines import State, available, choose, steps_of_an_epoch
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.initialization import initialize
from pellucid.equations.optimizers import SGD
from pellucid.equations.parameters import Indices
from pellucid.equations.scaling import Scaling
from pellucid.network import Network
from pellucid.training.settings import Settings

ARCHITECTURE = Architecture((28, 28), (Hidden(128), Hidden(64)), 10, scaling=Scaling((0.0,), (255.0,)))
SINGLE_ROWS = 500
SECONDS_OF_A_LONG_TURN = 2.5
SHARE_OF_INK = 0.19  # of MNIST's pixels so many are not 0, and an engine may be the faster for the others


class Problem(NamedTuple):
    """Examples to train on and to predict, in pixels; ``is_real`` where the labels mean something."""

    X_train: NDArray[np.uint8]
    y_train: Indices
    X_test: NDArray[np.uint8]
    y_test: Indices
    is_real: bool = True


class Contestant(NamedTuple):
    """An engine in one precision, with a number of threads."""

    engine: str
    precision: str
    threads: int


class Times(NamedTuple):
    """What one contestant did in one round: seconds, and what came out."""

    epoch: float
    one_row: float
    all_rows: float
    loss: float
    accuracy: float

    @property
    def in_all(self) -> float:
        """The seconds of the whole turn, about."""
        return self.epoch + self.all_rows + SINGLE_ROWS * self.one_row


@dataclass(frozen=True)
class Result:
    """A contestant's medians: seconds, how many times as fast as the reference engine in its precision, what came out.

    ``accuracy`` is that of the rows predicted after the one epoch; None where the labels mean nothing.
    """

    engine: str
    precision: str
    threads: int
    epoch_seconds: float
    epoch_ratio: float
    one_row_seconds: float
    one_row_ratio: float
    all_rows_seconds: float
    all_rows_ratio: float
    loss: float
    accuracy: float | None


def made_up_problem(n_train: int = 60_000, n_test: int = 10_000) -> Problem:
    """Make pixels up, as many of them 0 as in MNIST, for a machine without MNIST."""
    random = np.random.default_rng(0)

    def part(n: int) -> tuple[NDArray[np.uint8], Indices]:
        X = random.integers(1, 256, (n, ARCHITECTURE.inputs), dtype=np.uint8)
        X[random.random(X.shape, np.float32) >= SHARE_OF_INK] = 0
        return X, random.integers(0, ARCHITECTURE.outputs, n)

    return Problem(*part(n_train), *part(n_test), is_real=False)


def contestants(names: Sequence[str] | None = None) -> list[Contestant]:
    """List who takes part, the reference engine first; threads of their own are measured as one, and as the usual number."""
    everyone: list[Contestant] = []
    for name in dict.fromkeys(("reference", *(available() if names is None else names))):
        engine = choose(name).engine
        for precision in engine.precisions:
            everyone += [Contestant(name, precision, threads) for threads in sorted({1, engine.threads or 1})]
    return everyone


def measure(
    problem: Problem,
    everyone: Sequence[Contestant],
    *,
    rounds: int = 3,
    seconds: float = 40.0,
    progress: Callable[[Contestant, int, int], None] = lambda *_: None,
) -> list[Result]:
    """Let everyone take turns, ``rounds`` times, or until ``seconds`` have passed, but once at least; who is slow, once.

    ``progress`` is told who comes next, how many turns are done, and of how many.
    """
    began = time.perf_counter()
    times: dict[Contestant, list[Times]] = {contestant: [] for contestant in everyone}
    turns = list(everyone)
    for number in range(rounds):
        if number and time.perf_counter() - began + sum(times[each][-1].in_all for each in turns) > seconds:
            break
        for place, contestant in enumerate(turns):
            progress(contestant, number * len(turns) + place, rounds * len(turns))
            times[contestant].append(_turn(problem, contestant))
        turns = [each for each in turns if times[each][0].in_all < SECONDS_OF_A_LONG_TURN]
    return [_result(problem, contestant, times) for contestant in everyone]


def _turn(problem: Problem, contestant: Contestant) -> Times:
    settings = Settings(precision=contestant.precision)
    engine = choose(contestant.engine, threads=contestant.threads).engine.at(contestant.precision)
    layers = initialize(ARCHITECTURE, settings.seed, settings.initialization, settings.dtype)
    n, size = len(problem.y_train), settings.batch_size
    rates = np.full(steps_of_an_epoch(n, size), settings.learning_rate)

    began = time.perf_counter()
    order = engine.order(settings.seed, n, 0)
    outcome = engine.run(
        ARCHITECTURE, SGD(), State(layers, ()), problem.X_train, problem.y_train, order, rates, batch_size=size
    )
    epoch = time.perf_counter() - began

    network = Network(ARCHITECTURE, outcome.state.layers, engine=engine)
    p, all_rows = _timed(network.predict_proba, problem.X_test)
    rows = list(problem.X_test[:SINGLE_ROWS])
    one_row = float(np.median([_timed(network.predict_proba, row)[1] for row in rows]))
    accuracy = float(np.mean(p.argmax(axis=1) == problem.y_test))
    return Times(epoch, one_row, all_rows, float(outcome.losses.mean()), accuracy)


def _timed(ask: Callable[[Any], Any], X: NDArray[Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    answer = ask(X)
    return answer, time.perf_counter() - began


def _result(problem: Problem, contestant: Contestant, times: dict[Contestant, list[Times]]) -> Result:
    ours = times[contestant]
    dtype = Settings(precision=contestant.precision).dtype
    reference = times.get(Contestant("reference", dtype, 1), ours)

    def median(what: str) -> float:
        return float(np.median([getattr(each, what) for each in ours]))

    def ratio(what: str) -> float:
        pairs = zip(reference, ours, strict=False)  # who is slow took fewer turns
        return float(np.median([getattr(theirs, what) / getattr(mine, what) for theirs, mine in pairs]))

    return Result(
        *contestant,
        epoch_seconds=median("epoch"),
        epoch_ratio=ratio("epoch"),
        one_row_seconds=median("one_row"),
        one_row_ratio=ratio("one_row"),
        all_rows_seconds=median("all_rows"),
        all_rows_ratio=ratio("all_rows"),
        loss=ours[-1].loss,
        accuracy=ours[-1].accuracy if problem.is_real else None,
    )
