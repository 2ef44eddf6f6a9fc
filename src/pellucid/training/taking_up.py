"""A run that was stopped: its record and its checkpoint, and whether they are those of the run that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from pellucid import __version__
from pellucid.equations.architecture import Architecture
from pellucid.training.identity import check_same
from pellucid.training.run_folder import RunFolder
from pellucid.training.settings import Settings
from pellucid.training.snapshot import Snapshot

RESULT_KEYS = (
    "ended", "ending", "kept_epoch", "trouble", "non_finite_step",
    "epochs", "train_seconds", "test_accuracy", "test_loss", "test_calibration_error", "model",
)  # fmt: skip
"""What run.json gains when a run ends, and loses when it is given more epochs."""


RUN: dict[str, str] = {"kind": "run", "anew": "begin a new one with --out"}
"""The words of whoever refuses."""


def version_of(record: Mapping[str, Any]) -> Any:
    """Give the version whose bits a run's record promises; of what is finished this one, for it is only reported."""
    return __version__ if record["status"] == "finished" else record["versions"].get("pellucid")


def take_up(
    folder: RunFolder,
    ours: Mapping[str, Any],
    architecture: Architecture,
    settings: Settings,
    say: Callable[[str], None],
) -> tuple[dict[str, Any], Snapshot | None]:
    """Give a run's record, and where it stands: None before its first checkpoint, and where it is finished.

    ``ours`` is the identity of the run that is asked for; ``say`` hears of checkpoints that are spoiled. Raises
    ``RunFolderError`` where the folder holds another run, or its record is spoiled.
    """
    record = folder.read_record()
    lost = record["status"] == "finished" and not folder.model.is_file()
    if lost or _longer(record, settings):
        record = {key: record[key] for key in record if key not in RESULT_KEYS}
        record = {**_with_epochs(record, settings), "status": "running"}
    check_same(folder.path, {**record, "version": version_of(record)}, ours, **RUN)
    if record["status"] == "finished":
        return record, None
    resumed = [*record["resumed"], now()] if isinstance(record.get("resumed"), list) else [now()]
    record = {**record, "status": "running", "resumed": resumed}

    return record, take_up_without_record(folder, ours, architecture, settings, say)


def read_finished(folder: RunFolder, ours: Mapping[str, Any], settings: Settings) -> dict[str, Any] | None:
    """Give the record of a run that has ended as it is asked for, or None where there is something left to train.

    Its model need not be there. Raises ``RunFolderError`` where the folder holds another run, or its record is spoiled.
    """
    record = folder.read_record()
    if record["status"] != "finished" or _longer(record, settings):
        return None
    check_same(folder.path, {**record, "version": version_of(record)}, ours, **RUN)
    return record


def take_up_without_record(
    folder: RunFolder,
    ours: Mapping[str, Any],
    architecture: Architecture,
    settings: Settings,
    say: Callable[[str], None],
) -> Snapshot | None:
    """Give where a run stands, by its checkpoints alone: they tell what they are of. Raises as ``take_up``."""

    def check(theirs: Mapping[str, Any]) -> None:
        check_same(folder.checkpoints.folder, _with_epochs(theirs, settings), ours, **RUN)

    found = folder.checkpoints.read(architecture, settings, check)
    if found.spoiled:
        say(f"{'; '.join(found.spoiled)}. The run goes on from {_place(found.snapshot)}, to the same end.")
    return found.snapshot


def _with_epochs(record: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Give a record that asks for as many epochs as we do, where it may be given more."""
    if not _longer(record, settings):
        return dict(record)
    return {**record, "settings": {**record["settings"], "epochs": settings.epochs}}


def _place(snapshot: Snapshot | None) -> str:
    if snapshot is None:
        return "its beginning"
    epoch, step = snapshot.epochs_done, snapshot.steps_done
    return f"step {step:,} of epoch {epoch + 1}" if step else f"the end of epoch {epoch}"


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


def now() -> str:
    """Give the time, as records tell it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
