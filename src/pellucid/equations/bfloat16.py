"""Numbers with eight significant bits: what a product of bfloat16 numbers is given.

A bfloat16 is the upper half of a float32: its sign, its 8 bits of exponent, and 7 of its 23 bits of fraction. It reaches as
far as a float32 and is 65,536 times coarser. Processors multiply such numbers many times faster; the products, which
float32 holds exactly, are added up in float32, and so are the steps of the weights: W would not move if a small step were
added to a coarse number.

The integers from 0 to 256 are among the numbers with eight significant bits, so pixels lose nothing. x = pixel / 255 would;
it is the product that is divided.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def rounded_to_bfloat16(x: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Round to the nearest number that has eight significant bits, and to the even one of two that are as near.

    Equation [bfloat16]::

        x̂ = the bfloat16 nearest to x;   |x̂ − x| ≤ 2⁻⁸ |x|

    The bits of a float32 are read as an integer. Its lower half is what must go; half of that, 0x7FFF, is added beforehand,
    and one more where the bit that stays last is odd.

    Shapes: x, any → as x, of float32. Infinity and NaN stay. Raises nothing.

    >>> rounded_to_bfloat16(np.array([255.0, 257.0, 0.1, -np.inf])).tolist()
    [255.0, 256.0, 0.10009765625, -inf]

    Source: Kalamkar et al.: A Study of BFLOAT16 for Deep Learning Training, arXiv:1905.12322.
    """
    single = np.asarray(x, np.float32)
    bits = single.view(np.uint32)
    upper = (bits + np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))) & np.uint32(0xFFFF0000)
    return np.where(np.isnan(single), single, upper.view(np.float32))
