"""The folder of a run of ``pellucid train``: who may write there, and how a run goes on that was stopped."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pellucid import load
from pellucid.engines import why_no_native_engine
from pellucid.equations.optimizers import OPTIMIZERS

SPOILED = str(Path("run/run.json")) + " is spoiled"


def wait_for(text: str, process: "subprocess.Popen[str]") -> None:
    """Read what a process prints until ``text`` comes."""
    for line in process.stdout:
        if text in line:
            return
    pytest.fail(f"the process ended without printing {text!r}")


def test_resume_takes_the_runs_own_options(cli, small, tmp_path) -> None:
    whole = cli("train", *small, "--solver", "adam", "--seed", 4, "--out", "whole", "--json").json
    again = cli("train", "--resume", "whole", "--json")
    assert again.code == 0
    assert again.json["test_accuracy"] == whole["test_accuracy"]
    assert again.json["seed"] == 4
    assert "is finished" in again.err


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("settings", "extras"), {"l2": "x"}, "l2 is 'x'; expected at least 0, and finite."),
        (("settings", "extras"), {"dropout": None}, "dropout is None; expected at least 0 and below 1."),
        (("settings", "extras"), {"augmentation": [1]}, SPOILED),
        (("settings", "extras"), {"augmentation": {"rotation": 10**400}}, "0; expected a finite number."),
        (("settings", "extras"), {"teacher": "mnist"}, "teacher is 'mnist'; expected a Teacher, or None."),
        (("settings", "extras"), "abc", SPOILED),
        (("settings", "extras"), None, SPOILED),
        (("settings", "solver_settings"), {"nu": 0.5}, "are {'nu': 0.5}; expected numbers named beta_1"),
        (("settings", "learning_rate"), 10**400, "0; expected a positive number. Try 0.001."),
        (
            ("architecture", "loss_settings"),
            {"label_smoothing": "x"},
            "label_smoothing of cross_entropy is 'x'; expected",
        ),
        (("architecture", "loss_settings"), {"seed": 1}, SPOILED),
        (("architecture", "hidden"), 7, SPOILED + " ('int' object is not iterable)."),
        (("architecture", "hidden"), [{"width": 8}], SPOILED + " (it lacks 'activation')."),
    ],
)
def test_a_record_in_which_a_value_is_not_what_a_run_wrote_is_refused(cli, small, place, value, message) -> None:
    cli("train", *small, "--solver", "adam", "--epochs", 1, "--out", "run")
    record = json.loads(Path("run/run.json").read_text())
    record[place[0]][place[1]] = value
    Path("run/run.json").write_text(json.dumps(record))
    said = cli("train", "--resume", "run", "--json")
    assert said.code == 2
    assert message in said.error["message"]


def test_resume_with_another_network_says_what_differs(cli, small) -> None:
    cli("train", *small, "--out", "run")
    said = cli("train", "--resume", "run", "--hidden", "9,6")
    assert said.code == 2
    assert "run holds another run" in said.err
    said = cli("train", "--resume", "run", "--hidden", "9")
    assert "its network is 8 relu, 6 relu, 3 softmax by cross_entropy, this one 9 relu, 3 softmax" in said.err
    said = cli("train", "--resume", "run", "--seed", 1)
    assert "settings.seed was 0, is 1" in said.err


def test_resume_goes_on_with_the_runs_own_engine_whatever_the_environment_names(cli, small, monkeypatch) -> None:
    cli("train", *small, "--engine", "reference", "--out", "run")
    monkeypatch.setenv("PELLUCID_ENGINE", "warp")
    assert cli("train", "--resume", "run", "--epochs", 31, "--json").json["engine"] == "reference"
    said = cli("train", "--resume", "run", "--threads", 2)
    assert (said.code, "engine.threads was 1, is 2" in said.err) in ((2, True), (0, False))  # NumPy may have one thread


@pytest.mark.skipif(why_no_native_engine() is not None, reason="the native engine was not built")
def test_the_native_engine_resumes_to_the_same_bytes_with_another_number_of_threads(cli, small) -> None:
    native = [*small, "--engine", "native", "--hidden", "400,400"]
    whole = cli("train", *native, "--threads", 3, "--out", "whole", "--json").json
    assert (whole["engine"], whole["threads"]) == ("native", 3)
    cli("train", *native, "--threads", 1, "--epochs", 7, "--out", "cut")
    assert cli("train", "--resume", "cut", "--epochs", 30, "--threads", 2).code == 0
    for folder in ("whole", "cut"):
        assert json.loads(Path(folder, "run.json").read_text())["engine"]["target"] == whole["target"]
    assert Path("cut/model.safetensors").read_bytes() == Path("whole/model.safetensors").read_bytes()
    said = cli("train", "--resume", "whole", "--engine", "native:scalar")
    assert whole["target"] == "scalar" or "engine.target was" in said.err


@pytest.mark.parametrize("seconds", ["0", "-1", "nan"])
def test_checkpoints_are_some_time_apart(cli, small, seconds) -> None:
    said = cli("train", *small, "--checkpoint-seconds", seconds, "--out", "run")
    assert said.code == 2
    assert f"--checkpoint-seconds is {float(seconds):g}; expected a positive number of seconds. Try 60." in said.err
    assert not Path("run").exists()


def test_a_run_of_other_data_says_what_differs_and_what_to_do(cli, small, tmp_path) -> None:
    assert cli("train", *small, "--out", "run").code == 0
    np.savez("other.npz", X=np.eye(60, 5), y=np.arange(60) % 3)
    said = cli("train", "--resume", "run", "--data", "other.npz", "--epochs", 40)
    assert said.code == 2
    words = " ".join(said.err.split())
    assert re.search(r"run holds another run: the data is not the same: it was points \(\w{12}…\), is other \(", words)
    assert "Go on with the data of the run, or begin a new one with --out." in words


def test_a_run_of_another_version_says_so_before_its_settings_are_read(cli, small) -> None:
    assert cli("train", *small, "--out", "run").code == 0
    record = json.loads(Path("run/run.json").read_text())
    newer = {**record, "status": "running", "versions": {"pellucid": "9.0"}}
    newer["settings"] = {**record["settings"], "solver": "one of 2031"}
    Path("run/run.json").write_text(json.dumps(newer))
    said = cli("train", "--resume", "run")
    assert said.code == 2
    words = " ".join(said.err.split())
    assert "run holds a run of Pellucid 9.0, and this is" in words
    assert "Go on with that version (pip install pellucid==9.0), or begin a new one with --out." in words


def test_a_second_run_in_the_same_folder_is_refused_in_a_sentence(cli, small, leisurely) -> None:
    with subprocess.Popen([*leisurely, "--out", "run"], stdout=subprocess.PIPE, text=True) as first:
        wait_for("epoch  1", first)
        said = cli("train", *small, "--resume", "run")
        first.kill()
    assert said.code == 2
    words = " ".join(said.err.split())
    assert "another process is training in run. Wait for it, or choose another folder with --out DIR." in words


def test_a_folder_with_something_in_it_is_not_overwritten(cli, small, tmp_path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("precious")
    said = cli("train", *small, "--out", tmp_path / "full")
    assert said.code == 2
    assert "is not empty; expected a new folder." in said.err
    assert [path.name for path in (tmp_path / "full").iterdir() if path.name != ".lock"] == ["thesis.txt"]


def test_a_folder_that_cannot_be_made_is_a_sentence_and_exit_1(cli, small, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    said = cli("train", *small, "--out", tmp_path / "file" / "run")
    assert said.code == 1
    assert "cannot be made: not a directory. Try --out DIR." in said.err


@pytest.mark.slow
def test_ctrl_c_saves_exits_130_and_the_rest_follows_to_the_bit(leisurely) -> None:
    with subprocess.Popen([*leisurely, "--out", "stop[/b] ped"], stdout=subprocess.PIPE, text=True) as process:
        wait_for("epoch  2", process)
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == 130
    assert "Interrupted in epoch" in rest
    assert "Go on with: pellucid train --resume 'stop[/b] ped'" in rest
    assert load("stop[/b] ped").architecture.widths == (5, 400, 400, 3)
    for folder in ("stop[/b] ped", "whole"):
        subprocess.run([*leisurely, "--resume", folder], check=True, capture_output=True)
    assert Path("stop[/b] ped/model.safetensors").read_bytes() == Path("whole/model.safetensors").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("solver", sorted(OPTIMIZERS))
def test_a_killed_process_resumes_to_the_same_bytes(leisurely, solver) -> None:
    command = [*leisurely, "--solver", solver, "--validation", "20", "--patience", "60", "--epochs", "20"]
    subprocess.run([*command, "--resume", "whole"], check=True, capture_output=True)
    with subprocess.Popen([*command, "--resume", "killed"], stdout=subprocess.PIPE, text=True) as process:
        wait_for("epoch  3", process)
        time.sleep(0.02)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    subprocess.run([*command, "--resume", "killed"], check=True, capture_output=True)
    assert Path("killed/model.safetensors").read_bytes() == Path("whole/model.safetensors").read_bytes()


@pytest.mark.slow
def test_trainings_that_begin_at_the_same_time_do_not_share_a_folder(small) -> None:
    command = [sys.executable, "-m", "pellucid", "train", *small, "--json"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    folders = [json.loads(process.communicate()[0])["run"] for process in running]
    assert len(set(folders)) == 4


def test_a_resumed_finished_run_is_reported_with_0_whatever_came_of_it(cli, small) -> None:
    assert cli("train", *small, "--until", 1.0, "--epochs", 2, "--out", "missed").code == 1
    said = cli("train", "--resume", "missed", "--json")
    assert said.code == 0
    assert said.json["most_confused"] is None
    assert "Its files" in said.err


def test_run_json_is_written_first_and_names_no_result_while_running(leisurely) -> None:
    with subprocess.Popen([*leisurely, "--out", "run"], stdout=subprocess.PIPE, text=True) as process:
        wait_for("epoch  1", process)
        record = json.loads(Path("run/run.json").read_text())
        process.kill()
    assert record["status"] == "running"
    assert record["command"][:2] == ["pellucid", "train"]
    assert "test_accuracy" not in record
