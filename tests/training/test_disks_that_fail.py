"""A disk that fills up and a permission that is lost end no training: real ones, no pretence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from pellucid.errors import StorageError
from pellucid.formats.model_file import read_model
from pellucid.training.callbacks import Callback
from pellucid.training.history import EpochRecord
from pellucid.training.run import Plan, run
from pellucid.training.run_folder import RunFolder
from pellucid.training.saving import Saver

Make = Callable[..., Plan]


class After(Callback):
    """Does something after an epoch, and listens to what is said."""

    def __init__(self, epoch: int, deed: Callable[[], object]) -> None:
        self.epoch, self.deed = epoch, deed
        self.sentences: list[str] = []

    def on_epoch(self, record: EpochRecord) -> None:
        if record.epoch == self.epoch:
            self.deed()

    def on_notice(self, sentence: str) -> None:
        self.sentences.append(sentence)


@pytest.fixture
def expected(plan: Make, tmp_path: Path) -> bytes:
    """The model of a run that nothing befell."""
    folder = RunFolder(tmp_path / "undisturbed")
    run(plan(), folder, resume=False)
    return folder.model.read_bytes()


def test_a_place_that_is_taken_away_is_said_once_and_the_model_saved(
    plan: Make, tmp_path: Path, expected: bytes
) -> None:
    folder = RunFolder(tmp_path / "run")

    def take_away() -> None:
        shutil.rmtree(folder.checkpoints.folder)
        folder.checkpoints.folder.write_text("a file where the folder was")

    listener = After(1, take_away)
    done = run(plan(), folder, resume=False, callbacks=[listener])
    (sentence,) = listener.sentences
    assert "could not be written: " in sentence
    assert "The training goes on in memory" in sentence
    assert folder.model.read_bytes() == expected
    assert done.unsaved is None
    assert json.loads(folder.record.read_text())["status"] == "finished"


def test_where_there_is_room_again_checkpoints_are_written_again(plan: Make, tmp_path: Path, expected: bytes) -> None:
    folder, first = RunFolder(tmp_path / "run"), []

    def take_away() -> None:
        folder.checkpoints.folder.rename(tmp_path / "aside")
        folder.checkpoints.folder.write_text("")

    def give_back() -> None:
        folder.checkpoints.folder.unlink()
        (tmp_path / "aside").rename(folder.checkpoints.folder)
        first.append(folder.checkpoints.newest.read_bytes())

    listener = After(1, take_away)
    run(plan(), folder, resume=False, callbacks=[listener, After(3, give_back)])
    assert len(listener.sentences) == 1
    assert folder.checkpoints.before.read_bytes() == first[0], "the last good one, until the next was whole"
    assert folder.checkpoints.newest.read_bytes() != first[0]
    assert folder.model.read_bytes() == expected


def test_a_lost_permission_is_said_once_and_the_model_saved_elsewhere(
    plan: Make,
    open_folder: Path,
    ordinary_user: Callable[[], AbstractContextManager[None]],
    expected: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (open_folder / "tmp").mkdir(mode=0o777)
    (open_folder / "tmp").chmod(0o777)
    monkeypatch.setattr(tempfile, "tempdir", str(open_folder / "tmp"))
    with ordinary_user():
        folder = RunFolder(open_folder / "run")

        def lock_out() -> None:
            folder.path.chmod(0o555)
            folder.checkpoints.folder.chmod(0o555)

        listener = After(2, lock_out)
        done = run(plan(), folder, resume=False, callbacks=[listener])
    (sentence,) = listener.sentences
    assert "snapshot.safetensors could not be written: permission denied. The training goes on in memory" in sentence
    assert done.model is not None
    assert done.model.is_relative_to(open_folder / "tmp")
    assert done.model.read_bytes() == expected
    assert f"the model is, whole, in {done.model}" in str(done.unsaved)
    assert done.test is not None
    assert json.loads(folder.record.read_text())["status"] == "running"
    # With the permission back the run goes on, from the last checkpoint that could be written, to the same end.
    folder.path.chmod(0o777)
    folder.checkpoints.folder.chmod(0o777)
    run(plan(), folder, resume=True)
    assert folder.model.read_bytes() == expected


def test_where_there_is_no_place_at_all_it_is_a_sentence(
    plan: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(tmp_path / "run")
    (tmp_path / "no-folder").write_text("")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "no-folder"))

    def take_away() -> None:
        folder.path.rename(tmp_path / "aside")
        folder.path.write_text("")

    with pytest.raises(StorageError, match=r"model\.safetensors could not be written: "):
        run(plan(), folder, resume=False, callbacks=[After(2, take_away)])


def test_a_folder_that_may_not_be_written_is_refused_before_anything_is_trained(
    plan: Make, open_folder: Path, ordinary_user: Callable[[], AbstractContextManager[None]]
) -> None:
    open_folder.chmod(0o555)
    listener = After(1, lambda: pytest.fail("it was trained"))
    with ordinary_user(), pytest.raises(StorageError, match=r"cannot be made: permission denied\. Try --out DIR\."):
        run(plan(), RunFolder(open_folder / "run"), resume=False, callbacks=[listener])


def test_a_run_goes_on_in_memory_where_its_folder_may_only_be_read(
    plan: Make,
    open_folder: Path,
    ordinary_user: Callable[[], AbstractContextManager[None]],
    expected: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (open_folder / "tmp").mkdir()
    (open_folder / "tmp").chmod(0o777)
    monkeypatch.setattr(tempfile, "tempdir", str(open_folder / "tmp"))

    def stop() -> None:
        raise KeyboardInterrupt

    with ordinary_user():
        folder = RunFolder(open_folder / "run")
        with pytest.raises(KeyboardInterrupt):
            run(plan(), folder, resume=False, callbacks=[After(2, stop)])
        for path in (folder.path, *folder.path.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        listener = After(99, lambda: None)
        done = run(plan(), folder, resume=True, callbacks=[listener])
        (sentence,) = listener.sentences
        assert "could not be written: permission denied. The training goes on in memory" in sentence
        assert [record.epoch for record in done.history] == [1, 2, 3, 4]
        assert done.model is not None
        assert done.model.read_bytes() == expected


def test_a_disk_of_a_network_that_knows_no_locks_is_no_obstacle(
    plan: Make, tmp_path: Path, expected: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno
    import fcntl

    def unknown(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", unknown)
    run(plan(), RunFolder(tmp_path / "run"), resume=False)
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == expected


def test_no_memory_for_a_checkpoint_ends_no_training() -> None:
    said: list[str] = []

    def no_memory() -> None:
        raise MemoryError

    saver = Saver(said.append)
    assert saver.attempt(no_memory) is not None
    assert saver.attempt(no_memory) is not None
    assert len(said) == 1
    assert said[0].startswith("there was no memory to save from. The training goes on in memory")


# -- the command line, on a disk of its own that is really full ------------------------------------------------------

DISK = "mount -t tmpfs -o size={size} none {folder} && {prepare} exec {command}"
OWN_MOUNTS = ["unshare", "--mount"] if os.name == "posix" and os.geteuid() == 0 else ["unshare", "-r", "--mount"]


def on_a_small_disk(folder: Path, command: str, size: str, prepare: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command while ``folder`` is a disk of that size, which is gone afterwards; skip where that may not be done."""
    folder.mkdir()
    try:
        probe = subprocess.run([*OWN_MOUNTS, "mount", "-t", "tmpfs", "none", str(folder)], capture_output=True)
    except FileNotFoundError:
        pytest.skip("this system has no unshare")
    if probe.returncode:
        pytest.skip("this process may not mount a disk of its own")
    script = DISK.format(size=size, folder=folder, prepare=prepare, command=command)
    return subprocess.run([*OWN_MOUNTS, "sh", "-c", script], capture_output=True, text=True, timeout=120)


def options(tmp_path: Path, *more: str) -> str:
    import numpy as np

    random = np.random.default_rng(1)
    X = random.integers(0, 256, (300, 5), dtype=np.uint8)
    np.savez(tmp_path / "points.npz", X=X, y=X[:, :3].argmax(axis=1))
    data = ["--data", str(tmp_path / "points.npz"), "--hidden", "64,64", "--epochs", "12", "--batch-size", "16"]
    return " ".join([sys.executable, "-m", "pellucid", "train", *data, *more])


def test_a_full_disk_is_said_once_and_the_model_saved_elsewhere(tmp_path: Path) -> None:
    """64 kB hold one checkpoint of 36 kB, but neither the next beside it nor the model."""
    disk, refuge = tmp_path / "disk", tmp_path / "refuge"
    refuge.mkdir()
    command = options(tmp_path, "--out", f"{disk}/run", "--json")
    said = on_a_small_disk(disk, f"env TMPDIR={refuge} {command}", size="64k")
    assert said.returncode == 1, said.stderr
    assert "Traceback" not in said.stderr
    assert said.stderr.count("The training goes on in memory") == 1
    assert "no space left on device" in said.stderr
    error = json.loads(said.stdout)["error"]
    assert error["kind"] == "storage"
    (model,) = refuge.rglob("model.safetensors")
    assert str(model) in error["message"]
    undisturbed = subprocess.run(
        options(tmp_path, "--out", str(tmp_path / "whole")), shell=True, capture_output=True, check=True
    )
    assert b"goes on in memory" not in undisturbed.stderr
    assert model.read_bytes() == (tmp_path / "whole" / "model.safetensors").read_bytes()
    assert read_model(model).test_accuracy is not None


def test_a_disk_that_is_full_from_the_first_is_refused(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    command = options(tmp_path, "--out", f"{disk}/run")
    fill = f"(dd if=/dev/zero of={disk}/filler bs=4k 2>/dev/null; true) &&"
    said = on_a_small_disk(disk, command, size="64k", prepare=fill)
    assert said.returncode == 1
    assert "no space left on device" in said.stderr + said.stdout
    assert "epoch" not in said.stdout
    assert "Traceback" not in said.stderr
