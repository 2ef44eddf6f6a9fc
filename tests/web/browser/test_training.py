"""A training on the page: its presses, and what it makes of the page's network."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow


def test_a_training_is_started_paused_stepped_and_begun_again(watched) -> None:
    page = watched.open("train")
    page.fill('input[name="epochs"]', "8")
    page.click("#train-start-paused")
    expect(page.locator("#train-state")).to_contain_text("step 0, epoch 0 of 8. Paused.")
    page.click("[data-verb=step]")
    expect(page.locator("#train-state")).to_contain_text("step 1, epoch 0 of 8. Paused.")
    page.click("[data-verb=epoch]")
    expect(page.locator("#train-state")).to_contain_text("step 6, epoch 1 of 8. Paused.")
    expect(page.locator("#chart-loss svg polyline")).to_have_count(2)
    expect(page.locator("#train-layers tbody tr")).to_have_count(3)
    page.fill("#train-rate", "0.05")
    page.click("#train-rate-form button")
    page.click("[data-verb=resume]")
    expect(page.locator("#train-state")).to_contain_text("epoch 8 of 8. Finished.")
    page.click("#train-use")
    expect(page.locator("#subject")).to_contain_text("trained here, 48 steps")
    page.click("[data-verb=reset]")
    expect(page.locator("#train-state")).to_contain_text("step 0, epoch 0 of 8. Paused.")
    page.click("[data-verb=discard]")
    page.click("nav >> text=Step")
    page.click("#step-given")
    expect(page.locator("#subject")).to_have_text("784-128-64-10 · mnist")


def test_an_answer_that_a_press_has_overtaken_does_no_harm(watched) -> None:
    page = watched.open("train")
    page.click("#train-start-paused")
    expect(page.locator("#train-state")).to_contain_text("Paused.")
    looks, presses = [], []
    page.route(re.compile("run.seen="), lambda route: looks.append(route))
    page.route(re.compile("run.discard"), lambda route: presses.append(route))
    while not looks:
        page.wait_for_timeout(100)
    page.click("[data-verb=discard]")
    while not presses:
        page.wait_for_timeout(100)
    looks[0].fulfill(json={"changes": 1, "state": "paused", "unchanged": True})
    page.unroute(re.compile("run.seen="))
    presses[0].continue_()
    expect(page.locator("#train-state")).to_contain_text("Nothing is being trained")


def test_a_network_of_other_layers_is_drawn_for_and_explained_as_it_is(watched) -> None:
    page = watched.open()
    watched.says("7")
    page.click("#bars button >> nth=3")
    expect(page.locator("#neuron-title")).to_contain_text("Output 3")
    page.click("nav >> text=Train")
    page.fill('input[name="hidden"]', "10")  # as many as there are classes
    page.fill('input[name="epochs"]', "2")
    page.click("#train-start")
    expect(page.locator("#train-state")).to_contain_text("Finished")
    page.click("#train-use")
    expect(page.locator("#subject")).to_contain_text("784-10-10")
    page.click("nav >> text=Draw")
    expect(page.locator("#layers .cells button")).to_have_count(10)
    expect(page.locator("#neuron")).to_be_hidden()  # it was of another network
    page.click("#bars button >> nth=3")
    expect(page.locator("#neuron-title")).to_contain_text("Output 3")
    page.click("nav >> text=Step")
    for stop, headings in (("z₁", 0), ("z₂", 10), ("p", 10), ("∂L/∂b₁", 0), ("∂L/∂b₂", 10)):
        page.locator("#rail button", has_text=re.compile(f"^{stop}$")).click()
        expect(page.locator("#stop thead th")).to_have_count(headings)
    page.click("#step-given")
    page.click("nav >> text=Train")
    page.click("[data-verb=discard]")


def test_what_is_wrong_in_the_form_is_said_in_a_sentence(watched) -> None:
    page = watched.open("train")
    page.fill('input[name="hidden"]', "128, many")
    page.click("#train-start")
    expect(page.locator("#train-complaint")).to_have_text('hidden is "many"; expected a whole number from 1 to 1,024.')
    page.wait_for_timeout(2500)  # it stays until the next press
    expect(page.locator("#train-complaint")).to_be_visible()
    watched.said = [each for each in watched.said if "422" not in each]  # the browser's own note of the refusal
