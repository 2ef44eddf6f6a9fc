"""Digits are drawn by mouse and finger, and read."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from pellucid.web.samples import samples

pytestmark = pytest.mark.slow


def test_the_first_ten_seconds(watched) -> None:
    page = watched.open()
    watched.says("7")  # a digit is drawn and recognised
    expect(page.locator("#bars li.best .number")).to_have_text("100.0 %")
    expect(page.locator("#layers .cells button")).to_have_count(192)
    page.click("#layers .cells button.loudest >> nth=0")  # one click to the numbers
    expect(page.locator("#neuron table.sum tr")).to_have_count(8)
    page.click("text=How does it know?")
    expect(page.locator("#stop h2")).to_contain_text("What the network sees")


@pytest.mark.parametrize("digit", list("0123456789"))
def test_a_digit_drawn_by_mouse_is_read(watched, digit) -> None:
    page = watched.open()
    watched.says("7")
    page.click("#paper-clear")
    for stroke in watched.on_paper(samples()[digit]):
        page.mouse.move(*stroke[0])
        page.mouse.down()
        for point in stroke[1:]:
            page.mouse.move(*point, steps=2)
        page.mouse.up()
    watched.says(digit)
    page.click("#paper-undo")
    if len(samples()[digit]) == 1:
        expect(page.locator("#said")).to_have_text("Nothing drawn yet.")


@pytest.mark.parametrize("digit", list("0123456789"))
def test_a_digit_drawn_by_finger_small_and_in_a_corner_is_read(watch, served, digit) -> None:
    watched = watch(served.address, viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    page = watched.open()
    watched.says("7")
    touch = page.context.new_cdp_session(page)

    def send(kind: str, *points: tuple[float, float]) -> None:
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})

    for stroke in watched.on_paper(samples()[digit], scale=0.5):
        send("touchStart", stroke[0])
        for point in stroke[1:]:
            send("touchMove", point)
        send("touchEnd")
    watched.says(digit)


def test_a_digit_drawn_by_pen_is_read(watched) -> None:
    page = watched.open()
    watched.says("7")
    kinds = page.evaluate_handle(
        "() => { const seen = []; addEventListener('pointerdown', (e) => seen.push(e.pointerType)); return seen; }"
    )
    page.click("#paper-clear")
    pen = page.context.new_cdp_session(page)

    def send(kind: str, point: tuple[float, float], pressed: int) -> None:
        where = {"x": point[0], "y": point[1], "button": "left", "buttons": pressed, "clickCount": 1}
        pen.send("Input.dispatchMouseEvent", {"type": kind, "pointerType": "pen", **where})

    for stroke in watched.on_paper(samples()["3"]):
        send("mousePressed", stroke[0], 1)
        for point in stroke[1:]:
            send("mouseMoved", point, 1)
        send("mouseReleased", stroke[-1], 0)
    watched.says("3")
    assert "pen" in kinds.json_value()


def test_leaving_out_a_part_of_the_recipe_shows(watched) -> None:
    page = watched.open()
    watched.says("7")
    whole = page.get_attribute("#stages li:nth-child(3) img", "src")
    page.uncheck('input[value="centre"]')
    expect(page.locator("#stages li:nth-child(3)")).to_contain_text("the box in the middle")
    page.uncheck('input[value="size"]')
    expect(page.locator("#stages li:nth-child(3)")).to_contain_text("where it was drawn")
    assert page.get_attribute("#stages li:nth-child(3) img", "src") != whole
