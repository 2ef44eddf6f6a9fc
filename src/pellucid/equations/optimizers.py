"""How a parameter moves against its gradient: SGD as the text writes it, and its four best-known descendants.

Each rule is written out for one parameter θ (a W or a b) and its gradient g. The definitions are those of PyTorch, so
that the same settings give the same path. The records at the end (``SGD``, ``Momentum`` …) hold a rule's settings and
apply it to every parameter of a network.

Rates and decay factors are plain Python numbers: the arithmetic stays in the type of θ.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

from pellucid.equations.finite import is_finite_number
from pellucid.equations.parameters import Array, Layer, Layers, zeros_like
from pellucid.errors import SettingError


def sgd(theta: Array, g: Array, learning_rate: float) -> Array:
    """Step downhill: the seed of all the others.

    Equation [sgd]::

        θ ← θ − η g        (the text: W = W − lr · ∂L/∂W; b moves in the same way)

    Shapes: θ, g alike → θ. Raises nothing.

    >>> sgd(np.array([0.5, -0.2]), g=np.array([1.0, -2.0]), learning_rate=0.1)
    array([0.4, 0. ])

    Source: the text, step 3; Robbins, Monro, 1951.
    """
    step: Array = learning_rate * g
    np.subtract(theta, step, out=step)  # into the array of the step: one array less of the size of W
    return step


def momentum(theta: Array, g: Array, m: Array, learning_rate: float, mu: float = 0.9) -> tuple[Array, Array]:
    """Keep rolling: a gradient that keeps its sign adds up, one that swings cancels out.

    Equation [momentum]::

        m ← μ m + g
        θ ← θ − η m

    Shapes: θ, g, m alike → θ, m. Raises nothing.

    >>> theta, m = momentum(np.array([0.5]), g=np.array([1.0]), m=np.array([1.0]), learning_rate=0.1, mu=0.9)
    >>> theta.round(12), m
    (array([0.31]), array([1.9]))

    Source: Polyak, 1964; Sutskever et al., ICML 2013, here with η outside m, as in PyTorch.
    """
    m = mu * m + g
    return theta - learning_rate * m, m


def nesterov(theta: Array, g: Array, m: Array, learning_rate: float, mu: float = 0.9) -> tuple[Array, Array]:
    """Keep rolling, and look ahead: step as if the next m were known already.

    Equation [nesterov]::

        m ← μ m + g
        θ ← θ − η (g + μ m)

    Shapes: θ, g, m alike → θ, m. Raises nothing.

    >>> theta, m = nesterov(np.array([0.5]), g=np.array([1.0]), m=np.array([1.0]), learning_rate=0.1, mu=0.9)
    >>> theta.round(12), m
    (array([0.229]), array([1.9]))

    Source: Nesterov, 1983; Sutskever et al., ICML 2013, here with η outside m, as in PyTorch.
    """
    m = mu * m + g
    return theta - learning_rate * (g + mu * m), m


def adam(
    theta: Array,
    g: Array,
    m: Array,
    v: Array,
    t: int,
    learning_rate: float,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
) -> tuple[Array, Array, Array]:
    """Give each parameter a step of its own: the mean gradient, measured in its own root mean square.

    Equation [adam]::

        m ← β₁ m + (1 − β₁) g
        v ← β₂ v + (1 − β₂) g²
        θ ← θ − η m̂ / (√v̂ + ε),   m̂ = m / (1 − β₁ᵗ),   v̂ = v / (1 − β₂ᵗ)

    The divisions by 1 − βᵗ undo the pull of m and v towards the zeros that they began with. t counts from 1. An ε below
    the smallest normal number of the type of θ is taken for that number.

    Shapes: θ, g, m, v alike → θ, m, v. Raises nothing.

    The first step has the size η, whatever the size of g:

    >>> zero = np.zeros(2)
    >>> theta, m, v = adam(np.array([0.5, 0.5]), np.array([0.001, -1000.0]), zero, zero, t=1, learning_rate=0.1)
    >>> theta.round(5)
    array([0.4, 0.6])

    Source: Kingma, Ba, ICLR 2015 (arXiv:1412.6980), algorithm 1.
    """
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * (g * g)
    step = learning_rate / (1 - beta_1**t)
    epsilon = max(epsilon, float(np.finfo(theta.dtype).tiny))  # rounded to 0 it would leave 0 / 0 where g was always 0
    denominator = np.sqrt(v) * (1 / (1 - beta_2**t) ** 0.5) + epsilon
    return theta - step * m / denominator, m, v


def adamw(
    theta: Array,
    g: Array,
    m: Array,
    v: Array,
    t: int,
    learning_rate: float,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 0.01,
) -> tuple[Array, Array, Array]:
    """Shrink every parameter a little, then step as Adam does.

    Equation [adamw]::

        θ ← θ − η λ θ,   then [adam]

    The decay stands outside the division by √v̂, so that all parameters shrink alike.

    Shapes: θ, g, m, v alike → θ, m, v. Raises nothing.

    >>> zero = np.zeros(1)
    >>> adamw(np.array([0.5]), np.array([1.0]), zero, zero, t=1, learning_rate=0.1, weight_decay=0.1)[0].round(6)
    array([0.395])

    Source: Loshchilov, Hutter, ICLR 2019 (arXiv:1711.05101), algorithm 2.
    """
    decayed = theta * (1 - learning_rate * weight_decay)
    return adam(decayed, g, m, v, t, learning_rate, beta_1, beta_2, epsilon)


Moments = tuple[Layers, ...]
"""An optimiser's memory: none for SGD, (m,) for momentum, (m, v) for Adam; each a tuple of ``Layer``."""


@dataclass(frozen=True)
class Optimizer:
    """A rule with its settings. ``name`` is what users call it, ``n_moments`` how many moments it keeps."""

    name: ClassVar[str]
    n_moments: ClassVar[int]

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = getattr(self, setting.name)
            upper = np.inf if setting.name in ("epsilon", "weight_decay") else 1.0
            lower = "above" if setting.name == "epsilon" else "at least"  # what never moved would be 0 / (0 + ε)
            if not is_finite_number(value) or not 0 <= value < upper or (value == 0 and lower == "above"):
                raise SettingError(f"{setting.name} of {self.name} is {value!r}", f"{lower} 0 and below {upper:g}")
            object.__setattr__(self, setting.name, float(value))

    def initial_moments(self, layers: Layers) -> Moments:
        """Zeros, as many as the rule keeps."""
        return tuple(zeros_like(layers) for _ in range(self.n_moments))

    @abstractmethod
    def move(
        self, theta: Array, g: Array, moments: tuple[Array, ...], t: int, learning_rate: float
    ) -> tuple[Array, ...]:
        """Apply the rule to one parameter: → θ, then its moments."""

    def step(
        self, layers: Layers, gradients: Layers, moments: Moments, t: int, learning_rate: float
    ) -> tuple[Layers, Moments]:
        """Apply the rule to every W and every b; ``t`` counts from 1.

        Shapes: gradients and each of the moments as layers → layers, moments, all new. Raises nothing.

        >>> from pellucid.equations.network import loss_and_gradients
        >>> from pellucid.equations.worked_example import ARCHITECTURE, LAYERS, LEARNING_RATE, X, Y
        >>> loss, gradients = loss_and_gradients(ARCHITECTURE, LAYERS, X, Y)
        >>> layers, _ = SGD().step(LAYERS, gradients, (), t=1, learning_rate=LEARNING_RATE)
        >>> round(loss, 4), round(loss_and_gradients(ARCHITECTURE, layers, X, Y)[0], 4)
        (1.5489, 0.7833)
        """
        moved = []
        for layer, gradient, *memory in zip(layers, gradients, *moments, strict=True):
            W, *of_W = self.move(layer.W, gradient.W, tuple(moment.W for moment in memory), t, learning_rate)
            b, *of_b = self.move(layer.b, gradient.b, tuple(moment.b for moment in memory), t, learning_rate)
            moved.append((Layer(W, b), *(Layer(*pair) for pair in zip(of_W, of_b, strict=True))))
        new_layers, *new_moments = zip(*moved, strict=True)
        return new_layers, tuple(new_moments)


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent, [sgd]."""

    name: ClassVar[str] = "sgd"
    n_moments: ClassVar[int] = 0

    def move(
        self, theta: Array, g: Array, moments: tuple[Array, ...], t: int, learning_rate: float
    ) -> tuple[Array, ...]:
        """Apply [sgd]."""
        return (sgd(theta, g, learning_rate),)


@dataclass(frozen=True)
class Momentum(Optimizer):
    """Momentum, [momentum]."""

    name: ClassVar[str] = "momentum"
    n_moments: ClassVar[int] = 1
    mu: float = 0.9

    def move(
        self, theta: Array, g: Array, moments: tuple[Array, ...], t: int, learning_rate: float
    ) -> tuple[Array, ...]:
        """Apply [momentum]."""
        (m,) = moments
        return momentum(theta, g, m, learning_rate, self.mu)


@dataclass(frozen=True)
class Nesterov(Optimizer):
    """Nesterov's momentum, [nesterov]."""

    name: ClassVar[str] = "nesterov"
    n_moments: ClassVar[int] = 1
    mu: float = 0.9

    def move(
        self, theta: Array, g: Array, moments: tuple[Array, ...], t: int, learning_rate: float
    ) -> tuple[Array, ...]:
        """Apply [nesterov]."""
        (m,) = moments
        return nesterov(theta, g, m, learning_rate, self.mu)


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam, [adam]."""

    name: ClassVar[str] = "adam"
    n_moments: ClassVar[int] = 2
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    def move(
        self, theta: Array, g: Array, moments: tuple[Array, ...], t: int, learning_rate: float
    ) -> tuple[Array, ...]:
        """Apply [adam]."""
        m, v = moments
        return adam(theta, g, m, v, t, learning_rate, self.beta_1, self.beta_2, self.epsilon)


@dataclass(frozen=True)
class AdamW(Optimizer):
    """Adam with decoupled weight decay, [adamw]."""

    name: ClassVar[str] = "adamw"
    n_moments: ClassVar[int] = 2
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.01

    def move(
        self, theta: Array, g: Array, moments: tuple[Array, ...], t: int, learning_rate: float
    ) -> tuple[Array, ...]:
        """Apply [adamw]."""
        m, v = moments
        return adamw(theta, g, m, v, t, learning_rate, self.beta_1, self.beta_2, self.epsilon, self.weight_decay)


OPTIMIZERS: dict[str, type[Optimizer]] = {rule.name: rule for rule in (SGD, Momentum, Nesterov, Adam, AdamW)}
