"""A run over files without a cluster: each round leaves a model, and the exact mode takes the steps of one machine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pellucid
from pellucid.distributed.host import ExecutorHost
from pellucid.distributed.rounds import Rounds
from pellucid.distributed.sharded_run import ShardedRun
from pellucid.engines import choose
from pellucid.errors import DataError
from pellucid.formats.model_file import read_model
from pellucid.recipes.options import architecture_of, settings_of
from pellucid.training.examples import Examples
from pellucid.training.history import EpochRecord
from pellucid.training.loop import Fit, fit
from pellucid.training.run import Plan, run
from pellucid.training.run_folder import RunFolder

OPTIONS = {"hidden": "8", "epochs": 3, "batch_size": 16, "learning_rate": 0.1, "engine": "reference"}


@pytest.fixture
def sharded(tmp_path: Path):
    """Make a run over three files, of what kind of rounds is wanted."""
    random = np.random.default_rng(0)
    for number, rows in enumerate((90, 60, 40)):
        X = random.normal(size=(rows, 3))
        frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(label=(X @ [1, -1, 0.5] > 0).astype(int))
        frame.to_parquet(tmp_path / f"{number}.parquet")
    with ThreadPoolExecutor(2) as executor:
        yield lambda how, precision="float32": ShardedRun(
            ExecutorHost(executor), str(tmp_path / "*.parquet"), None, "reference", precision, how
        )


def plan_of(of_files: ShardedRun, **options) -> Plan:
    options = {**OPTIONS, **options}
    architecture, settings = architecture_of(of_files.dataset, options), settings_of(of_files.dataset, options)
    data, engine = of_files.dataset, of_files.engine
    return Plan(
        data, architecture, settings, engine, 1, fits=of_files.fit, evaluates=of_files.evaluate, shards=len(of_files.paths),
    )  # fmt: skip


def fit_over(of_files: ShardedRun, plan: Plan) -> Fit:
    nothing = Examples(plan.dataset.X_train, plan.dataset.y_train)
    return of_files.fit(plan.engine, plan.architecture, nothing, plan.settings)


@pytest.mark.parametrize(
    "how", [Rounds(), Rounds(momentum=0.5), Rounds(exact=True)], ids=["usual", "momentum", "exact"]
)
def test_each_round_leaves_an_ordinary_model_file(sharded, how, tmp_path) -> None:
    folder = RunFolder(tmp_path / "run")
    seen: list[tuple[int | None, bytes]] = []

    def look(record: EpochRecord) -> None:
        model = read_model(folder.model)
        assert model.training["kept_epoch"] == record.epoch
        assert model.training["ending"] == "interrupted"  # which is what it would be, had it come no further
        assert pellucid.load(folder.model).predict(np.zeros((1, 3))).shape == (1,)
        seen.append((record.epoch, model.layers[0].W.tobytes()))

    done = run(plan_of(sharded(how)), folder, resume=False, callbacks=[look])
    assert [epoch for epoch, _ in seen] == [1, 2, 3]
    assert len({layers for _, layers in seen}) == 3
    assert done.fit is not None
    assert read_model(folder.model).layers[0].W.tobytes() == seen[-1][1]
    assert read_model(folder.model).training["ending"] == done.fit.ending.value == "all-epochs"


def test_exact_rounds_over_files_take_the_steps_of_one_machine(sharded) -> None:
    of_files = sharded(Rounds(exact=True), "float64")
    plan = plan_of(of_files, precision="float64")
    in_rounds = fit_over(of_files, plan)
    X, y = (np.concatenate([getattr(part, name) for part in of_files.parts]) for name in ("X", "y"))
    engine = choose("reference", threads=1).engine.at("float64")
    at_once = fit(engine, plan.architecture, Examples(X, y.astype(np.int64)), plan.settings)
    steps = len(at_once.snapshot.history) * -(-len(X) // plan.settings.batch_size)
    for ours, theirs in zip(in_rounds.layers, at_once.layers, strict=True):
        # A sum of a batch in another order differs by its rounding; each step adds as much, and passes on what was there.
        tolerance = steps * plan.settings.batch_size * np.finfo(float).eps * np.abs(theirs.W).max()
        np.testing.assert_allclose(ours.W, theirs.W, rtol=0, atol=tolerance)
    usual = fit_over(sharded(Rounds(), "float64"), plan)
    assert not np.allclose(usual.layers[0].W, at_once.layers[0].W, rtol=0, atol=1e-3)


SPOILED = {
    "other columns": (
        pd.DataFrame({"c": [0.0, 1.0], "label": ["x", "y"]}),
        r"/shard 7\.csv and /.*/shard 8\.csv do not have the same columns: only one of them has 'a', 'c'",
    ),
    "other kinds of labels": (
        pd.DataFrame({"a": [0.0, 1.0], "label": [0, 1]}),
        r"^shard 7\.csv has labels that are words, but shard 8\.csv numbers; expected the same kind in all",
    ),
}


@pytest.mark.parametrize("case", SPOILED)
def test_files_called_as_shards_are_still_named(case, tmp_path) -> None:
    frame, sentence = SPOILED[case]
    pd.DataFrame({"a": [0.0, 1.0], "label": ["x", "y"]}).to_csv(tmp_path / "shard 7.csv", index=False)
    frame.to_csv(tmp_path / "shard 8.csv", index=False)
    with ThreadPoolExecutor(1) as executor, pytest.raises(DataError, match=sentence):
        ShardedRun(ExecutorHost(executor), str(tmp_path / "*.csv"), None, "reference", "float32")
