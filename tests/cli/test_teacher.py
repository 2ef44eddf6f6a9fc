"""``pellucid train --teacher``: learning from another network, too."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pellucid import Network, load
from pellucid.equations.architecture import Architecture
from pellucid.equations.initialization import initialize
from pellucid.equations.losses import SquaredError
from pellucid.formats.records import digest_of_network

QUICK = ["--engine", "reference", "--hidden", "8,6", "--batch-size", 8, "--learning-rate", 0.05]


@pytest.fixture
def teacher(cli, points, tmp_path):
    """A network that was trained on the points, and the words that name it and them."""
    said = cli("train", "--data", points, "--hidden", "20", "--epochs", 20, "--batch-size", 8, "--out", tmp_path / "t")
    assert said.code == 0, said.err
    return ["--data", points, "--teacher", tmp_path / "t"]


def test_what_was_learned_from_a_teacher_is_recorded_and_is_something_else(cli, teacher, tmp_path) -> None:
    pupil, alone = tmp_path / "pupil", tmp_path / "alone"
    assert cli("train", *teacher, *QUICK, "--epochs", 2, "--out", pupil).code == 0
    assert cli("train", *teacher[:2], *QUICK, "--epochs", 2, "--out", alone).code == 0
    settings = json.loads((pupil / "run.json").read_text())["settings"]
    network = load(tmp_path / "t")
    assert settings["teacher"] == digest_of_network(network.architecture, network.layers)
    assert (settings["teacher_weight"], settings["temperature"]) == (0.9, 2.0)
    about = load(pupil).model.training
    assert about["teacher"] == settings["teacher"]
    assert str(tmp_path) not in str(about)
    assert not {"teacher", "teacher_weight", "temperature"} & load(alone).model.training.keys()
    assert load(pupil).layers[0].W.tobytes() != load(alone).layers[0].W.tobytes()
    assert settings["teacher"] in cli("info", pupil).out


def test_a_run_goes_on_to_the_bit_with_its_teacher(cli, teacher, tmp_path, monkeypatch) -> None:
    words = [*QUICK, "--teacher-weight", 0.6, "--temperature", 3]
    assert cli("train", *teacher, *words, "--epochs", 4, "--out", tmp_path / "whole").code == 0
    assert cli("train", *teacher, *words, "--epochs", 2, "--out", tmp_path / "run").code == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert cli("train", "--resume", tmp_path / "run", "--epochs", 4).code == 0
    whole, resumed = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "run"))
    assert whole == resumed


def test_a_teacher_that_has_moved_may_be_named_anew(cli, teacher, tmp_path) -> None:
    assert cli("train", *teacher, *QUICK, "--epochs", 2, "--out", tmp_path / "run").code == 0
    moved = teacher[-1].rename(tmp_path / "moved")
    said = cli("train", "--resume", tmp_path / "run", "--epochs", 3)
    assert said.code == 2
    assert "of the teacher, there is no file" in said.err
    assert "Is it elsewhere now? Name it with --teacher." in said.err
    assert cli("train", "--resume", tmp_path / "run", "--epochs", 3, "--teacher", moved).code == 0


def test_a_bundled_teacher_is_found_again_though_a_folder_has_its_name(cli, tmp_path, monkeypatch) -> None:
    X = np.random.default_rng(0).integers(0, 256, (50, 28, 28), dtype=np.uint8)
    np.savez("pictures.npz", X=X, y=np.arange(50) % 10)
    (tmp_path / "mnist").mkdir()
    words = ["--data", "pictures.npz", "--teacher", "mnist", *QUICK]
    assert "run.json" in cli("train", *words, "--epochs", 1, "--out", "run").out
    assert json.loads((tmp_path / "run/run.json").read_text())["request"]["teacher"] == "mnist"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert cli("train", "--resume", tmp_path / "run", "--epochs", 1).code == 0


def test_a_run_is_not_gone_on_with_by_another_teacher(cli, teacher, points, tmp_path) -> None:
    run = tmp_path / "run"
    assert cli("train", *teacher, *QUICK, "--epochs", 2, "--out", run).code == 0
    assert cli("train", "--data", points, *QUICK, "--epochs", 1, "--out", tmp_path / "other").code == 0
    for words, message in (
        (["--teacher", tmp_path / "other"], "settings.teacher was "),
        (["--temperature", 3], "settings.temperature was 2.0, is 3.0"),
        (["--teacher-weight", 0.5], "settings.teacher_weight was 0.9, is 0.5"),
    ):
        refused = cli("train", "--resume", run, *words)
        assert (refused.code, message in refused.err) == (2, True), refused.err
    plain = tmp_path / "plain"
    assert cli("train", "--data", points, *QUICK, "--epochs", 1, "--out", plain).code == 0
    refused = cli("train", "--resume", plain, *teacher[2:])
    assert (refused.code, "settings.teacher was None, is " in refused.err) == (2, True), refused.err


def test_a_loss_that_is_high_because_of_the_temperature_is_no_guess(cli, teacher, tmp_path) -> None:
    learned = cli("train", *teacher, *QUICK, "--temperature", 3, "--epochs", 4, "--out", tmp_path / "run")
    last = json.loads((tmp_path / "run" / "run.json").read_text())["epochs"][-1]
    assert np.log(3) < last["loss"] < (0.1 + 0.9 * 9) * np.log(3)
    assert (learned.code, "guessing" in learned.out + learned.err) == (0, False)
    nothing = [*teacher, *QUICK, "--temperature", 3, "--learning-rate", 1e-9, "--epochs", 1, "--seed", 1]
    assert (
        "above the 9.01 of giving all 3 classes the same: no better than guessing"
        in cli("train", *nothing, "--out", tmp_path / "none").err
    )


def test_settings_of_a_teacher_without_one_are_refused(cli, points) -> None:
    for option in ("--teacher-weight", "--temperature"):
        said = cli("train", "--data", points, option, 1)
        assert (said.code, f"{option} is given without --teacher" in said.err) == (2, True), said.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--teacher-weight", 1.5],
            "teacher_weight is 1.5; expected from 0, the labels alone, to 1, the teacher alone",
        ),
        (["--temperature", 0], "temperature is 0.0; expected a number from 0.000001 to 1,000,000."),
        (["--temperature", 1e200], "temperature is 1e+200; expected a number from 0.000001 to 1,000,000."),
        (["--loss", "class_squared_error"], "the teacher's outputs are those of softmax; expected scaled_tanh"),
        (["--dask", "127.0.0.1:1"], "--teacher is given beside --dask"),
    ],
)
def test_a_teacher_that_cannot_be_heard_is_refused(cli, teacher, words, message) -> None:
    said = cli("train", *teacher, *words)
    assert (said.code, message in said.err) == (2, True), said.err


def test_a_teacher_of_other_data_is_refused_in_a_sentence(cli, points, tmp_path) -> None:
    def network(inputs, outputs, classes, **more):
        architecture = Architecture((inputs,), (), outputs, **more)
        path = tmp_path / f"{inputs}-{outputs}-{len(more)}-{'-'.join(map(str, classes))}.safetensors"
        Network(architecture, initialize(architecture, 0), classes).save(path)
        return path

    for path, message in (
        ("nobody", "nobody"),
        (network(7, 3, (0, 1, 2)), "the teacher takes 7 inputs; expected "),
        (network(3, 2, (0, 1)), "knows the classes 0, 1; expected those of the data: "),
        (network(3, 3, (), loss=SquaredError()), "gives numbers; expected a network that tells classes apart"),
    ):
        said = cli("train", "--data", points, "--teacher", path)
        assert (said.code, message in said.err) == (2, True), said.err
    assert not (tmp_path / "runs").exists()
