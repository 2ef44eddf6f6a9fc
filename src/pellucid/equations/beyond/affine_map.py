"""A picture stretched, slanted, turned and shifted: where each of its pixels comes from.

A learner that has seen a digit upright and a little aslant knows that the slant does not matter. Nobody has to draw the
second digit: it follows from the first by a map of the plane that takes straight lines to straight lines.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

TERMS_OF_THE_SERIES = 14


def affine_map(rotation: Numbers, scale: Numbers, shear: Numbers, shift: Numbers, shape: tuple[int, int]) -> Numbers:
    """Find the source of each pixel: the point of the old picture that has come to lie there.

    Equation [affine-map]::

        q = R H S (p − c) + c + t,   so   p = M (q − c − t) + c   with   M = S⁻¹ H⁻¹ R⁻¹

        S = (s_x  0 )    H = (1  h)    R = (cos φ  −sin φ)    c: the middle of the picture
            (0   s_y)        (0  1)        (sin φ   cos φ)

    x counts columns to the right, y rows downwards, so that a positive φ turns clockwise. Sine and cosine are summed as
    series, term by term, so that they have the same bits on every machine.

    Shapes: rotation (n,), in radians, at most π on either side; scale (n, 2), x and y, not 0; shear (n,); shift (n, 2),
    x and y, in pixels; shape (rows, columns) → (n, 2, rows, columns): the x, then the y of each pixel's source. Raises
    nothing.

    >>> still, unscaled = np.zeros((1, 2)), np.ones((1, 2))
    >>> affine_map(np.array([0.0]), unscaled, np.array([0.0]), shift=np.array([[1.0, 0.0]]), shape=(2, 3))[0, 0]
    array([[-1.,  0.,  1.],
           [-1.,  0.,  1.]])
    >>> affine_map(np.array([np.pi / 2]), unscaled, np.array([0.0]), still, shape=(2, 2))[0].round(12)
    array([[[0., 0.],
            [1., 1.]],
    <BLANKLINE>
           [[1., 0.],
            [1., 0.]]])

    Source: LeCun et al., Proceedings of the IEEE 86(11), 1998, section III.A; Foley et al.: Computer Graphics (1990), 5.2.
    """
    rows, columns = shape
    middle_x, middle_y = (columns - 1) / 2, (rows - 1) / 2
    sine, cosine = sine_and_cosine(rotation)
    m_xx, m_xy = (cosine + shear * sine) / scale[:, 0], (sine - shear * cosine) / scale[:, 0]
    m_yx, m_yy = -sine / scale[:, 1], cosine / scale[:, 1]
    x = (np.arange(columns) - middle_x) - shift[:, 0, np.newaxis]
    y = (np.arange(rows) - middle_y) - shift[:, 1, np.newaxis]
    x, y = x[:, np.newaxis, :], y[:, :, np.newaxis]
    source_x = _each(m_xx) * x + _each(m_xy) * y + middle_x
    source_y = _each(m_yx) * x + _each(m_yy) * y + middle_y
    return np.stack([source_x, source_y], axis=1)


def _each(numbers: Numbers) -> Numbers:
    return numbers[:, np.newaxis, np.newaxis]


def sine_and_cosine(angle: Numbers) -> tuple[Numbers, Numbers]:
    """Sum the series of sine and cosine, the smallest terms first.

    Shapes: angle of any shape, in radians, at most π on either side → alike, alike, within 10⁻¹⁴. Raises nothing.

    >>> sine, cosine = sine_and_cosine(np.array([np.pi / 6, -np.pi]))
    >>> sine.round(12), cosine.round(12)
    (array([ 0.5, -0. ]), array([ 0.8660254, -1.       ]))

    Source: Madhava of Sangamagrama, about 1400; Newton, 1669.
    """
    square = angle * angle
    sine, cosine = np.ones_like(square), np.ones_like(square)
    for k in range(TERMS_OF_THE_SERIES, 0, -1):
        sine = 1 - square / (2 * k * (2 * k + 1)) * sine
        cosine = 1 - square / (2 * k * (2 * k - 1)) * cosine
    return angle * sine, cosine
