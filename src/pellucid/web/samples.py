"""The ten digits that the page draws by itself: strokes drawn for this project, in a square of 280."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

PAPER = 280
"""The side of the paper on the page, in the unit of the strokes."""


@cache
def samples() -> dict[str, list[list[list[float]]]]:
    """Give the strokes of each digit: lists of [x, y]."""
    content = files("pellucid.web").joinpath("samples.json").read_text(encoding="utf-8")
    digits: dict[str, list[list[list[float]]]] = json.loads(content)
    return digits
