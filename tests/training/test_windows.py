"""Examples in files: what is learned window by window is what is learned at once in the same order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.datasets.streamed import StreamedDataset
from pellucid.datasets.streaming import find
from pellucid.engines import Engine, ReferenceEngine, available, choose
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.beyond.augmentation import Augmentation
from pellucid.equations.beyond.extras import Extras
from pellucid.equations.parameters import Indices, Layers
from pellucid.equations.random_streams import Purpose, permutation
from pellucid.errors import DataError, SettingError
from pellucid.training.callbacks import Callback
from pellucid.training.evaluation import evaluate, judge
from pellucid.training.examples import Examples
from pellucid.training.loop import fit
from pellucid.training.rules import UsualRules
from pellucid.training.run import Plan, run
from pellucid.training.run_folder import RunFolder
from pellucid.training.settings import Settings
from pellucid.training.snapshot import Snapshot
from pellucid.training.stopping import Ending
from pellucid.training.tally import tally
from pellucid.training.windows import ExamplesInFiles

MEMORY = 2**18
BATCH = 48
ENGINES = [ReferenceEngine(), *([choose("native", threads=2).engine] if len(available()) > 1 else [])]


def bits(layers: Layers) -> bytes:
    return b"".join(tensor.tobytes() for layer in layers for tensor in layer)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """3,000 pictures of one of three corners, sorted by class."""
    random = np.random.default_rng(1)
    y = np.sort(random.integers(0, 3, 3001))
    X = random.integers(0, 130, (3001, 6, 6), dtype=np.uint8)
    X[np.arange(3001), y, y] += 120
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", y)
    return tmp_path / "X.npy"


@pytest.fixture
def dataset(pictures: Path) -> StreamedDataset:
    found = find(pictures, "y.npy", MEMORY)
    assert found is not None
    return found.survey(MEMORY)


@pytest.fixture
def architecture(dataset: StreamedDataset) -> Architecture:
    return Architecture((6, 6), (Hidden(8), Hidden(6)), 3, scaling=dataset.scaling)


@pytest.fixture
def examples(dataset: StreamedDataset) -> ExamplesInFiles:
    return ExamplesInFiles(dataset, dataset.train, BATCH)


def the_order(dataset: StreamedDataset, n: int, seed: int, epoch: int, batch_size: int = BATCH) -> Indices:
    """The order of an epoch, by its equation, for the first n rows of the training part."""
    starts = np.minimum(dataset.train.starts, n)
    rows = [np.arange(begin, end) for begin, end in pairwise(starts)]
    windows: list[list[Indices]] = [[]]
    for block in permutation(seed, Purpose.BLOCKS, len(rows), epoch):
        if sum(map(len, windows[-1])) + len(rows[block]) > dataset.rows_of_a_window - (batch_size - 1):
            windows.append([])
        windows[-1].append(rows[block])
    shuffled = []
    for number, blocks in enumerate(windows):
        together = np.concatenate(blocks)
        shuffled.append(together[permutation(seed, Purpose.WINDOW, len(together), epoch, number)])
    assert len(windows) > 3
    return np.concatenate(shuffled)


@dataclass(frozen=True)
class InTheOrderOfWindows(UsualRules):
    dataset: StreamedDataset

    def order(self, engine: Engine, n: int, epoch: int) -> Indices:
        return the_order(self.dataset, n, self.settings.seed, epoch, self.settings.batch_size)


WAYS: dict[str, dict[str, Any]] = {
    "sgd": {},
    "adam, dropout, a seed": {"solver": "adam", "seed": 9, "extras": Extras(dropout=0.2, input_dropout=0.1)},
    "distortions": {"extras": Extras(augmentation=Augmentation(rotation=10, shift=1))},
    "validation, patience, cosine": {"validation": 333, "patience": 1, "schedule": "cosine"},
    "batches that divide nothing": {"batch_size": 97, "average": 2},
}


@pytest.mark.parametrize(
    ("way", "engine"),
    [*((way, ENGINES[-1]) for way in WAYS), ("adam, dropout, a seed", ENGINES[0])],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_training_from_files_is_that_in_memory_in_the_order_of_the_windows(
    dataset: StreamedDataset, architecture: Architecture, engine: Engine, way: str
) -> None:
    settings = Settings(**{"epochs": 3, "batch_size": BATCH, **WAYS[way]})
    split, whole = dataset.n_train - settings.validation, dataset.in_memory()
    parts = dataset.train.between(0, split), dataset.train.between(split, dataset.n_train)
    read, held_out = (ExamplesInFiles(dataset, part, settings.batch_size) for part in parts)
    found = fit(engine, architecture, read, settings, validation=held_out if settings.validation else None)
    expected = fit(
        engine,
        architecture,
        Examples(whole.X_train[:split], whole.y_train[:split]),
        settings,
        rules=InTheOrderOfWindows(settings, dataset),
        validation=Examples(whole.X_train[split:], whole.y_train[split:]) if settings.validation else None,
    )
    assert bits(found.layers) == bits(expected.layers)
    assert found.ending == expected.ending
    for ours, theirs in zip(found.snapshot.history, expected.snapshot.history, strict=True):
        assert (ours.loss, ours.accuracy, ours.learning_rate) == (theirs.loss, theirs.accuracy, theirs.learning_rate)
        assert ours.validation_accuracy == theirs.validation_accuracy
        # A mean of k means of float32 numbers beside one mean of all: each sum of n numbers errs by n·ε at most.
        bound = split * float(np.finfo(np.float32).eps)
        assert (ours.validation_loss or 0) == pytest.approx(theirs.validation_loss or 0, rel=bound)


@pytest.mark.parametrize("cut", [*range(1, 55, 6), 50])
def test_a_training_cut_after_any_step_goes_on_to_the_same_bits(
    examples: ExamplesInFiles, architecture: Architecture, cut: int
) -> None:
    engine, settings = ENGINES[-1], Settings(epochs=2, batch_size=BATCH, solver="momentum")
    whole = fit(engine, architecture, examples, settings)
    kept: list[Snapshot] = []
    stopped = fit(engine, architecture, examples, settings, most_steps=cut, keep=kept.append)
    assert stopped.ending is Ending.INTERRUPTED
    assert kept[-1].state.steps_done == cut
    again = fit(engine, architecture, examples, settings, start=kept[-1])
    assert bits(again.layers) == bits(whole.layers)
    assert [each.loss for each in again.snapshot.history] == [each.loss for each in whole.snapshot.history]


def test_every_row_is_taken_once_an_epoch_and_all_batches_but_the_last_are_whole(examples: ExamplesInFiles) -> None:
    rules = UsualRules(Settings(batch_size=BATCH))
    for epoch in range(3):
        taken: list[int] = []
        step = 0
        for window in examples.windows(ReferenceEngine(), rules, epoch, BATCH, 0):
            assert window.first_step == step
            step, whole = window.last_step, BATCH * (window.last_step - window.first_step)
            taken += window.numbers[window.order].tolist()
            assert len(window.order) == whole or len(taken) == len(examples)
        assert step == -(-len(examples) // BATCH)
        assert sorted(taken) == list(range(len(examples)))


def test_two_windows_are_all_that_is_held(examples: ExamplesInFiles, dataset: StreamedDataset) -> None:
    held = set()
    for window in examples.windows(ReferenceEngine(), UsualRules(Settings(batch_size=BATCH)), 0, BATCH, 0):
        owner = window.X
        while owner.base is not None:
            owner = owner.base
        held.add((id(owner), owner.nbytes))
    assert len(held) == 2
    assert sum(size for _, size in held) <= MEMORY // 2


class Stops(Callback):
    def __init__(self) -> None:
        self.readers: list[int] = []

    def on_progress(self, progress: Any) -> None:
        self.readers.append(sum(each.name.startswith("reader") for each in threading.enumerate()))


def test_one_thread_reads_ahead_and_none_is_left(
    examples: ExamplesInFiles, architecture: Architecture, pictures: Path
) -> None:
    listener = Stops()
    settings = Settings(epochs=1, batch_size=BATCH)
    fit(
        ReferenceEngine(),
        architecture,
        examples,
        settings,
        callbacks=[listener],
        stop=lambda: len(listener.readers) > 1,
    )
    assert set(listener.readers) == {1}
    assert not [each for each in threading.enumerate() if each.name.startswith("reader")]
    pictures.write_bytes(pictures.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"X\.npy ends in row"):
        fit(ReferenceEngine(), architecture, examples, settings)
    assert not [each for each in threading.enumerate() if each.name.startswith("reader")]


def test_a_sample_is_spread_over_all_classes_though_they_are_sorted(examples: ExamplesInFiles) -> None:
    X, y = examples.sample(256)
    assert 256 <= len(y) <= 512
    assert len(X) == len(y)
    assert np.bincount(y).min() > 50


def test_too_little_memory_for_a_batch_is_refused_with_the_way_out(dataset: StreamedDataset) -> None:
    with pytest.raises(
        SettingError, match=r"--memory 262,144 bytes is too small: .* holds 399 rows; .*smaller batches"
    ):
        ExamplesInFiles(dataset, dataset.train, 300)


def test_what_is_tallied_portion_by_portion_is_what_is_evaluated_at_once(
    dataset: StreamedDataset, architecture: Architecture, examples: ExamplesInFiles
) -> None:
    engine = ReferenceEngine()
    layers = fit(engine, architecture, examples, Settings(epochs=2, batch_size=BATCH)).layers
    whole = dataset.in_memory()
    portions = list(dataset.test.portions(dataset.rows_of_a_portion))
    assert len(portions) > 1
    found = tally(engine, architecture, layers, portions)
    expected = evaluate(engine, architecture, layers, whole.X_test, whole.y_test)
    assert 0.5 < found.accuracy == expected.accuracy < 1
    np.testing.assert_array_equal(found.confusion, expected.confusion)
    assert found.most_confused() == expected.most_confused()
    bound = len(whole.y_test) * float(np.finfo(np.float32).eps)
    assert found.loss == pytest.approx(expected.loss, rel=bound)
    assert found.calibration[0] == pytest.approx(expected.calibration[0], abs=bound)
    np.testing.assert_allclose(found.precision_and_recall, expected.precision_and_recall)
    judged = ExamplesInFiles(dataset, dataset.test, BATCH).judge(engine, architecture, layers)
    assert judged.accuracy == judge(engine, architecture, layers, whole.X_test, whole.y_test).accuracy


@pytest.fixture
def plan(dataset: StreamedDataset, architecture: Architecture) -> Callable[..., Plan]:
    def make(memory: int = MEMORY, **settings: Any) -> Plan:
        found = find(Path(dataset.source.removeprefix("the NumPy file ")), "y.npy", memory)
        assert found is not None
        settings = {"epochs": 2, "batch_size": BATCH, **settings}
        return Plan(found.survey(memory), architecture, Settings(**settings), ReferenceEngine(), threads=1)

    return make


def test_a_run_interrupted_within_an_epoch_is_resumed_to_the_same_model(
    plan: Callable[..., Plan], tmp_path: Path
) -> None:
    whole = run(plan(), RunFolder(tmp_path / "whole"), resume=False)
    assert whole.test is not None
    listener = Stops()
    args = {"callbacks": [listener], "stop": lambda: len(listener.readers) == 2}
    cut = run(plan(), RunFolder(tmp_path / "cut"), resume=False, **args)
    assert cut.record["status"] == "interrupted"
    done = run(plan(), RunFolder(tmp_path / "cut"), resume=True)
    assert done.model.read_bytes() == whole.model.read_bytes()
    assert done.record["test_accuracy"] == whole.record["test_accuracy"]


def test_another_bound_on_memory_is_another_run(plan: Callable[..., Plan], tmp_path: Path) -> None:
    from pellucid.errors import RunFolderError

    run(plan(), RunFolder(tmp_path / "run"), resume=False, stop=lambda: True)
    with pytest.raises(RunFolderError, match=r"settings\.memory was 262144, is 524288"):
        run(plan(memory=2**19), RunFolder(tmp_path / "run"), resume=True)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before
