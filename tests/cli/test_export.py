import sys

import numpy as np
import pytest

from pellucid import Network, load
from pellucid.equations.architecture import Architecture
from pellucid.equations.losses import SquaredError
from pellucid.equations.parameters import Layer
from pellucid.formats.c_int8 import c_int8_header
from pellucid.formats.c_source import c_header


@pytest.fixture
def examples() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (20, 5), dtype=np.uint8)


def test_a_run_becomes_an_onnx_file_and_the_summary_says_so(cli, trained, tmp_path, examples) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (group 'test')")
    pytest.importorskip("onnx", reason="onnx is not installed (extra 'onnx')")
    said = cli("export", trained, "model.onnx", "--to", "onnx", "--json")
    assert said.code == 0, said.err
    path = tmp_path / "model.onnx"
    assert said.json == {"path": "model.onnx", "bytes": path.stat().st_size, "to": "onnx"}
    assert "Wrote model.onnx: onnx, 5-8-6-3" in said.err
    labels, _ = onnxruntime.InferenceSession(path).run(None, {"X": examples.astype(np.float32)})
    np.testing.assert_array_equal(labels, load(trained).predict(examples))


def test_a_model_file_becomes_a_state_dict(cli, trained, examples) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (group 'compare')")
    assert cli("export", trained / "model.safetensors", "model.pt", "--to", "torch").code == 0
    tensors = torch.load("model.pt", weights_only=True)
    network = load(trained)
    module = network.to_torch()
    module.load_state_dict(tensors)
    with torch.no_grad():
        np.testing.assert_array_equal(module(torch.tensor(examples)).argmax(dim=1), network.predict(examples))


def test_the_form_follows_the_ending(cli, trained, tmp_path) -> None:
    assert cli("export", trained, "net.h", "--json").json["to"] == "c"
    assert (tmp_path / "net.h").read_text() == c_header(load(trained).model, "net")
    said = cli("export", trained, "net.txt")
    assert said.code == 2
    assert "the ending of net.txt names no form; expected one of .onnx, .pt, .pth, .h. Try --to onnx." in said.err


def test_c_int8_states_its_accuracy_where_data_are_given(cli, trained, points, tmp_path) -> None:
    said = cli("export", trained, "net.h", "--to", "c-int8")
    assert said.code == 0, said.err
    assert (tmp_path / "net.h").read_text() == c_int8_header(load(trained).model, "net")
    said = cli("export", trained, "net.h", "--to", "c-int8", "--data", points, "--json")
    assert said.code == 0, said.err
    accuracy = 100 * load(trained).model.test_accuracy
    assert f"({accuracy:.2f} % in float) on 60 test examples." in (tmp_path / "net.h").read_text()
    assert "Its first lines state how good it is on the test part of points." in said.err


def test_what_was_there_is_replaced(cli, trained, tmp_path) -> None:
    (tmp_path / "net.h").write_text("old")
    assert cli("export", trained, "net.h").code == 0
    assert (tmp_path / "net.h").read_text().startswith("/*")
    assert [each.name for each in tmp_path.glob("*net*")] == ["net.h"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere", "net.h"], "there is no file nowhere"),
        (["RUN", "net.h", "--to", "pmml"], "the form is 'pmml'; expected one of onnx, torch, c, c-int8."),
        (["RUN", "no/such/net.h"], "there is no folder no/such; expected a file to write."),
        (["RUN", ".", "--to", "c"], ". is a folder; expected a file to write."),
        (["RUN", "net.h", "--label", "kind"], "--label is given without --data"),
        (["RUN", "net.h", "--data", "points.npz"], "there are test examples, and the form is c; expected c-int8"),
        (["RUN", "net.h", "--to", "c-int8", "--data", "none.csv"], "none.csv is neither a known data set nor a path"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_writes_nothing(cli, trained, tmp_path, words, message) -> None:
    said = cli("export", *(str(trained) if word == "RUN" else word for word in words), "--json")
    assert said.code == 2
    assert message in said.error["message"]
    assert not (tmp_path / "net.h").exists()


def test_an_accuracy_of_classes_is_for_networks_that_tell_classes(cli, points, tmp_path) -> None:
    architecture = Architecture((5,), (), 1, loss=SquaredError())
    Network(architecture, (Layer(np.ones((1, 5)), np.ones(1)),)).save(tmp_path / "numbers.safetensors")
    assert cli("export", "numbers.safetensors", "net.h", "--to", "c-int8").code == 0
    said = cli("export", "numbers.safetensors", "net.h", "--to", "c-int8", "--data", points)
    assert said.code == 2
    assert "the network tells numbers, and --data is for classes; expected no --data." in said.err


def test_without_the_package_it_says_how_to_get_it(cli, trained, monkeypatch) -> None:
    for package, form in (("onnx", "onnx"), ("torch", "torch")):
        monkeypatch.setitem(sys.modules, package, None)
        said = cli("export", trained, "model", "--to", form, "--json")
        assert said.code == 2
        assert said.error["kind"] == "missing-extra"
        assert f'pip install "pellucid[{package}]"' in said.error["message"]
