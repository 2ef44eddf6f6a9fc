from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from pellucid import Network
from pellucid.answers import Task
from pellucid.equations.activations import ACTIVATIONS
from pellucid.equations.parameters import Layer
from pellucid.equations.scaling import Scaling
from pellucid.errors import SettingError
from pellucid.formats.c_source import c_header, c_name

TASKS = ["words", "whole numbers", "fractions", "two words", "yes or no", "true or false", "several labels"]
TASKS += ["a number", "numbers", "counts"]


@pytest.fixture(scope="module")
def networks(traveller):
    """One network of each task, each activation, each scaling; one in float64, one without hidden layers."""
    return (
        {task.replace(" ", "_"): traveller(task) for task in TASKS}
        | {activation: traveller("a number", activation) for activation in ACTIVATIONS}
        | {f"scaling_{scaling}": traveller(scaling=scaling) for scaling in ("none", "pixels")}
        | {"float64": traveller(dtype=np.float64), "shallow": traveller(hidden=(), scaling="none")}
        | {"deep": traveller(hidden=(9, 2, 5, 8))}
    )


@pytest.fixture(scope="module", params=["C", "C++"])
def compiled(program, networks, request, tmp_path_factory):
    """All of them in one program, warnings being errors."""
    headers = {name: (each.network, c_header(each.network.model, name)) for name, each in networks.items()}
    return program(tmp_path_factory.mktemp("c"), headers, request.param)


def assert_agrees(compiled, name, traveller, differences):
    network, X = traveller
    of_z, of_p = differences(network, X, np.float32)
    labels, p = compiled(name, X)
    assert (np.abs(p - traveller.at_home) <= of_p).all()
    if network.task not in (Task.ONE_OF_SEVERAL, Task.YES_OR_NO):
        return
    z = network.forward(X).logits
    two = np.sort(z if z.shape[1] > 1 else np.concatenate([z, np.zeros_like(z)], axis=1), axis=1)[:, -2:]
    clear = two[:, 1] - two[:, 0] > 2 * of_z.max(axis=1)
    assert clear.mean() > 0.95
    assert (np.array(network.classes)[labels] == network.predict(X))[clear].all()


def test_each_network_gives_its_labels_and_outputs_in_c_and_cpp_where_no_tie_is_near(compiled, networks, differences):
    for name, traveller in networks.items():
        assert_agrees(compiled, name, traveller, differences)


@pytest.mark.slow
def test_all_mnist_test_images_are_read_alike(mnist, differences, program, tmp_path):
    traveller, y = mnist
    network = traveller.network
    digits = program(tmp_path, {"digits": (network, c_header(network.model, "digits"))})
    assert_agrees(digits, "digits", traveller, differences)
    labels, _ = digits("digits", traveller.X)
    assert np.count_nonzero(labels != network.predict(traveller.X)) <= 1
    assert np.mean(labels == y) > 0.96


def test_labels_are_named_whatever_letters_they_have(traveller, program, tmp_path):
    network = traveller().network
    program(tmp_path, {"named": (network, c_header(network.model, "named"))})
    (tmp_path / "say.c").write_text(
        '#include "named.h"\n#include <stdio.h>\n'
        "int main(void) { int i; for (i = -1; i < 4; ++i) { puts(named_label(i)); } return 0; }\n"
    )
    subprocess.run(["gcc", "-std=c99", tmp_path / "say.c", "-o", tmp_path / "say", "-lm"], check=True)
    said = subprocess.run([tmp_path / "say"], capture_output=True, check=True).stdout.decode()
    assert said == '\nété\na "b"\\??/\nc\n\n'


def test_the_header_needs_nothing_but_math(traveller):
    text = c_header(traveller().network.model, "tiny")
    assert [line for line in text.splitlines() if line.startswith("#include")] == ["#include <math.h>"]
    assert "malloc" not in text
    assert text.isascii()


def test_the_comment_states_the_bytes(mnist_like):
    text = c_header(mnist_like.model, "digits")
    assert "784-128-64-10: relu; softmax" in text
    assert "437,544 bytes of constants, 3,648 bytes of stack" in text  # 4 × 109,386; 4 × (784 + 128)


@pytest.fixture(scope="module")
def mnist_like():
    from pellucid.equations.architecture import Architecture, Hidden
    from pellucid.equations.initialization import initialize

    architecture = Architecture((28, 28), (Hidden(128), Hidden(64)), 10, scaling=Scaling((0.0,), (255.0,)))
    return Network(architecture, initialize(architecture, seed=0))


def test_every_float_is_written_with_digits_that_give_its_bits_back(traveller):
    network = traveller(scaling="none").network
    text = c_header(network.model, "tiny")
    table = text.split("tiny_W1[35] = {")[1].split("}")[0].replace("f", "").split(",")
    np.testing.assert_array_equal(np.array(table, np.float32), network.layers[0].W.ravel())


def test_the_same_network_gives_the_same_bytes(traveller, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        traveller().network.to_c(tmp_path / name / "net.h")
    assert (tmp_path / "a" / "net.h").read_bytes() == (tmp_path / "b" / "net.h").read_bytes()


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("Iris 2.h", "iris_2"),
        ("3d.h", "model_3d"),
        ("é.h", "model"),
        ("_x.h", "x"),
        ("int.h", "int"),
        ("a-b.c.h", "a_b_c"),
    ],
)
def test_the_functions_are_named_after_the_file(file, name):
    assert c_name(Path("folder") / file) == name


def test_numbers_that_float32_cannot_hold_are_refused_in_a_sentence(traveller):
    network = traveller(dtype=np.float64).network
    first, *rest = network.layers
    huge = Network(network.architecture, (Layer(first.W * 1e300, first.b), *rest), network.classes)
    with pytest.raises(SettingError, match=r"a parameter is 1\.73e\+300; expected numbers that float32 can hold"):
        c_header(huge.model, "huge")
