"""The same numbers in every dress; and each dress is well made."""

from __future__ import annotations

import json
import re
from html import unescape
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from pellucid.explain import explain
from pellucid.explain.formula import latex_of_numeral, text
from pellucid.explain.text import PHASES

NUMERAL = re.compile(r"−?\d+(?:\.\d+)?(?:·10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?")


@pytest.fixture(params=["tiny", "large"])
def explanation(request):
    return request.getfixturevalue(request.param)


def numerals_of(record):
    """All numbers that are printed of a step, in order."""
    for step in record["steps"]:
        for line in step["lines"]:
            yield from NUMERAL.findall(re.sub(r"\[[\d,]+\]", "", line))
        for each in step["sums"]:
            for part in each["parts"]:
                yield part["amount"]
            yield each["total"]


def test_terminal_page_markdown_and_json_print_the_same_strings(explanation):
    record = json.loads(json.dumps(explanation.to_record()))
    terminal, page, markdown = str(explanation), explanation.to_html(), explanation.to_markdown()
    shown = unescape(re.sub(r"<[^>]+>", " ", page))
    numerals = list(numerals_of(record))
    assert len(numerals) > 100
    for number in numerals:
        assert number in terminal
        assert number in shown
        assert latex_of_numeral(number) in markdown or number in markdown
    for step in record["steps"]:
        assert all(line in terminal for line in step["lines"])
        assert step["formula"] in terminal
        assert step["numbers"]["about"] in shown or step["numbers"]["rows"]
        if step["check"]:
            assert step["check"]["words"] in terminal
            assert step["check"]["words"] in shown
            assert step["check"]["words"][1:] in markdown


class Wellformed(HTMLParser):
    VOID = ("meta",)

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.tags = [], [], [], set()

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.add(tag)
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.links += [value for name, value in attrs if name in ("href", "src")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_asks_nobody_for_anything(explanation):
    page = Wellformed()
    page.feed(explanation.to_html())
    assert page.open == []
    assert "script" not in page.tags
    assert sorted(link.removeprefix("#") for link in page.links) == sorted(page.ids)
    assert len(set(page.ids)) == len(page.ids) == len(explanation.steps)
    assert not re.search(r"https?:|url\((?!\"data:)|@import", explanation.to_html())
    assert "default-src 'none'" in explanation.to_html()


def test_every_formula_is_wellformed_mathml(explanation):
    formulas = re.findall(r"<math>.*?</math>", explanation.to_html(), re.DOTALL)
    assert len(formulas) > 50
    for formula in formulas:
        root = ElementTree.fromstring(formula)
        for element in root.iter():
            wanted = {"msub": 2, "msup": 2, "mfrac": 2, "msubsup": 3}.get(element.tag)
            assert wanted is None or len(element) == wanted, formula


def test_every_formula_in_latex_closes_what_it_opens(explanation):
    markdown = explanation.to_markdown()
    for formula in re.findall(r"\$\$(.*?)\$\$", markdown, re.DOTALL):
        assert formula.count("{") == formula.count("}")
        assert formula.count(r"\begin") == formula.count(r"\end")
        assert not re.search("[−·⁻←≈⊙Σ]", re.sub(r"\\text\{[^}]*\}", "", formula)), formula


def test_the_terminal_heads_each_phase_once(explanation):
    lines = str(explanation).splitlines()
    for heading in PHASES.values():
        assert lines.count(heading) == 1
        assert lines[lines.index(heading) + 1] == "─" * len(heading)


def test_a_notebook_shows_the_same_within_one_element(explanation):
    fragment = explanation._repr_html_()
    assert fragment.startswith('<div class="pellucid">')
    assert fragment.endswith("</div>")
    assert "<html" not in fragment
    inner = explanation.to_html().partition("</style>\n</head>")[2]
    assert fragment.partition("</style>")[2].removesuffix("</div>") in inner


def test_a_step_is_found_by_what_it_makes(tiny):
    assert text(tiny.step("∂L/∂a₁").formula) == "∂L/∂a₁ = W₂ᵀ ∂L/∂z₂"
    with pytest.raises(KeyError):
        tiny.step("z₉")


def test_a_picture_is_drawn_dark_where_its_numbers_are_high(problem):
    architecture, layers, x, y = problem(widths=(12, 3), shape=(3, 4))
    page = explain(architecture, layers, x, y, learning_rate=0.1, example='a "picture"').to_html()
    assert 'viewBox="0 0 4 3"' in page
    assert 'aria-label="a &quot;picture&quot;"' in page
    assert page.count("<rect") == 11  # all but the lowest
