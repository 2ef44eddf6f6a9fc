"""Snapshots on the disk: one safetensors file that is replaced whole at each epoch's end."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.engines import State
from pellucid.equations.architecture import Architecture
from pellucid.errors import ModelFileError, PellucidError
from pellucid.formats.container import read_container, write_container
from pellucid.formats.records import layers_from_arrays, layers_to_arrays
from pellucid.training.history import from_records
from pellucid.training.settings import Settings
from pellucid.training.snapshot import Best, Snapshot

SCHEMA = 1


def write_checkpoint(path: Path, snapshot: Snapshot) -> None:
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
    arrays["losses"] = snapshot.losses
    record = {
        "checkpoint_schema": SCHEMA,
        "steps_done": snapshot.state.steps_done,
        "history": [asdict(each) for each in snapshot.history],
        "correct": snapshot.correct,
        "seconds": snapshot.seconds,
        "best_epoch": snapshot.best and snapshot.best.epoch,
        "averages": snapshot.average is not None,
    }
    write_container(path, arrays, record)


def read_checkpoint(path: Path, architecture: Architecture, settings: Settings) -> Snapshot:
    """Read the snapshot of a training with this architecture and these settings.

    Raises ``ModelFileError`` for a file that is spoiled, or a snapshot of something else.
    """
    arrays, record = read_container(path)
    if record.get("checkpoint_schema") != SCHEMA:
        raise ModelFileError(f"{path} is no checkpoint of schema {SCHEMA}")
    try:
        return _snapshot(arrays, record, architecture, settings)
    except PellucidError as error:
        raise ModelFileError(f"{path} does not fit the run: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path} is spoiled ({error!r})") from error


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
    within_an_epoch = len(arrays["losses"]) > 0
    before = layers_from_arrays(arrays, architecture, prefix="before.") if within_an_epoch else layers
    return Snapshot(
        state=State(layers, moments, record["steps_done"]),
        history=from_records(record["history"]),
        losses=arrays["losses"].astype(np.float64),
        correct=record["correct"],
        seconds=record["seconds"],
        layers_before=before,
        best=best,
        average=layers_from_arrays(arrays, architecture, prefix="average.") if record.get("averages") else None,
    )
