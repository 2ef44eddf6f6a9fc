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


def rates(schedule: str, learning_rate: float, first: int, n: int, total: int) -> NDArray[np.float64]:
    """Give the learning rates of the steps ``first`` … ``first + n − 1`` of ``total``.

    Shapes: → (n,) of float64. Raises ``KeyError`` for an unknown schedule.

    >>> rates("linear", learning_rate=0.1, first=2, n=2, total=4)
    array([0.05 , 0.025])
    """
    return learning_rate * SCHEDULES[schedule](np.arange(first, first + n), total)
