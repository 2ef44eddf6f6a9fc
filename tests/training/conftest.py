"""A small problem that a small network can learn: which of three corners is a point nearest to?"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.datasets.dataset import Dataset
from pellucid.engines import ReferenceEngine
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.scaling import Scaling
from pellucid.training.examples import Examples
from pellucid.training.run import Plan
from pellucid.training.settings import Settings


def points(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    X = random.integers(0, 256, (n, 5), dtype=np.uint8)
    y = X[:, :3].argmax(axis=1).astype(np.int64)
    return X, y


@pytest.fixture
def engine() -> ReferenceEngine:
    return ReferenceEngine()


@pytest.fixture
def architecture() -> Architecture:
    return Architecture((5,), (Hidden(8), Hidden(6)), 3, scaling=Scaling((0.0,), (255.0,)))


@pytest.fixture
def examples() -> Examples:
    return Examples(*points(150, seed=1))


@pytest.fixture
def held_out() -> Examples:
    return Examples(*points(60, seed=2))


@pytest.fixture
def dataset() -> Dataset:
    X_train, y_train = points(150, seed=1)
    X_test, y_test = points(40, seed=3)
    return Dataset(
        name="corners",
        X_train=X_train,
        y_train=y_train,
        X_test=X_test,
        y_test=y_test,
        classes=("left", "middle", "right"),
        input_shape=(5,),
        scaling=Scaling((0.0,), (255.0,)),
        source="made by the test",
        has_own_split=True,
    )


@pytest.fixture
def plan(dataset: Dataset, architecture: Architecture, engine: ReferenceEngine) -> Callable[..., Plan]:
    def make(**settings: Any) -> Plan:
        settings = {"epochs": 4, "batch_size": 16, **settings}
        return Plan(dataset, architecture, Settings(**settings), engine, threads=1)

    return make


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may write: the tests' own are closed to an ordinary user, where root runs them."""
    folder = Path(tempfile.mkdtemp(prefix="pellucid-test-"))
    folder.chmod(0o777)
    yield folder
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o777)
    shutil.rmtree(folder)


@pytest.fixture
def ordinary_user() -> Callable[[], AbstractContextManager[None]]:
    """Give a block in which this process may do no more than an ordinary user: to root nothing is forbidden."""

    @contextmanager
    def block() -> Iterator[None]:
        before = os.geteuid()
        if before == 0:
            os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(before)

    return block
