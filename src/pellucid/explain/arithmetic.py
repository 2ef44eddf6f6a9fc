"""Is what is printed true? A formula of printed numbers, reckoned exactly."""

from __future__ import annotations

import re
from fractions import Fraction as Exact

from pellucid.explain.formula import Formula, Fraction, Number, Operator
from pellucid.explain.numerals import numeral

_LOWERED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def value_of(written: str) -> Exact | None:
    """Read a numeral back, exactly; None for what is no number.

    >>> value_of("(−0.25)"), value_of("3·10⁻²"), value_of("NaN")
    (Fraction(-1, 4), Fraction(3, 100), None)
    """
    match = re.fullmatch(r"\(?(−?\d+(?:\.\d+)?)(?:·10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?\)?", written)
    if match is None:
        return None
    mantissa, power = match.groups()
    return Exact(mantissa.replace("−", "-")) * Exact(10) ** (int(power.translate(_LOWERED)) if power else 0)


def reckoned(formula: Formula) -> Exact | None:
    """Reckon a row of numbers with +, −, ·, fractions and max(0, …); None where there is anything else in it.

    >>> reckoned((Number("0.5"), Operator("·"), Number("(−3)"), Operator("+"), Number("1")))
    Fraction(-1, 2)
    """
    match formula:
        case (Operator("max"), Operator("("), Number("0"), Operator(","), Number(written), Operator(")")):
            value = value_of(written)
            return None if value is None else max(Exact(0), value)
    total, product, factor = Exact(0), Exact(1), Exact(1)
    expects_number = True
    for sign in formula:
        if isinstance(sign, Operator):
            if sign.sign in ("+", "−"):
                if not expects_number:
                    total, product = total + factor * product, Exact(1)
                factor = Exact(-1 if sign.sign == "−" else 1)
            elif sign.sign != "·" or expects_number:
                return None
            expects_number = True
            continue
        number = _number(sign)
        if number is None or not expects_number:
            return None
        product, expects_number = product * number, False
    return None if expects_number else total + factor * product


def _number(sign: object) -> Exact | None:
    if isinstance(sign, Number):
        return value_of(sign.numeral)
    if isinstance(sign, Fraction):
        above, below = reckoned(sign.above), reckoned(sign.below)
        return above / below if above is not None and below else None
    return None


def ending(made: Formula, value: float, written: str = "") -> Formula:
    """Write a formula and what it comes to: with = where that is exact as it is printed, with ≈ where it is rounded.

    >>> from pellucid.explain.formula import text
    >>> text(ending((Number("0.5"), Operator("·"), Number("0.25")), 0.125))
    '0.5 · 0.25 = 0.125'
    >>> text(ending((Number("0.3333"), Operator("·"), Number("3")), 1.0))
    '0.3333 · 3 ≈ 1'
    """
    number = Number(written or numeral(value))
    if made == (number,):
        return made
    exact = reckoned(made)
    return (*made, Operator("=" if exact is not None and exact == value_of(number.numeral) else "≈"), number)
