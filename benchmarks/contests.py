"""From a problem and the peers to contestants who take turns."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from benchmarks.peers import PEERS, Peer, Predictor, Trainer
from benchmarks.problems import PredictionProblem, TrainingProblem
from benchmarks.turns import Contestant
from pellucid.engines import ReferenceEngine
from pellucid.equations.metrics import accuracy

Maker = Callable[[Peer, str], Trainer | Predictor | None]


def contestants_of(
    problem: TrainingProblem | PredictionProblem, threads: int, chosen: Collection[str]
) -> tuple[list[Contestant], dict[str, str]]:
    """Make a contestant of each peer and variant that is chosen, is installed and can: → those, and who cannot and why."""
    contestants, absent = [], {}
    for key, peer in PEERS.items():
        found = peer.version()
        for variant in peer.VARIANTS:
            name = f"{peer.NAME} {variant}".strip()
            if not is_chosen(key, variant, chosen):
                continue
            if found is None:
                absent[name] = "not installed"
                continue
            try:
                contestant = _contestant(problem, peer, variant, threads, (name, key, found))
            except Exception as error:  # as in take_turns
                print(f"{name} failed: {error}", file=sys.stderr)
                absent[name] = f"failed ({type(error).__name__})"
                continue
            if contestant is not None:
                contestants.append(contestant)
    return contestants, absent


def is_chosen(key: str, variant: str, chosen: Collection[str]) -> bool:
    """Say whether a list such as ("numpy", "pytorch:eager", "pellucid:native:avx2") takes this one in.

    >>> is_chosen("pellucid", "reference float32", ["pytorch", "pellucid:reference"])
    True
    """
    return not chosen or bool({key, f"{key}:{variant}", f"{key}:{variant.split(' ')[0]}"} & set(chosen))


def _contestant(
    problem: TrainingProblem | PredictionProblem, peer: Peer, variant: str, threads: int, who: tuple[str, str, str]
) -> Contestant | None:
    if isinstance(problem, TrainingProblem):
        trainer = peer.trainer(problem, variant, threads)
        return trainer and _training(problem, trainer, who)
    predictor = peer.predictor(problem, variant, threads)
    return predictor and _predicting(problem, predictor, who)


def _training(problem: TrainingProblem, trainer: Trainer, who: tuple[str, str, str]) -> Contestant:
    losses: list[float] = []

    def turn(number: int) -> float:
        for order in (problem.order(2 * number), problem.order(2 * number + 1)):
            began = time.perf_counter()
            loss = trainer.epoch(order)
            seconds = time.perf_counter() - began
            losses.append(loss)
        return seconds  # of the second: the first wakes threads and fills caches again

    def about() -> Mapping[str, Any]:
        logits = ReferenceEngine().logits(problem.architecture, trainer.layers(), problem.data.X_test)
        said = {"losses": losses, "accuracy": accuracy(logits, problem.data.y_test)}
        return {**said, "remark": trainer.remark} if trainer.remark else said

    return Contestant(*who, trainer.precision, turn, about)


def _predicting(problem: PredictionProblem, predictor: Predictor, who: tuple[str, str, str]) -> Contestant:
    right = ReferenceEngine().predict(problem.architecture, problem.layers, problem.X)

    def turn(number: int) -> float:
        seconds = []
        for _ in range(problem.calls + problem.calls // 10):
            began = time.perf_counter()
            predictor.predict()
            seconds.append(time.perf_counter() - began)
        return statistics.median(seconds[problem.calls // 10 :])  # the first calls fill the caches again

    def about() -> Mapping[str, Any]:
        p = predictor.predict()
        said = {"largest_difference": float(np.abs(p - right).max())}
        return said if problem.y is None else {**said, "accuracy": accuracy(p, problem.y)}

    return Contestant(*who, predictor.precision, turn, about)
