"""A run is a folder; one process at a time holds it.

::

    run.json            written first: command, versions, machine, engine and target, data, settings, times, result
    model.safetensors   what was learned
    history.jsonl       a line an epoch
    curves.png          of five epochs or more, where matplotlib is installed
    report.html         where it is asked for
    checkpoint/         where a run that is stopped goes on from: the newest snapshot, and the one before
    .lock               held by the process that writes here
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from pellucid.errors import RunFolderError, StorageError
from pellucid.files import PARTIAL_SUFFIX, remove_partial_files, write_text
from pellucid.training.checkpoints import Checkpoints
from pellucid.training.history import History, to_json_lines
from pellucid.training.lock import LOCK, holding
from pellucid.training.stopping import Ending


class RunFolder:
    """The paths of one run's files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record = path / "run.json"
        self.model = path / "model.safetensors"
        self.history = path / "history.jsonl"
        self.curves = path / "curves.png"
        self.report = path / "report.html"
        self.checkpoints = Checkpoints(path / "checkpoint")

    def exists(self) -> bool:
        """Say whether there is a run here: its record is written before anything else."""
        return self.record.is_file()

    def check_new(self) -> None:
        """Raise ``RunFolderError`` unless nothing is here yet: a run never overwrites anything."""
        if self.path.exists() and not self.path.is_dir():
            raise RunFolderError(f"{self.path} is a file", "a folder for the run")
        if self.path.is_dir() and any(not _is_litter(entry.name) for entry in self.path.iterdir()):
            advice = "Try another folder."
            if self.exists():
                advice = f"Try --resume {shlex.quote(str(self.path))}, or another folder."
            raise RunFolderError(f"{self.path} is not empty", "a new folder", advice)

    def read_record(self) -> dict[str, Any]:
        """Read run.json. Raises ``RunFolderError`` where it is spoiled."""
        try:
            record = json.loads(self.record.read_text(encoding="utf-8"))
            _check_record(record)
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise RunFolderError(f"{self.record} is spoiled ({error})", advice=self._way_on()) from error
        return dict(record)

    def _way_on(self) -> str:
        """Say what to do where the record is spoiled: what else is there tells."""
        ways = []
        if self.checkpoints.exist():
            ways.append(
                f"Take {self.record.name} away, and --resume with all the options that the run began with: it goes on from "
                "its checkpoint."
            )
        if self.model.is_file():
            ways.append(f"The model in {self.model} can be used as it is.")
        return " ".join(ways) or "Begin a new run."

    def write_record(self, record: Mapping[str, Any]) -> None:
        """Write run.json."""
        write_text(self.record, json.dumps(record, indent=2, ensure_ascii=False) + "\n")

    def write_history(self, history: History) -> None:
        """Write history.jsonl."""
        write_text(self.history, to_json_lines(history))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder, so that no other process writes here; the system lets go even of a killed process's lock.

        Raises ``RunFolderError`` where another process holds it, ``StorageError`` where it cannot be made.
        """
        with holding(self.path, otherwise="--out DIR"):
            for folder in (self.path, self.checkpoints.folder):
                remove_partial_files(folder)  # a killed process leaves them, and we hold the lock
            yield


def new_run_folder(parent: Path, name: str) -> RunFolder:
    """Make a folder that was not there yet: ``parent/name``, or with a number behind it. Raises ``StorageError``."""
    for number in count(1):
        path = parent / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir(parents=True)  # made at once, so that nobody else takes the name
        except FileExistsError:
            continue
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StorageError(f"the run folder {path} cannot be made: {reason}", advice="Try --out DIR.") from error
        return RunFolder(path)
    raise AssertionError("unreachable: there is always another number")


def _is_litter(name: str) -> bool:
    return name == LOCK or name.endswith(PARTIAL_SUFFIX)


def _check_record(record: Any) -> None:
    """Raise ``TypeError``, ``ValueError`` or ``KeyError`` for a record that no run wrote."""
    wanted: dict[str, Any] = {"status": str, "settings": dict, "architecture": dict, "engine": dict, "data": dict}
    wanted |= {"request": dict, "versions": dict, "machine": dict}
    if isinstance(record, dict) and record.get("status") == "finished":
        wanted |= {"ending": str, "epochs": list, "kept_epoch": int, "train_seconds": float}
        wanted |= {"test_accuracy": float, "test_loss": float | None}  # JSON has no word for an infinite loss
    _check_types(record, wanted)
    _check_types(record["engine"], {"name": str, "target": str, "threads": int})
    _check_types(record["versions"], {"pellucid": str})
    _check_types(record["machine"], {"processor": str})
    _check_types(record["request"], dict.fromkeys(record["request"], str | None))
    _check_types(record["settings"], dict.fromkeys(record["settings"], str | int | float | dict | None))
    if record["engine"]["threads"] < 1:
        raise ValueError("threads are counted from 1")
    if record["status"] == "finished":
        Ending(record["ending"])
        if not 0 <= record["test_accuracy"] <= 1:
            raise ValueError(f"test_accuracy is {record['test_accuracy']}")
    json.dumps(record, ensure_ascii=False).encode()  # half a letter can be read, and not be written again


def _check_types(record: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    for key, kind in wanted.items():
        if not isinstance(record[key], kind):
            raise TypeError(f"{key} is {record[key]!r}")
