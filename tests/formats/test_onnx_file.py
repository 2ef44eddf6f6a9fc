from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from pellucid import Network
from pellucid.answers import Task
from pellucid.equations.activations import ACTIVATIONS
from pellucid.errors import MissingExtraError, SettingError
from pellucid.formats import onnx_graph
from pellucid.formats.onnx_file import onnx_bytes

onnx = pytest.importorskip("onnx", reason="onnx is not installed (extra 'onnx')")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (group 'test')")

TASKS = ["words", "whole numbers", "fractions", "two words", "yes or no", "true or false", "several labels"]
TASKS += ["a number", "numbers", "counts"]


def session_of(network):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(onnx_bytes(network.model), options, providers=["CPUExecutionProvider"])


def abroad(network, X):
    session = session_of(network)
    assert [each.name for each in session.get_inputs()] == ["X"]
    given = session.run(None, {"X": X.reshape(len(X), network.architecture.inputs).astype(network.layers[0].W.dtype)})
    return dict(zip([each.name for each in session.get_outputs()], given, strict=True))


def assert_agrees(traveller, differences, dtype):
    network, X = traveller
    of_z, of_p = differences(network, X, dtype)
    outputs = abroad(network, X)
    if network.task is Task.NUMBERS:
        assert list(outputs) == ["variable"]
        assert outputs["variable"].dtype == network.layers[0].W.dtype
        assert (np.abs(outputs["variable"] - traveller.at_home) <= of_p).all()
        return
    assert list(outputs) == ["label", "probabilities"]
    assert (np.abs(outputs["probabilities"] - traveller.at_home) <= of_p).all()
    z = network.forward(X).logits
    expected = network.predict(X)
    if network.task is Task.SEVERAL_LABELS:
        clear = np.abs(z) > of_z
    else:
        two = np.sort(z if z.shape[1] > 1 else np.concatenate([z, np.zeros_like(z)], axis=1), axis=1)[:, -2:]
        clear = two[:, 1] - two[:, 0] > 2 * of_z.max(axis=1)
    assert clear.mean() > 0.95
    assert (outputs["label"] == expected)[clear].all()


@pytest.mark.parametrize("scaling", ["none", "pixels", "years"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("task", TASKS)
def test_onnxruntime_gives_the_labels_and_outputs_of_every_task(traveller, differences, task, dtype, scaling):
    assert_agrees(traveller(task, dtype=dtype, scaling=scaling), differences, dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_onnxruntime_gives_the_outputs_of_every_activation(traveller, differences, activation, dtype):
    erf_is_short_of_digits = activation == "gelu"
    assert_agrees(
        traveller("a number", activation, dtype), differences, np.float32 if erf_is_short_of_digits else dtype
    )


def test_every_activation_has_its_operators():
    assert list(onnx_graph.ACTIVATIONS) == list(ACTIVATIONS)


def test_a_network_without_hidden_layers_goes_too(traveller, differences):
    assert_agrees(traveller(hidden=()), differences, np.float32)


@pytest.mark.slow
def test_all_mnist_test_images_are_read_alike(mnist, differences):
    traveller, y = mnist
    assert_agrees(traveller, differences, np.float32)
    labels = abroad(*traveller)["label"]
    np.testing.assert_array_equal(labels, traveller.network.predict(traveller.X))
    assert np.mean(labels == y) > 0.96


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_batch_may_have_any_number_of_rows(traveller, rows):
    network, X = traveller()
    outputs = abroad(network, X[:rows])
    assert outputs["label"].shape == (rows,)
    assert outputs["probabilities"].shape == (rows, 3)


@pytest.mark.parametrize(
    ("task", "kinds"),
    [
        ("words", {"label": ("tensor(string)", ["n"]), "probabilities": ("tensor(float)", ["n", 3])}),
        ("whole numbers", {"label": ("tensor(int64)", ["n"]), "probabilities": ("tensor(float)", ["n", 4])}),
        ("fractions", {"label": ("tensor(double)", ["n"]), "probabilities": ("tensor(float)", ["n", 3])}),
        ("true or false", {"label": ("tensor(bool)", ["n"]), "probabilities": ("tensor(float)", ["n", 2])}),
        ("several labels", {"label": ("tensor(int64)", ["n", 4]), "probabilities": ("tensor(float)", ["n", 4])}),
        ("numbers", {"variable": ("tensor(float)", ["n", 3])}),
    ],
)
def test_outputs_are_plain_tensors_of_the_documented_kinds(traveller, task, kinds):
    outputs = session_of(traveller(task).network).get_outputs()
    assert {each.name: (each.type, each.shape) for each in outputs} == kinds


def test_of_two_equal_outputs_the_first_is_the_label(traveller):
    network, X = traveller("whole numbers")
    (W, b), *_ = reversed(network.layers)
    same = Network(network.architecture, (*network.layers[:-1], type(network.layers[0])(W * 0, b * 0)), network.classes)
    assert set(abroad(same, X)["label"].tolist()) == {30}


def test_the_file_is_old_enough_for_old_runtimes_and_says_what_it_holds(traveller):
    network, _ = traveller()
    file = onnx.load_from_string(onnx_bytes(network.model))
    assert file.ir_version <= 8
    assert [(each.domain, each.version) for each in file.opset_import] == [("", 13)]
    assert file.producer_name == "pellucid"
    about = {each.key: each.value for each in file.metadata_props}
    assert about["classes"] == '["été", "a \\"b\\"\\\\??/", "c"]'
    assert about["architecture"] == "5-7-6-3"


def test_a_scaling_that_changes_nothing_costs_nothing(traveller):
    operators = {
        scaling: [node.operator for node in onnx_graph.network_graph(traveller(scaling=scaling).network.model).nodes]
        for scaling in ("none", "pixels", "years")
    }
    assert operators["none"][0] == "Gemm"
    assert operators["pixels"][:2] == ["Div", "Gemm"]
    assert operators["years"][:4] == ["Sub", "Sub", "Div", "Gemm"]


def test_the_same_network_gives_the_same_bytes_in_another_process(traveller, tmp_path):
    network, _ = traveller()
    network.save(tmp_path / "model.safetensors")
    network.to_onnx(tmp_path / "here.onnx")
    program = "import sys; from pellucid import load; load(sys.argv[1]).to_onnx(sys.argv[2])"
    command = [sys.executable, "-c", program, tmp_path / "model.safetensors", tmp_path / "there.onnx"]
    environment = os.environ | {"PYTHONHASHSEED": "12345", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(command, check=True, env=environment)
    assert (tmp_path / "here.onnx").read_bytes() == (tmp_path / "there.onnx").read_bytes()


@pytest.mark.parametrize("label", [2**63, -(2**63) - 1])
def test_a_class_that_does_not_fit_into_int64_is_refused(traveller, tmp_path, label):
    network, _ = traveller("whole numbers")
    large = Network(network.architecture, network.layers, (1, 2, 3, label), engine=network.engine)
    with pytest.raises(SettingError, match=rf"the class {label} does not fit into int64.*expected from -\d+ to \d+"):
        large.to_onnx(tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


@pytest.mark.parametrize("label", [2**63 - 1, -(2**63)])
def test_the_largest_and_the_smallest_of_int64_are_classes(traveller, label):
    network, X = traveller("whole numbers")
    outermost = Network(network.architecture, network.layers, (0, 1, label, 3), engine=network.engine)
    assert label in abroad(outermost, X)["label"].tolist()


def test_without_the_package_it_says_how_to_get_it(traveller, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r'pip install "pellucid\[onnx\]"'):
        traveller().network.to_onnx(tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()
