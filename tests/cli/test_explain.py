"""``pellucid explain``: what it prints, what it writes, what it refuses."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from contextlib import suppress
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from pellucid import datasets, load
from pellucid.equations.worked_example import ARCHITECTURE, LAYERS, X
from pellucid.explain import explain


@pytest.fixture
def digit(tmp_path):
    """Scikit-learn's first digit, enlarged to MNIST's size, as a file."""
    picture = np.kron(datasets.load("digits").X_train[0].reshape(8, 8), np.ones((3, 3), np.uint8)) * 15
    np.save(tmp_path / "digit.npy", np.pad(picture, 2).astype(np.uint8))
    return tmp_path / "digit.npy"


def test_tiny_shows_every_number_of_the_worked_example(cli) -> None:
    said = cli("explain", "--tiny")
    assert said.code == 0
    whole = str(explain(ARCHITECTURE, LAYERS, X, 1, learning_rate=0.1, example="The worked example"))
    assert said.out == whole
    assert "z₃[0] = 0.5 · 0.34 + (−0.4) · 0 + 1 · 0.58 + 0.05 = 0.8" in said.out
    assert cli("explain", "--tiny", "--json").json["steps"][1]["lines"][0] in said.out


@pytest.mark.parametrize("columns", [80, 120])
def test_in_a_terminal_no_line_is_too_long_and_no_number_broken(columns) -> None:
    pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pellucid", "explain", "--tiny"]
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        pieces = []
        with suppress(OSError):  # how Linux says that the other end is closed
            while piece := os.read(ours, 65536):
                pieces.append(piece)
    os.close(ours)
    assert process.returncode == 0
    said = re.sub(r"\x1b\[[\d;]*m", "", b"".join(pieces).decode()).replace("\r\n", "\n")
    whole = str(explain(ARCHITECTURE, LAYERS, X, 1, learning_rate=0.1, example="The worked example"))
    assert max(map(len, said.splitlines())) <= columns
    assert said.split() == whole.split()
    continued = [line for line in said.splitlines() if line.startswith(" " * 8)]
    assert len(continued) > 3


def test_a_rate_is_heeded(cli) -> None:
    said = cli("explain", "--tiny", "--learning-rate", 0.01, "--json").json
    assert said["loss_after"] == explain(ARCHITECTURE, LAYERS, X, 1, learning_rate=0.01).loss_after


def test_the_bundled_model_explains_a_file_as_the_network_does(cli, digit) -> None:
    said = cli("explain", "--image", digit, "--json").json
    network = load("mnist")
    x = np.load(digit)
    assert said["label"] == said["says"] == network.predict(x)
    assert said["network"] == "784-128-64-10"
    assert said["loss"] == network.explain(x, said["label"]).loss
    other = cli("explain", "--image", digit, "--label", (said["label"] + 1) % 10, "--json").json
    assert other["loss"] > said["loss"]
    assert other["says"] == said["says"]


def test_the_bundled_model_is_found_beside_the_data_that_it_was_trained_on(cli, digit) -> None:
    Path("mnist").mkdir()
    assert cli("explain", "--image", digit, "--json").json["network"] == "784-128-64-10"


def test_an_example_of_the_test_part_is_named_by_its_number(cli, points, tmp_path) -> None:
    assert cli("train", "--data", points, "--hidden", "8,6", "--epochs", 2, "--out", "run").code in (0, 1)
    dataset = datasets.load(points)
    said = cli("explain", "run", "--index", 3, "--json").json
    assert said["example"].startswith("Example 3 of the test part of ")
    assert said["label"] == dataset.classes[dataset.y_test[3]]
    assert said["steps"][0]["value"] == pytest.approx(list(load("run").forward(dataset.X_test[3]).x[0]), rel=1e-6)


def test_a_page_and_markdown_are_written_whole(cli, tmp_path) -> None:
    page, notes = tmp_path / "step.html", tmp_path / "step.md"
    said = cli("explain", "--tiny", "--html", page, "--markdown", notes)
    assert (said.code, f"Wrote {page}" in said.out.replace("\n", "")) == (0, True)
    html = page.read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>")
    assert html.rstrip().endswith("</html>")
    assert "<math>" in html
    assert r"\frac{\partial L}{\partial W_{1}}" in notes.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tiny", "--index", 1], "--tiny is given with --index; expected one of them"),
        (["--tiny", "--normalise", "mnist"], "--tiny is given with --normalise; expected one of them"),
        (["--tiny", "--learning-rate", 0], "--learning-rate is 0.0; expected a positive number"),
        (["--tiny", "--learning-rate", "nan"], "--learning-rate is nan"),
        (["--index", 1, "--image", "a.png"], "--image is given with --index"),
        (["nowhere.safetensors", "--index", 1], "nowhere.safetensors"),
        (["--image", "nowhere.png"], "there is no file nowhere.png"),
        (["--tiny", "--html", "."], "could not be written: it is a folder"),
    ],
)
def test_what_cannot_be_explained_is_refused(cli, words, message, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = cli("explain", *words)
    assert said.code in (1, 2)
    assert message in re.sub(r"\s+", " ", said.err)
    assert "Traceback" not in said.err


def test_labels_and_numbers_that_are_not_there_are_refused(cli, points, digit) -> None:
    assert "--label is 'seven'; expected one of 0, 1, 2" in cli("explain", "--image", digit, "--label", "seven").err
    np.save("two.npy", np.zeros((2, 28, 28), np.uint8))
    assert "two.npy holds 2 examples; expected one" in cli("explain", "--image", "two.npy").err
    assert cli("train", "--data", points, "--hidden", "4", "--epochs", 1, "--out", "run").code in (0, 1)
    assert "--index is 100000; expected from 0 to" in cli("explain", "run", "--index", 100_000).err
    assert "--index is -1" in cli("explain", "run", "--index", -1).err


@pytest.fixture
def photo(tmp_path):
    """A seven on paper, as a camera sees it: dark on light, large, off the middle."""
    Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    from pellucid.datasets.drawing import of_strokes

    seven = of_strokes([[(0, 0), (10, 0), (4, 16)]]).picture
    paper = np.full((400, 300), 210, np.uint8)
    paper[40:320, 10:290] -= (np.kron(seven, np.ones((10, 10), np.uint8)) * 0.6).astype(np.uint8)
    Image.fromarray(paper).save(tmp_path / "seven.png")
    return tmp_path / "seven.png"


def test_a_photo_is_explained_and_predicted_once_it_is_normalised(cli, photo) -> None:
    refused = cli("explain", "--image", photo)
    assert (refused.code, "Or try --normalise mnist." in re.sub(r"\s+", " ", refused.err)) == (2, True)
    said = cli("explain", "--image", photo, "--normalise", "mnist", "--json").json
    assert said["says"] == 7
    predicted = cli("predict", "mnist", photo, "--normalise", "mnist", "--json").json["predictions"]
    assert [each["label"] for each in predicted] == [7]


def test_a_normalisation_that_cannot_be_is_refused(cli, photo, points, tmp_path) -> None:
    assert (
        "--normalise is 'emnist'; expected one of mnist" in cli("predict", "mnist", photo, "--normalise", "emnist").err
    )
    assert "--normalise is given without --image" in cli("explain", "--normalise", "mnist").err
    assert cli("train", "--data", points, "--hidden", "4", "--epochs", 1, "--out", "run").code in (0, 1)
    assert "expected 28×28 pixels, to be normalised" in cli("predict", "run", photo, "--normalise", "mnist").err
    np.save("a.npy", np.zeros(784))
    assert "a.npy is no picture" in cli("predict", "mnist", "a.npy", "--normalise", "mnist").err
    blank = pytest.importorskip("PIL.Image").new("L", (50, 50), 255)
    blank.save("blank.png")
    assert "nothing is drawn" in cli("predict", "mnist", "blank.png", "--normalise", "mnist").err


def test_an_evaluation_is_written_as_a_page(cli, points, tmp_path) -> None:
    assert cli("train", "--data", points, "--hidden", "8", "--epochs", 3, "--validation", 20, "--out", "run").code in (
        0,
        1,
    )
    said = cli("evaluate", "run", "--html", "page.html")
    assert (said.code, "Wrote page.html" in said.out) == (0, True)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    for words in (
        "<h2>Learning</h2>",
        "<h2>Mistakes</h2>",
        "One step of training, with its numbers",
        "<dt>solver</dt><dd>sgd</dd>",
    ):
        assert words in page
    assert cli("evaluate", "run", "--html", ".").code == 1


def test_a_training_reports_on_itself_where_it_is_asked_to(cli, small) -> None:
    said = cli("train", *small, "--report", "--out", "run", "--json").json
    page = Path("run/report.html").read_text(encoding="utf-8")
    assert f"<b>{100 * said['test_accuracy']:.2f} %</b>" in page
    assert "<h2>Learning</h2>" in page
    assert "<dt>data, SHA-256</dt>" in page
    Path("run/report.html").unlink()
    assert cli("train", "--resume", "run", "--report").code == 0  # finished: reported again
    assert Path("run/report.html").is_file()


@pytest.mark.parametrize("is_named", [False, True])
def test_the_command_on_the_page_shows_the_step_on_its_surest_mistake(cli, points, is_named) -> None:
    cli("train", "--data", points, "--hidden", "8", "--epochs", 3, "--out", "a run")
    cli("evaluate", "a run", *(["--data", points] if is_named else []), "--html", "page.html")
    page = Path("page.html").read_text(encoding="utf-8")
    number, true, taken = re.search(r"no\. ([\d,]+):<br>(\d), taken for (\d)", page).groups()
    command = shlex.split(unescape(re.search(r"<code>(pellucid explain .*?)</code>", page)[1]))
    said = cli(*command[1:]).out
    assert f"Example {number} of the test part of points: it is {true}, the network says {taken}" in said
