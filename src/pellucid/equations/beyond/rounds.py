"""Rounds: several trainings of one network, each on a part of the examples, made one network again.

Each part begins with the same parameters and goes its own way for a while; then the mean of where they stand is where the
next round begins. Means are summed in float64, in the order of the parts, and rounded once: whoever computed which part,
and when, changes no bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.equations.parameters import Array, Layer, Layers, zeros_like


def weighted_sum(shares: Sequence[float], parts: Sequence[Layers]) -> Layers:
    """Add up the parts' parameters, each times its share: their mean, where the shares add up to 1.

    Equation [round]::

        θ̄ = Σ_i s_i θ_i,   s_i = Σw of part i / Σw of all

    in float64, term after term in the order of the parts, so that the result is the same to the bit whoever computed
    them. The mean of gradients is the same sum: with s_i the share that part i has in a batch, Σ_i s_i g_i is the gradient
    of the batch.

    Shapes: all parts alike → alike, of float64. There is at least one part. Raises nothing.

    >>> one, two = ((Layer(W=np.array([[w]], np.float32), b=np.array([0.0], np.float32)),) for w in (1.0, 2.0))
    >>> weighted_sum([0.25, 0.75], [one, two])
    (Layer(W=array([[1.75]]), b=array([0.])),)

    Source: McDonald, Hall, Mann: Distributed Training Strategies for the Structured Perceptron, NAACL 2010; McMahan et al.,
    AISTATS 2017 (arXiv:1602.05629), algorithm 1.
    """
    total = _times(shares[0], parts[0])  # and not 0 plus it, which would lose the sign of a zero
    for share, part in zip(shares[1:], parts[1:], strict=True):
        for summed, term in zip(total, _times(share, part), strict=True):
            for into, tensor in zip(summed, term, strict=True):
                into += tensor
    return total


def rounded(total: Layers, like: Layers) -> Layers:
    """Give a sum of float64 the type of the parameters that it is the sum of.

    Equation [round], its last step.

    Shapes: both alike → alike, of the type of ``like``. Raises nothing.

    >>> one = (Layer(W=np.array([[1.0]], np.float32), b=np.array([0.0], np.float32)),)
    >>> rounded(weighted_sum([1.0], [one]), one)[0].W.dtype
    dtype('float32')

    Source: as ``weighted_sum``.
    """
    return tuple(Layer(W.astype(was.W.dtype), b.astype(was.b.dtype)) for (W, b), was in zip(total, like, strict=True))


def _times(share: float, layers: Layers) -> Layers:
    return tuple(Layer(*(share * tensor.astype(np.float64) for tensor in layer)) for layer in layers)


def outer_step(
    layers: Layers, mean: Layers, velocity: Layers | None, mu: float = 0.0, rate: float = 1.0
) -> tuple[Layers, Layers | None]:
    """Take the way from θ to the parts' mean as a step, and keep rolling along it.

    Equation [outer]::

        v ← μ v + ρ (θ̄ − θ)
        θ ← θ + v

    in float64, rounded once. With μ = 0 and ρ = 1 it is θ ← θ̄, and there is no v. What a round does is, in the long run,
    multiplied by ρ / (1 − μ); Chen and Huo choose ρ = 1 − μ for few parts, and more for many.

    Shapes: layers, mean, velocity alike → layers, velocity, alike. ``velocity`` is None before the first round. Raises
    nothing.

    >>> zero, one = ((Layer(W=np.array([[w]]), b=np.array([0.0])),) for w in (0.0, 1.0))
    >>> layers, velocity = outer_step(zero, one, None, mu=0.5)
    >>> outer_step(layers, one, velocity, mu=0.5)[0][0].W
    array([[1.5]])

    Source: Chen, Huo: Scalable training of deep learning machines by incremental block training with intra-block parallel
    optimization and blockwise model-update filtering, ICASSP 2016.
    """
    if mu == 0.0 and rate == 1.0:
        return mean, None
    before = velocity or zeros_like(layers)
    steps = tuple(
        Layer(*(_step(*each, mu, rate) for each in zip(*three, strict=True)))
        for three in zip(layers, mean, before, strict=True)
    )
    moved = tuple(
        Layer(*(theta + step for theta, step in zip(*two, strict=True))) for two in zip(layers, steps, strict=True)
    )
    return rounded(moved, layers), rounded(steps, layers)


def _step(theta: Array, mean: Array, v: Array, mu: float, rate: float) -> Array:
    step: Array = mu * v.astype(np.float64) + rate * (mean.astype(np.float64) - theta)
    return step
