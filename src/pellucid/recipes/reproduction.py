"""A recipe carried out for several seeds, each a run of its own that can be stopped and gone on with; what came of them."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from math import inf
from pathlib import Path
from typing import Any

from pellucid import __version__, datasets
from pellucid.datasets.dataset import Dataset
from pellucid.engines import Engine, name_of
from pellucid.errors import DivergedError, PellucidError
from pellucid.files import write_text
from pellucid.processor import cpu_name
from pellucid.recipes.options import architecture_of, settings_of
from pellucid.recipes.recipe import Recipe
from pellucid.training.callbacks import Callback
from pellucid.training.run import Plan, identity_of, run
from pellucid.training.run_folder import RunFolder
from pellucid.training.stopping import Ending
from pellucid.training.taking_up import read_finished

RECORD = "reproduction.json"


@dataclass(frozen=True)
class Outcome:
    """What came of one seed: the error on the test images in per cent and the calibration error, None until it has ended;
    the epochs done, the seconds that the training took, and by what: how many threads, the processor on which it was begun,
    Pellucid's version.
    """

    seed: int
    error: float | None
    calibration_error: float | None
    epochs: int
    seconds: float
    threads: int
    machine: str
    version: str


@dataclass(frozen=True)
class Reproduction:
    """A recipe and the outcomes of its seeds, with all that a reader needs to judge them.

    ``wanted`` is the number of seeds that were asked for: after an interruption there are fewer ``outcomes``.
    """

    recipe: Recipe
    epochs: int
    wanted: int
    outcomes: tuple[Outcome, ...]
    engine: str
    precision: str

    @property
    def errors(self) -> list[float]:
        """The errors of the runs that have ended, in per cent."""
        return [outcome.error for outcome in self.outcomes if outcome.error is not None]

    @property
    def mean(self) -> float | None:
        """The mean error in per cent, or None where no run has ended."""
        return statistics.fmean(self.errors) if self.errors else None

    @property
    def spread(self) -> float | None:
        """The standard deviation of the errors in per cent, or None where fewer than two runs have ended."""
        return statistics.stdev(self.errors) if len(self.errors) > 1 else None

    @property
    def seconds(self) -> float:
        """How long the training of a run took that has ended: the mean, in seconds."""
        ended = [outcome.seconds for outcome in self.outcomes if outcome.error is not None]
        return statistics.fmean(ended) if ended else 0.0

    def to_record(self) -> dict[str, Any]:
        """Write it as a JSON record."""
        published = self.recipe.published
        return {
            "recipe": self.recipe.name,
            "title": self.recipe.title,
            "data": self.recipe.data,
            "options": dict(self.recipe.options),
            "published": published and published._asdict(),
            "differs": list(self.recipe.differs),
            "error": self.mean,
            "spread": self.spread,
            "wanted": self.wanted,
            "seeds": [vars(outcome) for outcome in self.outcomes],
            "epochs": self.epochs,
            "engine": self.engine,
            "precision": self.precision,
        }


def reproduce(
    recipe: Recipe,
    folder: Path,
    engine: Engine,
    *,
    threads: int,
    seeds: int,
    precision: str | None = None,
    minutes: float | None = None,
    callbacks: Callable[[int, int], Sequence[Callback]] = lambda seed, epochs: (),
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
) -> Reproduction:
    """Run a recipe for the seeds 0, 1, 2 …, each in a folder of its own, going on from what is there.

    ``callbacks`` makes those of a seed's run, given the number of its epochs. After ``minutes`` the run that is under way is
    stopped, as by Ctrl-C: a later call goes on with it. ``reproduction.json`` in the folder is written anew after each seed,
    also after one that was broken off or diverged; seeds that an earlier call finished are in it, too.

    Raises as ``training.run.run``, ``DivergedError`` for a run whose loss did, and ``DataUnavailableError`` without MNIST.
    """
    dataset = datasets.load(recipe.data)
    deadline = inf if minutes is None else time.monotonic() + 60 * minutes
    outcomes: list[Outcome] = []

    def planned(seed: int) -> tuple[Plan, RunFolder]:
        return _plan(recipe, dataset, engine, threads, seed, precision), RunFolder(folder / f"seed-{seed}")

    def finished_from(seed: int) -> Iterator[Outcome]:
        for later in count(seed):
            plan, place = planned(later)
            ended = read_finished(place, identity_of(plan), plan.settings) if place.exists() else None
            if ended is not None:
                yield _outcome_of(plan, ended)
            elif later >= seeds:
                return

    def record(plan: Plan) -> Reproduction:
        every = (*outcomes, *finished_from(len(outcomes)))
        wanted = max(seeds, every[-1].seed + 1)
        settings, by = plan.settings, name_of(engine)
        found = Reproduction(recipe, settings.epochs, wanted, every, by, settings.precision)
        write_text(folder / RECORD, json.dumps(found.to_record(), ensure_ascii=False, indent=1) + "\n")
        return found

    tuple(finished_from(0))  # whose settings are other ones is refused before anything is trained
    for seed in range(seeds):
        plan, place = planned(seed)
        try:
            outcome, is_interrupted = _outcome(plan, place, deadline, callbacks)
        except (KeyboardInterrupt, DivergedError):
            outcomes.append(_outcome_so_far(plan, place))
            with suppress(PellucidError):  # what ended it matters more
                record(plan)
            raise
        outcomes.append(outcome)
        found = record(plan)
        on_outcome(outcome)
        if is_interrupted:
            break
    return found


def _outcome_so_far(plan: Plan, folder: RunFolder) -> Outcome:
    """Read in a run's history how far it has come that was broken off."""
    epochs: list[Any] = []
    with suppress(OSError, ValueError):  # none was finished, or it could not be written
        epochs = [json.loads(line) for line in folder.history.read_text(encoding="utf-8").splitlines()]
    machine = cpu_name()
    with suppress(PellucidError):
        machine = folder.read_record()["machine"]["processor"]
    seconds = sum(epoch["seconds"] for epoch in epochs)
    return Outcome(plan.settings.seed, None, None, len(epochs), seconds, plan.threads, machine, __version__)


def _plan(recipe: Recipe, dataset: Dataset, engine: Engine, threads: int, seed: int, precision: str | None) -> Plan:
    options = {**recipe.options, "seed": seed, **({} if precision is None else {"precision": precision})}
    request = {"data": recipe.data, "label": None, "recipe": recipe.name}
    command = ["pellucid", "reproduce", recipe.name]
    return Plan(
        dataset, architecture_of(dataset, options), settings_of(dataset, options), engine, threads, request, command
    )


def _outcome(
    plan: Plan,
    folder: RunFolder,
    deadline: float,
    callbacks: Callable[[int, int], Sequence[Callback]],
) -> tuple[Outcome, bool]:
    """Run one seed, or the rest of it: → what came of it, and whether it was stopped."""
    ended = read_finished(folder, identity_of(plan), plan.settings) if folder.exists() else None
    if ended is not None:  # its model need not be there any more
        return _outcome_of(plan, ended), False
    listeners = callbacks(plan.settings.seed, plan.settings.epochs)
    done = run(plan, folder, resume=True, callbacks=listeners, stop=lambda: time.monotonic() > deadline)
    record = done.record
    if record["ending"] == Ending.DIVERGED.value:
        where = f"at step {record['non_finite_step']:,} of epoch {len(done.history) + 1}"
        raise DivergedError(
            f"the loss of seed {plan.settings.seed} became infinite or NaN {where}; its run is in {folder.path}"
        )
    return _outcome_of(plan, record), record["ending"] == Ending.INTERRUPTED.value


def _outcome_of(plan: Plan, record: Mapping[str, Any]) -> Outcome:
    """Read in a run's record what came of it."""
    accuracy = record["test_accuracy"]
    return Outcome(
        plan.settings.seed,
        error=None if accuracy is None else 100 * (1 - accuracy),
        calibration_error=record.get("test_calibration_error"),
        epochs=len(record["epochs"]),
        seconds=record["train_seconds"],
        threads=record["engine"]["threads"],
        machine=record["machine"]["processor"],
        version=record["versions"]["pellucid"],
    )
