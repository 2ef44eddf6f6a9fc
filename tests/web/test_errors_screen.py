"""The matrix, the gallery and the calibration are those of the library's evaluation."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.datasets.for_a_network import Labelled
from pellucid.equations.architecture import Architecture
from pellucid.equations.losses import BinaryCrossEntropy, SquaredError
from pellucid.equations.parameters import Layer
from pellucid.errors import DataUnavailableError
from pellucid.network import Network


def test_the_evaluation_counts_what_is_wrong(client) -> None:
    found = client.ask("evaluation")["found"]
    assert (found["examples"], found["wrong"], found["accuracy"]) == (10, 1, "90.00 %")
    assert found["confusion"][5][3] == 1
    assert sum(map(sum, found["confusion"])) == 10
    assert found["unanswered"] == 0
    assert found["recall"][3] == "–"  # there is no three in the data
    assert "<svg" in found["reliability"]


def test_what_was_not_answered_counts_as_wrong(client) -> None:
    examples, given = client.session.given.examples.get(), client.session.given.network
    X = np.array(examples.X, np.float64)
    X[:2] = 1e300
    client.session.adopt(given, "another", lambda: Labelled(X, examples.y, "ten drawings, two of them spoiled"))
    found = client.ask("evaluation")["found"]
    assert (found["wrong"], found["unanswered"], found["accuracy"]) == (3, 2, "70.00 %")
    assert client.ask("mistakes")["of"] == 1


def test_the_gallery_lists_mistakes_and_finds_those_of_a_cell(client) -> None:
    (mistake,) = client.ask("mistakes")["mistakes"]
    assert (mistake["index"], mistake["is"], mistake["said"]) == (3, "5", "3")
    assert client.ask("mistakes", true=5, taken=3)["of"] == 1
    assert client.ask("mistakes", true=5)["of"] == 1
    assert client.ask("mistakes", true=4, taken=3)["of"] == 0
    assert client.ask("mistakes", **{"from": 1})["mistakes"] == []


@pytest.mark.parametrize("query", ["true=10", "taken=99", "true=x", "from=-1", "from=1e3", "from=" + "9" * 50, "true="])
def test_a_cell_that_is_not_there_is_refused(client, query) -> None:
    assert client.get(f"/api/v1/mistakes?{query}").status_code == 422


def test_a_step_changes_what_is_found(client) -> None:
    before = client.ask("evaluation")
    shown = client.tell("explanation", index=3, learning_rate=0.01)
    client.tell("step", id=shown["id"])
    after = client.ask("evaluation")
    assert after["version"] != before["version"]
    assert after["found"]["loss"] != before["found"]["loss"]


def test_where_there_are_no_labelled_examples_it_says_so(client) -> None:
    def none():
        raise DataUnavailableError("the data are gone")

    subject = client.session.adopt(client.session.given.network, "another", none)
    assert client.ask("evaluation") == {
        "version": subject.version,
        "why_not": "There are no labelled examples: the data are gone.",
        "found": None,
    }
    assert client.get("/api/v1/mistakes").status_code == 404
    assert client.refused("explanation", index=0)[:2] == (404, "no-data")


def test_examples_that_could_not_be_loaded_once_are_asked_for_again(client) -> None:
    labelled, loads = client.session.now.examples.get(), []

    def load():
        loads.append(1)
        if len(loads) == 1:
            raise DataUnavailableError("no network")
        return labelled

    client.session.adopt(client.session.given.network, "another", load)
    assert client.ask("evaluation")["found"] is None
    assert client.ask("evaluation")["found"]["examples"] == client.ask("evaluation")["found"]["examples"] == 10
    assert len(loads) == 2


@pytest.mark.parametrize(
    ("loss", "classes", "gives"),
    [(SquaredError(), (), "numbers"), (BinaryCrossEntropy(), ("old", "dark", "round"), "several labels")],
)
def test_a_network_that_tells_no_classes_apart_has_nothing_to_count(client, loss, classes, gives) -> None:
    layers = (Layer(np.zeros((3, 784)), np.zeros(3)),)
    network = Network(Architecture((28, 28), (), 3, loss), layers, classes)
    client.session.adopt(network, "another", client.session.given.examples.get)
    found = client.ask("evaluation")
    assert found["why_not"] == f"This network gives {gives}: there is no right or wrong to count."
    assert found["found"] is None
    refused = (422, "no-classes", f"This network gives {gives}; the page explains networks of classes.")
    assert client.refused("explanation", index=0) == refused
