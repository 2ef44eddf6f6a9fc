"""What a network learns: for each layer a matrix W and a vector b.

A network's parameters are a tuple of ``Layer``. A gradient has the type of its parameter, so it is a tuple of
``Layer`` too, and so is each of an optimiser's moments.

>>> from pellucid.equations.worked_example import LAYERS
>>> [layer.W.shape for layer in LAYERS]
[(3, 4), (3, 3), (2, 3)]
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
"""An array of float32 or float64; a computation keeps the type of its parameters."""

Indices = NDArray[np.integer[Any]]
"""An array of class indices, or of row numbers."""


class Layer(NamedTuple):
    """One layer's parameters: W (fan_out, fan_in) and b (fan_out,)."""

    W: Array
    b: Array


Layers = tuple[Layer, ...]


def zeros_like(layers: Layers) -> Layers:
    """Zeros in the shapes of ``layers``: where an optimiser's moments begin.

    >>> from pellucid.equations.worked_example import LAYERS
    >>> zeros_like(LAYERS)[2].b
    array([0., 0.])
    """
    return tuple(Layer(np.zeros_like(W), np.zeros_like(b)) for W, b in layers)
