from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.engines import ReferenceEngine, available, choose, steps_of_an_epoch
from pellucid.errors import SettingError

BEST = available()[0]


@pytest.fixture(autouse=True)
def _no_engine_named(monkeypatch):
    monkeypatch.delenv("PELLUCID_ENGINE", raising=False)


def test_the_reference_engine_is_always_there():
    assert "reference" in available()
    assert isinstance(choose("reference").engine, ReferenceEngine)
    assert choose("reference").reason == "it was asked for"


@pytest.mark.parametrize("name", [None, "auto"])
def test_without_a_name_the_best_is_chosen(name):
    choice = choose(name)
    assert (choice.engine.name, choice.reason) == (BEST, "it is the best that this installation has")


def test_the_environment_names_an_engine(monkeypatch):
    monkeypatch.setenv("PELLUCID_ENGINE", "reference")
    choice = choose()
    assert (choice.engine.name, choice.reason) == ("reference", "PELLUCID_ENGINE names it")


@pytest.mark.parametrize("value", ["", "auto"])
def test_an_environment_that_names_none_leaves_the_choice(monkeypatch, value):
    monkeypatch.setenv("PELLUCID_ENGINE", value)
    assert choose().reason == "it is the best that this installation has"


def test_a_name_given_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("PELLUCID_ENGINE", "no such engine")
    assert choose("reference").reason == "it was asked for"
    assert choose("auto").engine.name == BEST


def test_an_unknown_engine_is_refused_with_the_list_of_those_that_are_there():
    listed = ", ".join(("auto", *available()))
    with pytest.raises(SettingError, match=f"^there is no engine 'warp' here; expected one of {listed}"):
        choose("warp")


def test_an_unknown_engine_in_the_environment_is_refused_too(monkeypatch):
    monkeypatch.setenv("PELLUCID_ENGINE", "warp")
    with pytest.raises(SettingError, match="there is no engine 'warp' here"):
        choose()


@pytest.mark.parametrize("name", available())
def test_every_engine_says_what_it_is(name):
    engine = choose(name).engine
    assert engine.name == name
    assert engine.target
    assert "float32" in engine.precisions


@given(n=st.integers(0, 10**6), batch_size=st.integers(1, 1000))
def test_the_steps_of_an_epoch_reach_every_row_once(n, batch_size):
    steps = steps_of_an_epoch(n, batch_size)
    assert steps * batch_size >= n > (steps - 1) * batch_size or n == steps == 0
