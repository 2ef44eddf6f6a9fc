import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from pellucid import datasets, load
from pellucid.cli.output import Output
from pellucid.cli.progress import ProgressDisplay
from pellucid.engines import State, why_no_native_engine
from pellucid.equations.metrics import calibration
from pellucid.equations.optimizers import OPTIMIZERS
from pellucid.errors import StorageError
from pellucid.training.callbacks import Progress


def wait_for(text: str, process: "subprocess.Popen[str]") -> None:
    """Read what a process prints until ``text`` comes."""
    for line in process.stdout:
        if text in line:
            return
    pytest.fail(f"the process ended without printing {text!r}")


def test_train_ends_with_accuracy_confusions_and_what_it_wrote(cli, small, tmp_path) -> None:
    said = cli("train", *small, "--out", tmp_path / "run")
    assert said.code == 0
    assert "5-8-6-3, 123 parameters, on points (240 training, 60 test rows)" in said.out
    assert "epoch 30  loss" in said.out
    assert "Test accuracy" in said.out
    assert "Most often taken:" in said.out
    for name in ("model.safetensors", "history.jsonl", "run.json"):
        assert str(tmp_path / "run" / name) in said.out.replace("\n", "")
        assert (tmp_path / "run" / name).is_file()


def test_train_draws_the_curves_where_matplotlib_is_installed(cli, small, tmp_path, monkeypatch) -> None:
    pytest.importorskip("matplotlib", reason="curves need matplotlib: pip install 'pellucid[plots]'")
    monkeypatch.delitem(sys.modules, "matplotlib.figure")
    said = cli("train", *small, "--out", tmp_path / "run")
    assert str(tmp_path / "run" / "curves.png") in said.out.replace("\n", "")
    assert (tmp_path / "run" / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_train_json_prints_one_object_on_stdout_and_text_on_stderr(cli, small, tmp_path) -> None:
    said = cli("train", *small, "--json", "--seed", 3, "--validation", 40)
    record = said.json
    assert set(record) >= {
        "data", "layers", "parameters", "epochs", "epoch_seconds", "train_seconds", "test_accuracy", "test_loss",
        "engine", "target", "precision", "threads", "seed", "run", "model",
    }  # fmt: skip
    assert record["layers"] == [5, 8, 6, 3]
    assert len(record["epoch_seconds"]) == record["epochs"] == 30
    assert record["seed"] == 3
    assert record["test_accuracy"] == load(record["model"]).model.test_accuracy
    assert Path(record["run"]).parent == Path("runs")
    assert "Test accuracy" in said.err


def test_the_same_command_gives_the_same_bytes_and_another_folder(cli, small) -> None:
    first, second = cli("train", *small, "--json").json, cli("train", *small, "--json").json
    assert first["run"] != second["run"]
    assert Path(first["model"]).read_bytes() == Path(second["model"]).read_bytes()


def test_each_hidden_layer_may_bend_in_its_own_way_and_a_resumed_run_remembers_it(cli, points) -> None:
    options = ["--data", points, "--hidden", "8,6", "--activation", "gelu,tanh", "--out", "bent"]
    assert cli("train", *options, "--epochs", 2).code in (0, 1)
    assert [layer.activation for layer in load("bent").architecture.hidden] == ["gelu", "tanh"]
    assert cli("train", "--resume", "bent", "--epochs", 3).code in (0, 1)
    said = cli("train", "--resume", "bent", "--epochs", 3, "--activation", "mish")
    assert said.code == 2
    assert "its network is 8 gelu, 6 tanh" in said.err


def test_a_network_of_1998_is_trained_gone_on_with_asked_and_travels(cli, points) -> None:
    options = ["--data", points, "--hidden", "8", "--activation", "scaled_tanh", "--loss", "class_squared_error"]
    assert cli("train", *options, "--epochs", 2, "--out", "old").code in (0, 1)
    said = cli("train", "--resume", "old", "--epochs", 20, "--json")
    network, dataset = load("old"), datasets.load(points)
    assert network.architecture.loss.name == "class_squared_error"
    p = network.predict_proba(dataset.X_test)
    assert np.abs(p.sum(axis=1) - 1).max() <= 1e-6
    assert said.json["test_accuracy"] == (p.argmax(axis=1) == dataset.y_test).mean() > 0.8
    evaluated = cli("evaluate", "old", "--json").json
    assert evaluated["loss"] == pytest.approx(said.json["test_loss"])
    assert evaluated["calibration_error"] == pytest.approx(calibration(p, dataset.y_test)[0])
    assert "loss     class_squared_error" in cli("info", "old").out
    refused = cli("train", *options, "--label-smoothing", 0.1)
    assert (refused.code, "it with cross_entropy alone" in refused.err) == (2, True)


def test_hidden_none_is_softmax_regression(cli, points) -> None:
    said = cli("train", "--data", points, "--hidden", "none", "--epochs", 2, "--json")
    assert said.json["layers"] == [5, 3]


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        (["--batch-size", "0"], "setting", "--batch-size is 0; expected a whole number, at least 1."),
        (["--learning-rate", "-1"], "setting", "--learning-rate is -1.0; expected a positive number. Try 0.2."),
        (["--learning-rate", "nan"], "setting", "--learning-rate is nan; expected a positive number."),
        (["--learning-rate", "nan", "--solver", "adam"], "setting", "Try 0.001."),
        (["--epochs", "0"], "setting", "--epochs is 0"),
        (["--epochs", "many"], "usage", "Invalid value for '--epochs'"),
        (["--hidden", "12x"], "setting", "--hidden is '12x'; expected whole numbers with commas between. Try --hidden"),
        (["--activation", "geul"], "setting", "unknown activation 'geul'; expected one of relu, identity, logistic"),
        (
            ["--activation", "relu,tanh,elu"],
            "setting",
            "--activation names 3 layers; expected 1, or 2, as --hidden does",
        ),
        (["--hidden", "0"], "setting", "a layer has width 0; expected a whole number of neurons, at least 1."),
        (["--engine", "warp"], "setting", "there is no engine 'warp' here; expected one of auto, "),
        (["--solver", "sdg"], "setting", "--solver is 'sdg'; expected one of sgd, momentum"),
        (["--schedule", "cosinus"], "setting", "--schedule is 'cosinus'; expected one of constant"),
        (["--precision", "int8"], "setting", "--precision is 'int8'; expected one of float32, float64, bfloat16."),
        (["--seed", "-1"], "setting", "--seed is -1"),
        (
            ["--until", "98"],
            "setting",
            "--until is 98.0; expected an accuracy above 0 and at most 1. Did you mean 0.98?",
        ),
        (["--validation", "240"], "setting", "--validation is 240; expected less than the 240 training rows."),
        (
            ["--engine", "reference", "--precision", "bfloat16"],
            "setting",
            "the engine reference has no precision 'bfloat16'; expected one of float32, float64.",
        ),
        (["--engine", "native:mmx"], "setting", "there is no engine 'native:mmx' here"),
        (["--threads", "0"], "setting", "the number of threads is 0; expected a whole number from 1 to 1,024."),
        (["--label", "nosuch"], "data", "nosuch"),
        (["--data", "minst"], "data", "Did you mean 'mnist'?"),
        (["--data", "/no/such/file.csv"], "data", "/no/such/file.csv"),
        (["--colour"], "usage", "No such option"),
        (["--out", "a", "--resume", "a"], "setting", "both --out and --resume are given"),
    ],
)
def test_wrong_use_is_a_sentence_and_exit_2(cli, small, options, kind, message) -> None:
    said = cli("train", *small, *options, "--json")
    assert said.code == 2
    assert said.error["kind"] == kind
    assert message in said.error["message"]
    assert message in said.err
    assert not Path("runs").exists()


def test_an_unknown_engine_in_the_environment_is_a_sentence(cli, small, monkeypatch) -> None:
    monkeypatch.setenv("PELLUCID_ENGINE", "warp")
    said = cli("train", *small)
    assert said.code == 2
    assert "there is no engine 'warp' here" in said.err


def test_until_reached_ends_with_0_and_not_reached_with_1_and_a_model(cli, small) -> None:
    reached = cli("train", *small, "--until", 0.5, "--json")
    assert reached.code == 0
    assert reached.json["ending"] == "target-reached"
    assert reached.json["validation_accuracy"] >= 0.5
    missed = cli("train", *small, "--until", 1.0, "--epochs", 2, "--out", "missed", "--json")
    assert missed.code == 1
    assert missed.error["kind"] == "target-not-reached"
    assert "in 2 epochs; expected 100.00 %." in missed.error["message"]
    assert load("missed").model.training["until"] == 1.0


def test_a_rate_that_diverges_is_a_sentence_and_exit_1(cli, small) -> None:
    said = cli("train", *small, "--learning-rate", "1e20", "--json")
    assert said.code == 1
    assert said.error["kind"] == "diverged"
    assert "the loss became infinite or NaN at step" in said.error["message"]
    assert said.error["message"].endswith("Try a lower --learning-rate. Or let it rise: --warm-up 1.")


def test_a_dead_network_is_a_sentence_and_exit_1(cli, small) -> None:
    said = cli("train", *small, "--learning-rate", "300", "--epochs", 3, "--json")
    assert said.code == 1
    assert said.error["kind"] == "nothing-learned"
    assert "Note: Hidden layer" in said.err


def test_resume_takes_the_runs_own_options(cli, small, tmp_path) -> None:
    whole = cli("train", *small, "--solver", "adam", "--seed", 4, "--out", "whole", "--json").json
    again = cli("train", "--resume", "whole", "--json")
    assert again.code == 0
    assert again.json["test_accuracy"] == whole["test_accuracy"]
    assert again.json["seed"] == 4
    assert "is finished" in again.err


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


@pytest.fixture
def leisurely(points) -> list[str]:
    """A training of some seconds, so that it can be stopped in the middle even by a busy machine."""
    options = ["train", "--data", points, "--hidden", "400,400", "--epochs", "60", "--batch-size", "8"]
    return [sys.executable, "-m", "pellucid", *map(str, options)]


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


def test_json_tells_the_validation_accuracy_of_the_epoch_that_is_kept(cli, small) -> None:
    noise = ["--solver", "adam", "--learning-rate", "0.05", "--validation", "60", "--patience", "4"]
    record = cli("train", *small, *noise, "--out", "run", "--json").json
    history = [json.loads(line) for line in Path("run/history.jsonl").read_text().splitlines()]
    assert record["validation_accuracy"] == history[record["kept_epoch"] - 1]["validation_accuracy"]


def test_help_tells_the_defaults(cli) -> None:
    said = cli("train", "--help")
    for default in ("(default: 20)", "(default: 64)", "(default: 128,64)", "(default: sgd)"):
        assert default in said.out.replace("\n", "")


def test_a_full_disk_beneath_the_curves_hides_no_result(cli, small, monkeypatch) -> None:
    curves = pytest.importorskip("pellucid.report.curves")

    def full(*_arguments: object) -> None:
        raise StorageError("curves.png could not be written: no space left on device")

    monkeypatch.setattr(curves, "draw_curves", full)
    said = cli("train", *small)
    assert said.code == 0
    assert "Test accuracy" in said.out
    assert "Note: curves.png could not be written" in said.out


def test_the_bar_shows_epoch_loss_accuracy_speed_and_time_left() -> None:
    screen = io.StringIO()
    output = Output(as_json=False)
    output.console = Console(file=screen, force_terminal=True, width=120)
    with ProgressDisplay(output, epochs=12) as display:
        display.on_progress(Progress(3, 12, 500, 1000, 0.25, 0.91, 4321.0, 0.2, State((), ())))
        display._bar.refresh()
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())
    for text in ("epoch  3/12", "loss 0.2500", "accuracy 91.00 %", "4,321 rows/s", "left"):
        assert text in shown


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_terminal_that_knows_few_letters_is_no_obstacle(small, encoding) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "pellucid"]
    for words in (["train", *small, "--out", encoding], ["info", encoding]):
        done = subprocess.run([*command, *words], capture_output=True, check=False, env=environment)
        assert (done.returncode, done.stderr) == (0, b"")


def test_a_full_stdout_is_a_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "pellucid", "data", "list", "--json"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "o space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_name_that_is_too_long_is_a_sentence(cli, small) -> None:
    for words in (["info", "x" * 300], ["train", *small, "--resume", "x" * 300], ["predict", "x" * 300, "y"]):
        said = cli(*words)
        assert said.code == 2
        assert "ile name too long" in said.err


def test_without_mnist_train_says_so_and_trains_on_the_digits(cli, monkeypatch) -> None:
    _no_network(monkeypatch)
    said = cli("train", "--epochs", 5, "--json")
    assert said.code == 0
    assert said.json["data"] == "digits"
    assert said.json["test_accuracy"] > 0.8
    assert "MNIST is not on this machine and could not be downloaded: training on scikit-learn's" in said.err


def test_without_mnist_asking_for_it_exits_2_and_says_what_to_do(cli, monkeypatch) -> None:
    _no_network(monkeypatch)
    said = cli("train", "--data", "mnist", "--json")
    assert said.code == 2
    assert said.error["kind"] == "data-unavailable"
    assert "PELLUCID_DATA" in said.error["message"]


def test_a_spoiled_mnist_is_an_error_and_never_a_reason_to_look_elsewhere(cli, monkeypatch, tmp_path) -> None:
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    (folder / "train-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03\0\0")
    said = cli("train", "--json")
    assert said.code == 2
    assert said.error["kind"] == "data"
    assert "mnist" in said.error["message"]


def test_a_table_of_numbers_and_words_is_learned_judged_and_predicted(cli, tmp_path) -> None:
    pytest.importorskip("pandas", reason="tables need pandas: pip install 'pellucid[tables]'")
    random = np.random.default_rng(0)
    sizes, colours = random.normal(10, 3, 200), random.choice(["red", "green"], 200)
    kinds = np.where((sizes > 10) & (colours == "red"), "apple", "pear")
    lines = [f"{size:.4f},{colour},{kind}" for size, colour, kind in zip(sizes, colours, kinds, strict=True)]
    Path("fruit.csv").write_text("\n".join(["size,colour,kind", *lines]))
    options = ["--hidden", "8", "--epochs", "60", "--batch-size", "8"]
    trained = cli("train", "--data", "fruit.csv", "--label", "kind", *options, "--out", "fruit", "--json").json
    assert trained["test_accuracy"] >= 0.9
    judged = cli("evaluate", "fruit", "--json").json
    assert judged["accuracy"] == trained["test_accuracy"]  # the data it was trained on: its test part
    Path("new.csv").write_text("colour,size\nred,15.5\ngreen,15.5\n")
    labels = [each["label"] for each in cli("predict", "fruit", "new.csv", "--json").json["predictions"]]
    assert labels == ["apple", "pear"]
    Path("odd.csv").write_text("colour,size\nblue,15.5\n")
    said = cli("predict", "fruit", "odd.csv")
    assert said.code == 2
    assert "'blue'" in said.err
    Path("lame.csv").write_text("colour,weight\nred,1\n")
    assert "size" in cli("predict", "fruit", "lame.csv").err


def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refused(*_arguments: object, **_options: object) -> None:
        raise OSError(101, os.strerror(101))

    monkeypatch.setattr(socket, "create_connection", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)


def test_run_json_is_written_first_and_names_no_result_while_running(leisurely) -> None:
    with subprocess.Popen([*leisurely, "--out", "run"], stdout=subprocess.PIPE, text=True) as process:
        wait_for("epoch  1", process)
        record = json.loads(Path("run/run.json").read_text())
        process.kill()
    assert record["status"] == "running"
    assert record["command"][:2] == ["pellucid", "train"]
    assert "test_accuracy" not in record
