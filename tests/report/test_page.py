"""The page about a model: whole, true, asking nobody for anything."""

from __future__ import annotations

import io
import re
import zlib
from html.parser import HTMLParser

import numpy as np
import pytest

from pellucid import Network, datasets, load
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.initialization import initialize
from pellucid.equations.metrics import CalibrationBin
from pellucid.report.charts import Curve, curves, reliability
from pellucid.report.page import Subject, fingerprint, to_page
from pellucid.report.png import dark_on_light, mosaic, png, signed
from pellucid.training.history import EpochRecord
from pellucid.training.mistakes import shown_of


class Page(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.addresses, self.words = [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def subject():
    digits = datasets.load("digits")
    architecture = Architecture((8, 8), (Hidden(20),), 10, scaling=digits.scaling)
    network = Network(architecture, initialize(architecture, 0), classes=tuple("0123456789"))
    X, y = digits.X_test, digits.y_test
    history = tuple(
        EpochRecord(epoch, 1 / epoch, 0.5 + epoch / 20, 1.2 / epoch, 0.4 + epoch / 20, 0.1, 0.1, 1e4)
        for epoch in (1, 2, 3)
    )
    facts = [("command", "pellucid evaluate <run> & more")]
    found = network.evaluate(X, y)
    return Subject(network, found, shown_of(found, X, y), 'digits "8×8"', facts, history)


def test_the_page_is_wellformed_and_holds_all_it_shows(subject):
    html = to_page(subject)
    page = Page(html)
    assert page.open == []
    assert "script" not in page.tags
    assert page.tags.count("main") == page.tags.count("h1") == html.count("<title>64-20-10") == 1
    assert all(address.startswith(("data:image/png;base64,", "#")) for address in page.addresses)
    assert not re.search(r"https?://|url\((?!\"data:)|@import|<script|onerror", html)
    assert "default-src 'none'" in html
    assert "&lt;run&gt; &amp; more" in html


def test_its_numbers_are_those_of_the_evaluation(subject):
    words = " ".join(" ".join(Page(to_page(subject)).words).split())
    found = subject.found
    wrong = int((found.logits.argmax(axis=1) != subject.found.y).sum())
    assert f"{100 * found.accuracy:.2f} % read rightly" in words
    assert f"{wrong:,} of {subject.found.n:,} wrong" in words
    assert f"{found.loss:.4f} loss" in words
    assert fingerprint(subject.network) in words
    assert f"{wrong:,} examples are taken for what they are not; these 60 most surely." in words
    for true, row in enumerate(found.confusion.tolist()):
        recall = found.precision_and_recall[1][true]
        assert f"{true} {' '.join(f'{count:,}' for count in row)} {100 * recall:.1f} %" in words


def test_the_surest_mistakes_come_first_and_one_is_worked_out(subject):
    html = to_page(subject)
    shown = re.findall(r"no\. ([\d,]+):<br>(\d), taken for (\d),<br>([\d.]+) % sure", html)
    assert len(shown) == 60
    assert [float(sure) for *_, sure in shown] == sorted((float(sure) for *_, sure in shown), reverse=True)
    for number, true, taken, _ in shown:
        row = int(number.replace(",", ""))
        assert (subject.found.y[row], subject.found.logits[row].argmax()) == (int(true), int(taken))
    assert html.count("<math>") > 50
    assert html.count(".pellucid h1 {") == 1  # the style of a step is there once


def test_the_steps_of_the_other_mistakes_are_a_command_away(subject):
    html = to_page(subject._replace(step_command="pellucid explain 'my run' --index"))
    surest = re.search(r"no\. ([\d,]+):", html)[1].replace(",", "")
    assert f"<code>pellucid explain &#x27;my run&#x27; --index {surest}</code> shows the step" in html
    assert "<code>pellucid explain" not in to_page(subject)


def test_a_perfect_network_has_no_mistakes_to_show(subject):
    rows = np.flatnonzero(subject.found.logits.argmax(axis=1) == subject.found.y)[:5]
    X, y = datasets.load("digits").X_test[rows], subject.found.y[rows]
    found = subject.network.evaluate(X, y)
    html = to_page(subject._replace(found=found, shown=shown_of(found, X, y), history=()))
    assert "0 examples are taken for what they are not.</p>" in html
    assert "<h2>Learning</h2>" not in html


def test_what_was_not_answered_counts_as_wrong_and_is_told_of(subject):
    y = datasets.load("digits").y_test[:40]
    X = datasets.load("digits").X_test[:40].astype(np.float64)
    X[:3] = 1e300
    found = subject.network.evaluate(X, y)
    words = " ".join(" ".join(Page(to_page(subject._replace(found=found, shown=shown_of(found, X, y)))).words).split())
    assert "3 examples hold numbers that are too large to compute with. They count as wrong." in words
    mistaken = len(found.mistakes[0])
    assert f"{mistaken + 3} of 40 wrong not finite loss" in words
    assert f"{mistaken} examples are taken for what they are not, the surest first." in words


def test_where_no_example_was_answered_there_is_no_step_to_show(subject):
    X, y = np.full((2, 64), 1e300), np.array([9, 1])
    found = subject.network.evaluate(X, y)
    html = to_page(subject._replace(found=found, shown=shown_of(found, X, y), step_command="pellucid explain --index"))
    assert "0 examples are taken for what they are not.</p>" in html
    assert "too large to compute with: no step can be shown.</p>" in html
    assert "taken for 9" not in html
    assert "<math>" not in html
    assert Page(html).open == []


def test_a_network_of_a_table_has_no_pictures(subject):
    architecture = Architecture((64,), (Hidden(20),), 10, scaling=subject.network.architecture.scaling)
    flat = Network(architecture, subject.network.layers, classes=tuple("0123456789"))
    html = to_page(subject._replace(network=flat))
    assert "<img" not in html
    assert "no. " in html


def test_networks_of_the_same_numbers_share_a_fingerprint(subject, tmp_path):
    subject.network.save(tmp_path / "a.safetensors")
    assert fingerprint(load(tmp_path / "a.safetensors")) == fingerprint(subject.network)
    assert fingerprint(load("mnist")) != fingerprint(subject.network)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (1, 1)])
def test_a_png_holds_its_pixels(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    content = png(pixels)
    Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    assert np.array_equal(np.array(Image.open(io.BytesIO(content))), pixels)
    assert content.endswith(b"IEND" + zlib.crc32(b"IEND").to_bytes(4, "big"))


def test_colours_tell_the_sign_and_paper_is_white():
    assert signed(np.zeros((2, 2))).tolist() == [[[247] * 3] * 2] * 2
    blue, brown = signed(np.array([[2.0, -2.0]]), largest=1.0)[0].tolist()
    assert blue[2] > blue[0]
    assert brown[0] > brown[2]
    assert dark_on_light(np.array([[0, 255]])).tolist() == [[255, 0]]
    assert dark_on_light(np.full((1, 2), 7)).tolist() == [[255, 255]]


def test_a_mosaic_has_a_field_for_each_neuron():
    sheet = mosaic(np.eye(6), (2, 3), columns=4)
    assert sheet.shape == (2 * 3 + 1, 4 * 4 + 1, 3)
    blue = (sheet == [11, 95, 165]).all(axis=2)
    assert blue.sum() == 6


def test_curves_go_down_where_numbers_fall():
    svg = curves(
        "Loss", [1, 2, 3], [Curve("training", [1.0, 0.1, 0.01]), Curve("validation", [0.5, 0.0, 0.2], dashed=True)]
    )
    solid, dashed = re.findall(r'points="([^"]+)"', svg)
    heights = [float(point.split(",")[1]) for point in solid.split()]
    assert heights == sorted(heights)
    assert np.allclose(np.diff(heights), heights[1] - heights[0])  # powers of ten are evenly spaced
    assert len(dashed.split()) == 2  # what is not above 0 has no logarithm
    assert "training (solid), validation (dashed)" in svg
    assert curves("Loss", [1], [Curve("training", [0.0])]) == ""


def test_a_network_that_knows_itself_lies_on_the_diagonal():
    svg = reliability([CalibrationBin(100, 0.5, 0.5), CalibrationBin(0, 0.0, 0.0), CalibrationBin(25, 1.0, 1.0)])
    dots = [tuple(map(float, dot)) for dot in re.findall(r'cx="([\d.]+)" cy="([\d.]+)" r="([\d.]+)"', svg)]
    assert len(dots) == 2
    line = re.search(r'x1="([\d.]+)" y1="([\d.]+)" x2="([\d.]+)" y2="([\d.]+)" class="diagonal', svg)
    x1, y1, x2, y2 = map(float, line.groups())
    for x, y, _ in dots:
        assert abs((y - y1) / (y2 - y1) - (x - x1) / (x2 - x1)) <= 1e-3
    assert dots[0][2] > dots[1][2]
