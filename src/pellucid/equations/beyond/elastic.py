"""Elastic distortion: each pixel moves a little, its neighbours almost alike, as the muscles of a hand tremble.

A random displacement of every pixel alone would be noise. Smoothed by a Gaussian it becomes a gentle warping: σ says how
far neighbours move together, α how far they move.
"""

from __future__ import annotations

from math import ceil, pi, sqrt

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def gaussian_smoothing(size: int, sigma: float) -> Numbers:
    """Write the smoothing of a row of ``size`` numbers as a matrix, so that smoothing is a product.

    Equation [gaussian]::

        G_ij = g(i − j),   g(k) = e^(−k²/2σ²) / Σ_m e^(−m²/2σ²),   m over all whole numbers

    Shapes: → (size, size), symmetric. ``sigma`` is in pixels, above 0. Raises nothing.

    >>> gaussian_smoothing(3, sigma=1.0).round(4)
    array([[0.3989, 0.242 , 0.054 ],
           [0.242 , 0.3989, 0.242 ],
           [0.054 , 0.242 , 0.3989]])

    Source: Simard, Steinkraus, Platt: Best Practices for Convolutional Neural Networks, ICDAR 2003, section 2.
    """
    farthest = max(size, ceil(10 * sigma))
    powers = np.exp(-(np.arange(-farthest, farthest + 1.0) ** 2) / (2 * sigma**2))
    distances = np.arange(size)[:, np.newaxis] - np.arange(size)
    G: Numbers = powers[distances + farthest] / powers.sum()
    return G


def elastic_displacement(U: Numbers, alpha: float, sigma: float) -> Numbers:
    """Smooth fields of random numbers, each of the size of the picture, and scale them.

    Equation [elastic]::

        D = α G U Gᵀ          once for the x, once for the y of each pixel's source

    The smoothing is the two-dimensional Gaussian, first down the columns and then along the rows; beyond the picture
    nothing moves, so that the displacements fade at its edges.

    Shapes: U (…, rows, columns), uniform in (−1, 1) → D alike, in pixels. Raises nothing.

    >>> elastic_displacement(np.array([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), alpha=10.0, sigma=1.0).round(3)
    array([[0.585, 0.965, 0.585],
           [0.965, 1.592, 0.965]])

    Source: Simard, Steinkraus, Platt: Best Practices for Convolutional Neural Networks, ICDAR 2003, section 2.
    """
    rows, columns = U.shape[-2:]
    D: Numbers = alpha * (gaussian_smoothing(rows, sigma) @ U @ gaussian_smoothing(columns, sigma).T)
    return D


def usual_displacement(alpha: float, sigma: float) -> float:
    """Say how far a pixel in the middle of a large picture moves: the root mean square of D, in pixels.

    Equation [elastic], its spread::

        √(mean D²) = α / (√3 · 2√π σ)          1/√3: the spread of U

    Shapes: → a number. Raises nothing.

    >>> round(usual_displacement(alpha=34.0, sigma=4.0), 2)
    1.38

    Source: the square of the Gaussian is a Gaussian again, of width σ/√2.
    """
    return alpha / (sqrt(3) * 2 * sqrt(pi) * sigma)
