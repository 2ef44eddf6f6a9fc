"""A training on the page is the library's, to the bit, however often it is paused; and it tells the truth of itself."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.datasets import load
from pellucid.engines import choose
from pellucid.equations.scaling import scaled
from pellucid.recipes.options import architecture_of
from pellucid.training.callbacks import Progress
from pellucid.training.examples import Examples
from pellucid.training.loop import fit
from pellucid.training.settings import Settings
from pellucid.web.points import MOST_POINTS, Points
from pellucid.web.work import divided

SMALL = {"data": "digits", "hidden": [24], "epochs": 6, "batch_size": 32, "learning_rate": 0.1, "seed": 3}


def bits(layers) -> bytes:
    return b"".join(tensor.tobytes() for layer in layers for tensor in layer)


def straight(**changes) -> bytes:
    """The same training, without the page."""
    dataset = load("digits")
    rest, _ = divided(dataset.y_train)
    settings = Settings(**{**{k: SMALL[k] for k in ("epochs", "batch_size", "learning_rate", "seed")}, **changes})
    training = Examples(dataset.X_train[rest], dataset.y_train[rest])
    return bits(fit(choose(threads=1).engine, architecture_of(dataset, {"hidden": "24"}), training, settings).layers)


def trained(client) -> bytes:
    return bits(client.trainer._snapshot.state.layers)


def test_a_training_on_the_page_is_the_librarys_to_the_bit(client) -> None:
    client.tell("run", **SMALL)
    run = client.wait_for("finished")
    assert (run["epoch"], run["steps"]) == (6, 6 * run["steps_an_epoch"])
    assert trained(client) == straight()
    assert run["listed"][-1]["epoch"] == 6
    assert "<svg" in run["charts"]["loss"]


def test_pauses_steps_and_epochs_change_no_bit(client) -> None:
    client.tell("run", **SMALL, paused=True)
    run = client.wait_for("paused")
    assert run["steps"] == 0
    for verb in ("step", "step", "epoch", "step", "epoch"):
        before = client.ask("run")["steps"]
        client.tell(f"run/{verb}")
        run = client.wait_for("paused")
        assert run["steps"] == before + 1 if verb == "step" else run["steps"] % run["steps_an_epoch"] == 0
    client.tell("run/resume")
    client.wait_for("finished")
    assert trained(client) == straight()


@pytest.mark.slow
def test_a_training_on_mnist_that_is_paused_as_it_runs_ends_with_the_same_bits(client) -> None:
    setup = {"data": "mnist", "hidden": [64], "epochs": 2, "seed": 1}
    try:
        client.tell("run", **setup)
        for _ in range(5):
            if client.wait_for("running", "finished", "paused")["state"] == "running":
                client.post("/api/v1/run/pause", json={})
                client.post("/api/v1/run/resume", json={})
        if client.wait_for("finished", "failed")["state"] == "failed":
            pytest.skip("MNIST is not on this machine")
    finally:
        client.trainer.close()
    paused = trained(client)
    client.tell("run/reset")
    client.tell("run/resume")
    client.wait_for("finished")
    assert trained(client) == paused


def test_reset_goes_back_to_the_same_first_weights_and_the_same_end(client) -> None:
    client.tell("run", **SMALL)
    client.wait_for("finished")
    end = trained(client)
    client.tell("run/reset")
    run = client.ask("run")
    assert (run["state"], run["steps"], run["listed"], run["charts"]) == ("paused", 0, [], None)
    client.tell("run/step")
    client.wait_for("paused")
    assert trained(client) != end
    client.tell("run/resume")
    client.wait_for("finished")
    assert trained(client) == end


def test_another_rate_holds_from_the_next_step_on_and_reset_brings_the_first_back(client) -> None:
    client.tell("run", **{**SMALL, "epochs": 200}, paused=True)
    client.wait_for("paused")
    client.tell("run/rate", learning_rate=0.05)
    client.tell("run/resume")
    client.tell("run/rate", learning_rate=0.02)
    assert client.ask("run")["rate"] == 0.02
    client.wait_for("finished")
    client.tell("run/reset")
    assert client.ask("run")["rate"] == SMALL["learning_rate"]


def test_a_rate_changed_before_the_first_step_is_the_rate_of_all_of_it(client) -> None:
    client.tell("run", **SMALL, paused=True)
    client.wait_for("paused")
    client.tell("run/rate", learning_rate=0.03)
    client.tell("run/resume")
    client.wait_for("finished")
    assert trained(client) == straight(learning_rate=0.03)


def test_there_is_one_run_at_a_time(client) -> None:
    client.tell("run", **SMALL, paused=True)
    assert client.refused("run", **SMALL)[:2] == (409, "running")
    client.wait_for("paused")
    assert client.refused("run", **SMALL)[:2] == (409, "running")
    client.tell("run/discard")
    assert client.ask("run")["state"] == "none"
    client.tell("run", **SMALL)
    client.wait_for("finished")


@pytest.mark.parametrize("verb", ["pause", "resume", "step", "epoch", "reset"])
def test_what_needs_a_run_is_refused_where_there_is_none(client, verb) -> None:
    status, code, words = client.refused(f"run/{verb}")
    assert (status, code) == (409, "state")
    assert words.startswith("The training is not there; this needs one that is ")


def test_divergence_is_explained_at_the_operation_where_it_began(client) -> None:
    client.tell("run", **{**SMALL, "hidden": [32, 32], "activation": "identity", "learning_rate": 10, "epochs": 50})
    run = client.wait_for("diverged")
    assert "The first number that is infinite or NaN arises in " in run["sentence"]
    assert "set a lower one" in run["sentence"]
    client.tell("network", source="trained")  # the last finite state is kept
    assert all(np.isfinite(tensor).all() for layer in client.session.now.network.layers for tensor in layer)
    client.tell("run/rate", learning_rate=0.01)  # as it advises
    client.tell("run/reset")
    assert (client.ask("run")["state"], client.ask("run")["rate"]) == ("paused", 0.01)
    client.tell("run/step")
    client.wait_for("paused")
    client.tell("network", source="trained")
    assert client.session.now.network.model.training["learning_rate"] == 0.01


@pytest.mark.parametrize("rows", [50, 1200])
def test_of_a_sorted_table_examples_of_all_classes_tell_which_neurons_are_dead(make_client, tmp_path, rows) -> None:
    random, y = np.random.default_rng(0), np.arange(rows) * 3 // rows
    X = random.normal(0, 1, (rows, 3)) + 6 * np.eye(3)[y]
    lines = [",".join(f"{x:.3f}" for x in row) + f",{label}" for row, label in zip(X, y, strict=True)]
    (tmp_path / "sorted.csv").write_text("a,b,c,label\n" + "\n".join(lines))
    client = make_client(own_data=(str(tmp_path / "sorted.csv"), "label"))
    client.tell("run", hidden=[64], learning_rate=1e-6, epochs=1, paused=True)
    client.wait_for("paused")
    client.tell("run/step")
    run = client.wait_for("paused", "finished")
    work, weights = client.trainer._work, client.trainer._snapshot.state.layers[0]
    off = ~(scaled(work.training.X, work.architecture.scaling, np.dtype(np.float64)) @ weights.W.T + weights.b > 0)
    assert run["looked_at"] == min(128, len(work.training))
    assert run["layers"][0]["dead"] <= off.all(axis=0).sum() + 3
    by_the_first = off[:128].all(axis=0).sum()
    assert rows < 100 or run["layers"][0]["dead"] < by_the_first - 3
    client.trainer.close()


def test_the_trained_network_becomes_the_one_of_the_page(client) -> None:
    client.tell("run", **{**SMALL, "epochs": 30})
    client.wait_for("finished")
    subject = client.tell("network", source="trained")["subject"]
    assert (subject["network"], subject["reads_drawings"]) == ("64-24-10", False)
    training = client.session.now.network.model.training
    assert (training["data"]["name"], training["learning_rate"], training["seed"]) == ("digits", 0.1, 3)
    found = client.ask("evaluation")["found"]
    assert (found["what"], found["examples"]) == ("the test part of digits", 359)
    assert client.tell("explanation", index=0)["example"] == "Example 0 of the test part of digits"
    assert client.tell("network", source="given")["subject"]["name"] == "mnist"
    assert client.get("/api/v1/run/weights.png").content.startswith(b"\x89PNG")


def test_where_there_is_no_training_there_is_no_picture_of_its_weights(client) -> None:
    def words() -> str:
        return client.get("/api/v1/run/weights.png").json()["error"]["message"]

    assert words() == "There is no training."
    client.trainer._state = "loading"
    assert words() == "The data are still being loaded."


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.randoms())
def test_the_validation_part_has_of_each_class_its_share_however_the_rows_are_sorted(counts, random) -> None:
    y = np.repeat(np.arange(len(counts)), counts)
    for labels in (y, y[::-1], np.array(random.sample(y.tolist(), len(y)))):
        rest, held_out = divided(labels)
        assert sorted([*rest, *held_out]) == [*range(len(y))]
        assert len(held_out) == max(1, len(y) // 6)
        shares = np.bincount(labels[held_out], minlength=len(counts)) - np.array(counts) * len(held_out) / len(y)
        assert (abs(shares) < 1 + 1e-9).all()


def test_data_sorted_by_class_are_learned_and_judged_alike(make_client, tmp_path) -> None:
    rows = [f"{kind},{10 * place + number % 7}" for place, kind in enumerate("abc") for number in range(40)]
    (tmp_path / "sorted.csv").write_text("\n".join(["kind,weight", *rows]), encoding="utf-8")
    client = make_client(own_data=(str(tmp_path / "sorted.csv"), "kind"))
    client.tell("run", hidden=[8], epochs=60, batch_size=8)
    run = client.wait_for("finished", "failed")
    assert run["now"]["validation_accuracy"] == "100.00 %"
    client.trainer.close()


def test_data_that_are_being_loaded_can_be_put_away_and_others_be_trained_on(client, monkeypatch) -> None:
    from pellucid.web import runs

    asked, given_ = threading.Event(), threading.Event()

    def stalling(name: str):
        if name == "digits":
            return load(name)
        asked.set()
        given_.wait(30)
        return load("digits")

    monkeypatch.setattr(runs, "load", stalling)
    client.tell("run", **{**SMALL, "data": "mnist"})
    assert asked.wait(10)
    assert client.refused("run", **SMALL)[:2] == (409, "running")
    assert client.tell("run/discard")["state"] == "none"
    stalled = [thread for thread in threading.enumerate() if thread.name == "training"]
    client.tell("run", **SMALL)
    client.wait_for("finished")
    given_.set()  # what was put away comes at last: nobody takes it for the training that is there
    for thread in stalled:
        thread.join(30)
    run = client.ask("run")
    assert (run["state"], run["config"]["data"]) == ("finished", "digits")
    assert trained(client) == straight()


def test_health_is_told_layer_by_layer(client) -> None:
    client.tell("run", **SMALL)
    run = client.wait_for("finished")
    assert [(layer["layer"], layer["width"]) for layer in run["layers"]] == [(1, 24), (2, 10)]
    assert all(float(layer["gradient_norm"]) > 0 for layer in run["layers"])


def test_a_network_that_diverges_in_the_eyes_of_the_validation_part_alone_is_kept_as_it_was_before(client) -> None:
    """After the last step of an epoch the numbers of the training are finite, and those of the validation part are not."""
    client.tell("run", **SMALL, paused=True)
    client.wait_for("paused")
    work = client.trainer._work
    huge = Examples(np.full(work.validation.X.shape, 1e300), work.validation.y)
    client.trainer._work = replace(work, validation=huge)
    client.tell("run/resume")
    run = client.wait_for("diverged")
    assert run["sentence"].startswith(
        f"After step {run['steps_an_epoch']} of the training a look at the validation examples made a number that is "
        "infinite or NaN. The first number that is infinite or NaN arises in z₁"
    )
    assert run["sentence"].endswith("The network is kept as it was after step 0.")


def test_the_data_given_to_the_server_are_read_with_the_label_given(make_client, tmp_path) -> None:
    (tmp_path / "fruit.csv").write_text("kind,weight\n" + "apple,1\nfig,3\n" * 20, encoding="utf-8")
    client = make_client(own_data=(str(tmp_path / "fruit.csv"), "kind"))
    client.tell("run", hidden=[4], epochs=2)
    assert client.wait_for("finished", "failed")["state"] == "finished"
    client.tell("network", source="trained")
    assert client.ask("state")["subject"]["classes"] == ["apple", "fig"]
    assert client.ask("evaluation")["found"]["what"] == "the test part of fruit"
    assert client.tell("explanation", index=0)["label"] in ("apple", "fig")


@pytest.mark.parametrize(
    "change",
    [
        {"data": "/etc/passwd"}, {"data": "../mnist"}, {"data": 1}, {"hidden": [0]}, {"hidden": [1025]}, {"hidden": [1] * 5},
        {"hidden": "128"}, {"hidden": [1.5]}, {"activation": "sin"}, {"solver": "lbfgs"}, {"learning_rate": 0},
        {"learning_rate": 1e9}, {"learning_rate": "fast"}, {"batch_size": 0}, {"batch_size": 4097}, {"epochs": 201},
        {"epochs": True}, {"paused": 1}, {"seed": -1}, {"seed": 2**64},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused_in_a_sentence(client, change) -> None:
    status, _, words = client.refused("run", **{**SMALL, **change})
    assert status == 422
    assert "; expected" in words
    assert client.ask("run")["state"] == "none"


def test_data_that_cannot_be_had_is_a_sentence_and_no_run(client, monkeypatch) -> None:
    from pellucid.errors import DataUnavailableError
    from pellucid.web import runs

    def unavailable(name: str) -> None:
        raise DataUnavailableError(f"{name} is neither here nor to be had")

    monkeypatch.setattr(runs, "load", unavailable)
    client.tell("run", **{**SMALL, "data": "kmnist"})
    sentence = client.wait_for("failed")["sentence"]
    assert sentence == "kmnist is neither here nor to be had. Or choose digits: they come along."
    monkeypatch.undo()
    client.tell("run", **SMALL)
    client.wait_for("finished")


def test_the_page_is_told_nothing_where_nothing_has_changed(client) -> None:
    client.tell("run", **SMALL)
    seen = client.wait_for("finished")["changes"]
    assert client.ask("run", seen=seen) == {"changes": seen, "state": "finished", "unchanged": True}


def test_eight_hours_of_training_do_not_grow(client) -> None:
    """A run's progress, five times a second for eight hours, and its epochs: neither the answer nor the memory grows."""
    client.tell("run", **SMALL)
    client.wait_for("finished")
    watch, state = client.trainer._watch, client.trainer._snapshot.state

    def hours(number: float) -> tuple[int, int]:
        for tick in range(int(number * 3600 * 5)):
            watch._points.add(tick / 100, 0.1, 0.2, 0.03)
            if tick % 5000 == 0:
                watch.on_progress(Progress(tick // 100 + 1, 200, 10, 100, 0.1, 0.9, 1000.0, 0.1, state))
            if tick % 100 == 0:
                watch.on_epoch(watch._epochs[-1])
                watch.on_notice(f"notice {tick}")
        return len(client.get("/api/v1/run").content), len(watch._points.columns()[0])

    first, _ = hours(1)
    last, points = hours(7)
    assert points <= MOST_POINTS
    assert last < 1.6 * first
    assert len(watch._epochs) <= 12
    assert len(watch.notices) <= 3


@pytest.mark.parametrize("count", [0, 1, 2, MOST_POINTS - 1, MOST_POINTS, MOST_POINTS + 1, 12_345])
def test_points_keep_the_first_and_the_last_and_are_evenly_spread(count) -> None:
    points = Points(1)
    for number in range(count):
        points.add(number)
    (kept,) = points.columns()
    assert len(kept) <= MOST_POINTS
    if count:
        assert (kept[0], kept[-1]) == (0, count - 1)
        assert len(set(np.diff(kept[:-1]))) <= 1


def test_the_page_answers_while_a_training_runs(client) -> None:
    client.tell("run", **{**SMALL, "epochs": 200, "hidden": [512, 512]})
    client.wait_for("running", "finished")
    strokes = client.read("7")
    assert strokes["says"] == "7"
    answers: list[dict] = []
    threads = [threading.Thread(target=lambda: answers.append(client.read("3"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer["says"] for answer in answers] == ["3"] * 8
    client.trainer.close()
    time.sleep(0)
