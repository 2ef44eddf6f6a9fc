"""A picture looked up between its pixels: the four that surround a point, each weighted by how near it is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def bilinear(pictures: NDArray[Any], sources: Numbers) -> Numbers:
    """Look up each picture at the sources of its pixels.

    Equation [bilinear]::

        v(x, y) = (1−f)(1−e) v₀₀ + (1−f) e v₀₁ + f (1−e) v₁₀ + f e v₁₁
        e = x − ⌊x⌋,   f = y − ⌊y⌋,   v_ij: the pixel in column ⌊x⌋ + j of row ⌊y⌋ + i, 0 beyond the picture

    Shapes: pictures (n, rows, columns) of any type; sources (n, 2, …), x and y → (n, …). Raises nothing.

    >>> picture = np.array([[[0, 100], [200, 255]]], np.uint8)
    >>> bilinear(picture, np.array([[[0.0, 0.5, 1.5, -9.0], [1.0, 0.5, 0.0, 0.0]]]))
    array([[200.  , 138.75,  50.  ,   0.  ]])

    Source: Simard, Steinkraus, Platt, ICDAR 2003, section 2.
    """
    n, rows, columns = pictures.shape
    framed = np.zeros((n, rows + 3, columns + 3))  # a frame of zeros: one before, two behind
    framed[:, 1:-2, 1:-2] = pictures
    x, y = sources[:, 0].clip(-1, columns), sources[:, 1].clip(-1, rows)
    left, above = np.floor(x), np.floor(y)
    e, f = x - left, y - above
    which = np.arange(n).reshape(n, *(1,) * (x.ndim - 1))
    row, column = above.astype(np.int64) + 1, left.astype(np.int64) + 1
    upper = (1 - e) * framed[which, row, column] + e * framed[which, row, column + 1]
    lower = (1 - e) * framed[which, row + 1, column] + e * framed[which, row + 1, column + 1]
    values: Numbers = (1 - f) * upper + f * lower
    return values
