"""From screen to screen: by keys alone, where little is known, and past a server that is killed."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.initialization import initialize
from pellucid.network import Network

pytestmark = pytest.mark.slow


def test_the_whole_tour_by_keyboard_alone(watched) -> None:
    page = watched.open()
    watched.says("7")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    for _ in range(3):  # the paper is the first thing after it
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "paper":
            break
    assert page.evaluate("document.activeElement.id") == "paper"
    for _ in range(9):
        page.keyboard.press("ArrowUp")
    page.keyboard.press(" ")
    for _ in range(18):
        page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    watched.says("1")
    page.keyboard.press("Backspace")
    expect(page.locator("#said")).to_have_text("Nothing drawn yet.")
    while page.evaluate("document.activeElement.parentElement.id") != "samples":
        page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    watched.says("2")
    while not page.evaluate("document.activeElement.closest('.cells')"):
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#neuron-title")).to_contain_text("Neuron 17 of layer 1")
    page.keyboard.press("2")
    expect(page.locator("#rail button[aria-current]")).to_have_text("x")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#rail button[aria-current]")).to_have_text("z₁")
    while page.evaluate("document.activeElement.id") != "step-take":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#step-taken")).to_contain_text("Taken")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#step-taken")).to_contain_text("Taken back")
    while not page.evaluate("document.activeElement.closest('.rail')"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    for symbol in ("z₁", "a₁", "z₂"):
        page.keyboard.press("ArrowRight")
        expect(page.locator("#rail button[aria-current]")).to_have_text(symbol)
    page.keyboard.press("3")
    while page.evaluate("document.activeElement.id") != "train-start":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#train-state")).to_contain_text("Finished", timeout=60_000)
    while page.evaluate("document.activeElement.dataset.verb") != "discard":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#train-state")).to_contain_text("Nothing is being trained")
    page.keyboard.press("4")
    expect(page.locator("#gallery li")).to_have_count(1)
    while not page.evaluate("document.activeElement.closest('#gallery')"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#step-headline")).to_contain_text("Example 42 of")
    page.keyboard.press("5")
    expect(page.locator("#title-about")).to_be_visible()


def test_where_nothing_is_known_of_a_networks_data_the_tour_is_quiet(watch, screens, start_server, tmp_path) -> None:
    """A model without a word on its data: there are no labelled examples, and no screen asks for what is not there."""
    architecture = Architecture((28, 28), (Hidden(8),), 10)
    Network(architecture, initialize(architecture, 0), tuple("0123456789")).save(tmp_path / "model.safetensors")
    watched = watch(start_server(str(tmp_path / "model.safetensors")).address)
    for screen in screens:
        page = watched.open(screen)
        if screen == "draw":
            page.wait_for_selector("#said b")
        if screen == "step":
            expect(page.locator("#step-headline")).to_contain_text("Your drawing")
    page = watched.open("errors")
    expect(page.locator("#errors-not")).to_contain_text("There are no labelled examples")
    expect(page.locator("#errors-all")).to_be_hidden()


def test_a_killed_server_is_noticed_and_another_one_is_told_apart(watch, mortal) -> None:
    watched = watch(mortal.address)
    page = watched.open()
    watched.says("7")
    mortal.kill()
    page.click("#samples button >> nth=4")
    expect(page.locator("#banner")).to_contain_text("The server does not answer")
    watched.says("7")  # the last numbers are kept
    mortal.start()
    expect(page.locator("#banner")).to_contain_text("The server was started anew", timeout=20_000)
    page.click("#banner-reload")
    expect(page.locator("#banner")).to_be_hidden()
    page.click("#samples button >> nth=4")
    watched.says("4")
    watched.said.clear()  # that nobody answered was to be said
