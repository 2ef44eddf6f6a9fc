"""An explanation as plain text, for a terminal or a file."""

from __future__ import annotations

from collections.abc import Iterator

from pellucid.explain.explanation import Explanation, Step
from pellucid.explain.formula import text

PHASES = {
    "input": "The input",
    "forward": "Forwards",
    "loss": "The loss",
    "backward": "Backwards",
    "update": "The update",
}
INDENT = "    "


def to_text(explanation: Explanation) -> str:
    """Write all steps, each with its formula, its shapes, its numbers and its check."""
    lines = [f"{explanation.network}, {explanation.parameters:,} parameters", explanation.headline]
    phase = None
    for step in explanation.steps:
        if step.phase != phase:
            phase = step.phase
            lines += ["", PHASES[phase], "─" * len(PHASES[phase])]
        lines += ["", *of_step(step)]
    return "\n".join(lines) + "\n"


def of_step(step: Step) -> Iterator[str]:
    """Write one step, a line at a time."""
    yield f"{step.title}  [{step.tag}]"
    yield f"{INDENT}{text(step.formula)}"
    yield f"{INDENT}shapes: {step.shapes}"
    for line in step.lines:
        yield f"{INDENT}{line.text}"
    for each in step.sums:
        width = max(len(part.numeral) for part in each.parts)
        width = max(width, len(each.total) + 2)
        yield f"{INDENT}{text(each.makes)} is the sum of"
        for part in each.parts:
            yield f"{INDENT}{part.numeral:>{width}}  {text(part.what)}"
        yield f"{INDENT}{'= ' + each.total:>{width}}"
    if not step.lines or len(step.lines) < step.array.size:
        yield from _array(step)
    if step.check is not None:
        yield f"{INDENT}{step.check.words}"
    if step.note:
        yield f"{INDENT}{step.note}"


def _array(step: Step) -> Iterator[str]:
    rows, about = step.numbers
    name = step.symbol.removesuffix(" ←")
    if not rows:
        yield f"{INDENT}{name}: {about}"
    elif step.array.size > 1 or not (step.lines or step.sums):
        widest = max(len(number) for row in rows for number in row)
        for place, row in enumerate(rows):
            head = f"{name} = (" if place == 0 else " " * (len(name) + 4)
            yield f"{INDENT}{head}{'  '.join(f'{number:>{widest}}' for number in row)}{')' if row is rows[-1] else ''}"
