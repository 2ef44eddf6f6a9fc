"""Is what is printed true? A formula of printed numbers, reckoned exactly."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction as Exact
from math import isclose

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
    """Reckon numbers with +, −, ·, fractions, brackets, ², max, min, abs and sign; None where there is anything else in it.

    >>> reckoned((Number("0.5"), Operator("·"), Number("(−3)"), Operator("+"), Number("1")))
    Fraction(-1, 2)
    >>> reckoned((Operator("("), Number("1"), Operator("−"), Number("3"), Operator(")"), Operator("²")))
    Fraction(4, 1)
    """
    try:
        reader = _Reader(formula)
        value = reader.sum()
        return value if reader.sign() is None else None
    except (_NoNumberError, ZeroDivisionError):
        return None


class _NoNumberError(Exception):
    """Something that is not reckoned with here."""


class _Reader:
    """Reads a formula from left to right: a sum of products of numbers and of what stands in brackets."""

    def __init__(self, formula: Formula) -> None:
        self.formula, self.place = formula, 0

    def sign(self) -> str | None:
        """Give the operator that is next; "" where something else is, None at the end."""
        if self.place == len(self.formula):
            return None
        sign = self.formula[self.place]
        return sign.sign if isinstance(sign, Operator) else ""

    def take(self, *signs: str) -> str | None:
        """Go past the next operator where it is one of these."""
        sign = self.sign()
        if sign not in signs:
            return None
        self.place += 1
        return sign

    def sum(self) -> Exact:
        total = -self.product() if self.take("−") else self.product()
        while sign := self.take("+", "−"):
            total = total + self.product() if sign == "+" else total - self.product()
        return total

    def product(self) -> Exact:
        product = self.factor()
        while self.take("·"):
            product *= self.factor()
        return product

    def factor(self) -> Exact:
        name = self.take(*_FUNCTIONS)
        if self.take("("):
            values = [self.sum()]
            while self.take(","):
                values.append(self.sum())
            if not self.take(")") or (name is None and len(values) > 1):
                raise _NoNumberError
            value = _FUNCTIONS[name](values) if name else values[0]
            return value**2 if self.take("²") else value
        if name or self.sign() != "":
            raise _NoNumberError
        number = _number(self.formula[self.place])
        if number is None:
            raise _NoNumberError
        self.place += 1
        return number


_FUNCTIONS: dict[str, Callable[[list[Exact]], Exact]] = {
    "max": max,
    "min": min,
    "abs": lambda values: abs(values[0]),
    "sign": lambda values: Exact((values[0] > 0) - (values[0] < 0)),
}


def _number(sign: object) -> Exact | None:
    if isinstance(sign, Number):
        return value_of(sign.numeral)
    if isinstance(sign, Fraction):
        above, below = reckoned(sign.above), reckoned(sign.below)
        return above / below if above is not None and below else None
    return None


def equals(value: float) -> Operator:
    """Give the sign before a number that is written alone: = where it is what is printed, ≈ where it is rounded.

    >>> equals(0.7000000000000001).sign, equals(2 / 3).sign
    ('=', '≈')
    """
    written = value_of(numeral(value))
    return Operator("=" if written is None or isclose(float(written), value, rel_tol=1e-12) else "≈")


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
