"""A scaling for those who compute in float32 alone: an offset in two parts, so that years keep their differences.

Pellucid scales in float64 and rounds once. Where there is no float64, the offset is the sum of two float32 numbers, and the
two are subtracted one after the other::

    x = ((X − offset) − rest) / scale          offset + rest: 48 bits of the offset

The first difference is exact where X is within a factor of 2 of the offset, which is where digits would be lost; the second
and the quotient are each rounded once. So x is right to about 3 units in its last place, however far from 0 the offset is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.equations.parameters import Array
from pellucid.equations.scaling import Scaling
from pellucid.errors import SettingError

Float32 = NDArray[np.float32]


class Float32Scaling(NamedTuple):
    """Offset, what float32 leaves of it, and scale: one number each for all inputs, or one for each."""

    offset: Float32
    rest: Float32
    scale: Float32

    def __call__(self, X: NDArray[np.float32]) -> Float32:
        """Scale a batch in float32: X (n, d) → x (n, d).

        >>> in_float32(Scaling((2000.1,), (10.0,)))(np.array([[2001.5]], np.float32))
        array([[0.14]], dtype=float32)
        """
        return ((X - self.offset) - self.rest) / self.scale


def in_float32(scaling: Scaling) -> Float32Scaling:
    """Write a scaling in float32. Raises ``SettingError`` where it is too large, or too small, for that."""
    with np.errstate(over="ignore", invalid="ignore"):
        offset, scale = scaling.offsets.astype(np.float32), scaling.scales.astype(np.float32)
        rest = (scaling.offsets - offset).astype(np.float32)
    if not np.isfinite([*offset, *scale]).all() or not scale.all():
        raise SettingError("the scaling has a number that float32 cannot hold")
    return Float32Scaling(offset, rest, scale)


def is_identity(scaling: Scaling) -> bool:
    """Say whether a scaling changes nothing.

    >>> is_identity(Scaling()), is_identity(Scaling((0.0,), (255.0,)))
    (True, False)
    """
    return not any(scaling.offset) and all(scale == 1.0 for scale in scaling.scale)


def folded_into(scaling: Scaling, W: Array, b: Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Let the first layer do the scaling, for systems whose networks have none: W (h, d), b (h,) → W, b in float64.

    Equation::

        W (X − offset) / scale + b  =  (W / scale) X + (b − W offset / scale)

    >>> folded_into(Scaling((2.0,), (4.0,)), np.array([[8.0, 4.0]]), np.array([1.0]))
    (array([[2., 1.]]), array([-5.]))
    """
    folded = W.astype(np.float64) / scaling.scales
    return folded, b.astype(np.float64) - (folded * scaling.offsets).sum(axis=1)
