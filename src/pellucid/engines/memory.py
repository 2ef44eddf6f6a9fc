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


def rows_in_one_piece(X: NDArray[Any]) -> NDArray[Any]:
    """Give X (n, d) with the elements of a row side by side, as an engine would else copy them whenever it is asked.

    It is copied where they are not, as in a table of pandas; but not out of a file that is mapped, which may be larger than
    memory.

    >>> rows_in_one_piece(np.asfortranarray(np.eye(3))).flags.c_contiguous
    True
    """
    is_so = X.shape[1] == 1 or X.strides[1] == X.itemsize
    return X if is_so or _is_of_a_file(X) else np.ascontiguousarray(X)


def _is_of_a_file(array: Any) -> bool:
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return True
        array = array.base
    return False


def plain_layers(layers: Layers) -> Layers:
    """Give the layers with ``plain`` arrays: the same ones where they are so already.

    >>> from pellucid.equations.worked_example import LAYERS
    >>> all(one.W is other.W and one.b is other.b for one, other in zip(plain_layers(LAYERS), LAYERS))
    True
    """
    return tuple(Layer(plain(W), plain(b)) for W, b in layers)
