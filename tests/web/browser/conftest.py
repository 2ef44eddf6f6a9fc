"""A real browser beside a real server; every page of it is watched for what it says and for whom it asks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from pellucid.datasets import write_idx
from pellucid.datasets.drawing import of_strokes
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


@pytest.fixture
def mortal(drawings) -> Iterator[Served]:
    """Start a server for one test alone, which may kill it."""
    server = Served(drawings)
    yield server
    server.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian: apt install chromium)")
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

    def says(self, digit: str) -> None:
        """Wait until the page says that it reads this digit."""
        expect(self.page.locator("#said b")).to_have_text(digit)

    def on_paper(self, strokes, scale: float = 1.0):
        """Give the strokes as points of the window, the paper being wherever it is."""
        self.page.locator("#paper").scroll_into_view_if_needed()
        box = self.page.locator("#paper").bounding_box()
        unit = box["width"] / 280 * scale
        return [[(box["x"] + x * unit, box["y"] + y * unit) for x, y in stroke] for stroke in strokes]

    def close(self) -> None:
        """Put the page away: it said nothing on its console, and asked nobody but its server."""
        said, asked = self.said[:], self.asked[:]
        self.context.close()
        assert said == []
        assert {url for url in asked if not url.startswith((self.address, "data:"))} == set()


@pytest.fixture
def watch(browser) -> Iterator[Callable[..., Watched]]:
    """Look at a server's page in one of the views, or another. At the end it is put away, and has been quiet."""
    opened: list[Watched] = []

    def look(address: str, view: str = "wide", **more: object) -> Watched:
        opened.append(Watched(browser, address, **(more or VIEWS[view])))
        return opened[-1]

    yield look
    for watched in opened:
        watched.close()


@pytest.fixture
def watched(watch, served) -> Watched:
    return watch(served.address)


@pytest.fixture(params=SCREENS)
def screen(request) -> str:
    """Each screen in turn."""
    return request.param


@pytest.fixture
def screens() -> tuple[str, ...]:
    return SCREENS


@pytest.fixture(params=VIEWS)
def view(request) -> str:
    """Each view in turn."""
    return request.param
