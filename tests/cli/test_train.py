"""``pellucid train``: what it does, what it says, what it refuses."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from pellucid import datasets, load
from pellucid.cli.output import Output
from pellucid.cli.progress import ProgressDisplay
from pellucid.engines import State
from pellucid.equations.metrics import calibration
from pellucid.errors import StorageError
from pellucid.training.callbacks import Progress


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
        (
            ["--hidden", "1" + 17 * "0"],
            "setting",
            "a layer of 5-100000000000000000-3 has too many weights; expected at most 4,294,967,296 a layer.",
        ),
        (
            ["--epochs", "1" + 20 * "0", "--warm-up", "1" + 19 * "0"],
            "setting",
            "--epochs is 100000000000000000000; expected a whole number from 1 to 4,294,967,295.",
        ),
        (
            ["--checkpoint-seconds", "0", "--data", "/no/such/file.csv"],  # which is not looked for
            "setting",
            "--checkpoint-seconds is 0; expected a positive number of seconds. Try 60.",
        ),
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


def test_a_label_without_data_is_a_sentence(cli) -> None:
    said = cli("train", "--label", "kind", "--epochs", "1")
    assert said.code == 2
    assert "--label is given without --data; expected the data that it belongs to." in said.err


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
