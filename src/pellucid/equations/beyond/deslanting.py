"""Handwriting set upright: each picture slanted back by the slant of its own ink."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.equations.beyond.bilinear import Numbers, bilinear


def slant(pictures: NDArray[Any]) -> tuple[Numbers, Numbers]:
    """Measure how far the ink leans: columns to the right for each row down, and the row that its centre is in.

    Equation [slant]::

        ȳ = Σ v y / Σ v,   x̄ alike,   s = Σ v (x − x̄)(y − ȳ) / Σ v (y − ȳ)²         0 where there is nothing to divide by

    the slope of the line of least squares that gives x for a given y. Sums go over the pixels, v being their shades.

    Shapes: pictures (n, rows, columns) → s (n,), ȳ (n,). Raises nothing.

    >>> slant(np.array([[[0, 0, 9], [0, 9, 0], [9, 0, 0]]]))
    (array([-1.]), array([1.]))

    Source: LeCun, Bottou, Bengio, Haffner, Proceedings of the IEEE 86(11), 1998, section III.A.
    """
    n, rows, columns = pictures.shape
    v = pictures.reshape(n, rows, columns).astype(np.float64)
    of_rows, ink = v.sum(axis=2), v.sum(axis=(1, 2))
    y, x = np.arange(rows), np.arange(columns)
    centre_y, centre_x = (_ratio(total, ink) for total in (of_rows @ y, v.sum(axis=1) @ x))
    dy, dx = y - centre_y[:, np.newaxis], x - centre_x[:, np.newaxis]
    together = np.einsum("nij,ni,nj->n", v, dy, dx)
    return _ratio(together, (of_rows * dy * dy).sum(axis=1)), centre_y


def deslanted(pictures: NDArray[Any]) -> Numbers:
    """Push each row sideways, so that the ink stands upright.

    Equation [deslant]::

        v'(x, y) = v(x + s (y − ȳ), y)        looked up by [bilinear], s and ȳ by [slant]

    Shapes: pictures (n, rows, columns) of any type → (n, rows, columns). Raises nothing.

    >>> deslanted(np.array([[[0, 0, 9], [0, 9, 0], [9, 0, 0]]]))
    array([[[0., 9., 0.],
            [0., 9., 0.],
            [0., 9., 0.]]])

    Source: LeCun, Bottou, Bengio, Haffner, Proceedings of the IEEE 86(11), 1998, section III.A.
    """
    n, rows, columns = pictures.shape
    s, centre_y = slant(pictures)
    push = s[:, np.newaxis] * (np.arange(rows) - centre_y[:, np.newaxis])
    sources = np.empty((n, 2, rows, columns))
    sources[:, 0] = np.arange(columns) + push[:, :, np.newaxis]
    sources[:, 1] = np.arange(rows)[:, np.newaxis]
    return bilinear(pictures, sources)


def _ratio(of: Numbers, by: Numbers) -> Numbers:
    ratio: Numbers = np.divide(of, by, out=np.zeros_like(of, dtype=np.float64), where=by > 0)
    return ratio
