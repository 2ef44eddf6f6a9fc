"""Two charts as SVG within a page: curves over the epochs, and how sure against how often right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from math import floor, inf, log10
from typing import NamedTuple

from pellucid.equations.metrics import CalibrationBin
from pellucid.explain.numerals import percent

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 480, 260, 56, 32, 12, 12


class Curve(NamedTuple):
    """A line of a chart: its name, its numbers, whether it is dashed, and where they lie where that is not at the epochs."""

    name: str
    values: Sequence[float]
    dashed: bool = False
    at: Sequence[float] | None = None


def curves(title: str, epochs: Sequence[float], lines: Sequence[Curve]) -> str:
    """Draw curves over the epochs, upwards in powers of ten: → an SVG element. What is not above 0 is left out."""
    kept = [
        (line, [(e, v) for e, v in zip(line.at or epochs, line.values, strict=True) if 0 < v < inf]) for line in lines
    ]
    values = [value for _, points in kept for _, value in points]
    if not values:
        return ""
    low, high = log10(min(values)), log10(max(values))
    low, high = (low - 0.05, high + 0.05) if high - low < 0.1 else (low, high)
    first, last = epochs[0], max(epochs[-1], epochs[0] + 1)

    def x(epoch: float) -> float:
        return LEFT + (epoch - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (log10(value) - low) / (high - low) * (HEIGHT - BOTTOM - TOP)

    parts = [*_grid((y(mark), f"{mark:g}") for mark in _marks(low, high))]
    for place, epoch in enumerate((epochs[0], epochs[-1])):
        anchor = ("start", "end")[place]
        parts.append(
            f'<text x="{x(epoch):.1f}" y="{HEIGHT - 10}" text-anchor="{anchor}">epoch {round(epoch, 2):g}</text>'
        )
    for line, points in kept:
        path = " ".join(f"{x(epoch):.1f},{y(value):.1f}" for epoch, value in points)
        parts.append(f'<polyline points="{path}" class="curve{" dashed" * line.dashed}"/>')
    names = ", ".join(f"{line.name} ({'dashed' if line.dashed else 'solid'})" for line in lines)
    return _svg(f"{title} over the epochs: {names}", parts)


def reliability(bins: Sequence[CalibrationBin]) -> str:
    """Draw how often the network is right against how sure it is: on the diagonal it knows itself. → an SVG element."""

    def x(share: float) -> float:
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(share: float) -> float:
        return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)

    parts = [*_grid((y(mark / 4), f"{25 * mark} %") for mark in range(5))]
    for mark, anchor in enumerate(("start", "middle", "middle", "middle", "end")):
        parts.append(f'<text x="{x(mark / 4):.1f}" y="{HEIGHT - 10}" text-anchor="{anchor}">{25 * mark} %</text>')
    parts.append(f'<line x1="{x(0)}" y1="{y(0)}" x2="{x(1)}" y2="{y(1)}" class="diagonal"/>')
    most = max((each.examples for each in bins), default=1)
    for each in bins:
        if each.examples:
            radius = 3 + 5 * (each.examples / most) ** 0.5
            words = f"{each.examples:,} examples: {percent(each.confidence, 1)} sure, {percent(each.accuracy, 1)} right"
            parts.append(
                f'<circle cx="{x(each.confidence):.1f}" cy="{y(each.accuracy):.1f}" r="{radius:.1f}" class="dot">'
                f"<title>{words}</title></circle>"
            )
    return _svg("How often right, against how sure", parts)


def _marks(low: float, high: float) -> list[float]:
    """Round numbers between two powers of ten: 1, 2, 5 times those that lie between."""
    powers = range(floor(low), floor(high) + 1)
    marks = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
    inside = [mark for mark in marks if low <= log10(mark) <= high]
    if len(inside) < 2:
        return [float(f"{10.0**end:.2g}") for end in (low, high)]
    return inside if len(inside) <= 6 else [mark for mark in inside if f"{mark:e}"[0] == "1"]


def _grid(marks: Iterator[tuple[float, str]]) -> Iterator[str]:
    for height, words in marks:
        yield f'<line x1="{LEFT}" y1="{height:.1f}" x2="{WIDTH - RIGHT}" y2="{height:.1f}" class="grid"/>'
        yield f'<text x="{LEFT - 6}" y="{height + 4:.1f}" text-anchor="end">{words}</text>'


def _svg(name: str, parts: Sequence[str]) -> str:
    label = escape(name)
    return f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
