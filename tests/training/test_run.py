import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pellucid.engines import ReferenceEngine
from pellucid.equations.architecture import Hidden
from pellucid.equations.optimizers import OPTIMIZERS
from pellucid.errors import RunFolderError, SettingError, StorageError
from pellucid.formats.model_file import read_model
from pellucid.training.callbacks import Callback
from pellucid.training.history import EpochRecord
from pellucid.training.run import Plan, run
from pellucid.training.run_folder import RunFolder, new_run_folder
from pellucid.training.stopping import Ending

Make = Callable[..., Plan]


class KilledError(Exception):
    """Stands for whatever ends a process between two epochs."""


class KillAfter(Callback):
    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch(self, record: EpochRecord) -> None:
        if record.epoch == self.epoch:
            raise KilledError


def test_a_run_leaves_its_folder_complete(plan: Make, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "new" / "run")
    done = run(plan(validation=30), folder, resume=False)
    model = read_model(folder.model)
    record = json.loads(folder.record.read_text())
    lines = [json.loads(line) for line in folder.history.read_text().splitlines()]
    assert done.fit.ending is Ending.ALL_EPOCHS
    assert record["status"] == "finished"
    assert record["rows"] == {"train": 150, "test": 40}
    assert record["engine"] == {"name": "reference", "target": "numpy", "threads": 1}
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    assert lines == record["epochs"]
    assert model.test_accuracy == record["test_accuracy"] == done.test.accuracy
    assert model.classes == ("left", "middle", "right")
    assert model.training["seed"] == 0
    assert model.training["engine"] == "reference:numpy"


def test_a_model_file_tells_no_time_no_place_and_no_machine(plan: Make, tmp_path: Path) -> None:
    first, second = RunFolder(tmp_path / "here"), RunFolder(tmp_path / "over" / "there")
    run(plan(), first, resume=False)
    run(plan(), second, resume=False)
    assert first.model.read_bytes() == second.model.read_bytes()


@pytest.mark.parametrize("solver", sorted(OPTIMIZERS))
@pytest.mark.parametrize("patience", [None, 2])
def test_killed_between_two_epochs_and_resumed_gives_the_same_bytes(
    plan: Make, tmp_path: Path, solver: str, patience: int | None
) -> None:
    whole, killed = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "killed")
    plan_of_both = plan(solver=solver, schedule="linear", validation=40, patience=patience)
    run(plan_of_both, whole, resume=False)
    with pytest.raises(KilledError):
        run(plan_of_both, killed, resume=False, callbacks=[KillAfter(2)])
    assert not killed.model.exists()
    run(plan_of_both, killed, resume=True)
    assert whole.model.read_bytes() == killed.model.read_bytes()


def test_ctrl_c_keeps_what_was_learned_and_the_rest_follows_to_the_bit(plan: Make, tmp_path: Path) -> None:
    whole, stopped = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "stopped")
    run(plan(), whole, resume=False)

    class CtrlC(Callback):
        def on_epoch(self, record: EpochRecord) -> None:
            if record.epoch == 2:
                os.kill(os.getpid(), signal.SIGINT)

    done = run(plan(), stopped, resume=False, callbacks=[CtrlC()])
    assert done.fit.ending is Ending.INTERRUPTED
    assert json.loads(stopped.record.read_text())["status"] == "interrupted"
    learned = read_model(stopped.model)
    assert learned.test_accuracy is None  # the test part is read once, at the end
    np.testing.assert_array_equal(learned.layers[0].W, done.fit.snapshot.state.layers[0].W)
    run(plan(), stopped, resume=True)
    assert whole.model.read_bytes() == stopped.model.read_bytes()


def test_ctrl_c_leaves_the_best_epoch_so_far_where_patience_watches_for_it(plan: Make, tmp_path: Path) -> None:
    whole, stopped = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "stopped")
    up_and_down = plan(epochs=12, validation=40, patience=12, learning_rate=1.0)
    losses = [record.validation_loss for record in run(up_and_down, whole, resume=False).history]
    worse = next(epoch for epoch in range(2, 12) if losses[epoch - 1] > min(losses[: epoch - 1]))
    best = losses.index(min(losses[:worse])) + 1

    class CtrlC(Callback):
        def on_epoch(self, record: EpochRecord) -> None:
            if record.epoch == worse:
                os.kill(os.getpid(), signal.SIGINT)

    done = run(up_and_down, stopped, resume=False, callbacks=[CtrlC()])
    assert (done.record["ending"], done.record["kept_epoch"]) == ("interrupted", best)
    learned = read_model(stopped.model)
    assert learned.training["kept_epoch"] == best
    np.testing.assert_array_equal(learned.layers[0].W, done.fit.snapshot.best.layers[0].W)
    assert not np.array_equal(learned.layers[0].W, done.fit.snapshot.state.layers[0].W)
    run(up_and_down, stopped, resume=True)
    assert whole.model.read_bytes() == stopped.model.read_bytes()


def test_a_run_that_diverges_leaves_the_best_epoch_so_far_where_patience_watches_for_it(
    plan: Make, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "diverged")
    rising = plan(epochs=40, validation=40, patience=39, warm_up=39, learning_rate=10.0)
    unbounded = tuple(Hidden(hidden.width, "identity") for hidden in rising.architecture.hidden)
    rising = replace(rising, architecture=replace(rising.architecture, hidden=unbounded))
    done = run(rising, folder, resume=False)
    losses = [record.validation_loss for record in done.history]
    best = losses.index(min(losses)) + 1
    assert best < len(losses)
    assert (done.record["ending"], done.record["kept_epoch"]) == ("diverged", best)
    np.testing.assert_array_equal(read_model(folder.model).layers[0].W, done.fit.snapshot.best.layers[0].W)


def test_resume_where_nothing_is_begins_afresh(plan: Make, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "nothing")
    run(plan(), folder, resume=True)
    assert read_model(folder.model).training["kept_epoch"] == 4


def test_resume_of_a_finished_run_reports_it_and_touches_nothing(plan: Make, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    first = run(plan(), folder, resume=False)
    before = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file() and path.name != "run.json"}
    again = run(plan(), folder, resume=True)
    assert again.fit is None
    assert again.record["test_accuracy"] == first.test.accuracy
    assert again.history == first.history
    assert {path: path.read_bytes() for path in before} == before


def test_a_finished_run_may_be_given_more_epochs(plan: Make, tmp_path: Path) -> None:
    whole, longer = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "longer")
    run(plan(epochs=6), whole, resume=False)
    run(plan(epochs=4), longer, resume=False)
    run(plan(epochs=6), longer, resume=True)
    assert whole.model.read_bytes() == longer.model.read_bytes()


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"seed": 1}, "settings.seed was 0, is 1"),
        ({"solver": "adam"}, "settings.solver was sgd, is adam"),
        ({"precision": "float64"}, "settings.precision was float32, is float64"),
        ({"epochs": 3}, "settings.epochs was 4, is 3"),
    ],
)
def test_resume_with_other_settings_says_what_differs(
    plan: Make, tmp_path: Path, change: dict, difference: str
) -> None:
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(KilledError):
        run(plan(), folder, resume=False, callbacks=[KillAfter(1)])
    checkpoint = folder.checkpoints.newest.read_bytes()
    with pytest.raises(RunFolderError, match=difference):
        run(plan(**change), folder, resume=True)
    assert folder.checkpoints.newest.read_bytes() == checkpoint


def test_resume_on_other_data_says_so(plan: Make, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    ours = plan()
    run(ours, folder, resume=False)
    other = ours.dataset.X_train.copy()
    other[0, 0] ^= 1
    with pytest.raises(RunFolderError, match="holds another run: the data is not the same"):
        run(replace(ours, dataset=replace(ours.dataset, X_train=other)), folder, resume=True)


def test_a_new_run_overwrites_nothing(plan: Make, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(RunFolderError, match=r"is not empty; expected a new folder\. Try another folder\."):
        run(plan(), RunFolder(tmp_path), resume=False)
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_a_file_where_the_folder_should_be_is_refused(plan: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="file is a file; expected a folder for the run"):
        run(plan(), RunFolder(tmp_path / "file"), resume=False)


def test_two_processes_do_not_train_in_one_folder(plan: Make, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    code = (
        "import sys\nfrom pathlib import Path\nfrom pellucid.training.run_folder import RunFolder\n"
        "with RunFolder(Path(sys.argv[1])).locked():\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(folder.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(RunFolderError, match="another process is training in"):
            run(plan(), folder, resume=False)
        other.kill()
    run(plan(), folder, resume=False)  # the system let go of the dead process's lock


class BreaksAt(ReferenceEngine):
    """An engine whose loss stops being a number at one step of the whole training."""

    def __init__(self, step: int) -> None:
        self.step = step

    def run(self, architecture, optimizer, state, *arguments, first_step=0, n_steps=None, **options):
        left = self.step - state.steps_done
        n_steps = min(n_steps, left) if left else 0
        outcome = super().run(
            architecture, optimizer, state, *arguments, first_step=first_step, n_steps=n_steps, **options
        )
        broke = outcome.state.steps_done == self.step
        return outcome._replace(non_finite_step=first_step + len(outcome.losses)) if broke else outcome


def test_a_diverged_run_keeps_the_last_good_epoch(plan: Make, tmp_path: Path) -> None:
    good, wild = RunFolder(tmp_path / "good"), RunFolder(tmp_path / "wild")
    run(plan(epochs=2), good, resume=False)
    done = run(replace(plan(epochs=5), engine=BreaksAt(26)), wild, resume=False)
    assert done.fit.ending is Ending.DIVERGED
    assert (done.record["status"], done.record["kept_epoch"], done.record["non_finite_step"]) == ("diverged", 2, 7)
    kept, expected = read_model(wild.model), read_model(good.model)
    assert kept.test_accuracy is None
    for ours, theirs in zip(kept.layers, expected.layers, strict=True):
        np.testing.assert_array_equal(ours.W, theirs.W)
        np.testing.assert_array_equal(ours.b, theirs.b)


def test_a_run_that_diverges_at_once_leaves_no_model(plan: Make, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "wild")
    done = run(plan(learning_rate=1e25), folder, resume=False)
    assert (done.record["status"], done.record["model"]) == ("diverged", None)
    assert not folder.model.exists()


@pytest.mark.parametrize("text", ["", "[]", "{", "nonsense"])
def test_a_spoiled_run_record_is_refused_in_a_sentence(plan: Make, tmp_path: Path, text: str) -> None:
    folder = RunFolder(tmp_path / "run")
    run(plan(), folder, resume=False)
    folder.record.write_text(text)
    with pytest.raises(RunFolderError, match=r"run\.json is spoiled.*Take run\.json away.*The model in .* can be used"):
        run(plan(), folder, resume=True)


def test_a_run_without_its_record_goes_on_from_its_checkpoint(plan: Make, tmp_path: Path) -> None:
    whole = run(plan(), RunFolder(tmp_path / "whole"), resume=False)
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(KilledError):
        run(plan(), folder, resume=False, callbacks=[KillAfter(2)])
    folder.record.unlink()
    with pytest.raises(RunFolderError, match=r"settings\.seed was 0, is 1"):
        run(plan(seed=1), folder, resume=True)
    epochs: list[int] = []
    done = run(plan(), folder, resume=True, callbacks=[lambda record: epochs.append(record.epoch)])
    assert epochs == [3, 4]
    assert done.model is not None
    assert whole.model is not None
    assert done.model.read_bytes() == whole.model.read_bytes()
    assert folder.read_record()["status"] == "finished"


def test_a_full_disk_ends_in_a_sentence_and_spoils_nothing(
    plan: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(KilledError):
        run(plan(), folder, resume=False, callbacks=[KillAfter(2)])
    checkpoint = folder.checkpoints.newest.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="could not be written: no space left on device"):
            run(plan(), folder, resume=True)
    assert folder.checkpoints.newest.read_bytes() == checkpoint
    assert not list(tmp_path.rglob("*.partial"))


def test_more_validation_rows_than_there_are_is_refused(plan: Make) -> None:
    with pytest.raises(SettingError, match="--validation is 150; expected less than the 150 training rows"):
        plan(validation=150)


def test_a_new_run_folder_never_takes_a_name_twice(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run-2").mkdir()
    assert new_run_folder(tmp_path, "run").path == tmp_path / "run-3"


def test_divergence_after_ctrl_c_within_an_epoch_goes_back_to_the_epoch_before(plan: Make, tmp_path: Path) -> None:
    """The same bits as if it had never been stopped."""
    whole, stopped = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "stopped")
    run(replace(plan(epochs=5), engine=BreaksAt(17)), whole, resume=False)

    with pytest.raises(KilledError):
        run(plan(epochs=5), stopped, resume=False, callbacks=[KillAfter(1)])
    done = run(replace(plan(epochs=5), engine=FewSteps(3)), stopped, resume=True)
    assert (done.fit.ending, done.fit.snapshot.steps_done) == (Ending.INTERRUPTED, 3)
    done = run(replace(plan(epochs=5), engine=BreaksAt(17)), stopped, resume=True)
    assert (done.record["kept_epoch"], done.record["non_finite_step"]) == (1, 8)
    assert whole.model.read_bytes() == stopped.model.read_bytes()


class FewSteps(ReferenceEngine):
    """Takes a few steps, as if Ctrl-C had come then."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def run(self, *arguments, n_steps=None, **options):
        os.kill(os.getpid(), signal.SIGINT)
        return super().run(*arguments, **{**options, "n_steps": self.steps, "stop": None})


def test_ctrl_c_at_the_step_that_overflows_spoils_no_checkpoint(plan: Make, tmp_path: Path) -> None:
    class Overflows(FewSteps):
        def run(self, *arguments, **options):
            outcome = super().run(*arguments, **options)
            W = np.full_like(outcome.state.layers[0].W, np.inf)
            layers = (outcome.state.layers[0]._replace(W=W), *outcome.state.layers[1:])
            return outcome._replace(state=replace(outcome.state, layers=layers))

    folder = RunFolder(tmp_path / "run")
    with pytest.raises(KilledError):
        run(plan(), folder, resume=False, callbacks=[KillAfter(2)])
    checkpoint = folder.checkpoints.newest.read_bytes()
    done = run(replace(plan(), engine=Overflows(4)), folder, resume=True)
    assert (done.fit.ending, done.record["kept_epoch"]) == (Ending.DIVERGED, 2)
    assert folder.checkpoints.newest.read_bytes() == checkpoint
    assert np.isfinite(read_model(folder.model).layers[0].W).all()


def test_what_a_killed_process_leaves_half_written_is_no_obstacle(plan: Make, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.checkpoints.folder.mkdir(parents=True)
    folder.checkpoints.folder.rmdir()
    (folder.path / ".run.json.1-ab.partial").write_text("{")
    run(plan(), folder, resume=True)
    assert not list(tmp_path.rglob("*.partial"))


def test_killed_after_the_last_checkpoint_a_resumed_run_tells_the_same(plan: Make, tmp_path: Path) -> None:
    whole, killed = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "killed")
    dead = plan(learning_rate=300.0, epochs=3, seed=1)
    expected = run(dead, whole, resume=False)
    assert "is dead" in expected.record["trouble"]
    with pytest.raises(KilledError):
        run(dead, killed, resume=False, callbacks=[KillAfter(3)])
    killed.history.write_text("")  # as if it had been killed before the history was written
    assert run(dead, killed, resume=True).record["trouble"] == expected.record["trouble"]
    assert len(killed.history.read_text().splitlines()) == 3


def test_patience_never_takes_back_a_target_that_was_reached(plan: Make, tmp_path: Path) -> None:
    settings = {"epochs": 60, "batch_size": 8, "validation": 30, "patience": 60, "until": 0.8}
    done = run(plan(**settings), RunFolder(tmp_path / "run"), resume=False)
    assert done.fit.ending is Ending.TARGET_REACHED
    assert done.record["kept_epoch"] == len(done.history)
    assert done.history[-1].validation_accuracy >= 0.8


def test_a_finished_run_whose_model_is_gone_makes_it_again(plan: Make, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    run(plan(), folder, resume=False)
    model = folder.model.read_bytes()
    folder.model.unlink()
    run(plan(), folder, resume=True)
    assert folder.model.read_bytes() == model


@pytest.mark.parametrize("key", ["status", "settings", "ending", "epochs", "test_accuracy", "train_seconds", "data"])
def test_a_run_record_that_lacks_something_is_refused_in_a_sentence(plan: Make, tmp_path: Path, key: str) -> None:
    folder = RunFolder(tmp_path / "run")
    run(plan(), folder, resume=False)
    record = json.loads(folder.record.read_text())
    for spoiled in ({k: v for k, v in record.items() if k != key}, {**record, key: ["?"]}):
        folder.record.write_text(json.dumps(spoiled))
        if spoiled.get(key) == ["?"] and key == "epochs":
            continue  # a list, as it should be: what is in it is looked at when it is reported
        with pytest.raises(RunFolderError, match=r"run\.json is spoiled"):
            run(plan(), folder, resume=True)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("request", "data"), 1.5),
        (("settings", "solver"), ["sgd"]),
        (("engine", "threads"), 1.5),
        (("engine", "threads"), 0),
        (("engine", "target"), None),
        (("ending",), "relu"),
        (("test_accuracy",), float("nan")),
        (("test_accuracy",), 1e9),
        (("machine", "system"), "\ud800"),
    ],
)
def test_a_run_record_that_says_what_cannot_be_is_refused_in_a_sentence(
    plan: Make, tmp_path: Path, place: tuple[str, ...], value: object
) -> None:
    folder = RunFolder(tmp_path / "run")
    run(plan(), folder, resume=False)
    record = inner = json.loads(folder.record.read_text())
    *above, last = place
    for step in above:
        inner = inner[step]
    inner[last] = value
    folder.record.write_text(json.dumps(record))
    with pytest.raises(RunFolderError, match=r"run\.json is spoiled"):
        run(plan(), folder, resume=True)


def test_a_refused_folder_is_left_as_it_was(plan: Make, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(RunFolderError):
        run(plan(), RunFolder(tmp_path), resume=False)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
