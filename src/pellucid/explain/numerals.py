"""How a number is written: once, for all dresses."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction as Exact
from math import floor, isfinite, isnan, log10

DIGITS = 4
MINUS = "−"
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def numeral(value: float) -> str:
    """Write a number with four significant digits, without zeros at the end; as a power of ten where it is small or large.

    >>> [numeral(value) for value in (0.7, -0.80123456, 1234.56, 0.0, 3.16e-7, -2.5e12)]
    ['0.7', '−0.8012', '1235', '0', '3.16·10⁻⁷', '−2.5·10¹²']
    """
    if not isfinite(value):
        return "NaN" if value != value else ("∞" if value > 0 else f"{MINUS}∞")
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value:.{DIGITS - 1}e}".partition("e")
    power = int(exponent)
    if -4 <= power < 6:
        return _tidy(f"{value:.{max(DIGITS - 1 - power, 0)}f}")
    return f"{_tidy(mantissa)}·10{str(power).translate(_RAISED)}"


def rough(value: float) -> str:
    """Write a number with one significant digit, as a power of ten where it is small.

    >>> rough(3.16e-12), rough(0.0), rough(0.2)
    ('3·10⁻¹²', '0', '0.2')
    """
    return numeral(float(f"{value:.0e}"))


def in_a_product(value: float) -> str:
    """Write a factor or a term: what is negative stands in brackets.

    >>> in_a_product(-0.2)
    '(−0.2)'
    """
    return bracketed(numeral(value))


def bracketed(written: str) -> str:
    """Put brackets around a numeral that is negative, for within a formula."""
    return f"({written})" if written.startswith(MINUS) else written


def share(value: float) -> str:
    """Write a probability: as ``numeral``, but what is nearly 1 with as many digits as it takes to see what is missing.

    >>> share(0.25), share(0.99999013), share(1.0)
    ('0.25', '0.9999901', '1')
    """
    missing = 1 - value
    if not 1e-12 < missing < 10.0**-DIGITS * 5:
        return numeral(value)
    return _tidy(f"{value:.{1 - floor(log10(missing))}f}")


def told_apart(value: float, other: float) -> tuple[str, str]:
    """Write two numbers: as ``numeral``, but where they are near each other with the digits that their difference has.

    >>> told_apart(1.5489, 0.7833), told_apart(1013.25, 1012.8), told_apart(2.0, 2.0)
    (('1.549', '0.7833'), ('1013.25', '1012.8'), ('2', '2'))
    """
    apart, largest = abs(value - other), max(abs(value), abs(other))
    if not 1e-12 * largest < apart < 10.0**-2 * largest < 1e12:
        return numeral(value), numeral(other)
    places = max(DIGITS - 1 - floor(log10(apart)), 0)
    return _tidy(f"{value:.{places}f}"), _tidy(f"{other:.{places}f}")


def percent(value: float, digits: int = 2) -> str:
    """Write a share of 1 as a percentage; a share of nothing as a dash.

    >>> percent(0.97654), percent(0.5, digits=1), percent(float("nan"))
    ('97.65 %', '50.0 %', '–')
    """
    return "–" if isnan(value) else f"{100 * value:.{digits}f} %"


def loss_in_words(loss: float | None) -> str:
    """Write a mean loss, which may have no finite value.

    >>> loss_in_words(0.08734), loss_in_words(None)
    ('0.0873', 'not finite')
    """
    return "not finite" if loss is None or not isfinite(loss) else f"{loss:.4f}"


def unanswered_in_words(n: int) -> str:
    """Say of how many examples a network gave no finite numbers.

    >>> unanswered_in_words(1)
    '1 example holds numbers that are too large to compute with. It counts as wrong.'
    """
    examples, count = (f"{n:,} examples hold", "They count") if n != 1 else ("1 example holds", "It counts")
    return f"{examples} numbers that are too large to compute with. {count} as wrong."


def adding_up(terms: Sequence[float], total: float) -> tuple[list[str], str, str]:
    """Write the terms of a sum so that what is printed adds up: → terms, the difference that is left, total.

    All are rounded to one place, such that the largest has four digits; where they are small or large they share a power of
    ten. The difference is that of the printed total and the printed terms: what is not listed, and what rounding changed. It
    is "" where there is none.

    >>> adding_up([0.31234, -0.29], 0.0562)
    (['0.3123', '−0.2900'], '0.0339', '0.0562')
    >>> adding_up([0.2, 0.1], 0.3)
    (['0.2000', '0.1000'], '', '0.3000')
    >>> adding_up([3.5e-7, 1e-8], 4e-7)
    (['3.500·10⁻⁷', '0.100·10⁻⁷'], '0.400·10⁻⁷', '4.000·10⁻⁷')
    """
    if not all(map(isfinite, (*terms, total))):
        return [numeral(value) for value in terms], "", numeral(total)
    largest = max(map(abs, (*terms, total)))
    power = floor(log10(largest)) if largest else 0
    units, whole = ([_rounded(value, DIGITS - 1 - power) for value in some] for some in (terms, [total]))
    rest = whole[0] - sum(units)
    common = 0 if -4 <= power < 6 else power
    suffix = f"·10{str(common).translate(_RAISED)}" if common else ""
    written = [
        _of_units(unit, DIGITS - 1 - power + common) + (suffix if unit else "") for unit in (*units, rest, *whole)
    ]
    return written[:-2], written[-2] if rest else "", written[-1]


def _rounded(value: float, places: int) -> int:
    """Count units of 10^−places, exactly: a power of ten need not be one of two."""
    return round(Exact(value) * Exact(10) ** places)


def _of_units(units: int, places: int) -> str:
    if places <= 0:
        return f"{units * 10**-places}".replace("-", MINUS)
    digits = f"{abs(units):0{places + 1}d}"
    return f"{MINUS * (units < 0)}{digits[:-places]}.{digits[-places:]}"


def _tidy(text: str) -> str:
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", MINUS)
