"""``pellucid train`` over files on a cluster: the same run in the same folder, with a loop over rounds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid import __version__
from pellucid.answers import Classes
from pellucid.datasets.columns import feature_names, one_hot_inputs
from pellucid.datasets.dataset import Column, Dataset
from pellucid.datasets.labels import indices_of
from pellucid.datasets.table_parts import columns_of_all
from pellucid.distributed.agreement import Agreement, agreement
from pellucid.distributed.averaging import Work
from pellucid.distributed.choosing import engine_of_all
from pellucid.distributed.computing import computing
from pellucid.distributed.host import Host
from pellucid.distributed.rounds import Gathered, Rounds, fit_rounds
from pellucid.distributed.shard_files import Halves, columns_in, files_of, halved, sources_of, training_part
from pellucid.distributed.shards import Asked, Opened, described
from pellucid.distributed.standardizing import standardized
from pellucid.engines import Engine
from pellucid.equations.architecture import Architecture
from pellucid.equations.parameters import Layers
from pellucid.equations.scaling import Scaling
from pellucid.errors import DataError, SettingError
from pellucid.training.evaluation import Evaluation
from pellucid.training.examples import Examples
from pellucid.training.loop import Fit
from pellucid.training.rules import UsualRules
from pellucid.training.settings import Settings
from pellucid.training.snapshot import Snapshot, first_snapshot

OF_ONE_MACHINE = ("validation", "until", "patience", "recipe", "memory", "teacher")
"""Options that need the examples to be here, or would travel with every task."""

OF_A_STEP_OF_ITS_OWN = ("dropout", "input_dropout")
"""Options that the exact mode cannot heed."""


class ShardedDataset(Dataset):
    """What a run wants to know of its data, whose examples are elsewhere: their number, columns and classes.

    The arrays have the right shapes and take no memory.
    """

    sha256: str

    @cached_property
    def fingerprint(self) -> str:
        """Give the SHA-256 of the shards' digests."""
        return self.sha256


class ShardedRun:
    """The files of a run, opened on a host: a data set to plan with, and what fits and evaluates there."""

    def __init__(
        self, host: Host, pattern: str, label: str | None, engine: str | None, precision: str, how: Rounds | None = None
    ) -> None:
        self.host, self.precision, self.how = host, precision, how or Rounds()
        self.paths = files_of(pattern)
        with self._naming():
            files = host.placed(sources_of(self.paths))
            columns = columns_of_all(self.paths, host.each(columns_in, files, label))
            self.halves = host.kept(halved, files, label, columns)
            self.parts = host.kept(training_part, self.halves)
            found = host.each(described, self.parts, Asked(classes=True, known=None, sums=True, digest=True))
            self.agreed = agreement(found, None)
            scaling = _of_numbers(standardized(host, self.parts, found, self.agreed), columns)
        self.name, self.engine = engine_of_all(host, engine, precision)
        self.dataset = _dataset(pattern, self.agreed, columns, scaling, sum(host.each(test_rows, self.halves)))

    @contextmanager
    def _naming(self) -> Iterator[None]:
        """Call shards by the names of their files."""
        try:
            yield
        except DataError as error:
            got, advice = (_with_names(text, self.paths) for text in (error.got, error.advice))
            raise type(error)(got, error.expected, advice) from error

    def fit(
        self,
        engine: Engine,
        architecture: Architecture,
        training: Examples,
        settings: Settings,
        *,
        start: Snapshot | None = None,
        validation: Examples | None = None,
        callbacks: Any = (),
        keep: Callable[[Snapshot], None] = lambda _: None,
        keep_seconds: float = 0.0,
        stop: Callable[[], bool] = lambda: False,
    ) -> Fit:
        """Train in rounds over the files, as ``training.loop.fit`` would; ``training`` is but a shape."""
        shards = self.host.kept(indexed, self.parts, self.dataset.classes)
        work = Work(
            engine=self.name,
            version=__version__,
            precision=settings.precision,
            architecture=architecture,
            optimizer=settings.optimizer,
            batch_size=settings.batch_size,
            seed=settings.seed,
            rounds=settings.epochs,
            extras=settings.extras,
            schedule=settings.schedule,
            learning_rate=settings.learning_rate,
            warm_up=settings.warm_up,
            epochs=self.how.epochs,
            steps=self.how.steps,
        )
        return fit_rounds(
            self.host,
            Gathered(shards, self.agreed.rows, self.agreed.weight),
            self.how,
            lambda _: work,
            engine,
            UsualRules(settings),
            start or first_snapshot(architecture, settings),
            callbacks=callbacks,
            keep=keep,
            keep_seconds=keep_seconds,
            stop=stop,
        )

    def evaluate(self, engine: Engine, architecture: Architecture, layers: Layers, X: Any, y: Any) -> Evaluation:
        """Ask for the logits of each file's test part where it lies."""
        classes = self.dataset.classes
        found = self.host.each(judged, self.halves, classes, self.name, self.precision, architecture, layers)
        logits, labels = zip(*found, strict=True)
        return Evaluation(np.concatenate(logits), np.concatenate(labels), architecture.loss)


def check_options(given: Mapping[str, Any], report: bool) -> None:
    """Raise ``SettingError`` for options that a training on a cluster cannot heed."""
    if "data" not in given:
        raise SettingError(
            "--dask is given without --data", "the files of the shards", "Try --data 'shards/*.parquet'."
        )
    for name in (*OF_ONE_MACHINE, *(("report",) if report else ())):
        if given.get(name) or name == "report":
            raise SettingError(
                f"--{name} is given beside --dask", "neither or one", "It is for one machine that has the examples."
            )
    for name in OF_A_STEP_OF_ITS_OWN if given.get("exact") else ():
        if given.get(name):
            raise SettingError(
                f"--{name.replace('_', '-')} is given beside --exact",
                "neither or one",
            )


def _with_names(text: str, paths: Sequence[Path]) -> str:
    """Put the name of its file in place of each shard's number; what is a name or stands in quotes stays as it is.

    >>> _with_names("shard 1 has 3 columns, but /data/shard 7.csv 4: 'shard 0'", [Path("a.csv"), Path("/data/shard 7.csv")])
    "shard 7.csv has 3 columns, but /data/shard 7.csv 4: 'shard 0'"
    """
    names = sorted({str(name) for path in paths for name in (path, path.name)}, key=len, reverse=True)
    left = "|".join([*map(re.escape, names), r"(?<!\w)'[^']*'", '"[^"]*"'])

    def named(found: re.Match[str]) -> str:
        number = len(paths) if found[1] is None else int(found[1])
        return paths[number].name if number < len(paths) else found[0]

    return re.sub(rf"{left}|\bshard (\d+)\b", named, text)


def _of_numbers(scaling: Scaling, columns: tuple[Column, ...]) -> Scaling:
    """Leave inputs that stand for words as they are, 0 or 1, as of any table."""
    offset, scale, words = np.array(scaling.offset), np.array(scaling.scale), one_hot_inputs(columns)
    offset[words], scale[words] = 0.0, 1.0
    return Scaling(tuple(offset.tolist()), tuple(scale.tolist()))


def _dataset(
    pattern: str, agreed: Agreement, columns: tuple[Column, ...], scaling: Scaling, test_rows: int
) -> ShardedDataset:
    assert agreed.classes is not None, "they were asked for"
    rows = sum(agreed.rows)
    classes: Classes = tuple(agreed.classes.tolist())
    nothing = np.zeros((1, agreed.columns)), np.zeros(1, np.int64)
    whole = Path(pattern).expanduser().resolve()  # the same name wherever it is asked for
    dataset = ShardedDataset(
        name=f"{whole.parent.name}/{whole.name}",
        X_train=np.broadcast_to(nothing[0], (rows, agreed.columns)),
        y_train=np.broadcast_to(nothing[1], (rows,)),
        X_test=np.broadcast_to(nothing[0], (test_rows, agreed.columns)),
        y_test=np.broadcast_to(nothing[1], (test_rows,)),
        classes=classes,
        input_shape=(agreed.columns,),
        scaling=scaling,
        source=f"{len(agreed.rows)} files {pattern}",
        has_own_split=False,
        feature_names=feature_names(columns),
        columns=columns,
    )
    dataset.__dict__["sha256"] = agreed.sha256  # its parent is frozen, and has no place for it
    return dataset


def test_rows(shard: int, halves: Halves) -> int:
    """Count what is held out."""
    return len(halves.test[1])


def indexed(shard: int, part: Opened, classes: Classes) -> Examples:
    """Turn labels into indices of classes."""
    return Examples(part.X, indices_of(part.y, classes, f"shard {shard}"))


def judged(
    shard: int,
    halves: Halves,
    classes: Classes,
    engine: str,
    precision: str,
    architecture: Architecture,
    layers: Layers,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Give the logits and the class indices of a shard's test part."""
    X, y = halves.test
    if not len(X):
        return np.empty((0, architecture.outputs), layers[0].W.dtype), np.empty(0, np.int64)
    with computing(engine, precision, __version__) as computer:
        return computer.logits(architecture, layers, X), indices_of(y, classes, f"shard {shard}")
