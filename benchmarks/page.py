"""How soon the page opens and answers a stroke, on this machine, at rest and while a training runs.

    python -m benchmarks.page                     # needs Chromium, and the groups of the tests

"Opens": from the navigation until the first answer can be shown. "A stroke": from the moment that a point is added until
the answer to it is on the page, one figure a point, ten digits drawn by mouse.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

OPENINGS = 9


def main() -> None:
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        sys.exit("There is no Chromium. Try: apt install chromium, or set CHROMIUM.")
    server = subprocess.Popen([sys.executable, "-m", "pellucid", "serve", "--json"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        address = json.loads(server.stdout.readline())["address"]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            print("opens, ms:", summary([opened(browser, address) for _ in range(OPENINGS)]))
            page = browser.new_page()
            page.goto(address)
            page.wait_for_selector("#said b")
            print("a stroke at rest, ms:", summary(stroked(page)))
            other = browser.new_page()
            other.goto(f"{address}#train")
            other.wait_for_selector("html[data-ready]")
            other.fill('input[name="epochs"]', "200")
            other.fill('input[name="hidden"]', "512, 512")
            other.click("#train-start")
            other.wait_for_selector("#chart-loss svg", timeout=60_000)
            page.bring_to_front()
            print("a stroke while a training runs, ms:", summary(stroked(page)))
            print("the training:", other.inner_text("#train-state"))
            browser.close()
    finally:
        server.kill()


def opened(browser: Any, address: str) -> float:
    """Open the page in a fresh context: → milliseconds."""
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("#said b")
    milliseconds = float(page.evaluate("document.documentElement.dataset.ready"))
    context.close()
    return milliseconds


def stroked(page: Any) -> list[float]:
    """Draw ten digits: → milliseconds, one for each point."""
    from pellucid.web.samples import samples

    answers = []
    for strokes in samples().values():
        page.click("#paper-clear")
        box = page.locator("#paper").bounding_box()
        for stroke in strokes:
            page.mouse.move(box["x"] + stroke[0][0], box["y"] + stroke[0][1])
            page.mouse.down()
            for x, y in stroke[1:]:
                page.mouse.move(box["x"] + x, box["y"] + y)
                answers.append(float(page.evaluate("document.documentElement.dataset.strokeMs")))
            page.mouse.up()
    return answers


def summary(figures: Sequence[float]) -> str:
    ordered = sorted(figures)
    shares = {"median": 0.5, "90 %": 0.9, "99 %": 0.99}
    return ", ".join(f"{name} {ordered[int(share * len(ordered))]:.0f}" for name, share in shares.items())


if __name__ == "__main__":
    main()
