"""Take the picture of docs/page.md anew: python docs/page.py. Needs Chromium, and Playwright from the group of the tests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path


def main() -> None:
    command = [sys.executable, "-m", "pellucid", "serve", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            take_picture(json.loads(server.stdout.readline())["address"])
        finally:
            server.kill()


def take_picture(address: str) -> None:
    """Have the page read a four, and write what it shows beside this file."""
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1180, "height": 860}, reduced_motion="reduce")
        page.goto(address)
        page.click("#samples button >> nth=4")
        expect(page.locator("#said b")).to_have_text("4")
        page.screenshot(path=Path(__file__).with_name("page.png"))
        browser.close()


if __name__ == "__main__":
    main()
