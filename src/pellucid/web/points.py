"""The points of a curve that goes on for hours: never more than a few hundred, spread evenly over all of it."""

from __future__ import annotations

from collections.abc import Sequence

MOST_POINTS = 512


class Points:
    """Rows of numbers, added one after the other. When there are too many, every other one goes, and from then on only
    every second one is kept.

    >>> points = Points(1)
    >>> for number in range(10_000):
    ...     points.add(number)
    >>> len(points.columns()[0]) <= MOST_POINTS, points.columns()[0][:3], points.last
    (True, [0, 32, 64], (9999,))
    """

    def __init__(self, width: int) -> None:
        self._width, self._every, self._count = width, 1, 0
        self._rows: list[tuple[float, ...]] = []
        self.last: tuple[float, ...] = ()

    def add(self, *row: float) -> None:
        """Add a row."""
        self.last = row
        if self._count % self._every == 0:
            rows = [*self._rows, row]  # a list that somebody reads is never changed
            if len(rows) == MOST_POINTS:
                rows, self._every = rows[::2], 2 * self._every
            self._rows = rows
        self._count += 1

    def columns(self) -> list[Sequence[float]]:
        """Give what is kept, and the last row, column by column."""
        rows = self._rows
        if rows and rows[-1] is not self.last:
            rows = [*rows, self.last]
        return [[row[place] for row in rows] for place in range(self._width)]
