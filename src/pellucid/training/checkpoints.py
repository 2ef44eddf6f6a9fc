"""Snapshots on the disk: a safetensors file each, the newest and the one before it.

::

    snapshot.safetensors          the newest
    snapshot.before.safetensors   the one before: what a training goes on from where the newest was spoiled

Each file is written beside its place, flushed and renamed, so that a killed process leaves no half file. A power cut on a
disk that lies about what it has flushed may; therefore every file carries a checksum of all that it says, and the one
before stays until the next is in its place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pellucid.engines import State
from pellucid.equations.architecture import Architecture
from pellucid.errors import ModelFileError, PellucidError, RunFolderError, StorageError
from pellucid.formats.container import canonical_json, read_container, write_container
from pellucid.formats.records import layers_from_arrays, layers_to_arrays
from pellucid.training.history import EpochRecord, History, from_records
from pellucid.training.settings import Settings
from pellucid.training.snapshot import Best, Snapshot

SCHEMA = 2


class Found(NamedTuple):
    """Where a training stands, None where no file is whole; and of each file that is spoiled, what is wrong with it."""

    snapshot: Snapshot | None
    spoiled: tuple[str, ...]


class Checkpoints:
    """The two files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.newest = folder / "snapshot.safetensors"
        self.before = folder / "snapshot.before.safetensors"
        self._newest_is_whole = False

    def exist(self) -> bool:
        """Say whether there is something to go on from."""
        return self.newest.is_file() or self.before.is_file()

    def write(self, snapshot: Snapshot, identity: Mapping[str, Any]) -> None:
        """Write a snapshot, whole or not at all. The newest so far stays beside it, unless it is spoiled: then the one
        before does. Raises ``StorageError``, and what was there can still be gone on from.
        """
        write_checkpoint(self.newest, snapshot, identity, keep_as=self.before if self._newest_is_whole else None)
        self._newest_is_whole = True

    def read(
        self,
        architecture: Architecture,
        settings: Settings,
        check: Callable[[Mapping[str, Any]], None] = lambda _: None,
    ) -> Found:
        """Read the newest snapshot that is whole. ``check`` looks at what it is of, before any shape is compared.

        Raises ``RunFolderError`` for one that another version wrote or that is of another network, ``StorageError`` for
        a file that is there and may not be read.
        """
        spoiled: list[str] = []
        for path in (self.newest, self.before):
            if not path.is_file():
                continue
            _check_readable(path)
            try:
                snapshot = read_checkpoint(path, architecture, settings, check)
            except ModelFileError as error:
                spoiled.append(error.got)
                continue
            self._newest_is_whole = path == self.newest
            return Found(snapshot, tuple(spoiled))
        return Found(None, tuple(spoiled))


def write_checkpoint(path: Path, snapshot: Snapshot, identity: Mapping[str, Any], keep_as: Path | None = None) -> None:
    """Write a snapshot, whole or not at all. Raises ``StorageError``."""
    arrays = layers_to_arrays(snapshot.state.layers)
    for number, moment in enumerate(snapshot.state.moments):
        arrays |= layers_to_arrays(moment, prefix=f"moments.{number}.")
    if snapshot.steps_done:
        arrays |= layers_to_arrays(snapshot.layers_before, prefix="before.")
    if snapshot.best is not None:
        arrays |= layers_to_arrays(snapshot.best.layers, prefix="best.")
    if snapshot.average is not None:
        arrays |= layers_to_arrays(snapshot.average, prefix="average.")
    if snapshot.velocity is not None:
        arrays |= layers_to_arrays(snapshot.velocity, prefix="velocity.")
    arrays["losses"] = snapshot.losses
    record = {
        "checkpoint_schema": SCHEMA,
        "of": dict(identity),
        "steps_done": snapshot.state.steps_done,
        "history": [_to_plain(each) for each in snapshot.history],
        "correct": snapshot.correct,
        "seconds": snapshot.seconds,
        "best_epoch": snapshot.best and snapshot.best.epoch,
        "averages": snapshot.average is not None,
        **({} if snapshot.velocity is None else {"velocity": True}),
    }
    write_container(path, arrays, {**record, "checksum": checksum(arrays, record)}, keep_as)


def read_checkpoint(
    path: Path,
    architecture: Architecture,
    settings: Settings,
    check: Callable[[Mapping[str, Any]], None] = lambda _: None,
) -> Snapshot:
    """Read a snapshot of a training with this architecture and these settings.

    ``check`` is handed the record of what it is of, and may refuse it. Raises ``ModelFileError`` for a file that is
    spoiled, ``RunFolderError`` for one that another version wrote or that is of another network.
    """
    arrays, record = read_container(path)
    schema = record.get("checkpoint_schema")
    if type(schema) is not int:
        raise ModelFileError(f"{path} is no checkpoint")
    if schema != SCHEMA:
        raise RunFolderError(
            f"{path} is a checkpoint of schema {schema}, and this version of Pellucid reads schema {SCHEMA}",
            advice="Go on with the version that began it, or begin anew in another folder.",
        )
    try:
        if record.pop("checksum", None) != checksum(arrays, record):
            raise ModelFileError(f"{path} is spoiled: its checksum is that of another content")
        check(dict(record["of"]))
        return _snapshot(arrays, record, architecture, settings)
    except (ModelFileError, RunFolderError):
        raise
    except PellucidError as error:
        raise RunFolderError(f"{path} does not fit the training: {error}", advice="Begin anew elsewhere.") from error
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ModelFileError(f"{path} is spoiled ({error!r})") from error


def checksum(arrays: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """Sum up all that a checkpoint says but its checksum: SHA-256."""
    digest = hashlib.sha256(canonical_json(record).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}{array.dtype.str}{array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()


def _snapshot(
    arrays: dict[str, Any], record: dict[str, Any], architecture: Architecture, settings: Settings
) -> Snapshot:
    layers = layers_from_arrays(arrays, architecture)
    moments = tuple(
        layers_from_arrays(arrays, architecture, prefix=f"moments.{number}.")
        for number in range(settings.optimizer.n_moments)
    )
    best = None
    if record["best_epoch"] is not None:
        best = Best(record["best_epoch"], layers_from_arrays(arrays, architecture, prefix="best."))
    losses = arrays["losses"].astype(np.float64)
    if losses.ndim != 1 or any(type(record[name]) is not int for name in ("steps_done", "correct")):
        raise ValueError("the losses are no list, or a count is no whole number")
    before = layers_from_arrays(arrays, architecture, prefix="before.") if len(losses) else layers
    return Snapshot(
        state=State(layers, moments, record["steps_done"]),
        history=_history(record["history"]),
        losses=losses,
        correct=record["correct"],
        seconds=float(record["seconds"]),
        layers_before=before,
        best=best,
        average=layers_from_arrays(arrays, architecture, prefix="average.") if record["averages"] else None,
        velocity=layers_from_arrays(arrays, architecture, prefix="velocity.") if record.get("velocity") else None,
    )


def _to_plain(record: EpochRecord) -> dict[str, Any]:
    """Write a record as JSON can: what is infinite or NaN, as a user's own measure may be, as a word."""
    return {
        name: str(value) if isinstance(value, float) and not isfinite(value) else value
        for name, value in asdict(record).items()
    }


def _history(records: Any) -> History:
    history = from_records(
        {name: float(value) if isinstance(value, str) else value for name, value in each.items()} for each in records
    )
    if [each.epoch for each in history] != list(range(1, len(history) + 1)):
        raise ValueError("the epochs of the history do not follow each other")
    return history


def _check_readable(path: Path) -> None:
    """Raise ``StorageError`` where a file may not be read: that does not mean that it is spoiled."""
    try:
        path.open("rb").close()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(f"{path} could not be read: {reason}", advice="Nothing was changed.") from error
