"""What an explanation is: steps in order, each with its equation, its numbers and its check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.equations.notation import EQUATIONS
from pellucid.explain.formula import Formula, latex, text
from pellucid.explain.numerals import numeral

Phase = Literal["input", "forward", "loss", "backward", "update"]

ALL_SHOWN = 12
"""An array of at most so many numbers is shown whole."""


@dataclass(frozen=True)
class Line:
    """A formula with numbers in it."""

    formula: Formula

    @property
    def text(self) -> str:
        """The line as plain text."""
        return text(self.formula)


class Part(NamedTuple):
    """One line of a sum that is written as a column: what it amounts to, and what it is."""

    numeral: str
    what: Formula


class Sum(NamedTuple):
    """A sum written as a column: what it makes, its parts, which add up to the total as they are printed."""

    makes: Formula
    parts: tuple[Part, ...]
    total: str


class Numbers(NamedTuple):
    """The numbers of an array: all of them by rows where they are few, and a sentence."""

    rows: tuple[tuple[str, ...], ...]
    about: str


class Check(NamedTuple):
    """A gradient held against differences: of an element of it both numbers; of all probes how far they are apart."""

    element: Formula
    backpropagation: str
    difference: str
    apart: str
    probes: int
    left_out: int

    @property
    def words(self) -> str:
        """The check in a sentence."""
        if not self.probes:
            return "check: every probe crosses a corner, where there is no slope to be measured"
        element = f"{text(self.element)} by differences {self.difference}; " if self.difference else ""
        numbers = f"{self.probes} number{'s' * (self.probes != 1)}"
        left_out = f", {self.left_out} left out at corners" if self.left_out else ""
        return f"check: {element}relative difference {self.apart} over {numbers}{left_out}"


@dataclass(frozen=True, eq=False)
class Step:
    """One equation at work: the quantity it makes, the tag, the formula, the shapes, the numbers."""

    symbol: str
    phase: Phase
    tag: str
    title: str
    formula: Formula
    shapes: str
    array: NDArray[Any]
    lines: tuple[Line, ...] = ()
    sums: tuple[Sum, ...] = ()
    note: str = ""
    check: Check | None = None
    write: Callable[[float], str] = numeral

    @property
    def numbers(self) -> Numbers:
        """The numbers of what the step makes."""
        return numbers_of(self.array, self.write)

    def to_record(self, *, exact: bool = True) -> dict[str, Any]:
        """Write the step as a JSON record: what is printed, and with ``exact`` all numbers of what it makes as they are."""
        check = None
        if self.check is not None:
            check = {**self.check._asdict(), "element": text(self.check.element), "words": self.check.words}
        return {
            "symbol": self.symbol,
            "phase": self.phase,
            "tag": self.tag,
            "title": self.title,
            "equation": EQUATIONS[self.tag].plain,
            "formula": text(self.formula),
            "latex": latex(self.formula),
            "shapes": self.shapes,
            "numbers": {"rows": [list(row) for row in self.numbers.rows], "about": self.numbers.about},
            "lines": [line.text for line in self.lines],
            "sums": [
                {
                    "makes": text(each.makes),
                    "parts": [{"amount": part.numeral, "what": text(part.what)} for part in each.parts],
                    "total": each.total,
                }
                for each in self.sums
            ],
            "note": self.note,
            "check": check,
            **({"value": _finite(self.array.tolist())} if exact else {}),
        }


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """One step of training on one example: forwards, loss, backwards, update, with the loss before and after.

    ``label`` is what the example is, ``says`` what the network takes it for; ``picture`` holds the example in the units of
    the data and in its shape. All numbers are computed in float64 from the network's parameters.
    """

    network: str
    parameters: int
    example: str
    label: Any
    says: Any
    picture: NDArray[Any]
    learning_rate: float
    loss: float
    loss_after: float
    steps: tuple[Step, ...]

    def step(self, symbol: str) -> Step:
        """Find the step that makes a quantity, such as "z₁" or "∂L/∂W₂". Raises ``KeyError``."""
        for step in self.steps:
            if step.symbol == symbol:
                return step
        raise KeyError(symbol)

    @property
    def headline(self) -> str:
        """What is explained, in a sentence."""
        return (
            f"{self.example}: it is {self.label}, the network says {self.says}. One step of training with the rate "
            f"{numeral(self.learning_rate)} takes its loss from {numeral(self.loss)} to {numeral(self.loss_after)}."
        )

    def to_record(self, *, exact: bool = True) -> dict[str, Any]:
        """Write the explanation as a JSON record, with ``exact`` all numbers of all steps."""
        return {
            "network": self.network,
            "parameters": self.parameters,
            "example": self.example,
            "label": self.label,
            "says": self.says,
            "learning_rate": self.learning_rate,
            "loss": _finite(self.loss),
            "loss_after": _finite(self.loss_after),
            "headline": self.headline,
            "picture": _finite(self.picture.tolist()),
            "steps": [step.to_record(exact=exact) for step in self.steps],
        }

    def __repr__(self) -> str:
        return f"<pellucid.explain.Explanation of {self.network}: {len(self.steps)} steps>"

    def __str__(self) -> str:
        from pellucid.explain.text import to_text

        return to_text(self)

    def to_html(self) -> str:
        """Write a page of HTML that needs nothing but a browser."""
        from pellucid.explain.html import to_page

        return to_page(self)

    def to_markdown(self) -> str:
        """Write Markdown, its formulas in LaTeX."""
        from pellucid.explain.markdown import to_markdown

        return to_markdown(self)

    def _repr_html_(self) -> str:
        from pellucid.explain.html import to_fragment

        return to_fragment(self)


def numbers_of(array: NDArray[Any], write: Callable[[float], str] = numeral) -> Numbers:
    """Show an array whole where it is small, else say how many numbers there are, from where to where, and the largest.

    >>> numbers_of(np.array([0.7, 0.0, 0.8]))
    Numbers(rows=(('0.7', '0', '0.8'),), about='3 numbers')
    >>> numbers_of(np.arange(-3.0, 10)).about
    '13 numbers from −3 to 9, 9 above 0, 1 is 0; furthest from 0: [12] 9, [11] 8, [10] 7'
    """
    flat = array.reshape(-1)
    if flat.size == 1:
        return Numbers(((write(float(flat[0])),),), "1 number")
    if flat.size <= ALL_SHOWN:
        rows = np.atleast_2d(array)
        return Numbers(tuple(tuple(write(float(value)) for value in row) for row in rows), f"{flat.size} numbers")
    above, zeros = int((flat > 0).sum()), int((flat == 0).sum())
    order = np.argsort(-np.abs(flat), kind="stable")[:3]
    places = [",".join(str(i) for i in np.unravel_index(place, array.shape)) for place in order]
    largest = ", ".join(f"[{place}] {numeral(float(flat[i]))}" for place, i in zip(places, order, strict=True))
    low, high = numeral(float(flat.min())), numeral(float(flat.max()))
    are_zero = f", {zeros:,} {'is' if zeros == 1 else 'are'} 0" if zeros else ""
    return Numbers(
        (), f"{flat.size:,} numbers from {low} to {high}, {above:,} above 0{are_zero}; furthest from 0: {largest}"
    )


def _finite(value: Any) -> Any:
    """Write what is not finite as words, which JSON has no numbers for."""
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return value if not isinstance(value, float) or np.isfinite(value) else numeral(value)
