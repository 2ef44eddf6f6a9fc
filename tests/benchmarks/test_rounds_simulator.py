"""The plan in the docs is what the simulator prints, and the simulator does not contradict itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks import rounds_simulator
from benchmarks.rounds_simulator import Assumed, examples_for, measured, simulate

DOCUMENT = Path(__file__).parents[2] / "docs" / "outgrowing.md"
ACCURACY = Path(rounds_simulator.__file__).parent / "results" / "rounds-accuracy.json"


def test_the_tables_of_the_plan_are_what_the_simulator_prints():
    text = DOCUMENT.read_text(encoding="utf-8")
    for table in rounds_simulator.tables():
        assert table in text


def test_the_accuracies_that_are_told_are_those_of_the_record():
    text = DOCUMENT.read_text(encoding="utf-8")
    for curve in json.loads(ACCURACY.read_text())["curves"]:
        if not curve["outer_momentum"]:
            assert f"| {curve['shards']} | {100 * (1 - curve['test_accuracy'][-1]):.2f} % |" in text


@pytest.mark.parametrize("parameters", rounds_simulator.PARAMETERS)
def test_more_workers_move_more_and_wait_longer(parameters):
    found = [simulate(workers, parameters, 1e6, measured(), Assumed()) for workers in rounds_simulator.WORKERS]
    assert [each.bytes_moved for each in found] == sorted(each.bytes_moved for each in found)
    assert [each.efficiency for each in found] == sorted((each.efficiency for each in found), reverse=True)


def test_so_many_examples_give_just_the_share_that_was_asked_for():
    examples = examples_for(0.9, 64, 1e6, measured(), Assumed())
    assert simulate(64, 1e6, examples, measured(), Assumed()).efficiency == pytest.approx(0.9)


def test_of_two_workers_theta_crosses_links_a_countable_number_of_times():
    found = simulate(2, 1000, 0, measured(), Assumed())
    assert (
        found.bytes_moved == 4000 * 3 + 4000 + 8000
    )  # to one and both workers, one network to the other, their sum back
