"""From a drawing to a picture as MNIST has them: 28×28 grey pixels, white on black, made as MNIST's own were made.

::

    strokes ──────────────────────────┐
      drawn with a round pen          ▼
    a photo or scan → ink 0 … 1 → box of the ink → 20×20 by areas → centre of mass to the middle of 28×28
      which side is paper?            each stage is kept, so that it can be shown

MNIST's digits were black and white, "size normalized to fit in a 20x20 pixel box while preserving their aspect ratio", grey
by the anti-aliasing alone, and put into 28×28 "by computing the center of mass of the pixels". A network that has seen
nothing else reads a digit badly that is a few pixels off, or larger.

Source: LeCun, Cortes, Burges: The MNIST database; Yadav, Bottou: Cold Case, the Lost MNIST Digits, NeurIPS 2019
(arXiv:1905.10498), which finds the recipe again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.errors import DataError

SIDE, BOX = 28, 20
LEAST_SQUARE = 10
"""Ink of a smaller box is not enlarged as if it filled one: a dot stays a dot."""

PEN = 2.35
"""The width of MNIST's strokes in pixels of 28×28: the median over 10,000 images."""

FINENESS = 10
"""Strokes are drawn on a grid so much finer than 28×28, in black and white: grey comes from the areas alone."""

SOLID = 0.99
"""A pixel so full is solid ink, and nothing is made darker: in a tenth of MNIST's images the darkest pixel is 254."""

THIN = 1 / 3
"""The width of a pen that is not MNIST's, as a share of it."""

MOST_STROKES, MOST_POINTS = 64, 4096

Part = Literal["size", "pen", "grey", "centre"]
PARTS: tuple[Part, ...] = get_args(Part)
"""What the recipe does, each of which can be left out to see what it is good for: fit the ink into 20×20, draw with MNIST's
pen, make grey of the areas, put the centre of mass into the middle."""

Grey = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Stages:
    """What becomes of a drawing: its ``ink``, the ``square`` around it, ``fitted`` to 20×20, the ``picture`` of 28×28."""

    ink: Grey
    square: Grey
    fitted: Grey
    picture: NDArray[np.uint8]


def normalised(ink: ArrayLike, least_square: int = LEAST_SQUARE) -> Stages:
    """Make a picture as MNIST's of ink (h, w), 0 for paper and 1 for ink, whatever the size.

    Ink whose box is smaller than ``least_square`` is taken for a dot in a square of that size.
    Raises ``DataError`` where nothing is drawn, or for what is no picture of finite numbers.
    """
    given = _checked(ink)
    square = _square_around(given, least_square)
    fitted = _fitted(square)
    return Stages(given, square, fitted, centred(fitted))


def of_strokes(strokes: Sequence[ArrayLike]) -> Stages:
    """Make a picture as MNIST's of strokes, each the points (n, 2) of a line, x to the right and y down, in any unit.

    The strokes are fitted into the box first, then drawn with MNIST's pen: small drawings and large ones get lines of one
    width. Raises ``DataError`` where nothing is drawn, there is too much of it, or a point is not finite.

    >>> stages = of_strokes([[(0, 0), (0, 100)]])              # a line: a one
    >>> stages.picture.shape, int((stages.picture.max(axis=1) > 0).sum())
    ((28, 28), 20)
    """
    ink = _drawn(_fitted_lines(_checked_strokes(strokes), PEN), (BOX + 2) * FINENESS, PEN * FINENESS / 2)
    return normalised(ink, LEAST_SQUARE * FINENESS)


def _fitted_lines(lines: Sequence[Grey], pen: float) -> list[Grey]:
    """Scale lines so that they, and the pen around them, fill the box; in units of the fine grid."""
    points = np.concatenate(lines)
    low, extent = points.min(axis=0), np.ptp(points, axis=0).max()
    scale = (BOX - pen) / extent if extent > 0 else 0.0
    margin = pen / 2 + 1 / FINENESS
    aside = np.floor(
        scale * (extent - np.ptp(points, axis=0)) * FINENESS / 2
    )  # whole pixels, which change nothing else
    return [(scale * (line - low) + margin) * FINENESS + aside for line in lines]


def of_strokes_without(strokes: Sequence[ArrayLike], paper: float, leave_out: Collection[Part]) -> Stages:
    """Make a picture of strokes by a part of the recipe only, as most demonstrations do: what is left out shows in the
    answer of a network. ``paper`` is the side of the square that was drawn on, in the strokes' unit.

    Without "size", the paper is shrunk to 28×28, and the ink stays as large as it was drawn; without "pen", the lines are
    thin; without "grey", a pixel is black or white; without "centre", the box of the ink goes into the middle, or stays
    where it was drawn. Raises as ``of_strokes``.

    >>> line = [(0, 0), (0, 20)]
    >>> int(of_strokes_without([line], 280, ["size"]).picture.max(axis=1).astype(bool).sum())     # two pixels, and the pen
    4
    """
    if not leave_out:
        return of_strokes(strokes)
    lines = _checked_strokes(strokes)
    pen = PEN * (THIN if "pen" in leave_out else 1.0)
    if "size" in leave_out:
        side, fine = SIDE, [line / paper * SIDE * FINENESS for line in lines]
    else:
        side, fine = BOX, _fitted_lines(lines, pen)
    ink = _drawn(fine, (side + 2 * (side == BOX)) * FINENESS, pen * FINENESS / 2)
    square = ink if "size" in leave_out else _square_around(ink, LEAST_SQUARE * FINENESS)
    small = area_weights(len(square), side) @ square @ area_weights(len(square), side).T
    if not small.any():
        raise DataError("nothing is drawn on the paper", "a stroke within it")
    if "grey" in leave_out:
        small = np.where(small >= min(0.5, float(small.max())), 1.0, 0.0)
    if "centre" not in leave_out:
        picture = centred(small) if side == BOX else _moved_to_the_middle(_shades(small))
    else:
        picture = np.pad(_shades(small), (SIDE - side) // 2)
    return Stages(ink, square, small, picture)


def _moved_to_the_middle(shades: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Move a picture of 28×28 by whole pixels, its centre of mass to the middle; what leaves it is cut off."""
    top, left = (int(SIDE / 2 + 1 - centre) for centre in _centre_of_mass(shades))
    wide = np.pad(shades, SIDE)
    return wide[SIDE - top : 2 * SIDE - top, SIDE - left : 2 * SIDE - left]


def of_picture(pixels: ArrayLike) -> Stages:
    """Make a picture as MNIST's of a photo or a scan (h, w), grey: dark on light or light on dark, which its border tells.

    What is ink is told from paper by Otsu's threshold. Raises as ``normalised``.
    """
    grey = _checked(pixels, "picture")
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    low, high = float(grey.min()), float(grey.max())
    if high <= low:
        raise DataError("nothing is drawn: all pixels are alike", "a digit on paper")
    paper_is_light = float(np.median(border)) > (low + high) / 2
    ink = (high - grey if paper_is_light else grey - low) / (high - low)
    return normalised(np.where(ink > otsu_threshold(ink), 1.0, 0.0))


def otsu_threshold(values: Grey) -> float:
    """Find the threshold that splits numbers from 0 to 1 into two groups as far apart as can be.

    It makes the variance between the groups greatest: n₀ n₁ (mean₀ − mean₁)², over 256 steps.

    >>> otsu_threshold(np.array([0.1, 0.2, 0.1, 0.9, 0.8])) < 0.8
    True

    Source: Otsu, IEEE Transactions on Systems, Man, and Cybernetics 9(1), 1979.
    """
    counts, edges = np.histogram(values, bins=256, range=(0.0, 1.0))
    middles = (edges[:-1] + edges[1:]) / 2
    below, total = np.cumsum(counts), counts.sum()
    sums, whole = np.cumsum(counts * middles), (counts * middles).sum()
    above = total - below
    means = np.divide(sums, below, out=np.zeros(256), where=below > 0)
    means_above = np.divide(whole - sums, above, out=np.zeros(256), where=above > 0)
    return float(edges[1 + int(np.argmax(below * above * (means - means_above) ** 2))])


def centred(fitted: Grey) -> NDArray[np.uint8]:
    """Put 20×20 into 28×28, its centre of mass in the middle: within (14, 15] of 28, pixel i reaching from i to i + 1."""
    shades = _shades(fitted)
    top, left = (min(max(int(SIDE / 2 + 1 - centre), 0), SIDE - BOX) for centre in _centre_of_mass(shades))
    picture = np.zeros((SIDE, SIDE), np.uint8)
    picture[top : top + BOX, left : left + BOX] = shades
    return picture


def _shades(ink: Grey) -> NDArray[np.uint8]:
    """Write ink as grey from 0 to 255: the darkest pixel is 255."""
    largest = float(ink.max())
    if largest >= SOLID:
        largest = 1.0
    shades: NDArray[np.uint8] = np.floor(255 * np.clip(ink / largest, 0, 1) + 0.5).astype(np.uint8)
    return shades


def _centre_of_mass(shades: NDArray[np.uint8]) -> tuple[float, float]:
    """Give the centre's y and x, where pixel i reaches from i to i + 1."""
    mass = shades.astype(np.float64)
    middle = np.arange(len(mass)) + 0.5
    y, x = (float((mass.sum(axis=axis) * middle).sum() / mass.sum()) for axis in (1, 0))
    return y, x


def _square_around(ink: Grey, least: int) -> Grey:
    """Cut out the box of the ink, and widen its shorter side to a square."""
    rows, columns = (np.flatnonzero(ink.max(axis=axis) > 0) for axis in (1, 0))
    if not len(rows):
        raise DataError("nothing is drawn", "some ink")
    box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    side = max(*box.shape, least)
    before = [(side - size) // 2 for size in box.shape]
    return np.pad(box, [(b, side - size - b) for b, size in zip(before, box.shape, strict=True)])


def _fitted(square: Grey) -> Grey:
    """Resample m×m to 20×20: each pixel the mean of what lies under it."""
    weights = area_weights(len(square), BOX)
    fitted: Grey = weights @ square @ weights.T
    return fitted


def area_weights(size: int, to: int) -> Grey:
    """Say which share of each of ``to`` pixels every one of ``size`` pixels covers: (to, size), rows that add up to 1.

    >>> area_weights(3, 2)
    array([[0.66666667, 0.33333333, 0.        ],
           [0.        , 0.33333333, 0.66666667]])
    """
    edges = np.arange(to + 1) * size / to
    left, right = edges[:-1, np.newaxis], edges[1:, np.newaxis]
    pixels = np.arange(size)
    covered = np.minimum(right, pixels + 1) - np.maximum(left, pixels)
    weights: Grey = np.clip(covered, 0, None) * to / size
    return weights


def _drawn(lines: Sequence[Grey], side: int, radius: float) -> Grey:
    """Draw lines with a round pen, in black and white: ink is what is nearer to a line than the pen's radius."""
    middles = np.arange(side) + 0.5
    ink = np.zeros((side, side), bool)
    for line in lines:
        ends = np.concatenate([line, line[-1:]])  # a single point is a line of no length
        for (x_0, y_0), (x_1, y_1) in pairwise(ends.tolist()):
            reach = [(min(a, b) - radius, max(a, b) + radius) for a, b in ((y_0, y_1), (x_0, x_1))]
            rows, columns = (slice(max(int(low), 0), max(int(high) + 2, 0)) for low, high in reach)
            y, x = middles[rows, np.newaxis] - y_0, middles[columns] - x_0
            dx, dy, length = x_1 - x_0, y_1 - y_0, (x_1 - x_0) ** 2 + (y_1 - y_0) ** 2
            t = np.clip((x * dx + y * dy) / length, 0, 1) if length > 0 else 0.0
            ink[rows, columns] |= (x - t * dx) ** 2 + (y - t * dy) ** 2 <= radius**2
    return ink.astype(np.float64)


def _checked(ink: ArrayLike, what: str = "drawing") -> Grey:
    array = np.asarray(ink)
    if array.ndim != 2 or not array.size or array.dtype.kind not in "buif":
        raise DataError(f"the {what} has shape {array.shape} and holds {array.dtype}", "(height, width), numbers")
    grey = array.astype(np.float64)
    if not np.isfinite(grey).all():
        raise DataError(f"the {what} holds a number that is infinite or NaN", "finite numbers")
    if what == "drawing" and (grey.min() < 0 or grey.max() > 1):
        raise DataError(f"the drawing goes from {grey.min():g} to {grey.max():g}", "from 0, paper, to 1, ink")
    return grey


def _checked_strokes(strokes: Sequence[Any]) -> list[Grey]:
    if len(strokes) > MOST_STROKES:
        raise DataError(f"there are {len(strokes)} strokes", f"at most {MOST_STROKES}")
    try:
        lines = [np.asarray(stroke, np.float64) for stroke in strokes]
    except (TypeError, ValueError) as error:
        raise DataError("a stroke is no list of points", "(n, 2) numbers, x and y") from error
    lines = [line for line in lines if line.size]
    if not lines:
        raise DataError("nothing is drawn", "at least one point")
    for line in lines:
        if line.ndim != 2 or line.shape[1] != 2:
            raise DataError(f"a stroke has shape {line.shape}", "(n, 2), x and y")
        if not np.isfinite(line).all() or np.abs(line).max() > 1e6:
            raise DataError(
                "a stroke holds a point that is not finite, or beyond a million", "numbers within a million"
            )
    if (points := sum(map(len, lines))) > MOST_POINTS:
        raise DataError(f"there are {points:,} points", f"at most {MOST_POINTS:,}")
    return lines
