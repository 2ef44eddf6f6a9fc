"""A whole run: a data set and settings in, a folder with a trained model out; or the rest of a run that was stopped."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from pellucid import __version__
from pellucid.datasets.dataset import Dataset
from pellucid.engines import Engine
from pellucid.equations.architecture import Architecture
from pellucid.errors import RunFolderError, SettingError
from pellucid.formats.model_file import Model, write_model
from pellucid.formats.records import architecture_to_record
from pellucid.training.callbacks import Callback, EpochFunction
from pellucid.training.checkpoints import read_checkpoint, write_checkpoint
from pellucid.training.evaluation import Evaluation, evaluate
from pellucid.training.history import History, from_records
from pellucid.training.interrupts import interruptible
from pellucid.training.loop import Examples, Fit, fit
from pellucid.training.run_folder import RunFolder
from pellucid.training.settings import Settings
from pellucid.training.snapshot import Snapshot
from pellucid.training.stopping import Ending

MOST_VALIDATION_ROWS = 10_000

RESULT_KEYS = (
    "ended", "ending", "kept_epoch", "trouble", "non_finite_step",
    "epochs", "train_seconds", "test_accuracy", "test_loss", "test_calibration_error", "model",
)  # fmt: skip
"""What run.json gains when a run ends, and loses when it is given more epochs."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What is to be done: all that, together, fixes the bits of the result, and the words that tell of it.

    ``request`` is what a later process needs to load the same data again.
    """

    dataset: Dataset
    architecture: Architecture
    settings: Settings
    engine: Engine
    threads: int
    request: Mapping[str, Any] = field(default_factory=dict)
    command: Sequence[str] = ()

    def __post_init__(self) -> None:
        rows, held_out = len(self.dataset.y_train), self.settings.validation
        if held_out >= rows:
            raise SettingError(f"--validation is {held_out:,}", f"less than the {rows:,} training rows")
        object.__setattr__(self, "engine", self.engine.at(self.settings.precision))


@dataclass(frozen=True, eq=False)
class Run:
    """What was done. ``fit`` and ``test`` are None for a run that had been finished before; ``test`` also for one that
    was interrupted or diverged: the test part is read once, at the end.
    """

    folder: RunFolder
    record: Mapping[str, Any]
    history: History
    fit: Fit | None
    test: Evaluation | None


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
) -> Run:
    """Carry out a plan in a folder; with ``resume``, go on from what is there. ``stop`` is asked as Ctrl-C is listened for.

    Raises ``RunFolderError`` where the folder is in use, not empty, or holds another run; ``StorageError`` where it
    cannot be written.
    """
    if not resume or not folder.exists():
        folder.check_new()
    with folder.locked():
        record = _fresh_record(plan)
        snapshot = None
        if resume and folder.exists():
            record, snapshot = _take_up(plan, folder)
            if record["status"] == "finished":
                return Run(folder, record, _history(folder, record), None, None)
        else:
            folder.check_new()
        folder.write_record(record)
        with interruptible() as interrupted:
            result = _train(plan, folder, snapshot, callbacks, lambda: interrupted() or stop())
        folder.write_history(result.snapshot.history)
        test = _save(plan, folder, result)
        record = {**record, **_result(plan, folder, result, test)}
        folder.write_record(record)
        return Run(folder, record, result.snapshot.history, result, test)


def _train(plan: Plan, folder: RunFolder, snapshot: Snapshot | None, callbacks: Sequence[Any], stop: Any) -> Fit:
    def keep(latest: Snapshot) -> None:
        write_checkpoint(folder.checkpoint, latest)
        folder.write_history(latest.history)

    data, held_out = plan.dataset, plan.settings.validation
    split = len(data.y_train) - held_out
    return fit(
        plan.engine,
        plan.architecture,
        Examples(data.X_train[:split], data.y_train[:split]),
        plan.settings,
        validation=Examples(data.X_train[split:], data.y_train[split:]) if held_out else None,
        start=snapshot,
        callbacks=callbacks,
        keep=keep,
        stop=stop,
    )


def _save(plan: Plan, folder: RunFolder, result: Fit) -> Evaluation | None:
    """Read the test part, once, and write the model; a run that diverged in its first epoch has none."""
    data, test = plan.dataset, None
    if result.ending is Ending.DIVERGED and result.kept_epoch is None:
        folder.model.unlink(missing_ok=True)  # Ctrl-C within this epoch may have left one
        return None
    if result.ending not in (Ending.INTERRUPTED, Ending.DIVERGED):
        test = evaluate(plan.engine, plan.architecture, result.layers, data.X_test, data.y_test)
    training = {
        **plan.settings.to_record(),
        "data": {"name": data.name, "sha256": data.fingerprint, "own_test_part": data.has_own_split},
        "ending": result.ending.value,
        "kept_epoch": result.kept_epoch,
    }
    model = Model(
        plan.architecture,
        result.layers,
        data.classes,
        feature_names=data.feature_names,
        columns=data.columns,
        training=training,
        test_accuracy=test.accuracy if test else None,
        version=__version__,
    )
    write_model(folder.model, model)
    return test


def _fresh_record(plan: Plan) -> dict[str, Any]:
    data = plan.dataset
    return {
        "schema": 1,
        "status": "running",
        "started": _now(),
        "command": list(plan.command),
        **_identity(plan),
        "engine": {"name": plan.engine.name, "target": plan.engine.target, "threads": plan.threads},
        "request": dict(plan.request),
        "data_source": data.source,
        "rows": {"train": len(data.y_train), "test": len(data.y_test)},
        "versions": {"pellucid": __version__, "python": platform.python_version(), "numpy": np.__version__},
        "machine": {"system": platform.platform(), "processor": platform.machine()},
    }


def _identity(plan: Plan) -> dict[str, Any]:
    """What must be the same for a stopped run to go on to the bit."""
    engine: dict[str, Any] = {"name": plan.engine.name, "target": plan.engine.target}
    if plan.engine.threads is None:  # the number of an engine's own threads changes no bit
        engine["threads"] = plan.threads
    return {
        "data": {"name": plan.dataset.name, "sha256": plan.dataset.fingerprint},
        "architecture": architecture_to_record(plan.architecture),
        "engine": engine,
        "settings": plan.settings.to_record(),
    }


def _take_up(plan: Plan, folder: RunFolder) -> tuple[dict[str, Any], Snapshot | None]:
    """Read the record and the checkpoint of a stopped run, and make sure that it is this one."""
    record = folder.read_record()
    ours = _identity(plan)
    lost = record["status"] == "finished" and not folder.model.is_file()
    if lost or _longer(record, plan.settings):
        epochs = max(plan.settings.epochs, record["settings"].get("epochs", 0))
        record = {key: record[key] for key in record if key not in RESULT_KEYS}
        record = {**record, "status": "running", "settings": {**record["settings"], "epochs": epochs}}
    differences = list(_differences(record, ours))
    if differences:
        advice = "Go on with the settings of the run, or begin a new one with --out."
        raise RunFolderError(f"{folder.path} holds another run: {'; '.join(differences)}", advice=advice)
    if record["status"] != "finished":
        resumed = [*record["resumed"], _now()] if isinstance(record.get("resumed"), list) else [_now()]
        record = {**record, "status": "running", "resumed": resumed}
    snapshot = None
    if folder.checkpoint.is_file():
        snapshot = read_checkpoint(folder.checkpoint, plan.architecture, plan.settings)
    return record, snapshot


def _longer(record: Mapping[str, Any], settings: Settings) -> bool:
    """Say whether only more epochs are asked for.

    That means the same thing only under a constant rate, and where no mean of the last epochs is kept.
    """
    before = record["settings"].get("epochs")
    return (
        settings.schedule == "constant"
        and not settings.average
        and isinstance(before, int)
        and settings.epochs > before
    )


def _differences(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> Iterator[str]:
    """Say in words where a run's record differs from ours, the data first: most else may follow from it."""
    if theirs["data"] != ours["data"]:
        yield "the data is not the same"
        return
    if theirs["architecture"] != ours["architecture"]:
        yield f"its network is {_network(theirs['architecture'])}, this one {_network(ours['architecture'])}"
    for part, keys in (("engine", ours["engine"]), ("settings", {**theirs["settings"], **ours["settings"]})):
        for key in keys:
            if theirs[part].get(key) != ours[part].get(key):
                yield f"{part}.{key} was {theirs[part].get(key)}, is {ours[part].get(key)}"


def _network(architecture: Mapping[str, Any]) -> str:
    layers = (f"{layer['width']} {layer['activation']}" for layer in architecture["hidden"])
    return ", ".join([*layers, f"{architecture['outputs']} {architecture['output']}"])


def _result(plan: Plan, folder: RunFolder, result: Fit, test: Evaluation | None) -> dict[str, Any]:
    history = result.snapshot.history
    status = {Ending.INTERRUPTED: "interrupted", Ending.DIVERGED: "diverged"}.get(result.ending, "finished")
    return {
        "status": status,
        "ended": _now(),
        "ending": result.ending.value,
        "kept_epoch": result.kept_epoch,
        "trouble": result.trouble,
        "non_finite_step": result.non_finite_step,
        "epochs": [asdict(record) for record in history],
        "train_seconds": sum(record.seconds for record in history) + result.snapshot.seconds,
        "test_accuracy": test.accuracy if test else None,
        "test_loss": test.loss if test else None,
        "test_calibration_error": test.calibration[0] if test else None,
        "model": folder.model.name if folder.model.is_file() else None,
    }


def _history(folder: RunFolder, record: Mapping[str, Any]) -> History:
    try:
        return from_records(record["epochs"])
    except TypeError as error:
        raise RunFolderError(f"{folder.record} is spoiled ({error})", advice="Begin a new run.") from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
