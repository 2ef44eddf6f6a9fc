"""A fit that is killed and goes on: its checkpoints, and what must be the same for it to be the same fit."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import fields
from math import isfinite
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pellucid.engines import Engine, State
from pellucid.equations.architecture import Architecture
from pellucid.errors import RunFolderError, StorageError
from pellucid.estimators.kept_search import SEARCH, KeptSearch
from pellucid.estimators.rules import EstimatorRules
from pellucid.estimators.scorers import name_of_scorer
from pellucid.estimators.telling import warn
from pellucid.estimators.validation import Part
from pellucid.files import remove_partial_files, write_text
from pellucid.training.checkpoints import Checkpoints
from pellucid.training.identity import check_same, identity
from pellucid.training.journal import Journal
from pellucid.training.keeper import check_seconds
from pellucid.training.lock import holding
from pellucid.training.saving import Saver
from pellucid.training.settings import Settings
from pellucid.training.snapshot import Snapshot

SEED = "seed"


class Place(NamedTuple):
    """Where a fit keeps what it has reached, and how often."""

    folder: Path
    seconds: float


class Going(NamedTuple):
    """Where a fit goes on from, if it was begun before, and who keeps what it reaches."""

    start: Snapshot | None
    keep: Callable[[Snapshot], None]


def place_of(checkpoint: str | PathLike[str] | None, seconds: float) -> Place | None:
    """Read the arguments of ``fit``. Raises ``SettingError`` for a time between two checkpoints that cannot be."""
    if checkpoint is None:
        return None
    return Place(Path(checkpoint), check_seconds("checkpoint_seconds", seconds))


def seed_kept_in(place: Place) -> int:
    """Draw a seed for ``random_state=None``, once: it is kept in the folder, so that a stopped fit goes on as the same.

    Raises ``RunFolderError`` where the folder holds checkpoints, but the seed is no longer to be read.
    """
    path = place.folder / SEED
    if path.is_file():
        try:
            return int(path.read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            raise RunFolderError(f"{path} is spoiled", "the seed of the fit", "Name another folder.") from error
    seed = secrets.randbits(31)
    with suppress(StorageError):  # whoever is to hold the folder will say so
        write_text(path, f"{seed}\n")
    return seed


@contextmanager
def going_on(
    place: Place | None,
    of: Callable[[], Mapping[str, Any]],
    architecture: Architecture,
    settings: Settings,
) -> Iterator[Going]:
    """Hold the folder while a fit goes on in it; without a place nothing is kept.

    Raises ``RunFolderError`` where another process holds it or it holds another fit. A folder that cannot be made or
    written is warned of, once.
    """
    with ExitStack() as stack:
        if place is None or not _held(place, stack):
            yield Going(None, lambda _: None)
            return
        if (place.folder / SEARCH).exists():
            raise _other_solver(place.folder, "lbfgs", settings.solver)
        ours = of()
        remove_partial_files(place.folder)
        checkpoints, saver = Checkpoints(place.folder), Saver(warn)
        found = checkpoints.read(architecture, settings, check=lambda theirs: _check_same(place.folder, theirs, ours))
        if found.spoiled:
            begun = "its beginning" if found.snapshot is None else "the checkpoint before"
            warn(f"{'; '.join(found.spoiled)}. The fit goes on from {begun}, to the same end.")

        def keep(snapshot: Snapshot) -> None:
            saver.attempt(lambda: checkpoints.write(snapshot, ours))

        yield Going(found.snapshot, keep)


@contextmanager
def searching_on(place: Place | None, of: Callable[[], Mapping[str, Any]]) -> Iterator[KeptSearch]:
    """Hold the folder while a search by L-BFGS goes on in it; without a place nothing is kept. Raises as ``going_on``."""
    with ExitStack() as stack:
        if place is None or not _held(place, stack):
            yield KeptSearch(None, warn)
            return
        if Checkpoints(place.folder).exist():
            raise _other_solver(place.folder, "that of a fit in epochs", "lbfgs")
        remove_partial_files(place.folder)
        kept = KeptSearch(Journal(place.folder / SEARCH, place.seconds), warn)
        stack.callback(kept.close)
        kept.begin(of(), check=lambda theirs, ours: _check_same(place.folder, theirs, ours))
        yield kept


def _other_solver(folder: Path, theirs: str, ours: str) -> RunFolderError:
    return RunFolderError(
        f"{folder} holds another fit: settings.solver was {theirs}, is {ours}",
        advice="Go on with the settings of the fit, or name another folder for this one.",
    )


def _held(place: Place, stack: ExitStack) -> bool:
    """Hold the folder as long as the stack lasts, or warn that this is not to be."""
    try:
        stack.enter_context(holding(place.folder, otherwise="checkpoint=DIR"))
    except StorageError as error:
        warn(f"{error.got}. The fit goes on in memory, and would begin anew were it killed.")
        return False
    return True


def _check_same(folder: Path, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
    check_same(folder, theirs, ours, kind="fit", anew="name another folder for this one")


def settings_and_customs(settings: Settings, rules: EstimatorRules) -> dict[str, Any]:
    """Write down all by which a fit in epochs goes."""
    customs = {each.name: getattr(rules, each.name) for each in fields(rules) if not each.name.startswith("_")}
    return {**settings.to_record(), **customs}


def identity_of_fit(
    architecture: Architecture,
    engine: Engine,
    settings: Mapping[str, Any],
    state: State,
    training: Part,
    judged_on: Part | None,
    scoring: Any,
) -> dict[str, Any]:
    """What must be the same for a fit to go on to the bit: what it computes with, and what it computes from."""
    n, d = training.X.shape
    data = {"name": f"{n:,} examples of {d:,} numbers", "sha256": _digest_of(training, judged_on)}
    begun_with = hashlib.sha256(str(state.steps_done).encode())
    for layers in (state.layers, *state.moments):
        for tensor in (tensor for layer in layers for tensor in layer):
            _add(begun_with, tensor)
    more = {"scoring": name_of_scorer(scoring), "began_with": begun_with.hexdigest()[:12]}
    return identity(data, architecture, engine, _plain({**settings, **more}))


def _digest_of(*parts: Part | None) -> str:
    digest = hashlib.sha256()
    for part in parts:
        for array in () if part is None else (part.X, part.targets, part.weights):
            _add(digest, array)
        digest.update(b";")
    return digest.hexdigest()


def _add(digest: Any, array: Any) -> None:
    """Add an array, dense, sparse or none, to a digest."""
    if array is None:
        return
    if hasattr(array, "toarray"):
        rows = array.tocsr()
        for each in (rows.data, rows.indices, rows.indptr):
            _add(digest, each)
        array = np.array(rows.shape)
    digest.update(f"{array.dtype.str}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).data)


def _plain(value: Any) -> Any:
    """Write a value as JSON can: no infinities, no NumPy types."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    return str(value) if isinstance(value, float) and not isfinite(value) else value
