from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pellucid.datasets import write_idx
from pellucid.datasets.catalogue import IDX_STEMS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def mnist_folder() -> Path:
    named = os.environ.get("PELLUCID_DATA")
    candidates = [*([Path(named) / "mnist"] if named else []), ROOT.parent / "shared" / "mnist"]
    for folder in candidates:
        if (folder / "train-images-idx3-ubyte.gz").is_file():
            return folder
    pytest.skip("MNIST itself is needed: set PELLUCID_DATA to the folder that holds mnist/")


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of its own: an empty current folder, an empty cache, nothing set. Returns the cache's folder."""
    home = tmp_path / "home"
    (home / "work").mkdir(parents=True)
    monkeypatch.chdir(home / "work")
    monkeypatch.delenv("PELLUCID_DATA", raising=False)
    monkeypatch.setattr("pellucid.datasets.download.cache_folder", lambda: home / "cache")
    monkeypatch.setattr("pellucid.datasets.locate.cache_folder", lambda: home / "cache")
    monkeypatch.setattr("pellucid.datasets.verification.cache_folder", lambda: home / "cache")
    return home / "cache"


@pytest.fixture
def write_small_mnist() -> Callable[..., Path]:
    """Write the four files with 12 and 10 images of 2×3 pixels into a folder, and return it."""

    def write(folder: Path, suffix: str = ".gz", **replaced: np.ndarray) -> Path:
        arrays = {
            IDX_STEMS[0]: np.arange(72, dtype=np.uint8).reshape(12, 2, 3),
            IDX_STEMS[1]: np.array([*range(10), 3, 7], np.uint8),
            IDX_STEMS[2]: np.arange(60, dtype=np.uint8).reshape(10, 2, 3),
            IDX_STEMS[3]: np.arange(10, dtype=np.uint8)[::-1].copy(),
        }
        for stem, array in arrays.items():
            write_idx(folder / f"{stem}{suffix}", replaced.get(stem.rsplit("-", 2)[0].replace("-", "_"), array))
        return folder

    return write
