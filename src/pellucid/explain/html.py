"""An explanation as HTML: formulas in MathML, the picture as SVG, no script, nothing from outside.

``to_page`` writes a page of its own, ``to_fragment`` what a notebook shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import groupby

import numpy as np

from pellucid.explain import math_font
from pellucid.explain.explanation import Explanation, Step
from pellucid.explain.formula import Formula, mathml
from pellucid.explain.text import PHASES

STYLE = """
.pellucid { --ink: #1d2733; --quiet: #5a6673; --line: #d5dbe1; --plus: #0b5fa5; --minus: #b35806; --paper: #ffffff;
  --tint: #f5f7f9; --shade: #1d273355; color: var(--ink); background: var(--paper);
  font: 1rem/1.55 system-ui, sans-serif; max-width: 52rem;
  margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
.pellucid h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem; }
.pellucid h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem; padding-top: .8rem; border-top: 2px solid var(--line); }
.pellucid h3 { font-size: 1rem; margin: 1.6rem 0 .2rem; }
.pellucid h3 code { color: var(--quiet); font-weight: normal; font-size: .85em; }
.pellucid .head { display: flex; flex-wrap: wrap; gap: 1.2rem; align-items: center; }
.pellucid .head > div { flex: 1 1 18rem; }
.pellucid svg { width: 8.5rem; height: auto; border: 1px solid var(--line); background: #ffffff; }
.pellucid nav ol { display: flex; flex-wrap: wrap; gap: .3rem; padding: 0; margin: 1rem 0 0; list-style: none; }
.pellucid nav a { display: inline-block; padding: .15rem .5rem; border: 1px solid var(--line); border-radius: .3rem;
  color: var(--ink); text-decoration: none; font-size: .9rem; }
.pellucid nav a:hover, .pellucid nav a:focus-visible { border-color: var(--plus); outline: 2px solid var(--plus); }
.pellucid math { font-size: 1.1em; }
.pellucid .formula { padding: .35rem .7rem; background: var(--tint); border-left: 3px solid var(--plus); margin: .3rem 0; }
.pellucid .shapes, .pellucid .about, .pellucid .check { color: var(--quiet); font-size: .9rem; margin: .2rem 0; }
.pellucid .scroll { overflow-x: auto; background:
    linear-gradient(to right, var(--paper) 1.5rem, transparent) 0 0 / 3rem 100% no-repeat local,
    linear-gradient(to left, var(--paper) 1.5rem, transparent) 100% 0 / 3rem 100% no-repeat local,
    linear-gradient(to right, var(--shade), transparent) 0 0 / .8rem 100% no-repeat scroll,
    linear-gradient(to left, var(--shade), transparent) 100% 0 / .8rem 100% no-repeat scroll; }
.pellucid ul.lines { list-style: none; margin: .4rem 0; padding: 0; }
.pellucid table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .4rem 0; font-size: .95rem; }
.pellucid td, .pellucid th { padding: .1rem .6rem; text-align: right; white-space: nowrap; font-weight: normal; }
.pellucid table.sum td + td { text-align: left; }
.pellucid table.sum tr.total td { border-top: 1px solid var(--ink); font-weight: 600; }
.pellucid table.sum caption { text-align: left; }
.pellucid td.plus { color: var(--plus); } .pellucid td.minus { color: var(--minus); }
.pellucid .note { margin: .3rem 0; }
@media (prefers-color-scheme: dark) { .pellucid { --ink: #e4e9ee; --quiet: #a3afbb; --line: #3b4650; --plus: #6cb2f0;
  --minus: #f2a65a; --paper: #14191e; --tint: #1c232a; --shade: #e6ebf077; } }
@media print { .pellucid nav { display: none; } .pellucid { max-width: none; } }
"""

POLICY = "default-src 'none'; style-src 'unsafe-inline'; font-src data:"


def to_page(explanation: Explanation) -> str:
    """Write a page of HTML that needs nothing but a browser."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>One step of training: {escape(explanation.network)}</title>\n<style>body {{ margin: 0; }} "
        "@media (prefers-color-scheme: dark) { body { background: #14191e; } }\n"
        f"{math_font.style()}</style>\n</head>\n<body>\n"
        f"{to_fragment(explanation, 'main')}\n</body>\n</html>\n"
    )


def to_fragment(explanation: Explanation, element: str = "div") -> str:
    """Write all steps within one element, with the style that it needs."""
    return "\n".join([f'<{element} class="pellucid">', f"<style>{STYLE}</style>", *body(explanation), f"</{element}>"])


def body(explanation: Explanation, heading: str = "h1") -> Iterator[str]:
    """Write all steps, a line at a time, for within an element of the class ``pellucid``."""
    yield '<div class="head">'
    yield from _picture(explanation)
    yield f"<div><{heading}>One step of training, with its numbers</{heading}><p>{escape(explanation.headline)}</p>"
    yield f"<p>{escape(explanation.network)}, {explanation.parameters:,} parameters.</p></div></div>"
    yield '<nav aria-label="Steps"><ol>'
    for number, step in enumerate(explanation.steps):
        yield f'<li><a href="#step-{number}">{escape(step.symbol)}</a></li>'
    yield "</ol></nav>"
    for phase, steps in groupby(enumerate(explanation.steps), key=lambda each: each[1].phase):
        yield f"<section><h2>{PHASES[phase]}</h2>"
        for number, step in steps:
            yield from _step(number, step)
        yield "</section>"


def _step(number: int, step: Step) -> Iterator[str]:
    yield f'<article id="step-{number}"><h3>{escape(step.title)} <code>[{escape(step.tag)}]</code></h3>'
    yield f'<p class="formula">{_math(step.formula)}</p><p class="shapes">shapes: {escape(step.shapes)}</p>'
    if step.lines:
        yield '<ul class="lines scroll">'
        yield from (f"<li>{_math(line.formula)}</li>" for line in step.lines)
        yield "</ul>"
    for each in step.sums:
        yield f'<div class="scroll"><table class="sum"><caption>{_math(each.makes)} is the sum of</caption>'
        for part in each.parts:
            yield f"<tr>{_number(part.numeral)}<td>{_math(part.what)}</td></tr>"
        yield f'<tr class="total">{_number(each.total)}<td></td></tr></table></div>'
    rows, about = step.numbers
    if not rows:
        yield f'<p class="about">{escape(about)}</p>'
    elif len(step.lines) < step.array.size and (step.array.size > 1 or not step.sums):
        yield '<div class="scroll"><table>'
        yield from (f"<tr>{''.join(map(_number, row))}</tr>" for row in rows)
        yield "</table></div>"
    if step.check is not None:
        yield f'<p class="check">{escape(step.check.words)}</p>'
    if step.note:
        yield f'<p class="note">{escape(step.note)}</p>'
    yield "</article>"


def _math(formula: Formula) -> str:
    return f"<math><mrow>{mathml(formula)}</mrow></math>"


def _number(numeral: str) -> str:
    """A cell, in the colour of its sign; the sign is printed, too."""
    kind = "minus" if numeral.startswith("−") else "plus"
    return f'<td class="{kind}">{escape(numeral)}</td>' if numeral.strip("0.") else f"<td>{numeral}</td>"


def _picture(explanation: Explanation) -> Iterator[str]:
    """Draw the example, where it is a grey picture: dark where the numbers are high."""
    picture = explanation.picture
    if picture.ndim != 2 or picture.size > 10_000:
        return
    height, width = picture.shape
    low, high = float(np.nanmin(picture)), float(np.nanmax(picture))
    name = escape(explanation.example)
    yield f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{name}" shape-rendering="crispEdges">'
    for row, column in np.argwhere(picture > low):
        shade = (float(picture[row, column]) - low) / (high - low)
        yield f'<rect x="{column}" y="{row}" width="1" height="1" fill="#000" fill-opacity="{shade:.3f}"/>'
    yield "</svg>"
