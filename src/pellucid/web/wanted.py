"""What a request may hold: JSON in, a checked record out, or a refusal that says what is wrong.

Nothing here names a file: data sets are chosen from those that the server offers.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.web.guard import RefusalError

MOST_DEPTH = 8


def record(body: bytes, known: Sequence[str]) -> dict[str, Any]:
    """Read a JSON object that has no other fields than the ``known`` ones. Raises ``RefusalError``."""
    try:
        given = json.loads(body, parse_constant=_no_constant, object_pairs_hook=_no_duplicates)
    except RecursionError:
        raise RefusalError(400, "json", "The JSON is nested too deeply.") from None
    except ValueError as error:
        raise RefusalError(400, "json", f"The body is no JSON: {error}.") from None
    if not isinstance(given, dict):
        raise RefusalError(422, "fields", "The body is no object; expected {…} with fields.")
    if unknown := sorted(set(given) - set(known)):
        raise RefusalError(422, "fields", f"Unknown: {', '.join(unknown)[:200]}; expected only {', '.join(known)}.")
    return given


def number(given: Mapping[str, Any], name: str, low: float, high: float, usual: float | None = None) -> float:
    """Take a number of a range; ``usual`` where there is none."""
    value = given.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise RefusalError(422, "number", f"{name} is {_shown(value)}; expected a number from {low:g} to {high:g}.")
    return float(value)


def whole(given: Mapping[str, Any], name: str, low: int, high: int, usual: int | None = None) -> int:
    """Take a whole number of a range."""
    value = given.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise RefusalError(
            422, "number", f"{name} is {_shown(value)}; expected a whole number from {low:,} to {high:,}."
        )
    return value


def flag(given: Mapping[str, Any], name: str) -> bool:
    """Take true or false; false where nothing is said."""
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise RefusalError(422, "choice", f"{name} is {_shown(value)}; expected true or false.")
    return value


def one_of(given: Mapping[str, Any], name: str, known: Sequence[str], usual: str | None = None) -> str:
    """Take one of several words."""
    value = given.get(name, usual)
    if not isinstance(value, str) or value not in known:
        raise RefusalError(422, "choice", f"{name} is {_shown(value)}; expected one of {', '.join(known)}.")
    return value


def some_of(given: Mapping[str, Any], name: str, known: Sequence[str]) -> list[str]:
    """Take several of several words."""
    values = given.get(name, [])
    if not isinstance(values, list) or len(values) > len(known) or any(value not in known for value in values):
        raise RefusalError(422, "choice", f"{name} is {_shown(values)}; expected a list of some of {', '.join(known)}.")
    return values


def wholes(given: Mapping[str, Any], name: str, low: int, high: int, most: int, usual: list[int]) -> list[int]:
    """Take a list of whole numbers."""
    values = given.get(name, usual)
    if not isinstance(values, list) or len(values) > most:
        raise RefusalError(
            422, "number", f"{name} is {_shown(values)}; expected a list of at most {most} whole numbers."
        )
    return [whole({name: value}, name, low, high) for value in values]


def strokes(given: Mapping[str, Any]) -> list[Any]:
    """Take the strokes of a drawing: lists of [x, y]. How many, and how large, the recipe of the drawing checks."""
    value = given.get("strokes")
    if not isinstance(value, list):
        raise RefusalError(
            422, "strokes", f"strokes is {_shown(value)}; expected a list of strokes, each a list of [x, y]."
        )
    for stroke in value:
        if not isinstance(stroke, list) or not all(_is_point(point) for point in stroke):
            raise RefusalError(422, "strokes", "A stroke is no list of points; expected [[x, y], …], finite numbers.")
    return value


def pixels(given: Mapping[str, Any], size: int) -> NDArray[np.uint8]:
    """Take a picture of ``size`` pixels: their bytes, in base64."""
    value = given.get("pixels")
    try:
        content = base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except (binascii.Error, ValueError):
        content = None
    if content is None or len(content) != size:
        raise RefusalError(422, "pixels", f"pixels is {_shown(value)}; expected {size:,} bytes in base64.")
    return np.frombuffer(content, np.uint8)


def _is_point(point: Any) -> bool:
    return (
        isinstance(point, list)
        and len(point) == 2
        and all(type(part) in (int, float) and abs(part) <= 1e6 for part in point)  # NaN compares with nothing
    )


def _shown(value: Any) -> str:
    if value is None:
        return "not given"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a field is given twice")
    return dict(pairs)
