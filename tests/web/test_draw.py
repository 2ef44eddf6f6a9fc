"""A drawing is read, each stage shown, each neuron opened; nothing else is taken for a drawing."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from pellucid.datasets.drawing import PARTS, of_strokes
from pellucid.datasets.for_a_network import Labelled
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.losses import BinaryCrossEntropy, ClassSquaredError, CrossEntropy, Loss
from pellucid.equations.parameters import Layer
from pellucid.explain.numerals import share
from pellucid.loading import load
from pellucid.network import Network
from pellucid.web.samples import samples


@pytest.mark.parametrize("digit", list("0123456789"))
def test_each_sample_digit_is_read(client, digit) -> None:
    read = client.read(digit)
    assert read["says"] == digit
    assert [stage["name"] for stage in read["stages"]] == ["Ink", "Size", "Place"]


def test_the_numbers_are_those_of_the_library(client) -> None:
    read = client.read("4")
    picture = of_strokes(samples()["4"]).picture
    assert base64.b64decode(read["pixels"]) == picture.tobytes()
    p = client.session.now.trace(picture.reshape(1, -1)).p[0]
    assert [each["share"] for each in read["probabilities"]] == [share(float(value)) for value in p]
    np.testing.assert_allclose(p, load("mnist").predict_proba(picture), atol=1e-5)


def test_a_neuron_shows_a_sum_that_adds_up(client) -> None:
    read = client.read("7")
    one = client.tell("neuron", pixels=read["pixels"], layer=1, place=read["layers"][0]["loudest"])
    numbers = [float(part["amount"].replace("−", "-")) for part in one["sum"]["parts"]]
    assert sum(numbers) == pytest.approx(float(one["sum"]["total"]), abs=1e-9)
    assert one["bend"]["text"].endswith(one["z"])  # ReLU lets what is above 0 through


def test_an_output_is_a_neuron_too(client) -> None:
    one = client.tell("neuron", pixels=client.read("7")["pixels"], layer=3, place=7)
    assert (one["name"], one["bend"]) == ("output 7", None)


@pytest.mark.parametrize("part", PARTS)
def test_leaving_out_a_part_changes_the_picture(client, part) -> None:
    small = [[[x / 3 + 10, y / 3 + 20] for x, y in stroke] for stroke in samples()["2"]]
    whole = client.tell("digit", strokes=small)
    without = client.tell("digit", strokes=small, leave_out=[part])
    assert without["pixels"] != whole["pixels"]


def test_what_the_recipe_is_good_for_shows_in_the_answers(client) -> None:
    def read(leave_out):
        answers = []
        for digit, strokes in samples().items():
            small = [[[x / 3 + 5, y / 3 + 5] for x, y in stroke] for stroke in strokes]
            answers.append(client.tell("digit", strokes=small, leave_out=leave_out)["says"] == digit)
        return sum(answers)

    assert read([]) == 10
    assert read(["size", "centre"]) <= 5


@pytest.mark.parametrize("strokes", [[], [[]], [[], []]])
def test_nothing_drawn_is_nothing_said(client, strokes) -> None:
    status, code, words = client.refused("digit", strokes=strokes)
    assert (status, code) == (422, "blank")
    assert words.startswith("nothing is drawn")


def test_ink_beside_the_paper_is_nothing_drawn_where_it_is_not_moved(client) -> None:
    assert client.refused("digit", strokes=[[[5000, 5000], [5100, 5000]]], leave_out=["size"])[:2] == (422, "blank")


@pytest.mark.parametrize(
    "strokes",
    [
        None,
        7,
        "x",
        {},
        [7],
        [[7]],
        [[[1]]],
        [[[1, 2, 3]]],
        [[["a", 2]]],
        [[[True, 2]]],
        [[[2e6, 0]]],
        [[[1, None]]],
        [[[0, 0]]] * 65,
        [[[0, 0]] * 4097],
        [[[10**400, 0]]],
    ],
    ids=range(15),
)
def test_what_is_no_drawing_is_refused_in_a_sentence(client, strokes) -> None:
    status, code, words = client.refused("digit", strokes=strokes)
    assert (status, code) == (422, "strokes")
    assert "; expected" in words


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ({"pixels": "!", "layer": 1, "place": 0}, "pixels"),
        ({"pixels": "AAAA", "layer": 1, "place": 0}, "pixels"),
        ({"layer": 1, "place": 0}, "pixels"),
        ({"pixels": "", "layer": 0, "place": 0}, "number"),
        ({"pixels": "", "layer": 4, "place": 0}, "number"),
        ({"pixels": "", "layer": 1, "place": 128}, "number"),
        ({"pixels": "", "layer": True, "place": 0}, "number"),
        ({"pixels": "", "layer": 1.5, "place": 0}, "number"),
    ],
)
def test_a_neuron_that_is_not_there_is_refused(client, record, code) -> None:
    assert client.refused("neuron", **record)[:2] == (422, code)


def test_a_network_that_reads_no_pictures_says_so(client) -> None:
    from pellucid.equations.worked_example import ARCHITECTURE, LAYERS
    from pellucid.network import Network

    client.session.adopt(Network(ARCHITECTURE, LAYERS), "worked", lambda: None)
    assert client.refused("digit", strokes=samples()["1"])[:2] == (422, "no-drawing")
    assert client.ask("state")["subject"]["reads_drawings"] is False


def made(hidden: tuple[int, ...], outputs: int, loss: Loss, classes: tuple[str, ...], scale: float = 1.0) -> Network:
    """A network for 28×28 that has learned nothing."""
    rng = np.random.default_rng(0)
    architecture = Architecture((28, 28), tuple(Hidden(width) for width in hidden), outputs, loss)
    layers = [
        Layer(scale * rng.normal(0, fan_in**-0.5, (k, fan_in)), np.zeros(k)) for k, fan_in in architecture.weight_shapes
    ]
    return Network(architecture, tuple(layers), classes)


def test_a_network_with_one_output_is_drawn_for_and_explained(client) -> None:
    client.session.adopt(made((5,), 1, BinaryCrossEntropy(), ("no", "yes")), "one output", our_pictures(client))
    read = client.read("7")
    assert [each["class"] for each in read["probabilities"]] == ["no", "yes"]
    assert sum(each["value"] for each in read["probabilities"]) == pytest.approx(1)
    assert read["says"] == str(
        client.session.now.network.predict(np.frombuffer(base64.b64decode(read["pixels"]), np.uint8))
    )
    assert client.tell("neuron", pixels=read["pixels"], layer=2, place=0)["name"] == "output yes"
    shown = client.tell("explanation", pixels=read["pixels"], label="no")
    client.tell("step", id=shown["id"])
    assert client.ask("evaluation")["found"]["classes"] == ["no", "yes"]
    assert client.tell("explanation", index=0)["says"] in ("no", "yes")


def our_pictures(client):
    """The examples of the page, of which each is a "no" or a "yes"."""
    X, y, what = client.session.given.examples.get()
    return lambda: Labelled(X, y % 2, what)


def test_outputs_that_are_no_probabilities_are_not_shown_as_such(client) -> None:
    digits = tuple("0123456789")
    client.session.adopt(made((5,), 10, ClassSquaredError(), digits, scale=5.0), "squares", our_pictures(client))
    values = [each["value"] for each in client.read("7")["probabilities"]]
    assert min(values) >= 0
    assert sum(values) == pytest.approx(1)


def test_a_layer_too_wide_to_be_shown_is_told_of(client) -> None:
    client.session.adopt(made((8, 1025, 4), 10, CrossEntropy(), tuple("0123456789")), "wide", our_pictures(client))
    layers = client.read("7")["layers"]
    assert [(layer["layer"], layer["width"], len(layer["shades"])) for layer in layers] == [
        (1, 8, 8),
        (2, 1025, 0),
        (3, 4, 4),
    ]


def test_numbers_too_large_to_compute_with_are_a_sentence(client) -> None:
    huge = made((16,) * 20, 10, CrossEntropy(), tuple("0123456789"), scale=1e20)
    client.session.adopt(huge, "huge", our_pictures(client))
    assert client.refused("digit", strokes=samples()["7"])[:2] == (422, "too-large")
