"""A whole run: a data set and settings in, a folder with a trained model out; or the rest of a run that was stopped."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from pellucid import __version__
from pellucid.datasets.dataset import Dataset
from pellucid.datasets.streamed import StreamedDataset
from pellucid.engines import Engine, name_of
from pellucid.equations.architecture import Architecture
from pellucid.equations.parameters import Layers
from pellucid.errors import RunFolderError, SettingError, StorageError
from pellucid.formats.model_file import Model, write_model
from pellucid.processor import cpu_name
from pellucid.training.callbacks import Callback, Callbacks, EpochFunction
from pellucid.training.evaluation import Evaluation, evaluate
from pellucid.training.examples import Examples, Learned
from pellucid.training.history import History, from_records
from pellucid.training.identity import identity
from pellucid.training.interrupts import interruptible
from pellucid.training.keeper import SECONDS_BETWEEN_CHECKPOINTS, check_seconds
from pellucid.training.loop import Fit, fit
from pellucid.training.mistakes import MOST_SHOWN
from pellucid.training.rules import UsualRules, what_is_kept
from pellucid.training.run_folder import RunFolder
from pellucid.training.saving import Saver, write_where_possible
from pellucid.training.settings import Settings
from pellucid.training.snapshot import Snapshot
from pellucid.training.stopping import Ending
from pellucid.training.taking_up import now, take_up, take_up_without_record
from pellucid.training.tally import Tally, tally
from pellucid.training.windows import ExamplesInFiles

MOST_VALIDATION_ROWS = 10_000


@dataclass(frozen=True, eq=False)
class Plan:
    """What is to be done: all that, together, fixes the bits of the result, and the words that tell of it.

    ``request`` is what a later process needs to load the same data again. Where the examples are elsewhere, ``fits`` and
    ``evaluates`` are not this machine's, ``fits_by`` holds settings of theirs, and ``shards`` counts the parts in which
    they lie; an ordinary model file is then written after each epoch, beside the checkpoint.
    """

    dataset: Dataset | StreamedDataset
    architecture: Architecture
    settings: Settings
    engine: Engine
    threads: int
    request: Mapping[str, Any] = field(default_factory=dict)
    command: Sequence[str] = ()
    fits: Callable[..., Fit] = fit
    evaluates: Callable[..., Evaluation] = evaluate
    fits_by: Mapping[str, Any] = field(default_factory=dict)
    shards: int | None = None

    def __post_init__(self) -> None:
        rows, held_out = self.dataset.n_train, self.settings.validation
        if held_out >= rows:
            raise SettingError(f"--validation is {held_out:,}", f"less than the {rows:,} training rows")
        if isinstance(self.dataset, StreamedDataset):  # refused here, where a window is too small: nothing is begun yet
            ExamplesInFiles(self.dataset, self.dataset.train, self.settings.batch_size)
        object.__setattr__(self, "engine", self.engine.at(self.settings.precision))


@dataclass(frozen=True, eq=False)
class Run:
    """What was done. ``fit`` and ``test`` are None for a run that had been finished before; ``test`` also for one that
    was interrupted or diverged: the test part is read once, at the end. ``model`` is where the model is, if there is one.
    ``unsaved`` says in a sentence what could not be written into the folder.
    """

    folder: RunFolder
    record: Mapping[str, Any]
    history: History
    fit: Fit | None
    test: Evaluation | Tally | None
    model: Path | None
    unsaved: str | None = None


def usual_validation_rows(n: int) -> int:
    """Say how many rows are held out where a validation part is needed and nobody said how large: a sixth.

    >>> usual_validation_rows(60_000)
    10000
    """
    return min(MOST_VALIDATION_ROWS, max(1, n // 6))


def run(
    plan: Plan,
    folder: RunFolder,
    *,
    resume: bool,
    callbacks: Sequence[Callback | EpochFunction] = (),
    stop: Callable[[], bool] = lambda: False,
    checkpoint_seconds: float = SECONDS_BETWEEN_CHECKPOINTS,
) -> Run:
    """Carry out a plan in a folder; with ``resume``, go on from what is there. ``stop`` is asked as Ctrl-C is listened for.

    A snapshot is kept at each epoch's end, and within one every ``checkpoint_seconds``. A folder that can no longer be
    written ends nothing: callbacks hear of it once, the training goes on in memory, and what the folder then lacks is said
    in ``Run.unsaved``. Raises ``RunFolderError`` where the folder is in use, not empty, or holds another run;
    ``StorageError`` where a new run's folder cannot be written from the first, when nothing is lost, or where no place is
    left for the model.
    """
    goes_on = resume and (folder.exists() or folder.checkpoints.exist())
    if not goes_on:
        folder.check_new()
    check_seconds("--checkpoint-seconds", checkpoint_seconds)
    with folder.locked():
        record, snapshot = _fresh_record(plan), None
        teller = Callbacks(callbacks)
        saver = Saver(teller.on_notice)
        if goes_on and not folder.exists():  # the record was spoiled, and is made anew
            snapshot = take_up_without_record(
                folder, identity_of(plan), plan.architecture, plan.settings, say=teller.on_notice
            )
            saver.attempt(lambda: folder.write_record(record))
        elif goes_on:
            record, snapshot = take_up(
                folder, identity_of(plan), plan.architecture, plan.settings, say=teller.on_notice
            )
            if record["status"] == "finished":
                return Run(folder, record, _history(folder, record), None, None, folder.model)
            saver.attempt(lambda: folder.write_record(record))
        else:
            folder.check_new()
            folder.write_record(record)
        with interruptible() as interrupted:
            result = _train(
                plan, folder, snapshot, callbacks, saver, checkpoint_seconds, lambda: interrupted() or stop()
            )
        return _end(plan, folder, record, result, saver)


def _train(
    plan: Plan,
    folder: RunFolder,
    snapshot: Snapshot | None,
    callbacks: Sequence[Any],
    saver: Saver,
    checkpoint_seconds: float,
    stop: Callable[[], bool],
) -> Fit:
    of = identity_of(plan)

    def keep(latest: Snapshot) -> None:
        saver.attempt(lambda: folder.checkpoints.write(latest, of))
        if not latest.steps_done:
            saver.attempt(lambda: folder.write_history(latest.history))
            if plan.shards is not None:
                if_ended_here = Ending.INTERRUPTED
                layers, epoch = what_is_kept(UsualRules(plan.settings), latest, if_ended_here)
                model = _model(plan, layers, if_ended_here, epoch)
                saver.attempt(lambda: write_model(folder.model, model))

    training, validation = _parts(plan)
    return plan.fits(
        plan.engine,
        plan.architecture,
        training,
        plan.settings,
        validation=validation,
        start=snapshot,
        callbacks=callbacks,
        keep=keep,
        keep_seconds=checkpoint_seconds,
        stop=stop,
    )


def _parts(plan: Plan) -> tuple[Learned, Learned | None]:
    """Give what is learned from, and what is held out of it."""
    data, settings = plan.dataset, plan.settings
    n, split = data.n_train, data.n_train - settings.validation
    if isinstance(data, Dataset):
        whole = Examples(data.X_train[:split], data.y_train[:split])
        return whole, Examples(data.X_train[split:], data.y_train[split:]) if settings.validation else None
    read = ExamplesInFiles(data, data.train.between(0, split), settings.batch_size)
    held_out = ExamplesInFiles(data, data.train.between(split, n), settings.batch_size)
    return read, held_out if settings.validation else None


def _test(plan: Plan, layers: Layers) -> Evaluation | Tally:
    """Read the test part."""
    data = plan.dataset
    if isinstance(data, Dataset):
        return plan.evaluates(plan.engine, plan.architecture, layers, data.X_test, data.y_test)
    return tally_test_part(plan, data, layers)


def tally_test_part(plan: Plan, data: StreamedDataset, layers: Layers) -> Tally:
    """Read the test part of data that are larger than memory, portion by portion."""
    most = data.rows_of_a_portion
    return tally(plan.engine, plan.architecture, layers, data.test.portions(most), min(MOST_SHOWN, most))


def _end(plan: Plan, folder: RunFolder, record: Mapping[str, Any], result: Fit, saver: Saver) -> Run:
    """Leave the folder complete, as far as it can be written."""
    lacks = [saver.attempt(lambda: folder.write_history(result.snapshot.history))]
    test, model, hindered = _save(plan, folder, result)
    record = {**record, **_result(result, test, folder, model)}
    lacks += [hindered, saver.attempt(lambda: folder.write_record(record))]
    unsaved = [error.got for error in lacks if error is not None]
    if hindered is not None:
        unsaved.append(f"the model is, whole, in {model}")
    return Run(folder, record, result.snapshot.history, result, test, model, "; ".join(unsaved) or None)


def _save(
    plan: Plan, folder: RunFolder, result: Fit
) -> tuple[Evaluation | Tally | None, Path | None, StorageError | None]:
    """Read the test part, once, and write the model: give both, and what hindered the model's place from being the folder.

    A run that diverged in its first epoch has none.
    """
    test: Evaluation | Tally | None = None
    if result.ending is Ending.DIVERGED and result.kept_epoch is None:
        with suppress(OSError):  # of a folder that may no longer be written
            folder.model.unlink(missing_ok=True)  # Ctrl-C within this epoch may have left one
        return None, None, None
    if result.ending not in (Ending.INTERRUPTED, Ending.DIVERGED):
        test = _test(plan, result.layers)
    model = _model(plan, result.layers, result.ending, result.kept_epoch, test)
    return test, *write_where_possible(folder.model, lambda path: write_model(path, model))


def _model(
    plan: Plan, layers: Layers, ending: Ending, kept_epoch: int | None, test: Evaluation | Tally | None = None
) -> Model:
    data = plan.dataset
    of_data = {"name": data.name, "sha256": data.fingerprint, "own_test_part": data.has_own_split}
    if data.columns is not None and plan.request.get("label") is not None:
        of_data["label"] = plan.request["label"]
    training = {
        **_settings_of(plan),
        **({"recipe": plan.request["recipe"]} if "recipe" in plan.request else {}),
        **({"engine": name_of(plan.engine)} if plan.shards is None else {}),  # on a cluster it is the workers'
        "data": of_data if plan.shards is None else {**of_data, "shards": plan.shards},
        "ending": ending.value,
        "kept_epoch": kept_epoch,
    }
    return Model(
        plan.architecture,
        layers,
        data.classes,
        feature_names=data.feature_names,
        columns=data.columns,
        training=training,
        test_accuracy=test.accuracy if test else None,
        version=__version__,
    )


def _fresh_record(plan: Plan) -> dict[str, Any]:
    data = plan.dataset
    return {
        "schema": 1,
        "status": "running",
        "started": now(),
        "command": list(plan.command),
        **{part: of for part, of in identity_of(plan).items() if part != "version"},
        "engine": {"name": plan.engine.name, "target": plan.engine.target, "threads": plan.threads},
        "request": dict(plan.request),
        "data_source": data.source,
        "rows": {"train": data.n_train, "test": data.n_test},
        "versions": {"pellucid": __version__, "python": platform.python_version(), "numpy": np.__version__},
        "machine": {"system": platform.platform(), "processor": cpu_name()},
    }


def identity_of(plan: Plan) -> dict[str, Any]:
    """What must be the same for a stopped run to go on to the bit."""
    data = {"name": plan.dataset.name, "sha256": plan.dataset.fingerprint}
    return identity(data, plan.architecture, plan.engine, _settings_of(plan), plan.threads)


def _settings_of(plan: Plan) -> dict[str, Any]:
    """Write down what fixes the bits beside the data: of data that are read from files, the memory, too."""
    record = {**plan.settings.to_record(), **plan.fits_by}
    return {**record, "memory": plan.dataset.memory} if isinstance(plan.dataset, StreamedDataset) else record


def _result(result: Fit, test: Evaluation | Tally | None, folder: RunFolder, model: Path | None) -> dict[str, Any]:
    history = result.snapshot.history
    status = {Ending.INTERRUPTED: "interrupted", Ending.DIVERGED: "diverged"}.get(result.ending, "finished")
    return {
        "status": status,
        "ended": now(),
        "ending": result.ending.value,
        "kept_epoch": result.kept_epoch,
        "trouble": result.trouble,
        "non_finite_step": result.non_finite_step,
        "epochs": [asdict(record) for record in history],
        "train_seconds": sum(record.seconds for record in history) + result.snapshot.seconds,
        "test_accuracy": test.accuracy if test else None,
        "test_loss": _finite_or_none(test.loss) if test else None,
        "test_calibration_error": _finite_or_none(test.calibration[0]) if test else None,
        "model": model and (model.name if model == folder.model else str(model)),
    }


def _finite_or_none(value: float) -> float | None:
    return value if isfinite(value) else None


def _history(folder: RunFolder, record: Mapping[str, Any]) -> History:
    try:
        return from_records(record["epochs"])
    except TypeError as error:
        raise RunFolderError(f"{folder.record} is spoiled ({error})", advice="Begin a new run.") from error
