"""The command line in this process, quickly, on a small table; and in a process of its own where that matters."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from pellucid.cli.app import run


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        return self.json["error"]


Cli = Callable[..., Said]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine is found, neither data nor earlier runs, and nothing is left in the checkout."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("PELLUCID_DATA", raising=False)
    monkeypatch.delenv("PELLUCID_ENGINE", raising=False)
    monkeypatch.setitem(
        sys.modules, "matplotlib.figure", None
    )  # as where it is not installed: curves take half a second


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    def call(*words: object) -> Said:
        capsys.readouterr()
        code = run([str(word) for word in words])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Said(code, out, err)

    return call


@pytest.fixture
def points(tmp_path: Path) -> Path:
    """A data set that a small network can learn: which of three pixels is the lightest?"""
    random = np.random.default_rng(1)
    X = random.integers(0, 256, (300, 5), dtype=np.uint8)
    path = tmp_path / "points.npz"
    np.savez(path, X=X, y=X[:, :3].argmax(axis=1))
    return path


@pytest.fixture
def small(points: Path) -> list[str]:
    """Options of a training that takes a moment."""
    return ["--data", str(points), "--hidden", "8,6", "--epochs", "30", "--batch-size", "16"]


@pytest.fixture
def leisurely(points) -> list[str]:
    """A training of some seconds, so that it can be stopped in the middle even by a busy machine."""
    options = ["train", "--data", points, "--hidden", "400,400", "--epochs", "60", "--batch-size", "8"]
    return [sys.executable, "-m", "pellucid", *map(str, options)]


@pytest.fixture
def trained(cli: Cli, small: list[str], tmp_path: Path) -> Path:
    assert cli("train", *small, "--out", tmp_path / "run").code == 0
    return tmp_path / "run"


@pytest.fixture
def save_pictures() -> Callable[..., Path]:
    return _save_pictures


def _save_pictures(folder: Path, n: int, side: int = 16, name: str = "X") -> Path:
    """Write pictures with a light bar at one of three heights, sorted by class, and their labels."""
    y = np.sort(np.random.default_rng(2).integers(0, 3, n)).astype(np.uint8)
    X = np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.uint8, (n, side, side))
    noise = np.random.default_rng(1).integers(0, 130, (5000, side, side), dtype=np.uint8)
    for begin in range(0, n, 5000):
        rows = min(5000, n - begin)
        X[begin : begin + rows] = noise[:rows]
        X[np.arange(begin, begin + rows), 2 * y[begin : begin + rows]] += 120
    X.flush()
    np.save(folder / f"{name}-labels.npy", y)
    return folder / f"{name}.npy"
