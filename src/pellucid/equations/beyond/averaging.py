"""Averaging: the mean of the parameters along the way is often better than the last ones.

Steps at a rate that is not yet small leap about in a valley of the loss; the mean of where they were lies near its middle.
"""

from __future__ import annotations

from pellucid.equations.parameters import Layer, Layers


def averaged(mean: Layers, layers: Layers, number: int) -> Layers:
    """Take one more set of parameters, the k-th, into their running mean.

    Equation [average]::

        θ̄ ← θ̄ + (θ − θ̄) / k

    Shapes: both alike → alike. ``number`` is k, from 1; with 1 the mean is θ itself. Raises nothing.

    >>> import numpy as np
    >>> one, two = ((Layer(W=np.array([[w]]), b=np.array([0.0])),) for w in (1.0, 2.0))
    >>> averaged(averaged(one, one, number=1), two, number=2)
    (Layer(W=array([[1.5]]), b=array([0.])),)

    Source: Polyak, Juditsky, SIAM Journal on Control and Optimization 30(4), 1992; Izmailov et al., UAI 2018
    (arXiv:1803.05407), algorithm 1.
    """
    if number == 1:
        return layers
    return tuple(
        Layer(W_mean + (W - W_mean) / number, b_mean + (b - b_mean) / number)
        for (W_mean, b_mean), (W, b) in zip(mean, layers, strict=True)
    )
