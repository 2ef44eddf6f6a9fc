"""Where arrays lie in memory: what is read from a file or sent by another process may begin at any byte.

The native engine reads elements side by side and aligned. NumPy reads anything, but takes other ways through its linear
algebra for what is not aligned, and so gives other last bits for the same numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pellucid.equations.parameters import Layer, Layers


def plain(array: NDArray[Any], dtype: DTypeLike | None = None) -> NDArray[Any]:
    """Give the array as it is where its elements lie side by side and aligned, else a copy in which they do."""
    return np.require(array, dtype, ["C", "ALIGNED"])


def plain_layers(layers: Layers) -> Layers:
    """Give the layers with ``plain`` arrays: the same ones where they are so already.

    >>> from pellucid.equations.worked_example import LAYERS
    >>> all(one.W is other.W and one.b is other.b for one, other in zip(plain_layers(LAYERS), LAYERS))
    True
    """
    return tuple(Layer(plain(W), plain(b)) for W, b in layers)
