"""A run is a folder; one process at a time holds it.

::

    run.json            written first: command, versions, machine, engine and target, data, settings, times, result
    model.safetensors   what was learned
    history.jsonl       a line an epoch
    curves.png          where matplotlib is installed
    checkpoint/         where a run that is stopped goes on from
    .lock               held by the process that writes here
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pellucid.errors import RunFolderError, StorageError
from pellucid.files import write_text
from pellucid.training.history import History, to_json_lines


class RunFolder:
    """The paths of one run's files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record = path / "run.json"
        self.model = path / "model.safetensors"
        self.history = path / "history.jsonl"
        self.curves = path / "curves.png"
        self.checkpoint = path / "checkpoint" / "snapshot.safetensors"

    def exists(self) -> bool:
        """Say whether there is a run here: its record is written before anything else."""
        return self.record.is_file()

    def check_new(self) -> None:
        """Raise ``RunFolderError`` unless nothing is here yet: a run never overwrites anything."""
        if self.path.exists() and not self.path.is_dir():
            raise RunFolderError(f"{self.path} is a file", "a folder for the run")
        if self.path.is_dir() and any(entry.name != ".lock" for entry in self.path.iterdir()):
            advice = f"Try --resume {self.path}, or another folder."
            raise RunFolderError(f"{self.path} is not empty", "a new folder", advice)

    def read_record(self) -> dict[str, Any]:
        """Read run.json. Raises ``RunFolderError`` where it is spoiled."""
        try:
            record = json.loads(self.record.read_text())
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise RunFolderError(f"{self.record} is spoiled ({error})", advice="Begin a new run.") from error
        if not isinstance(record, dict):
            raise RunFolderError(f"{self.record} is spoiled", advice="Begin a new run.")
        return record

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
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StorageError(
                f"the run folder {self.path} cannot be made: {reason}", advice="Try --out DIR."
            ) from error
        try:
            try:
                _lock(descriptor)
            except OSError as error:
                got = f"another process is training in {self.path}"
                raise RunFolderError(got, advice="Wait for it, or choose another folder with --out.") from error
            yield
        finally:
            os.close(descriptor)


def new_run_folder(parent: Path, name: str) -> RunFolder:
    """Choose a folder that is not there yet: ``parent/name``, or with a number behind it."""
    number, path = 1, parent / name
    while path.exists():
        number += 1
        path = parent / f"{name}-{number}"
    return RunFolder(path)


def _lock(descriptor: int) -> None:
    """Lock an open file for this process, or raise ``OSError`` at once."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        locking, non_blocking = getattr(msvcrt, "locking"), getattr(msvcrt, "LK_NBLCK")  # noqa: B009
        locking(descriptor, non_blocking, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
