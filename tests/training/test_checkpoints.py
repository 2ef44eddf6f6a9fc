"""A training that is stopped anywhere, its newest checkpoint spoiled or not, ends with the bits of one never stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.datasets.dataset import Dataset
from pellucid.engines import available, choose
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.beyond.augmentation import Augmentation
from pellucid.equations.beyond.extras import Extras
from pellucid.equations.optimizers import OPTIMIZERS
from pellucid.errors import ModelFileError, RunFolderError, StorageError
from pellucid.formats.container import read_container, write_container
from pellucid.training.callbacks import Callback, Progress
from pellucid.training.checkpoints import Checkpoints, read_checkpoint
from pellucid.training.history import EpochRecord
from pellucid.training.run import Plan, identity_of, run
from pellucid.training.run_folder import RunFolder
from pellucid.training.settings import Settings
from pellucid.training.snapshot import Snapshot, first_snapshot

ENGINES = ["reference", *(["native"] if len(available()) > 1 else [])]
ENGINES_AND_PRECISIONS = [
    (engine, precision)
    for engine in ENGINES
    for precision in ("float32", "float64", "bfloat16")
    if (engine, precision) != ("reference", "bfloat16")  # it computes as NumPy does
]
AT_ONCE = 1e-9
"""Seconds between two checkpoints: one after each step."""

WAYS: dict[str, dict[str, Any]] = {
    "dropout": {"extras": Extras(dropout=0.3, input_dropout=0.1)},
    "augmentation": {
        "extras": Extras(augmentation=Augmentation(rotation=15, shift=1, elastic_alpha=1, elastic_sigma=1))
    },
    "averaging": {"average": 2, "solver": "momentum"},
    "early stopping": {"patience": 1, "validation": 40, "learning_rate": 0.5},
    "averaging and early stopping": {"average": 3, "patience": 2, "validation": 40},
    "one cycle": {"schedule": "one-cycle", "solver": "adamw"},
    "cosine": {"schedule": "cosine", "solver": "nesterov", "warm_up": 1},
    "bounds": {"extras": Extras(clip=0.1, max_norm=0.5, l2=0.01)},
}


class KilledError(Exception):
    """Stands for whatever ends a process within an epoch."""


class KillAt(Callback):
    """Ends everything after that step of that epoch, both from 1."""

    def __init__(self, epoch: int, step: int, batch_size: int = 16) -> None:
        self.epoch, self.rows = epoch, step * batch_size

    def on_progress(self, progress: Progress) -> None:
        if progress.epoch == self.epoch and progress.rows >= self.rows:
            raise KilledError


class Listens(Callback):
    def __init__(self) -> None:
        self.sentences: list[str] = []

    def on_notice(self, sentence: str) -> None:
        self.sentences.append(sentence)


@pytest.fixture
def pictures(dataset: Dataset) -> Callable[..., Plan]:
    """Give the plan of a training on pictures of 2 × 3 pixels: 10 steps an epoch."""
    architecture = Architecture((2, 3), (Hidden(8), Hidden(6, "tanh")), 3, scaling=dataset.scaling)
    wide = {name: np.pad(getattr(dataset, name), ((0, 0), (0, 1))) for name in ("X_train", "X_test")}
    data = replace(dataset, input_shape=(2, 3), **wide)

    def make(engine: str = "reference", **settings: Any) -> Plan:
        settings = {"epochs": 4, "batch_size": 16, **settings}
        return Plan(data, architecture, Settings(**settings), choose(engine, threads=1).engine, threads=1)

    return make


def stopped_and_resumed_equals_whole(plan: Plan, folder: Path, epoch: int, step: int) -> None:
    whole, killed = RunFolder(folder / "whole"), RunFolder(folder / "killed")
    run(plan, whole, resume=False)
    with pytest.raises(KilledError):
        run(plan, killed, resume=False, callbacks=[KillAt(epoch, step)], checkpoint_seconds=AT_ONCE)
    found = killed.checkpoints.read(plan.architecture, plan.settings)
    assert found.snapshot is not None
    assert 0 < found.snapshot.steps_done < step, "it was stopped within an epoch"
    run(plan, killed, resume=True)
    assert whole.model.read_bytes() == killed.model.read_bytes()
    told = [
        [{**line, "seconds": 0, "rows_per_second": 0} for line in json.loads(place.record.read_text())["epochs"]]
        for place in (whole, killed)
    ]
    assert told[0] == told[1]


@pytest.mark.parametrize(("engine", "precision"), ENGINES_AND_PRECISIONS)
@pytest.mark.parametrize("solver", sorted(OPTIMIZERS))
def test_killed_within_an_epoch_every_solver_goes_on_to_the_bit(
    pictures: Callable[..., Plan], tmp_path: Path, solver: str, engine: str, precision: str
) -> None:
    stopped_and_resumed_equals_whole(
        pictures(engine, solver=solver, precision=precision, schedule="linear", epochs=2), tmp_path, epoch=2, step=5
    )


@pytest.mark.parametrize("way", sorted(WAYS))
@pytest.mark.parametrize("engine", ENGINES)
def test_killed_within_an_epoch_it_goes_on_to_the_bit_whatever_is_added(
    pictures: Callable[..., Plan], tmp_path: Path, engine: str, way: str
) -> None:
    stopped_and_resumed_equals_whole(pictures(engine, **WAYS[way]), tmp_path, epoch=3, step=5)


@pytest.mark.slow
@pytest.mark.parametrize("way", sorted(WAYS))
@pytest.mark.parametrize(("engine", "precision"), ENGINES_AND_PRECISIONS)
@pytest.mark.parametrize("solver", sorted(OPTIMIZERS))
def test_every_solver_engine_and_precision_with_whatever_is_added(
    pictures: Callable[..., Plan], tmp_path: Path, engine: str, way: str, precision: str, solver: str
) -> None:
    settings = {**WAYS[way], "precision": precision, "solver": solver}
    last = (
        "average" in settings and "patience" not in settings
    )  # while it averages; who stops early may not come so far
    stopped_and_resumed_equals_whole(pictures(engine, **settings), tmp_path, epoch=4 if last else 2, step=3)


def test_how_often_it_is_kept_changes_no_bit(pictures: Callable[..., Plan], tmp_path: Path) -> None:
    often, seldom = RunFolder(tmp_path / "often"), RunFolder(tmp_path / "seldom")
    run(pictures(), often, resume=False, checkpoint_seconds=AT_ONCE)
    run(pictures(), seldom, resume=False, checkpoint_seconds=float("inf"))
    assert often.model.read_bytes() == seldom.model.read_bytes()


# -- power cuts ------------------------------------------------------------------------------------------------------


@pytest.fixture
def cut_off(plan: Callable[..., Plan], tmp_path: Path) -> tuple[Plan, RunFolder, bytes]:
    """A run that was killed within an epoch, with both of its checkpoints, and what it would have ended with."""
    small, whole, killed = tiny(plan()), RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "killed")
    run(small, whole, resume=False)
    with pytest.raises(KilledError):
        run(small, killed, resume=False, callbacks=[KillAt(2, 4)], checkpoint_seconds=AT_ONCE)
    return small, killed, whole.model.read_bytes()


def tiny(plan: Plan) -> Plan:
    return replace(plan, architecture=replace(plan.architecture, hidden=(Hidden(1),)))


def test_a_checkpoint_cut_at_any_byte_is_ignored_in_favour_of_the_one_before(
    cut_off: tuple[Plan, RunFolder, bytes],
) -> None:
    plan, folder, _ = cut_off
    newest, before = (read_checkpoint(path, plan.architecture, plan.settings) for path in both(folder))
    assert (newest.epochs_done, newest.steps_done, before.steps_done) == (1, 3, 2)
    whole = folder.checkpoints.newest.read_bytes()
    for length in range(len(whole)):
        folder.checkpoints.newest.write_bytes(whole[:length])
        found = Checkpoints(folder.checkpoints.folder).read(plan.architecture, plan.settings)
        assert found.snapshot is not None
        assert found.snapshot.steps_done == 2
        assert len(found.spoiled) == 1
        assert str(folder.checkpoints.newest) in found.spoiled[0]


@pytest.mark.parametrize(
    "which", [pytest.param(range(0, 3000, 251)), pytest.param(range(3000), marks=pytest.mark.slow)]
)
def test_a_run_whose_newest_checkpoint_was_cut_goes_on_to_the_same_end(
    cut_off: tuple[Plan, RunFolder, bytes], which: range
) -> None:
    plan, folder, expected = cut_off
    kept = {path: path.read_bytes() for path in (*both(folder), folder.record)}
    whole = folder.checkpoints.newest.read_bytes()
    for length in (*[each for each in which if each < len(whole)], len(whole) - 1):
        for path, content in kept.items():
            path.write_bytes(content)
        folder.checkpoints.newest.write_bytes(whole[:length])
        listener = Listens()
        run(plan, folder, resume=True, callbacks=[listener])
        assert folder.model.read_bytes() == expected
        assert listener.sentences[0].endswith("The run goes on from step 2 of epoch 2, to the same end.")
        folder.model.unlink()


@pytest.mark.parametrize("stride", [11, pytest.param(1, marks=pytest.mark.slow)])
def test_a_checkpoint_with_any_byte_changed_is_ignored(cut_off: tuple[Plan, RunFolder, bytes], stride: int) -> None:
    plan, folder, _ = cut_off
    whole = folder.checkpoints.newest.read_bytes()
    rng, refused = np.random.default_rng(0), []
    for place in range(0, len(whole), stride):
        damaged = bytearray(whole)
        damaged[place] ^= int(rng.integers(1, 256))
        folder.checkpoints.newest.write_bytes(damaged)
        try:
            found = Checkpoints(folder.checkpoints.folder).read(plan.architecture, plan.settings)
        except RunFolderError as error:  # the number of the schema itself: as if another version had written it
            refused.append(str(error))
            continue
        assert found.snapshot is not None
        assert found.snapshot.steps_done == 2 or whole[place : place + 1] == b" "  # JSON's spaces say nothing
    assert len(refused) <= 1


def test_where_both_are_spoiled_the_run_begins_again_and_says_so(cut_off: tuple[Plan, RunFolder, bytes]) -> None:
    plan, folder, expected = cut_off
    for path in both(folder):
        path.write_bytes(path.read_bytes()[:100])
    listener = Listens()
    run(plan, folder, resume=True, callbacks=[listener])
    assert folder.model.read_bytes() == expected
    assert "The run goes on from its beginning, to the same end." in listener.sentences[0]


def test_a_spoiled_checkpoint_never_takes_the_place_of_the_good_one(cut_off: tuple[Plan, RunFolder, bytes]) -> None:
    plan, folder, _ = cut_off
    good = folder.checkpoints.before.read_bytes()
    folder.checkpoints.newest.write_bytes(b"")
    with pytest.raises(KilledError):
        run(plan, folder, resume=True, callbacks=[KillAt(2, 4)], checkpoint_seconds=AT_ONCE)
    assert folder.checkpoints.before.read_bytes() == good
    assert read_checkpoint(folder.checkpoints.newest, plan.architecture, plan.settings).steps_done == 3


def both(folder: RunFolder) -> tuple[Path, Path]:
    return folder.checkpoints.newest, folder.checkpoints.before


# -- what a checkpoint holds, and whose it is ------------------------------------------------------------------------


def test_a_measure_that_is_no_number_is_kept(plan: Callable[..., Plan], tmp_path: Path) -> None:
    ours = plan()
    record = EpochRecord(1, 0.5, None, None, None, 0.1, 1.0, 1.0, validation_score=float("nan"))
    snapshot = replace(first_snapshot(ours.architecture, ours.settings), history=(record,))
    checkpoints = Checkpoints(tmp_path)
    checkpoints.write(snapshot, identity_of(ours))
    found = checkpoints.read(ours.architecture, ours.settings)
    assert isinstance(found.snapshot, Snapshot)
    assert np.isnan(found.snapshot.history[0].validation_score)


def test_a_checkpoint_of_another_schema_says_what_to_do(cut_off: tuple[Plan, RunFolder, bytes]) -> None:
    plan, folder, _ = cut_off
    arrays, record = read_container(folder.checkpoints.newest)
    write_container(folder.checkpoints.newest, arrays, {**record, "checkpoint_schema": 3})
    with pytest.raises(
        RunFolderError, match=r"is a checkpoint of schema 3, .* reads schema 2\. Go on with the version"
    ):
        run(plan, folder, resume=True)


def test_another_runs_checkpoint_is_refused(cut_off: tuple[Plan, RunFolder, bytes], tmp_path: Path) -> None:
    plan, folder, _ = cut_off
    other = replace(plan, settings=replace(plan.settings, seed=5))
    run(other, RunFolder(tmp_path / "other"), resume=False)
    folder.checkpoints.newest.write_bytes(RunFolder(tmp_path / "other").checkpoints.newest.read_bytes())
    with pytest.raises(RunFolderError, match=r"checkpoint holds another run: settings\.seed was 5, is 0\. Go on with"):
        run(plan, folder, resume=True)


def test_a_run_of_another_version_says_which_and_what_to_do(cut_off: tuple[Plan, RunFolder, bytes]) -> None:
    plan, folder, _ = cut_off
    record = json.loads(folder.record.read_text())
    folder.record.write_text(json.dumps({**record, "versions": {**record["versions"], "pellucid": "0.0.9"}}))
    expected = (
        r"holds a run of Pellucid 0\.0\.9, and this is .*, which may not give the same bits\. "
        r"Go on with that version \(pip install pellucid==0\.0\.9\), or begin a new one with --out\."
    )
    with pytest.raises(RunFolderError, match=expected):
        run(plan, folder, resume=True)


def test_a_network_of_other_shapes_is_refused_where_only_the_checkpoint_knows(
    cut_off: tuple[Plan, RunFolder, bytes],
) -> None:
    plan, folder, _ = cut_off
    wider = replace(plan.architecture, hidden=(Hidden(2),))
    with pytest.raises(RunFolderError, match="does not fit the training: the weights of layer 1 have shape"):
        folder.checkpoints.read(wider, plan.settings)


def test_a_model_is_no_checkpoint(plan: Callable[..., Plan], tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    run(plan(), folder, resume=False)
    with pytest.raises(ModelFileError, match="is no checkpoint"):
        read_checkpoint(folder.model, plan().architecture, plan().settings)


def test_a_checkpoint_that_may_not_be_read_is_not_taken_for_spoiled(
    plan: Callable[..., Plan], open_folder: Path, ordinary_user: Callable[[], AbstractContextManager[None]]
) -> None:
    ours = plan(epochs=1)
    with ordinary_user():
        folder = RunFolder(open_folder / "run")
        run(ours, folder, resume=False)
        folder.checkpoints.newest.chmod(0)
        with pytest.raises(StorageError, match=r"could not be read: permission denied\. Nothing was changed\."):
            folder.checkpoints.read(ours.architecture, ours.settings)
