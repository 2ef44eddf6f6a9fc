"""How the learning rate changes with the step: functions of t, the number of steps done, and T, all steps of the run.

A schedule gives a factor; the rate of a step is η times that factor. An engine never asks for a schedule: it is handed
an array with one rate for each step.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Factors = NDArray[np.float64]
Schedule = Callable[[NDArray[np.integer], int], Factors]

WARM_UP_SHARE = 0.3


def constant(t: NDArray[np.integer], T: int) -> Factors:
    """Keep the rate as it is: the text's choice.

    Equation [constant]::

        η_t = η

    Shapes: t (s,) → (s,). Raises nothing.

    >>> constant(np.arange(3), 3)
    array([1., 1., 1.])

    Source: the text.
    """
    return np.ones(len(t))


def linear(t: NDArray[np.integer], T: int) -> Factors:
    """Fall in a straight line, to nothing at the end.

    Equation [linear]::

        η_t = η (1 − t/T)

    Shapes: t (s,) → (s,). Raises nothing.

    >>> linear(np.arange(4), 4)
    array([1.  , 0.75, 0.5 , 0.25])

    Source: folklore.
    """
    return 1 - t / T


def cosine(t: NDArray[np.integer], T: int) -> Factors:
    """Fall along half a cosine: slowly, fast, slowly.

    Equation [cosine]::

        η_t = η (1 + cos(π t/T)) / 2

    Shapes: t (s,) → (s,). Raises nothing.

    >>> cosine(np.arange(4), 4).round(4)
    array([1.    , 0.8536, 0.5   , 0.1464])

    Source: Loshchilov, Hutter, ICLR 2017 (arXiv:1608.03983), equation 5, without restarts.
    """
    factors: Factors = (1 + np.cos(np.pi * t / T)) / 2
    return factors


def one_cycle(t: NDArray[np.integer], T: int) -> Factors:
    """Rise in a straight line over the first 30 % of the steps, then fall along half a cosine.

    Equation [one-cycle]::

        η_t = η t / (0.3 T)                for t < 0.3 T
        η_t = η [cosine of the rest]       after

    Shapes: t (s,) → (s,). Raises nothing.

    >>> one_cycle(np.arange(0, 10, 2), 10).round(4)
    array([0.    , 0.6667, 0.9505, 0.6113, 0.1883])

    Source: after Smith, Topin, 2018 (arXiv:1708.07120), with a cosine for the fall.
    """
    rise = WARM_UP_SHARE * T
    return np.where(t < rise, t / rise, (1 + np.cos(np.pi * (t - rise) / (T - rise))) / 2)


SCHEDULES: dict[str, Schedule] = {"constant": constant, "linear": linear, "cosine": cosine, "one-cycle": one_cycle}


def rising(t: NDArray[np.integer], steps: int) -> Factors:
    """Warm up: rise in a straight line over the first ``steps`` steps, before a schedule begins.

    Equation [warm-up]::

        η_t = η (t + 1) / s        for t < s; then a schedule over the T − s steps that remain

    The first gradients of a fresh network are its largest; small steps keep them from throwing it far.

    Shapes: t (s,), all below ``steps`` → (s,). Raises nothing.

    >>> rising(np.arange(4), 4)
    array([0.25, 0.5 , 0.75, 1.  ])

    Source: Goyal et al.: Accurate, Large Minibatch SGD, 2017 (arXiv:1706.02677), section 2.2.
    """
    return (t + 1) / steps


def inverse_scaling(t: NDArray[np.integer], power: float = 0.5) -> Factors:
    """Fall ever more slowly, without knowing an end: scikit-learn's "invscaling".

    Equation [inverse-scaling]::

        η_t = η / (t + 1)^power        t: the examples seen when the epoch began

    It counts examples, not steps, and changes once an epoch; so it is none of the ``SCHEDULES``, which know t and T.

    Shapes: t (s,) → (s,). Raises nothing.

    >>> inverse_scaling(np.array([0, 99, 9999]))
    array([1.  , 0.1 , 0.01])

    Source: after Robbins, Monro, Annals of Mathematical Statistics 22(3), 1951; scikit-learn's definition.
    """
    factors: Factors = 1 / (t + 1.0) ** power
    return factors


def rates(schedule: str, learning_rate: float, first: int, n: int, total: int, warm_up: int = 0) -> NDArray[np.float64]:
    """Give the learning rates of the steps ``first`` … ``first + n − 1`` of ``total``, the first ``warm_up`` rising.

    Shapes: → (n,) of float64. Raises ``KeyError`` for an unknown schedule.

    >>> rates("linear", learning_rate=0.1, first=2, n=2, total=4)
    array([0.05 , 0.025])
    >>> rates("linear", learning_rate=0.1, first=0, n=4, total=6, warm_up=2)
    array([0.05 , 0.1  , 0.1  , 0.075])
    """
    t = np.arange(first, first + n)
    before, after = t[t < warm_up], t[t >= warm_up] - warm_up
    factors = [rising(before, warm_up), SCHEDULES[schedule](after, total - warm_up)]
    return learning_rate * np.concatenate(factors)
