"""From the units of the data to the numbers that the first layer sees.

The scaling belongs to the network: whoever uses a trained network hands it pixels 0…255, or metres, or euros, as they
were in the training data, and it applies the same offset and scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pellucid.equations.parameters import Array
from pellucid.errors import SettingError


@dataclass(frozen=True)
class Scaling:
    """Offset and scale: one number each for all inputs (images), or one for each input (tables).

    >>> Scaling(offset=(0.0,), scale=(255.0,))
    Scaling(offset=(0.0,), scale=(255.0,))

    Raises ``SettingError`` where a number is not finite, a scale is 0, or the two differ in length.
    """

    offset: tuple[float, ...] = (0.0,)
    scale: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if len(self.offset) != len(self.scale):
            raise SettingError(
                f"the scaling has {len(self.offset)} offsets and {len(self.scale)} scales",
                "as many of the one as of the other",
            )
        if (
            not self.offset
            or not np.isfinite(self.offset).all()
            or not np.isfinite(self.scale).all()
            or 0.0 in self.scale
        ):
            raise SettingError("the scaling has an offset or a scale that is infinite or NaN, or a scale of 0")

    @cached_property
    def offsets(self) -> NDArray[np.float64]:
        """The offsets as an array, (1,) or (d,)."""
        return np.array(self.offset, np.float64)

    @cached_property
    def scales(self) -> NDArray[np.float64]:
        """The scales as an array, (1,) or (d,)."""
        return np.array(self.scale, np.float64)

    def is_exact_in(self, given: np.dtype[Any], wanted: np.dtype[Any]) -> bool:
        """Say whether dividing in the ``wanted`` type gives the same bits as dividing in float64 and rounding.

        It does where nothing is subtracted and both numbers are exact in that type: float64 has more than twice the digits
        of float32, so that rounding twice is rounding once.
        """
        return not any(self.offset) and np.can_cast(given, wanted) and all(self.scales == self.scales.astype(wanted))


def scaled(X: NDArray[Any], scaling: Scaling, dtype: DTypeLike) -> Array:
    """Scale a batch: what the first layer sees.

    Equation [x]::

        x = (X − offset) / scale

    Computed in float64 and rounded once, so that numbers far from 0, such as years, keep their differences.

    Shapes: X (n, d) of any numeric type → x (n, d) of type ``dtype``. Raises nothing.

    >>> pixels = np.array([[0, 51, 255]], dtype=np.uint8)
    >>> scaled(pixels, Scaling(offset=(0.0,), scale=(255.0,)), np.float64)
    array([[0. , 0.2, 1. ]])

    Source: Goodfellow, Bengio, Courville: Deep Learning (2016), section 12.2.1.
    """
    if scaling.is_exact_in(X.dtype, np.dtype(dtype)):
        x = X.astype(dtype)
        x /= scaling.scales.astype(dtype)
        return x
    return ((X - scaling.offsets) / scaling.scales).astype(dtype)
