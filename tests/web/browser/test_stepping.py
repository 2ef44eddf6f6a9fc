"""A step on the page: taken, undone, and printed as everywhere else."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from pellucid.explain.formula import latex_of_numeral

pytestmark = pytest.mark.slow


def test_a_step_is_taken_and_undone_to_the_bit(watched, served) -> None:
    page, before = watched.open(), served.state()["fingerprint"]
    watched.says("7")
    page.click("nav >> text=Step")
    page.fill("#step-rate", "40")  # η = 0.01
    page.select_option("#step-label", "3")
    expect(page.locator("#step-headline")).to_contain_text("it is 3, the network says 7")
    for times in (1, 2):
        page.click("#step-take")
        expect(page.locator("#step-undo")).to_have_text(f"Undo ({times})")
    assert served.state()["fingerprint"] != before
    page.focus("#rail button >> nth=3")
    page.locator("#step-form").evaluate("form => form.requestSubmit()")  # explained anew: the focus stays on the rail
    page.wait_for_timeout(1000)
    assert page.evaluate("document.activeElement.dataset.stop") == "3"
    page.click("nav >> text=Draw")
    watched.says("3")  # it has learned to take this seven for a three
    page.click("nav >> text=Step")
    for left in ("Undo (1)", "Undo"):
        page.click("#step-undo")
        expect(page.locator("#step-undo")).to_have_text(left)
    assert served.state()["fingerprint"] == before


def test_what_the_page_prints_is_what_the_terminal_prints(watched, served, tmp_path) -> None:
    page = watched.open("step")
    page.check('input[name="source"][value="index"]')
    page.fill("#step-index", "42")
    page.press("#step-index", "Tab")
    expect(page.locator("#step-headline")).to_contain_text("Example 42 of")
    words = ["explain", "mnist", "--data", str(served.folder), "--index", "42", "--learning-rate", "0.001"]
    command = [sys.executable, "-m", "pellucid", *words]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    files = tmp_path / "step.html", tmp_path / "step.md"
    words = ["--html", str(files[0]), "--markdown", str(files[1])]
    subprocess.run([*command, *words], capture_output=True, check=True)
    html, markdown = (path.read_text(encoding="utf-8") for path in files)
    record = json.loads(subprocess.run([*command, "--json"], capture_output=True, text=True, check=True).stdout)
    json_sums = {part["amount"] for step in record["steps"] for each in step["sums"] for part in each["parts"]}
    json_sums |= {each["total"] for step in record["steps"] for each in step["sums"]}
    json_checks = {step["check"]["words"] for step in record["steps"] if step["check"]}
    json_lines = {re.split("[=≈←] ", line)[-1] for step in record["steps"] for line in step["lines"]}
    numbers = 0
    for stop in range(page.locator("#rail button").count()):
        page.click(f'[data-stop="{stop}"]')
        for amount in page.locator("#stop table.sum td:first-child").all_inner_texts():
            assert amount in printed
            assert f">{amount}</td>" in html
            assert amount in json_sums
            assert amount in markdown or latex_of_numeral(amount) in markdown
            numbers += 1
        for check in page.locator("#stop .check").all_inner_texts():
            assert check in printed
            assert check.replace("'", "&#x27;") in html
            assert check in json_checks
            assert check[1:] in markdown
            numbers += 1
        for line in page.locator("#stop .lines li math").all():
            last = line.evaluate("element => [...element.querySelectorAll('mn')].at(-1).textContent")
            assert last in printed
            assert f"<mn>{last}</mn>" in html
            assert last in json_lines
            assert last in markdown or latex_of_numeral(last) in markdown
            numbers += 1
    assert numbers > 40


def test_the_step_that_is_taken_is_the_one_that_was_asked_for_last(watched, served) -> None:
    page, taken = watched.open("step"), []
    page.check('input[name="source"][value="index"]')
    page.fill("#step-index", "5")
    page.press("#step-index", "Tab")
    expect(page.locator("#step-headline")).to_contain_text("Example 5 of")
    page.on("request", lambda request: request.url.endswith("/step") and taken.append(request.post_data_json["id"]))
    page.route("**/api/v1/explanation", lambda route: (page.wait_for_timeout(700), route.continue_()))
    before = served.state()["subject"]["steps"]
    with page.expect_response("**/api/v1/explanation") as explained:
        page.fill("#step-index", "6")
        page.press("#step-index", "Tab")
        page.click("#step-take")  # while example 5 is still on the screen
    asked_for = explained.value.json()["id"]
    expect(page.locator("#step-taken")).to_contain_text("Taken")
    assert taken == [asked_for]
    expect(page.locator("#step-headline")).to_contain_text("Example 6 of")
    page.fill("#step-index", "999999")
    page.press("#step-index", "Tab")
    page.click("#step-take")
    expect(page.locator("#step-complaint")).to_be_visible()
    page.wait_for_timeout(300)
    assert len(taken) == 1  # what is refused is not taken, nor what was there before
    assert served.state()["subject"]["steps"] == before + 1
    (said,) = watched.said
    assert "422" in said  # the browser's own word on the refusal
    watched.said.clear()
    page.click("#step-undo")
    expect(page.locator("#step-taken")).to_contain_text("Taken back")
    page.unroute_all(behavior="wait")


def test_a_pager_keeps_the_focus(watched) -> None:
    page = watched.open("step")
    expect(page.locator("#along svg.chart")).to_be_visible()
    page.locator("#rail button", has_text="∂L/∂W₁").click()
    page.click("#stop details summary")
    page.focus("#stop details button >> nth=1")
    for first in ("197–", "393–"):
        page.keyboard.press("Enter")
        expect(page.locator("#stop details .row")).to_contain_text(first)
        assert page.evaluate("document.activeElement.textContent") == "›"


def test_a_mistake_opens_in_step(watched) -> None:
    page = watched.open("errors")
    expect(page.locator("#errors-figures")).to_contain_text("wrong")
    page.click("#confusion button >> nth=0")
    expect(page.locator("#gallery-title")).to_contain_text("1, taken for 7: 1")
    page.click("#gallery button >> nth=0")
    expect(page.locator("#step-headline")).to_contain_text("it is 1, the network says 7")
