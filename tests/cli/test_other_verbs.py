import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pellucid import __version__, datasets, load
from pellucid.engines import ReferenceEngine, available, candidates


def test_version_and_help(cli) -> None:
    assert cli("--version") == (0, f"pellucid {__version__}\n", "")
    said = cli("train", "--help")
    assert said.code == 0
    for option in ("--data", "--hidden", "--until", "--resume", "--json"):
        assert option in said.out


def test_no_verb_shows_the_help_and_an_unknown_one_is_wrong_use(cli) -> None:
    assert "Usage: pellucid [OPTIONS] COMMAND" in cli().out
    said = cli("trian")
    assert said.code == 2
    assert "No such command 'trian'" in said.err


def test_help_answers_within_four_tenths_of_a_second_of_cpu_time() -> None:
    """Where a busy machine makes everything slower, it is held against what the two libraries that print it take there."""

    def cpu(*command: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *command], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    ours, theirs = [], []
    for _ in range(5):
        ours.append(cpu("-m", "pellucid", "--help"))
        theirs.append(cpu("-c", "import typer.main, typer.rich_utils, rich.console, rich.table, rich.panel"))
    assert min(ours) < max(0.4, 2 * min(theirs)), (ours, theirs)


def test_importing_pellucid_loads_nothing_that_it_does_not_use() -> None:
    code = "import sys, pellucid; print(*sorted(name.partition('.')[0] for name in sys.modules))"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    )
    heavy = {"numpy", "scipy", "sklearn", "matplotlib", "typer", "rich", "pandas", "pooch", "requests", "safetensors"}
    assert loaded & heavy == set()


def test_help_loads_neither_numpy_nor_any_room() -> None:
    code = (
        "import sys\nfrom pellucid.cli.app import run\nrun(['train', '--help'])\n"
        "print(*(name for name in sys.modules if name.startswith(('numpy', 'pellucid'))), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    rooms = {".".join(name.split(".")[:2]) for name in done.stderr.split()}
    assert rooms == {"pellucid", "pellucid.cli", "pellucid.errors"}


def test_training_on_images_loads_no_pandas_no_scikit_learn_and_no_downloader(points) -> None:
    code = (
        "import sys\nfrom pellucid.cli.app import run\n"
        f"assert run(['train', '--data', {str(points)!r}, '--epochs', '20', '--batch-size', '16']) == 0\n"
        "print(*(name.partition('.')[0] for name in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert set(done.stderr.split()) & {"sklearn", "scipy", "pandas", "pyarrow", "pooch", "requests"} == set()


def test_evaluate_measures_the_test_part_of_what_it_was_trained_on(cli, trained) -> None:
    said = cli("evaluate", trained, "--json")
    record = said.json
    assert record["examples"] == 60
    assert record["accuracy"] == load(trained).model.test_accuracy
    confusion = np.array(record["confusion"])
    assert confusion.sum() == 60
    assert np.trace(confusion) / 60 == record["accuracy"]
    assert 0 <= record["calibration_error"] <= 1
    assert "true \\ taken for" in said.err


def test_evaluate_takes_all_of_other_data(cli, trained, tmp_path) -> None:
    X = np.random.default_rng(5).integers(0, 256, (50, 5), dtype=np.uint8)
    np.savez(tmp_path / "other.npz", X=X, y=X[:, :3].argmax(axis=1))
    record = cli("evaluate", trained, "--data", tmp_path / "other.npz", "--json").json
    assert record["examples"] == 50
    network = load(trained)
    assert record["accuracy"] == np.mean(network.predict(X) == X[:, :3].argmax(axis=1))


def test_evaluate_refuses_data_that_changed_since_the_training(cli, trained, points) -> None:
    with np.load(points) as arrays:
        X, y = arrays["X"], arrays["y"]
    np.savez(points, X=X[1:], y=y[1:])
    said = cli("evaluate", trained)
    assert said.code == 2
    assert "is no longer what the network was trained on" in said.err
    assert cli("evaluate", trained, "--data", points, "--json").json["examples"] == 299
    said = cli("evaluate", trained / "model.safetensors")
    assert "was trained on 'points', which is no data set known by name. Name the data with --data." in said.err


def test_evaluate_shows_every_class_however_narrow_the_terminal(cli, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    X = np.arange(300, dtype=np.uint8).reshape(-1, 1) % 30
    np.savez(tmp_path / "many.npz", X=np.tile(X, (1, 4)), y=[f"class {int(x)}" for x in X[:, 0]])
    assert cli("train", "--data", "many.npz", "--epochs", 40, "--hidden", 30, "--out", "many").code in (0, 1)
    said = cli("evaluate", "many")
    for number in range(30):
        assert said.out.count(f"class {number}") >= 2
    assert "…" not in said.out


def test_a_label_or_a_path_that_looks_like_an_emoji_or_a_mark_is_shown_as_it_is(cli, tmp_path) -> None:
    X = np.random.default_rng(5).integers(0, 256, (90, 3), dtype=np.uint8)
    labels, data, run = np.array(["a:b:c", "[red]x[/red]", ":smile:"]), "d:x:[dim].npz", "r:o:[bold]"
    np.savez(data, X=X, y=labels[X.argmax(axis=1)])
    np.save("n:v:[red].npy", X[:30])
    trained = cli("train", "--data", data, "--hidden", "none", "--epochs", 2, "--out", run)
    said = [cli(verb, run) for verb in ("evaluate", "info")]
    for each in said:
        assert all(label in each.out for label in labels), each.out
    heading = next(line for line in said[0].out.splitlines() if line.startswith("true \\ taken for"))
    assert all(label in heading for label in labels)
    assert "n:v:[red].npy row 2" in cli("predict", run, "n:v:[red].npy").out
    assert f"{run}/model.safetensors" in trained.out
    assert "d:x:[dim]" in trained.out + said[0].out


def test_evaluate_refuses_examples_of_another_size_and_unknown_classes(cli, trained, tmp_path) -> None:
    np.savez(tmp_path / "wide.npz", X=np.ones((9, 7), np.uint8), y=np.arange(9) % 3)
    said = cli("evaluate", trained, "--data", tmp_path / "wide.npz")
    assert said.code == 2
    assert "have 7 inputs; expected 5." in said.err
    np.savez(tmp_path / "classes.npz", X=np.ones((9, 5), np.uint8), y=np.arange(9))
    said = cli("evaluate", trained, "--data", tmp_path / "classes.npz")
    assert said.code == 2
    assert "none of the classes" in said.err


def test_info_shows_layers_classes_and_settings(cli, trained) -> None:
    said = cli("info", trained / "model.safetensors", "--json")
    assert said.json["layers"] == [5, 8, 6, 3]
    assert said.json["training"]["batch_size"] == 16
    assert "data.name" in said.err
    people = cli("info", trained)
    assert "5-8-6-3" in people.out
    assert people.err == ""


@pytest.mark.parametrize("verb", ["evaluate", "info"])
def test_what_is_no_model_is_a_sentence(cli, verb, tmp_path) -> None:
    assert "there is no file nowhere" in cli(verb, "nowhere").err
    (tmp_path / "empty").mkdir()
    assert "holds no model.safetensors" in cli(verb, tmp_path / "empty").err
    (tmp_path / "letter.txt").write_text("Dear reader, this is not a model.")
    said = cli(verb, tmp_path / "letter.txt", "--json")
    assert said.code == 2
    assert said.error["kind"] == "model-file"


def test_the_folder_of_an_unfinished_run_says_how_to_go_on(cli, trained) -> None:
    (trained / "model.safetensors").unlink()
    assert f"try pellucid train --resume {trained}" in cli("info", trained).err


def test_an_unfinished_run_is_no_reason_to_take_a_bundled_model_of_its_name(cli, small) -> None:
    assert cli("train", *small, "--out", "mnist").code == 0
    assert cli("info", "mnist", "--json").json["layers"] == [5, 8, 6, 3]
    Path("mnist/model.safetensors").unlink()
    assert "try pellucid train --resume mnist" in cli("info", "mnist").err


def test_predict_reads_arrays_idx_and_pictures(cli, tmp_path, trained) -> None:
    X = np.random.default_rng(5).integers(0, 256, (4, 5), dtype=np.uint8)
    expected = load(trained).predict(X).tolist()
    np.save(tmp_path / "new.npy", X)
    np.savez(tmp_path / "new.npz", X=X)
    datasets.write_idx(tmp_path / "new-idx2-ubyte.gz", X)
    said = cli("predict", trained, "new.npy", "new.npz", "new-idx2-ubyte.gz", "--json")
    assert said.code == 0, said.err
    predictions = said.json["predictions"]
    assert [each["label"] for each in predictions] == expected * 3
    assert [each["row"] for each in predictions] == [0, 1, 2, 3] * 3
    for each in predictions:
        assert sum(each["probabilities"]) == pytest.approx(1, abs=1e-6)
    assert "new.npy row 2" in cli("predict", trained, "new.npy").out


def test_predict_reads_a_picture_and_refuses_what_is_none(cli, tmp_path) -> None:
    image = pytest.importorskip("PIL.Image", reason="pictures need pillow: pip install 'pellucid[images]'")
    assert cli("train", "--data", "digits", "--epochs", "5", "--out", "digits").code == 0
    digits = datasets.load("digits")
    image.fromarray(digits.X_test[0].reshape(8, 8)).save("digit.png")
    said = cli("predict", "digits", "digit.png", "--json")
    assert said.code == 0, said.err
    assert said.json["predictions"][0]["label"] == load("digits").predict(digits.X_test[0])
    image.fromarray(np.zeros((28, 28), np.uint8)).save("large.png")
    assert "is a picture of 28×28 pixels; expected 8×8." in cli("predict", "digits", "large.png").err
    Path("fake.png").write_text("no picture")
    assert "fake.png is no picture" in cli("predict", "digits", "fake.png").err
    assert "there is no file none.png" in cli("predict", "digits", "none.png").err
    Path("table.csv").write_text("a,b\n1,2\n")
    assert "was not trained on a table" in cli("predict", "digits", "table.csv").err
    np.savez("unit.npz", X=(digits.X_train / 16.0).reshape(-1, 8, 8), y=digits.y_train)
    cli("train", "--data", "unit.npz", "--epochs", "1", "--out", "unit")
    assert "digit.png holds pixels, whole numbers up to 255, but" in cli("predict", "unit", "digit.png").err


def test_a_name_that_is_not_utf_8_is_refused(cli) -> None:
    said = cli("train", "--data", os.fsdecode(b"caf\xe9.csv"), "--out", "run")
    assert said.code == 2
    assert r"'caf\udce9.csv' is not UTF-8; expected names in UTF-8. Rename" in said.err
    assert not Path("run").exists()


def test_data_list_names_every_data_set_with_its_licence(cli) -> None:
    record = cli("data", "list", "--json").json
    assert [each["name"] for each in record["datasets"]] == [
        "mnist",
        "mnist-deslanted",
        "fashion-mnist",
        "kmnist",
        "digits",
    ]
    assert all(each["licence"] for each in record["datasets"])
    assert [each["here"] for each in record["datasets"]] == [False, False, False, False, True]


def test_data_verify_exits_2_for_what_is_missing_and_for_an_unknown_name(cli) -> None:
    assert cli("data", "verify", "digits").code == 0
    said = cli("data", "verify", "mnist", "--json")
    assert said.code == 2
    assert "train-images-idx3-ubyte.gz (missing)" in said.error["message"]
    said = cli("data", "verify", "minst")
    assert said.code == 2
    assert "Did you mean 'mnist'?" in said.err


def test_doctor_tells_engines_versions_and_folders(cli, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path))
    said = cli("doctor", "--json")
    record = said.json
    assert record["targets"] == [each._asdict() for each in candidates()]
    assert record["engines"] == list(available())
    assert record["engines"][0] in (record["engine"], f"{record['engine']}:{record['target']}")
    assert record["packages"]["numpy"] == np.__version__
    assert record["data_folders"][0] == {"path": str(tmp_path), "exists": True}
    for each in candidates():
        state = "runs here" if each.runs_here else "not here, as this processor has not all that it needs"
        assert f"{each.name}: {state} ({each.needs})" in said.err
    assert cli("doctor", "--engine", "reference", "--json").json["threads"] == 1
    assert cli("doctor", "--engine", "warp").code == 2


def test_doctor_looks_at_everything_where_the_environment_names_an_engine_that_is_not_here(cli, monkeypatch) -> None:
    monkeypatch.setenv("PELLUCID_ENGINE", "warp")
    said = cli("doctor")
    assert said.code == 2
    assert "none, as there is no engine 'warp' here, which PELLUCID_ENGINE names; expected one of auto" in said.out
    assert "engine        reference: runs here" in said.out
    record = cli("doctor", "--json").json
    assert (record["engine"], record["engines"]) == (None, list(available()))


@pytest.mark.parametrize(
    ("value", "is_named"), [("2", True), ("4,2", True), ("many", False), ("0", False), ("", False)]
)
def test_doctor_names_the_variable_that_sets_the_threads_where_it_does(cli, monkeypatch, value, is_named) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    if "native" not in available()[0]:
        pytest.skip("the native engine was not built")
    assert ("where they pay (OMP_NUM_THREADS)" in cli("doctor").out) is is_named


def test_doctor_says_why_there_is_no_native_engine(cli, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pellucid.engines._native", None)
    monkeypatch.delitem(sys.modules, "pellucid.engines.native", raising=False)
    monkeypatch.delattr("pellucid.engines.native", raising=False)
    said = cli("doctor")
    assert said.code == 0
    assert "native: not here, as the C++ module of the native engine was not built" in said.out
    assert "reference:numpy, because it is the best that this installation has: the C++ module" in said.out


@pytest.mark.parametrize("engine", available())
def test_evaluate_and_predict_take_an_engine(cli, trained, tmp_path, monkeypatch, engine) -> None:
    monkeypatch.setenv("PELLUCID_ENGINE", "warp")  # what is named wins
    X = np.random.default_rng(5).integers(0, 256, (4, 5), dtype=np.uint8)
    np.save(tmp_path / "new.npy", X)
    options = ("--engine", engine, "--threads", 2, "--json")
    assert (
        cli("evaluate", trained, *options).json["accuracy"]
        == load(trained, engine=ReferenceEngine()).model.test_accuracy
    )
    predictions = cli("predict", trained, "new.npy", *options).json["predictions"]
    expected = load(trained, engine=ReferenceEngine()).predict(X).tolist()
    assert [each["label"] for each in predictions] == expected
    for verb in (("evaluate", trained), ("predict", trained, "new.npy")):
        assert "there is no engine 'warp' here" in cli(*verb).err
        assert "the number of threads is 0" in cli(*verb, "--engine", engine, "--threads", 0).err


def test_a_reader_that_goes_away_is_no_error(trained) -> None:
    command = f"{sys.executable} -m pellucid info {trained} --json | head -c 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout == "{"
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_json_of_a_number_that_json_cannot_say_is_null(capsys) -> None:
    from pellucid.cli.output import print_json

    print_json({"recall": [1.0, float("nan")]})
    assert json.loads(capsys.readouterr().out) == {"recall": [1.0, None]}
