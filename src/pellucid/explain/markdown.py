"""An explanation in Markdown, its formulas in LaTeX: for a notebook, a wiki, a paper."""

from __future__ import annotations

from collections.abc import Iterator

from pellucid.explain.explanation import Explanation, Step
from pellucid.explain.formula import latex, latex_of_numeral
from pellucid.explain.text import PHASES


def to_markdown(explanation: Explanation) -> str:
    """Write all steps, a section a phase."""
    lines = [f"# One step of training: {explanation.network}", "", explanation.headline]
    phase = None
    for step in explanation.steps:
        if step.phase != phase:
            phase = step.phase
            lines += ["", f"## {PHASES[phase]}"]
        lines += ["", *_of_step(step)]
    return "\n".join(lines) + "\n"


def _of_step(step: Step) -> Iterator[str]:
    yield f"### {step.title} `[{step.tag}]`"
    yield ""
    yield f"$${latex(step.formula)}$$"
    yield ""
    yield f"Shapes: {step.shapes}. {_capital(step.numbers.about)}."
    if step.lines:
        yield ""
        yield "$$\\begin{aligned}"
        yield " \\\\\n".join(_aligned(latex(line.formula)) for line in step.lines)
        yield "\\end{aligned}$$"
    for each in step.sums:
        yield ""
        yield f"| ${latex(each.makes)}$ | is the sum of |"
        yield "| ---: | :--- |"
        for part in each.parts:
            yield f"| {part.numeral} | ${latex(part.what)}$ |"
        yield f"| **{each.total}** | |"
    if step.numbers.rows and not step.lines:
        yield ""
        rows = r" \\ ".join(" & ".join(latex_of_numeral(number) for number in row) for row in step.numbers.rows)
        yield f"$$\\begin{{pmatrix}} {rows} \\end{{pmatrix}}$$"
    if step.check is not None:
        yield ""
        yield f"{_capital(step.check.words)}."
    if step.note:
        yield ""
        yield step.note


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _aligned(formula: str) -> str:
    """Put the mark of alignment before the first sign of equality."""
    places = [formula.find(sign) for sign in (" = ", r" \leftarrow ", r" \approx ") if sign in formula]
    if not places:
        return formula
    first = min(places)
    return f"{formula[:first]} &{formula[first:]}"
