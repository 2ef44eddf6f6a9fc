"""Dropout: in each step, each neuron is left out with a given probability, so that none can lean on another.

What remains is made larger by 1 / (1 − rate), so that the sums of the next layer stay as large as they are on average
(*inverted* dropout): then nothing is left to do when the network predicts.

Which neurons are left out is addressed, not drawn (see ``random_streams.py``): by the seed, the epoch, the layer and the
example's own row in the training data, so that an example has the same mask whatever batch it is in, whoever computes it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from pellucid.equations.parameters import Array, Indices
from pellucid.equations.random_streams import Purpose, words_of_each

LAYERS_APART = 65536  # the purpose is the low half of its word of the counter, the layer the high half


def dropout_mask(
    seed: int, epoch: int, examples: Indices, layer: int, width: int, rate: float, dtype: DTypeLike
) -> Array:
    """Say for each example which units of a layer are kept: the factors for its a.

    Equation [dropout]::

        a ← a ⊙ mask,   mask = 1 / (1 − rate) where kept, 0 where not
        unit j of example r is kept where word j of its stream is at least round(rate · 2³²)

    The four words of block j // 4 are [philox] of the counter (j // 4, r, epoch, 4 + 65536 · layer). Layer 0 is the
    inputs x, 1 the first hidden layer. The way back has the same factors: da ← da ⊙ mask.

    Shapes: examples (n,), row numbers below 2³² → (n, width) of type ``dtype``. ``layer`` is below 65536, ``rate`` at
    least 0 and below 1. Raises nothing.

    >>> dropout_mask(seed=0, epoch=1, examples=np.array([7, 3]), layer=1, width=5, rate=0.5, dtype=np.float64)
    array([[2., 2., 2., 2., 2.],
           [2., 0., 2., 2., 0.]])

    Source: Srivastava et al.: Dropout, Journal of Machine Learning Research 15, 2014, section 10, with the scale inverted.
    """
    words = words_of_each(seed, Purpose.DROPOUT + LAYERS_APART * layer, width, epoch, examples)
    mask: Array = np.where(words >= round(rate * 2**32), 1 / (1 - rate), 0.0).astype(dtype)
    return mask
