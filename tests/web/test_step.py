"""The page's step is the library's explanation, string by string; taken, it is [sgd]; undone, it never was."""

from __future__ import annotations

import base64
import re

import numpy as np
import pytest

from pellucid.equations.optimizers import SGD
from pellucid.equations.parameters import Layer
from pellucid.explain.formula import latex, text
from pellucid.network import Network
from pellucid.web import steps


def bits(network) -> bytes:
    return b"".join(tensor.tobytes() for layer in network.layers for tensor in layer)


@pytest.fixture
def explained(client):
    return client.tell("explanation", pixels=client.read("7")["pixels"], label="3", learning_rate=0.01)


def test_terminal_page_html_markdown_and_json_print_the_same_numbers(client, explained) -> None:
    network = client.session.now.network
    x = np.frombuffer(base64.b64decode(client.read("7")["pixels"]), np.uint8)
    ours = network.explain(x, network.classes[3], learning_rate=0.01, example="Your drawing")
    dresses = str(ours), ours.to_html(), ours.to_markdown()
    assert explained["headline"] == ours.headline
    assert all(explained["headline"] in dress.replace("&#x27;", "'") for dress in dresses)
    for theirs, step, json in zip(explained["steps"], ours.steps, ours.to_record()["steps"], strict=True):
        assert theirs["formula"]["text"] == json["formula"] == text(step.formula)
        assert [line["text"] for line in theirs["lines"]] == json["lines"]
        for line, formula in zip(theirs["lines"], step.lines, strict=True):
            assert line["text"] in dresses[0]
            assert line["mathml"] in dresses[1]
            assert latex(formula.formula) in dresses[2].replace(" & ", " ")
        for column, of_json in zip(theirs["sums"], json["sums"], strict=True):
            assert [part["amount"] for part in column["parts"]] == [part["amount"] for part in of_json["parts"]]
            for part in column["parts"]:
                assert re.search(rf"{re.escape(part['amount'])}\s+{re.escape(part['what']['text'])}", dresses[0])
                assert part["what"]["mathml"] in dresses[1]
            assert column["total"] == of_json["total"]
        assert theirs["numbers"]["about"] == step.numbers.about
        if step.check is not None:
            assert theirs["check"]["words"] == step.check.words
            assert all(step.check.words.removeprefix("check: ") in dress for dress in dresses)


def test_every_number_of_every_step_can_be_asked_for(client, explained) -> None:
    shown = client.session.now.network
    for place, step in enumerate(explained["steps"]):
        size = int(np.prod(step["shape"]))
        first = client.ask(f"explanation/{explained['id']}/numbers/{place}")
        assert first["of"] == size
        last = client.ask(f"explanation/{explained['id']}/numbers/{place}", **{"from": size - 1})
        assert len(last["numbers"]) == 1
    W = shown.layers[0].W.astype(np.float64)
    place = next(i for i, step in enumerate(explained["steps"]) if step["symbol"] == "∂L/∂W₁")
    numbers = client.ask(f"explanation/{explained['id']}/numbers/{place}", **{"from": 784 * 90 + 5})["numbers"]
    assert numbers[0]["place"] == "90,5"
    assert W.shape == (128, 784)


def test_every_step_has_a_picture_of_all_its_numbers(client, explained) -> None:
    for place in range(len(explained["steps"])):
        answer = client.get(f"/api/v1/explanation/{explained['id']}/picture/{place}")
        assert answer.headers["content-type"] == "image/png"
        assert answer.content.startswith(b"\x89PNG")


def test_a_step_is_one_of_plain_gradient_descent(client, explained) -> None:
    before = client.session.now.network
    client.tell("step", id=explained["id"])
    after = client.session.now.network
    x = np.frombuffer(base64.b64decode(client.read("7")["pixels"]), np.uint8).reshape(1, -1)
    _, g = before.engine.loss_and_gradients(before.architecture, before.layers, x, np.array([3]))
    wanted, _ = SGD().step(before.layers, g, (), t=1, learning_rate=0.01)
    assert bits(after) == b"".join(tensor.tobytes() for layer in wanted for tensor in layer)


def test_undo_brings_the_weights_back_to_the_bit_and_step_by_step(client) -> None:
    pixels, states = client.read("7")["pixels"], [bits(client.session.now.network)]
    for _ in range(25):
        shown = client.tell("explanation", pixels=pixels, label="3", learning_rate=0.003)
        client.tell("step", id=shown["id"])
        states.append(bits(client.session.now.network))
    assert len(set(states)) == 26
    for state in states[-2:-22:-1]:
        client.tell("undo", version=client.session.now.version)
        assert bits(client.session.now.network) == state
    assert client.refused("undo", version=client.session.now.version)[:2] == (409, "nothing-to-undo")
    assert client.tell("network", source="given")["subject"]["steps"] == 0
    assert bits(client.session.now.network) == states[0]


def test_a_step_that_was_explained_for_another_state_is_refused(client, explained) -> None:
    client.tell("step", id=explained["id"])
    assert client.refused("step", id=explained["id"])[:2] == (409, "changed")
    assert client.refused("undo", version=1)[:2] == (409, "changed")


def test_a_step_that_is_no_longer_kept_is_gone(client, explained, monkeypatch) -> None:
    pixels = client.read("7")["pixels"]
    for _ in range(30):  # what a class looks at
        client.tell("explanation", pixels=pixels)
    assert client.ask(f"explanation/{explained['id']}/along")["points"]
    monkeypatch.setattr(steps, "MOST_PARAMETERS_KEPT", 0)  # as if the network were large
    client.tell("explanation", pixels=pixels)
    assert client.refused("step", id=explained["id"])[:2] == (404, "gone")
    assert client.get(f"/api/v1/explanation/{explained['id']}/along").status_code == 404


def test_the_loss_along_the_step_begins_with_its_loss_and_passes_the_one_after(client, explained) -> None:
    points = client.ask(f"explanation/{explained['id']}/along", most="0.32")["points"]
    assert points[0]["loss"] == points[0]["predicted"] == explained["loss_numeral"]
    assert points[1]["rate"] == "0.01"
    assert points[1]["loss"] == explained["loss_after_numeral"]


def test_an_example_of_the_data_is_explained_with_its_own_label(client) -> None:
    shown = client.tell("explanation", index=3)
    assert (shown["label"], shown["says"], shown["example"]) == ("5", "3", "Example 3 of ten drawings")


@pytest.mark.parametrize(
    "record",
    [{"index": 10}, {"index": -1}, {"index": 1.5}, {"index": 0, "label": "ten"}, {"index": 0, "label": 7}, {}]
    + [{"index": 0, "learning_rate": rate} for rate in (0, -1, 11, "0.1", True, None)],
)
def test_what_cannot_be_explained_is_refused_in_a_sentence(client, record) -> None:
    status, _, words = client.refused("explanation", **record)
    assert status == 422
    assert "; expected" in words


@pytest.mark.parametrize("rate", ["1" + "0" * 400, "-1" + "0" * 400, "1e999", "0", "true", '"1"'])
def test_a_rate_that_no_float_can_hold_is_refused_as_any_other(client, rate) -> None:
    for path in ("explanation", "run", "run/rate"):
        body = f'{{"learning_rate": {rate}' + (', "index": 1}' if path == "explanation" else "}")
        answer = client.post(f"/api/v1/{path}", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422, answer.text
        assert "expected a number from " in answer.json()["error"]["message"]


@pytest.mark.parametrize("most", ["nan", "inf", "-1", "0", "x", "1e300"])
def test_a_rate_along_the_step_that_makes_no_sense_is_refused(client, explained, most) -> None:
    assert client.get(f"/api/v1/explanation/{explained['id']}/along?most={most}").status_code == 422


def test_a_network_whose_numbers_are_too_large_is_explained_in_a_sentence_only(client) -> None:
    network = client.session.now.network
    huge = Network(network.architecture, tuple(Layer(W * np.float32(1e18), b) for W, b in network.layers))
    client.session.adopt(huge, "huge", lambda: None)
    pixels = base64.b64encode(bytes([255]) * 784).decode()
    status, code, words = client.refused("explanation", pixels=pixels, label="3")
    assert (status, code) == (422, "shape")
    assert "too large to compute with" in words


def test_the_network_is_saved_as_a_model_file_that_tells_of_the_steps_taken(client, explained, tmp_path) -> None:
    from pellucid.loading import load

    def saved():
        answer = client.get("/api/v1/model.safetensors")
        assert answer.headers["Content-Disposition"] == 'attachment; filename="model.safetensors"'
        (tmp_path / "model.safetensors").write_bytes(answer.content)
        return load(tmp_path / "model.safetensors")

    assert bits(saved()) == bits(load("mnist"))
    assert saved().model.test_accuracy is not None
    client.tell("step", id=explained["id"])
    assert bits(saved()) == bits(client.session.now.network)
    assert saved().model.test_accuracy is None  # it was of another network
    assert saved().model.training["steps_on_the_page"] == 1
