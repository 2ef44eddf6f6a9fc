"""A formula as a row of signs, and three ways of writing it: plain text, LaTeX, MathML.

A sign is a symbol of the notation (with the number of its layer, the place of an element, a gradient's ∂L/∂), a number as
``numerals`` writes it, an operator, a word, or a fraction of two formulas.

>>> row = (Symbol("z", 1), Operator("="), Symbol("W", 1), Symbol("x"), Operator("+"), Symbol("b", 1))
>>> text(row)
'z₁ = W₁ x + b₁'
>>> latex(row)
'z_{1} = W_{1}\\\\, x + b_{1}'
>>> mathml((Symbol("b", 1), Operator("="), Number("−0.2")))
'<msub><mi>b</mi><mn>1</mn></msub><mo>=</mo><mn>−0.2</mn>'
"""

from __future__ import annotations

import re
from html import escape
from typing import NamedTuple

_LOWERED = str.maketrans("0123456789+", "₀₁₂₃₄₅₆₇₈₉₊")


class Symbol(NamedTuple):
    """A letter: z, W, x …; of a layer; one element of it; transposed; or the gradient of the loss with respect to it."""

    letter: str
    layer: int | None = None
    place: str = ""
    is_gradient: bool = False
    is_transposed: bool = False


class Number(NamedTuple):
    """A number, as ``numerals`` writes it."""

    numeral: str


class Operator(NamedTuple):
    """A sign between others, or the name of a function."""

    sign: str


class Word(NamedTuple):
    """Words within a formula."""

    words: str


class Fraction(NamedTuple):
    """One formula above another."""

    above: Formula
    below: Formula


Sign = Symbol | Number | Operator | Word | Fraction
Formula = tuple[Sign, ...]

FUNCTIONS = {"exp": r"\exp", "log": r"\log", "max": r"\max", "min": r"\min"}
_LATEX = {
    "·": r"\cdot", "⊙": r"\odot", "←": r"\leftarrow", "Σ": r"\sum", "−": "-", "≈": r"\approx", "η": r"\eta", "…": r"\dots",
    "∞": r"\infty", "²": "^{2}", "δ": r"\delta", "½": r"\tfrac{1}{2}",
}  # fmt: skip


def text(formula: Formula) -> str:
    """Write a formula in a line of plain text."""
    written = ""
    for place, sign in enumerate(formula):
        written += ("" if place == 0 or _is_close(formula, place) else " ") + _text(sign)
    return written


def _is_close(formula: Formula, place: int) -> bool:
    """Say whether a sign stands close behind the one before: within brackets, behind a function's name, behind a minus."""
    before, sign = _operator(formula[place - 1]), _operator(formula[place])
    if before in ("(", "[") or sign in (")", "]", ",", "²"):
        return True
    if before == "−":
        return (
            place == 1 or isinstance(formula[place - 2], Word) or _operator(formula[place - 2]) in ("=", "≈", "(", ",")
        )
    return sign == "(" and _is_function(before)


def _operator(sign: Sign) -> str:
    return sign.sign if isinstance(sign, Operator) else ""


def _text(sign: Sign) -> str:
    match sign:
        case Symbol(letter, layer, place, is_gradient, is_transposed):
            name = letter + ("" if layer is None else str(layer).translate(_LOWERED)) + "ᵀ" * is_transposed
            return ("∂L/∂" if is_gradient else "") + name + (f"[{place}]" if place else "")
        case Number(numeral):
            return numeral
        case Operator(operator):
            return operator
        case Word(words):
            return words
        case Fraction(above, below):
            return f"{_bracketed(above)} / {_bracketed(below)}"


def _bracketed(formula: Formula) -> str:
    signs, depth = [_operator(sign) for sign in formula], 0
    for place, sign in enumerate(signs):
        depth += (sign == "(") - (sign == ")")
        if place and not depth and sign in ("+", "−"):  # a sum: within brackets of its own already it needs no others
            return f"({text(formula)})"
    return text(formula)


def latex(formula: Formula) -> str:
    """Write a formula in LaTeX's mathematics."""
    pieces: list[str] = []
    for before, sign in zip((None, *formula), formula, strict=False):
        if before is not None:
            is_apart = isinstance(before, Symbol) and isinstance(sign, Symbol | Word)
            pieces.append(r"\, " if is_apart else " ")
        pieces.append(_latex(sign))
    return "".join(pieces)


def _latex(sign: Sign) -> str:
    match sign:
        case Symbol(letter, layer, place, is_gradient, is_transposed):
            lower = ",".join(filter(None, ["" if layer is None else str(layer), place]))
            letter = _LATEX.get(letter, letter)
            name = letter + (rf"_{{{lower}}}" if lower else "") + (r"^{\top}" if is_transposed else "")
            return rf"\frac{{\partial L}}{{\partial {name}}}" if is_gradient else name
        case Number(numeral):
            return latex_of_numeral(numeral)
        case Operator(operator):
            return FUNCTIONS.get(operator) or _LATEX.get(operator) or _word_in_latex(operator)
        case Word(words):
            return rf"\text{{{words}}}"
        case Fraction(above, below):
            return rf"\frac{{{latex(above)}}}{{{latex(below)}}}"


def _word_in_latex(operator: str) -> str:
    return rf"\operatorname{{{operator}}}" if len(operator) > 1 and operator.isalpha() else operator


def latex_of_numeral(numeral: str) -> str:
    r"""Write a numeral for LaTeX.

    >>> latex_of_numeral("−3.16·10⁻⁷")
    '-3.16\\cdot 10^{-7}'
    """
    lowered = numeral.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    raised = re.search(r"[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", numeral)
    if raised is None:
        return numeral.replace("−", "-").replace("∞", r"\infty").replace("NaN", r"\text{NaN}")
    head = lowered[: raised.start()].replace("−", "-").replace("·", r"\cdot ")
    return f"{head}^{{{lowered[raised.start() : raised.end()]}}}{lowered[raised.end() :]}"


def mathml(formula: Formula) -> str:
    """Write a formula as the content of a ``<math>`` or ``<mrow>``.

    >>> mathml((Symbol("L"), Word("after")))
    '<mi>L</mi><mspace width="0.3em"/><mtext>after</mtext>'
    >>> mathml((Operator("−"), Operator("log"), Number("2")))
    '<mo form="prefix">−</mo><mi>log</mi><mspace width="0.2em"/><mn>2</mn>'
    """
    pieces = []
    for before, sign in zip((None, *formula), formula, strict=False):
        name = "" if before is None else _operator(before)
        if isinstance(before, Symbol) and isinstance(sign, Word):
            pieces.append('<mspace width="0.3em"/>')
        elif (_is_function(name) and not isinstance(sign, Operator)) or (
            isinstance(before, Symbol) and _is_function(_operator(sign))
        ):
            pieces.append('<mspace width="0.2em"/>')
        is_prefix = _operator(sign) == "−" and (before is None or name in ("=", "≈", "(", ","))
        pieces.append('<mo form="prefix">−</mo>' if is_prefix else _mathml(sign))
    return "".join(pieces)


def _is_function(operator: str) -> bool:
    return len(operator) > 1 and operator[:1].isalpha()


def _mathml(sign: Sign) -> str:
    match sign:
        case Symbol(letter, layer, place, is_gradient, is_transposed):
            name = f"<mi>{escape(letter)}</mi>"
            lower = [f"<mn>{layer}</mn>"] if layer is not None else []
            lower += [f"<mtext>{escape(place)}</mtext>"] if place else []
            below = lower[0] if len(lower) == 1 else f"<mrow>{'<mo>,</mo>'.join(lower)}</mrow>"
            above = "<mi>T</mi>"
            if lower and is_transposed:
                name = f"<msubsup>{name}{below}{above}</msubsup>"
            elif lower:
                name = f"<msub>{name}{below}</msub>"
            elif is_transposed:
                name = f"<msup>{name}{above}</msup>"
            if not is_gradient:
                return name
            return f"<mfrac><mrow><mo>∂</mo><mi>L</mi></mrow><mrow><mo>∂</mo>{name}</mrow></mfrac>"
        case Number(numeral):
            return f"<mn>{escape(numeral)}</mn>"
        case Operator(operator):
            tag = "mi" if len(operator) > 1 and operator.isalpha() else "mo"
            low = (
                ' stretchy="false"' if operator in ("(", ")", "[", "]") else ""
            )  # brackets as tall as what is around them
            return f"<{tag}{low}>{escape(operator)}</{tag}>"
        case Word(words):
            return f"<mtext>{escape(words)}</mtext>"
        case Fraction(above, below):
            return f"<mfrac><mrow>{mathml(above)}</mrow><mrow>{mathml(below)}</mrow></mfrac>"
