"""The page in a real browser: drawn on by mouse, touch and keys; walked through; its server killed; seen in the dark."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from pellucid.datasets import write_idx
from pellucid.datasets.drawing import of_strokes
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.initialization import initialize
from pellucid.explain.formula import latex_of_numeral
from pellucid.network import Network
from pellucid.web.samples import samples

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
SCREENS = ("draw", "step", "train", "errors", "about")
VIEWS = {
    "wide": {"viewport": {"width": 1280, "height": 900}},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "narrow": {"viewport": {"width": 320, "height": 640}},
    "zoomed": {"viewport": {"width": 640, "height": 450}, "device_scale_factor": 2},
    "still": {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"},
    "forced": {"viewport": {"width": 1280, "height": 900}, "forced_colors": "active"},
}

expect.set_options(timeout=20_000)  # a loaded machine is no error of the page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (Debian: apt install chromium)"),
]


def jittered(strokes, rng):
    """Draw a digit once more, as a hand would: a little slanted, stretched, and unsteady."""
    lines = [np.asarray(stroke, float) for stroke in strokes]
    shape = np.eye(2) + rng.normal(0, 0.08, (2, 2))
    return [line @ shape + rng.normal(0, 1.5, line.shape) for line in lines]


@pytest.fixture(scope="session")
def drawings(tmp_path_factory):
    """A data set of our own drawings, in the form of MNIST: there is no MNIST on every machine."""
    folder, rng = tmp_path_factory.mktemp("drawings"), np.random.default_rng(1)
    for part, each in (("train", 40), ("t10k", 6)):
        pictures = [of_strokes(jittered(strokes, rng)).picture for strokes in samples().values() for _ in range(each)]
        labels = np.repeat(np.arange(10, dtype=np.uint8), each)
        if part == "t10k":
            labels[7 * each] = 1  # a seven that says it is a one: a mistake to look at
        write_idx(folder / f"{part}-images-idx3-ubyte", np.stack(pictures))
        write_idx(folder / f"{part}-labels-idx1-ubyte", labels)
    return folder


class Served:
    """A server that can be killed and started again on the same port."""

    def __init__(self, folder) -> None:
        self.folder, self.port = folder, None
        self.start()

    def start(self) -> None:
        words = [] if self.port is None else ["--port", str(self.port)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pellucid", "serve", "--json", "--data", str(self.folder), *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.address = json.loads(self.process.stdout.readline())["address"]
        self.port = int(self.address.rstrip("/").rpartition(":")[2])

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def state(self) -> dict:
        with urllib.request.urlopen(f"{self.address}api/v1/state") as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def served(drawings) -> Iterator[Served]:
    server = Served(drawings)
    yield server
    server.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Watched:
    """A page of which everything that it says on its console, and everything that it asks for, is written down."""

    def __init__(self, browser: Browser, address: str, **view) -> None:
        self.context = browser.new_context(**view)
        self.context.set_default_timeout(20_000)
        self.page: Page = self.context.new_page()
        self.address = address
        self.said: list[str] = []
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.asked: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))

    def open(self, screen: str = "draw") -> Page:
        self.page.goto(f"{self.address}#{screen}")
        self.page.wait_for_selector("html[data-ready]")
        return self.page

    def check(self) -> None:
        assert self.said == []
        assert {url for url in self.asked if not url.startswith((self.address, "data:"))} == set()


@pytest.fixture
def watched(browser, served, request) -> Iterator[Watched]:
    watched = Watched(browser, served.address, **VIEWS["wide"])
    yield watched
    watched.check()
    watched.context.close()


def says(page: Page, digit: str) -> None:
    expect(page.locator("#said b")).to_have_text(digit)


def on_paper(page: Page, strokes, scale: float = 1.0):
    """Give the strokes as points of the window, the paper being wherever it is."""
    page.locator("#paper").scroll_into_view_if_needed()
    box = page.locator("#paper").bounding_box()
    unit = box["width"] / 280 * scale
    return [[(box["x"] + x * unit, box["y"] + y * unit) for x, y in stroke] for stroke in strokes]


def test_the_first_ten_seconds(watched) -> None:
    page = watched.open()
    says(page, "7")  # a digit is drawn and recognised
    expect(page.locator("#bars li.best .number")).to_have_text("100.0%")
    expect(page.locator("#layers .cells button")).to_have_count(192)
    page.click("#layers .cells button.loudest >> nth=0")  # one click to the numbers
    expect(page.locator("#neuron table.sum tr")).to_have_count(8)
    page.click("text=How does it know?")
    expect(page.locator("#stop h2")).to_contain_text("What the network sees")


@pytest.mark.parametrize("digit", list("0123456789"))
def test_a_digit_drawn_by_mouse_is_read(watched, digit) -> None:
    page = watched.open()
    says(page, "7")
    page.click("#paper-clear")
    for stroke in on_paper(page, samples()[digit]):
        page.mouse.move(*stroke[0])
        page.mouse.down()
        for point in stroke[1:]:
            page.mouse.move(*point, steps=2)
        page.mouse.up()
    says(page, digit)
    page.click("#paper-undo")
    if len(samples()[digit]) == 1:
        expect(page.locator("#said")).to_have_text("Nothing drawn yet.")


@pytest.mark.parametrize("digit", list("0123456789"))
def test_a_digit_drawn_by_finger_small_and_in_a_corner_is_read(browser, served, digit) -> None:
    watched = Watched(browser, served.address, viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    page = watched.open()
    says(page, "7")
    touch = page.context.new_cdp_session(page)

    def send(kind: str, *points: tuple[float, float]) -> None:
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})

    for stroke in on_paper(page, samples()[digit], scale=0.5):
        send("touchStart", stroke[0])
        for point in stroke[1:]:
            send("touchMove", point)
        send("touchEnd")
    says(page, digit)
    watched.check()
    watched.context.close()


def test_the_whole_tour_by_keyboard_alone(watched) -> None:
    page = watched.open()
    says(page, "7")
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
    says(page, "1")
    page.keyboard.press("Backspace")
    expect(page.locator("#said")).to_have_text("Nothing drawn yet.")
    while page.evaluate("document.activeElement.parentElement.id") != "samples":
        page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    says(page, "2")
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


def test_a_step_is_taken_and_undone_to_the_bit(watched, served) -> None:
    page, before = watched.open(), served.state()["fingerprint"]
    says(page, "7")
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
    says(page, "3")  # it has learned to take this seven for a three
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
    says(page, "7")
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


def test_no_name_and_no_array_is_too_large_for_the_page(browser, start_server, tmp_path) -> None:
    """A table of three columns with long names for its classes, and many neurons: tall arrays, wide words."""
    names = "a" * 90, "b " * 40 + "b"
    (tmp_path / "table.csv").write_text("a,b,label\n" + "".join(f"{i},1,{names[i % 2]}\n" for i in range(20)))
    architecture = Architecture((2,), (Hidden(400),), 2)
    Network(architecture, initialize(architecture, 0), names).save(tmp_path / "model.safetensors")
    server = start_server(str(tmp_path / "model.safetensors"), "--data", str(tmp_path / "table.csv"))
    for view in ("wide", "narrow"):
        watched = Watched(browser, server.address, **VIEWS[view])
        for screen in SCREENS:
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
                page.wait_for_function("document.getElementById('train-weights').naturalWidth > 0")
                assert page.locator("#train-weights").bounding_box()["height"] < 600
                page.click("[data-verb=discard]")
            if screen == "errors":
                page.wait_for_selector("#confusion td")
            assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"], screen
        watched.check()
        watched.context.close()


def test_what_is_wrong_in_the_form_is_said_in_a_sentence(watched) -> None:
    page = watched.open("train")
    page.fill('input[name="hidden"]', "128, many")
    page.click("#train-start")
    expect(page.locator("#train-complaint")).to_have_text('hidden is "many"; expected a whole number from 1 to 1,024.')
    page.wait_for_timeout(2500)  # it stays until the next press
    expect(page.locator("#train-complaint")).to_be_visible()
    watched.said = [each for each in watched.said if "422" not in each]  # the browser's own note of the refusal


def test_a_mistake_opens_in_step(watched) -> None:
    page = watched.open("errors")
    expect(page.locator("#errors-figures")).to_contain_text("wrong")
    page.click("#confusion button >> nth=0")
    expect(page.locator("#gallery-title")).to_contain_text("1, taken for 7: 1")
    page.click("#gallery button >> nth=0")
    expect(page.locator("#step-headline")).to_contain_text("it is 1, the network says 7")


def test_where_nothing_is_known_of_a_networks_data_the_tour_is_quiet(browser, start_server, tmp_path) -> None:
    """A model without a word on its data: there are no labelled examples, and no screen asks for what is not there."""
    architecture = Architecture((28, 28), (Hidden(8),), 10)
    Network(architecture, initialize(architecture, 0), tuple("0123456789")).save(tmp_path / "model.safetensors")
    watched = Watched(browser, start_server(str(tmp_path / "model.safetensors")).address, **VIEWS["wide"])
    for screen in SCREENS:
        page = watched.open(screen)
        if screen == "draw":
            page.wait_for_selector("#said b")
        if screen == "step":
            expect(page.locator("#step-headline")).to_contain_text("Your drawing")
    page = watched.open("errors")
    expect(page.locator("#errors-not")).to_contain_text("There are no labelled examples")
    expect(page.locator("#errors-all")).to_be_hidden()
    watched.check()
    watched.context.close()


def test_leaving_out_a_part_of_the_recipe_shows(watched) -> None:
    page = watched.open()
    says(page, "7")
    whole = page.get_attribute("#stages li:nth-child(3) img", "src")
    page.uncheck('input[value="centre"]')
    expect(page.locator("#stages li:nth-child(3)")).to_contain_text("the box in the middle")
    page.uncheck('input[value="size"]')
    expect(page.locator("#stages li:nth-child(3)")).to_contain_text("where it was drawn")
    assert page.get_attribute("#stages li:nth-child(3) img", "src") != whole


def test_a_killed_server_is_noticed_and_another_one_is_told_apart(browser, drawings) -> None:
    server = Served(drawings)
    watched = Watched(browser, server.address, **VIEWS["wide"])
    page = watched.open()
    says(page, "7")
    server.kill()
    page.click("#samples button >> nth=4")
    expect(page.locator("#banner")).to_contain_text("The server does not answer")
    says(page, "7")  # the last numbers are kept
    server.start()
    expect(page.locator("#banner")).to_contain_text("The server was started anew", timeout=20_000)
    page.click("#banner-reload")
    expect(page.locator("#banner")).to_be_hidden()
    page.click("#samples button >> nth=4")
    says(page, "4")
    watched.context.close()
    server.kill()


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("view", VIEWS)
def test_no_screen_has_a_barrier(browser, served, screen, view) -> None:
    watched = Watched(browser, served.address, **VIEWS[view])
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
        found = Axe().run(page, options={"resultTypes": ["violations"]})
        assert found.violations_count == 0, found.generate_report()
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{screen}-{view}.png", full_page=True)
    watched.check()
    watched.context.close()


def test_stillness_is_kept_where_it_is_asked_for(browser, served) -> None:
    watched = Watched(browser, served.address, **VIEWS["still"])
    page = watched.open()
    says(page, "7")
    assert page.evaluate("document.getAnimations().length") == 0
    watched.check()
    watched.context.close()


REPLAY = """
(record) => {
  const ask = window.fetch, later = window.setTimeout, tasks = new Map();
  let now = 0, name = 0, answers = 0;
  const state = {...record, state: "running", sentence: "", notices: []};
  performance.now = () => now;
  window.setTimeout = (act, wait) => { tasks.set(name += 1, {act, at: now + wait}); return name; };
  window.clearTimeout = (which) => tasks.delete(which);
  window.fetch = (path, how) => {
    if (!path.startsWith("/api/v1/run")) return ask(path, how);
    answers += 1;
    const text = JSON.stringify({...state, changes: answers, steps: answers, now: {...record.now, loss: String(answers)}});
    return Promise.resolve({ok: true, status: 200, json: async () => JSON.parse(text)});
  };
  window.watch = async (hours) => {
    for (const end = now + hours * 3600_000; now < end;) {
      const [which, next] = [...tasks].reduce((one, other) => (other[1].at < one[1].at ? other : one));
      tasks.delete(which);
      now = next.at;
      next.act();
      await new Promise((go) => (answers % 20 ? queueMicrotask(() => queueMicrotask(go)) : later(go)));
      for (let turn = 0; turn < 9; turn += 1) await null;
      const picture = document.getElementById("train-weights");
      if (!picture.complete) await picture.decode();
    }
    return answers;
  };
}
"""
"""The clock of the page in our hands, and the answers of a training that does not end: an hour passes in half a minute."""

HOURS = float(os.environ.get("HOURS", "1"))


def test_hours_at_a_training_do_not_grow(browser, served) -> None:
    """Each answer that the page gets, 14,400 an hour, is drawn: memory and elements are as many as after the first quarter
    of an hour. HOURS=8 replays eight.
    """
    watched = Watched(browser, served.address, **VIEWS["wide"])
    page = watched.open("train")
    page.fill('input[name="epochs"]', "200")
    page.fill('input[name="hidden"]', "32")
    page.click("#train-start")
    expect(page.locator("#train-state")).to_contain_text("Finished", timeout=120_000)
    with urllib.request.urlopen(f"{served.address}api/v1/run") as answer:
        record = answer.read().decode()
    page.context.add_init_script(f"({REPLAY})({record})")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    held = []
    for hours in (0.25, HOURS / 2 - 0.25, HOURS / 2):
        answers = page.evaluate("(hours) => watch(hours)", hours)
        devtools.send("HeapProfiler.collectGarbage")
        found = {each["name"]: each["value"] for each in devtools.send("Performance.getMetrics")["metrics"]}
        held.append([found["JSHeapUsedSize"], found["Nodes"], found["JSEventListeners"]])
    print(f"{answers} answers; heap, nodes, listeners: {held}")
    assert answers >= HOURS * 3600 * 4
    first, middle, last = held
    assert last[0] <= 1.1 * first[0]
    assert last[1] <= first[1] + 200
    assert last[2] <= first[2] + 50
    assert middle[1] <= first[1] + 200
    expect(page.locator("#chart-loss svg polyline")).to_have_count(2)
    watched.check()
    page.goto("about:blank")
    watched.context.close()
    token = re.search('name="token" content="(.*?)"', urllib.request.urlopen(served.address).read().decode())[1]
    headers = {"X-Token": token, "Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(f"{served.address}api/v1/run/discard", b"{}", headers)).close()
