"""Numbers put into formulas: a line with what it comes to, a long sum as a column that adds up."""

from __future__ import annotations

from typing import Any

from pellucid.equations.decompose import decompose
from pellucid.equations.parameters import Array
from pellucid.explain.arithmetic import ending
from pellucid.explain.arithmetic import equals as exactly
from pellucid.explain.explanation import ALL_SHOWN, Line, Part, Sum
from pellucid.explain.formula import Formula, Number, Operator, Symbol, Word
from pellucid.explain.numerals import adding_up, in_a_product, numeral

TERMS_SHOWN = 5
EQUALS, PLUS, MINUS, TIMES, GETS = map(Operator, ("=", "+", "−", "·", "←"))


def line_of(head: Symbol, made: Formula, value: float, equals: Operator = EQUALS, written: str = "") -> Line:
    """Write what an element is made of, and what it comes to; with ≈ at once where that is one number, and rounded."""
    if equals == EQUALS and made == (Number(numeral(float(value))),):
        equals = exactly(float(value))
    return Line((head, equals, *ending(made, float(value), written)))


def column_of(
    made: Symbol,
    weight: Symbol,
    by: Symbol,
    weights: Array,
    inputs: Array,
    total: float,
    bias: tuple[float, Symbol] | None,
) -> Sum:
    """Write Σ_i weight_i · input_i, and the bias, as a column that adds up.

    ``weight`` has a place such as "17," or ",17", into which the number of the term goes.
    """
    short = decompose(weights * inputs, TERMS_SHOWN if len(weights) > ALL_SHOWN else len(weights))
    amounts = [*short.terms.tolist(), *([bias[0]] if bias else [])]
    written, rest, whole = adding_up(amounts, float(total))
    parts = []
    for place, amount in zip(short.places.tolist(), written, strict=False):
        here = f"{weight.place}{place}" if weight.place.endswith(",") else f"{place}{weight.place}"
        factors: Formula = (weight._replace(place=here), TIMES, by._replace(place=str(place)), EQUALS)
        parts.append(Part(amount, (*factors, *products(weights[[place]], inputs[[place]]))))
    if rest or short.others:
        words = f"the other {short.others:,} terms" if short.others else "rounding"
        parts.append(Part(rest or "0", (Word(words),)))
    if bias:
        parts.append(Part(written[-1], (bias[1],)))
    return Sum((made,), tuple(parts), whole)


def products(weights: Array, inputs: Array) -> Formula:
    """Write 0.5 · 1 + (−0.2) · 0 + …"""
    return between(
        PLUS,
        [(Number(in_a_product(w)), TIMES, Number(in_a_product(a))) for w, a in zip(weights, inputs, strict=True)],
    )


def between(sign: Operator, formulas: list[Formula]) -> Formula:
    """Put a sign between formulas."""
    row: list[Any] = []
    for formula in formulas:
        row += [*([sign] if row else []), *formula]
    return tuple(row)


def applied(activation: str, to: Symbol | Number) -> Formula:
    """Write an activation of something."""
    if activation == "relu":
        return (Operator("max"), Operator("("), Number("0"), Operator(","), to, Operator(")"))
    return (to,) if activation == "identity" else (Operator(activation), Operator("("), to, Operator(")"))
