"""kill -9 at random moments: what is left loads, and the resumed run ends with the bytes of one that was never stopped."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pellucid.engines import available
from pellucid.formats.model_file import read_model
from pellucid.formats.records import architecture_from_record
from pellucid.training.checkpoints import read_checkpoint
from pellucid.training.run_folder import RunFolder
from pellucid.training.settings import Settings

NATIVE = len(available()) > 1
DISTORTED = "--augment rotation=10,shift=1,alpha=4,sigma=2"
WAYS = {
    "reference, sgd": "--engine reference",
    "reference, adam, float64, dropout": "--engine reference --solver adam --precision float64 --dropout 0.2",
    "reference, momentum, early stopping": "--engine reference --solver momentum --validation 60 --patience 90",
    "reference, augmentation": f"--engine reference {DISTORTED} --epochs 4",
}
NATIVE_WAYS = {
    "native, sgd, averaging": "--engine native --average 5",
    "native, adam, bfloat16": "--engine native --solver adam --precision bfloat16",
    "native, nesterov, float64, one-cycle": "--engine native --solver nesterov --precision float64 --schedule one-cycle",
    "native, adamw, augmentation": f"--engine native --solver adamw {DISTORTED}",
    "native, early stopping, averaging": "--engine native --validation 60 --patience 90 --average 3 --schedule cosine",
    "native, dropout, bounds": "--engine native --dropout 0.3 --input-dropout 0.1 --max-norm 2 --clip 1 --l2 0.001",
}
ALL_WAYS = {**WAYS, **(NATIVE_WAYS if NATIVE else {})}
OFTEN = "0.01"
"""Seconds between two checkpoints: so often that many moments fall into the writing of one."""


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """A training that takes about a second, beside starting up."""
    random = np.random.default_rng(1)
    X, y = random.integers(0, 130, (6000, 8, 8), dtype=np.uint8), random.integers(0, 3, 6000)
    for picture, label in zip(X, y, strict=True):
        picture[2 * label : 2 * label + 3] += 120  # a light bar at one of three heights
    np.savez(tmp_path / "pictures.npz", X=X, y=y)
    options = [
        "--data",
        str(tmp_path / "pictures.npz"),
        "--hidden",
        "128,64",
        "--batch-size",
        "8",
        "--epochs",
        "8",
        "--threads",
        "1",
    ]
    return [sys.executable, "-m", "pellucid", "train", *options, "--checkpoint-seconds", OFTEN]


def killed_at_a_random_moment(command: list[str], folder: Path, rng: np.random.Generator, seconds: float) -> bool:
    """Run a command until it is killed; say whether it was, or had ended before.

    One time in five it is killed while it starts up, one in five after its run is begun, else after it has written a
    checkpoint: where a table is read, or the machine is busy, what comes before the first step takes longer than the steps.
    """

    def has_begun() -> bool:
        return RunFolder(folder).exists()

    def has_written_a_checkpoint() -> bool:
        return written != time_of(RunFolder(folder).checkpoints.newest)

    written, part = time_of(RunFolder(folder).checkpoints.newest), rng.random()
    with subprocess.Popen([*command, "--resume", str(folder)], stdout=subprocess.PIPE, text=True) as process:
        if part < 0.2:
            time.sleep(rng.uniform(0, 0.8))
        else:
            process.stdout.readline()
            due = has_begun if part < 0.4 else has_written_a_checkpoint
            while process.poll() is None and not due():
                time.sleep(0.002)
            time.sleep(rng.uniform(0, seconds))
        process.kill()
        process.stdout.read()
    assert process.returncode in (0, -9)
    return process.returncode == -9


def time_of(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:  # nor is it there for a moment, as the next takes its place
        return None


def where_it_stands(path: Path) -> str:
    """Read every file that a killed process left, and say how far it had come. Every one loads, or the test fails."""
    folder = RunFolder(path)
    if not folder.exists():
        return "before run.json"
    record = folder.read_record()
    for line in folder.history.read_text().splitlines() if folder.history.exists() else ():
        json.loads(line)
    if folder.model.exists():
        read_model(folder.model)
    architecture, settings = architecture_from_record(record["architecture"]), Settings.from_record(record["settings"])
    found = [
        read_checkpoint(each, architecture, settings)
        for each in (folder.checkpoints.newest, folder.checkpoints.before)
        if each.exists()
    ]
    if not found:
        return "before the first checkpoint"
    return "within an epoch" if found[0].steps_done else "between two epochs"


def kill_and_resume(command: list[str], kills: int, seed: int, within_an_epoch: int = 0) -> Counter[str]:
    """Kill runs, going on with each, until so many kills are done: say where they fell.

    There are up to four times as many where fewer than ``within_an_epoch`` fell within an epoch.
    """
    rng, fell = np.random.default_rng(seed), Counter()
    subprocess.run([*command, "--resume", "whole"], check=True, capture_output=True)
    seconds = json.loads(Path("whole/run.json").read_text())["train_seconds"]
    expected, number = Path("whole/model.safetensors").read_bytes(), 0

    def wants_more() -> bool:
        return fell.total() < kills or (fell["within an epoch"] < within_an_epoch and fell.total() < 4 * kills)

    while wants_more():
        folder = Path(f"killed-{number}")
        while wants_more() and killed_at_a_random_moment(command, folder, rng, seconds):
            fell[where_it_stands(folder)] += 1
        subprocess.run([*command, "--resume", str(folder)], check=True, capture_output=True)
        assert Path(folder, "model.safetensors").read_bytes() == expected
        assert not list(folder.rglob("*.partial"))
        number += 1
    return fell


def test_a_run_killed_three_times_ends_with_the_bytes_of_one_never_stopped(command) -> None:
    ways = (*WAYS.values(), *(NATIVE_WAYS.values() if NATIVE else ()))
    assert kill_and_resume([*command, *ways[-1].split()], kills=3, seed=0).total() == 3


@pytest.mark.slow
def test_runs_of_every_kind_killed_at_fifty_moments_end_with_the_bytes_of_ones_never_stopped(command, tmp_path) -> None:
    fell: Counter[str] = Counter()
    each = -(-50 // len(ALL_WAYS))
    for number, options in enumerate(ALL_WAYS.values()):
        fell += kill_and_resume([*command, *options.split()], kills=each, seed=number)
        for path in tmp_path.glob("*/run.json"):
            path.parent.rename(tmp_path / f"way-{number}-{path.parent.name}")
    print(dict(fell))
    assert fell.total() >= 50
    assert fell["within an epoch"] >= 10


def larger_than_memory(folder: Path, save_pictures: Callable[..., Path]) -> list[str]:
    """18 MB, where 16 may be held."""
    return ["--data", str(save_pictures(folder, 70_000)), "--label", "X-labels.npy", "--memory", "32M"]


@pytest.mark.slow
def test_tables_and_pictures_killed_at_twenty_moments_end_with_the_bytes_of_ones_never_stopped(
    tmp_path: Path, save_pictures
) -> None:
    pictures, random = larger_than_memory(tmp_path, save_pictures), np.random.default_rng(0)
    table = pd.DataFrame(random.normal(0, 1, (150_000, 16))).rename(columns=lambda number: f"x{number}")
    table.assign(label=(table.x0 + table.x1 > 0).astype(int)).to_parquet("table.parquet", row_group_size=5000)
    fell = {}
    for name, of in {"table": ["--data", "table.parquet", "--memory", "34M"], "pictures": pictures}.items():
        options = [*of, "--hidden", "128,64", "--batch-size", "8", "--solver", "adam", "--validation", "500"]
        command = [sys.executable, "-m", "pellucid", "train", *options, "--epochs", "3", "--checkpoint-seconds", "0.01"]
        fell[name] = kill_and_resume(command, kills=10, seed=len(name), within_an_epoch=3)
        for path in tmp_path.glob("*/run.json"):
            assert json.loads(path.read_text())["settings"]["memory"]
            path.parent.rename(tmp_path / f"{name}-{path.parent.name}")
    print(fell)
    assert all(each["within an epoch"] >= 3 for each in fell.values())
