"""Seen wide and narrow, in the dark, enlarged, in forced colours: no barrier, and nothing too large."""

from __future__ import annotations

import os
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.initialization import initialize
from pellucid.network import Network

pytestmark = pytest.mark.slow

CELLS_THAT_RUN_OVER = """
[...document.querySelectorAll("td, th")]
  .filter((cell) => cell.scrollWidth > cell.clientWidth + 1)
  .map((cell) => cell.textContent)
"""


def test_no_screen_has_a_barrier(watch, served, screen, view) -> None:
    watched = watch(served.address, view)
    page = watched.open(screen)
    wait = {"draw": "#said b", "step": "#along svg", "errors": "#gallery li"}.get(screen)
    if screen == "step":
        page.check('input[name="source"][value="index"]')
    if wait:
        page.wait_for_selector(wait)
    if screen == "draw":
        page.click("#bars button >> nth=0")
        page.wait_for_selector("#neuron table")
    stops = ["p", "∂L/∂W₁"] if screen == "step" else [None]
    for stop in stops:
        if stop:
            page.locator("#rail button", has_text=stop).first.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
        assert page.evaluate(CELLS_THAT_RUN_OVER) == []
        found = Axe().run(page, options={"resultTypes": ["violations"]})
        assert found.violations_count == 0, found.generate_report()
    if folder := os.environ.get("SCREENSHOTS"):
        page.evaluate("scrollTo(0, 0)")  # or the bar above, which stays, is seen in the middle of the picture
        page.screenshot(path=f"{folder}/{screen}-{view}.png", full_page=True)


def test_stillness_is_kept_where_it_is_asked_for(watch, served) -> None:
    watched = watch(served.address, "still")
    page = watched.open()
    watched.says("7")
    assert page.evaluate("document.getAnimations().length") == 0


def test_two_presses_of_more_list_each_mistake_once(watch, start_server, drawings, tmp_path) -> None:
    architecture = Architecture((28, 28), (Hidden(8),), 10)
    Network(architecture, initialize(architecture, 0), tuple("0123456789")).save(tmp_path / "model.safetensors")
    watched = watch(start_server(str(tmp_path / "model.safetensors"), "--data", str(drawings)).address)
    page = watched.open("errors")
    expect(page.locator("#gallery li")).to_have_count(48)
    page.route("**/api/v1/mistakes*", lambda route: (page.wait_for_timeout(300), route.continue_()))
    page.evaluate("for (const _ of [1, 2]) document.getElementById('gallery-more').click()")
    expect(page.locator("#gallery-more")).to_be_hidden()
    listed = page.locator("#gallery li").all_inner_texts()
    assert len(set(listed)) == len(listed) == int(re.sub(r"\D", "", page.inner_text("#gallery-title").split(":")[1]))


def test_no_name_and_no_array_is_too_large_for_the_page(watch, screens, start_server, tmp_path) -> None:
    """A table of three columns with long names for its classes, and many neurons: tall arrays, wide words."""
    names = "a" * 90, "b " * 40 + "b"
    (tmp_path / "table.csv").write_text("a,b,label\n" + "".join(f"{i},1,{names[i % 2]}\n" for i in range(20)))
    architecture = Architecture((2,), (Hidden(400),), 2)
    Network(architecture, initialize(architecture, 0), names).save(tmp_path / "model.safetensors")
    server = start_server(str(tmp_path / "model.safetensors"), "--data", str(tmp_path / "table.csv"))
    for view in ("wide", "narrow"):
        watched = watch(server.address, view)
        for screen in screens:
            page = watched.open(screen)
            if screen == "step":
                expect(page.locator("#along svg.chart")).to_be_visible()
                page.locator("#rail button", has_text="∂L/∂W₁").click()
                expect(page.locator("#stop img")).to_be_visible()
                assert page.locator("#stop img").bounding_box()["height"] < 500
            if screen == "train":
                page.fill('input[name="hidden"]', "256")
                page.fill('input[name="epochs"]', "1")
                page.click("#train-start")
                expect(page.locator("#train-state")).to_contain_text("Finished")
                expect(page.locator("#train-weights")).to_be_visible()
                # Not wait_for_function: it evaluates words again in the page, whose Content-Security-Policy forbids that.
                page.evaluate("document.getElementById('train-weights').decode()")
                assert page.locator("#train-weights").bounding_box()["height"] < 600
                page.click("[data-verb=discard]")
            if screen == "errors":
                page.wait_for_selector("#confusion td")
            assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"], screen
