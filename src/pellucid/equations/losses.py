"""The losses by name. Each says what the network puts out, how wrong that is, and the way back to the last z.

A loss is a record, with its settings if it has any; the functions are in files of their own: the text's own one in
``softmax_cross_entropy.py``, the others in ``beyond/``. Of every loss the mean over the batch is made small::

    loss = Σ_r w_r ℓ_r / Σ_r w_r            w_r: the weights of the examples, all 1 unless given

so that, whatever the loss, the way back is ``dz_r = (w_r / Σw) ∂ℓ_r/∂z_r``. Where all weights are 0 there is nothing to
learn from: loss and gradient are 0.

>>> sorted(LOSSES)  # doctest: +NORMALIZE_WHITESPACE
['absolute_error', 'binary_cross_entropy', 'class_squared_error', 'cross_entropy', 'huber', 'poisson', 'quantile',
 'squared_error']
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from math import log
from typing import Any, ClassVar

import numpy as np

from pellucid.equations.beyond.absolute_error import absolute_error_of_each, absolute_error_slope
from pellucid.equations.beyond.binary_cross_entropy import binary_cross_entropy_of_each, binary_cross_entropy_slope
from pellucid.equations.beyond.class_squared_error import (
    class_shares,
    class_squared_error_of_a_guess,
    class_squared_error_of_each,
    class_squared_error_slope,
)
from pellucid.equations.beyond.huber import huber_of_each, huber_slope
from pellucid.equations.beyond.label_smoothing import smoothed_labels
from pellucid.equations.beyond.logistic import logistic
from pellucid.equations.beyond.poisson import exponential, poisson_of_each, poisson_slope
from pellucid.equations.beyond.quantile import quantile_of_each, quantile_slope
from pellucid.equations.beyond.scaled_tanh import scaled_tanh
from pellucid.equations.beyond.squared_error import squared_error_of_each, squared_error_slope
from pellucid.equations.finite import is_finite_number
from pellucid.equations.parameters import Array
from pellucid.equations.softmax_cross_entropy import (
    cross_entropy,
    cross_entropy_of_each,
    softmax,
    softmax_cross_entropy_backward,
)
from pellucid.errors import SettingError

Targets = Any
"""What an example should give: class indices (n,) where the loss is of classes; numbers (n, k), a column an output, else."""


@dataclass(frozen=True)
class Loss:
    """A loss with its setting. ``output`` names the function that makes the outputs p of the last layer's z.

    ``y`` holds class indices (n,) where ``of_classes``, else an array (n, k) of the type of z. ``decides`` tells whether an
    answer is right or wrong; else the outputs are numbers.
    """

    name: ClassVar[str]
    output: ClassVar[str]
    of_classes: ClassVar[bool] = False
    decides: ClassVar[bool] = False

    @property
    def setting(self) -> float:
        """The only setting that a loss has, or 0 where it has none."""
        values = [getattr(self, each.name) for each in fields(self)]
        return float(values[0]) if values else 0.0

    def settings(self) -> dict[str, float]:
        """Name the settings that are not what they are by default."""
        return {
            each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name) != each.default
        }

    @abstractmethod
    def outputs(self, z: Array) -> Array:
        """Make the outputs of the last layer's z: (n, k) → p (n, k)."""

    @abstractmethod
    def of_each(self, z: Array, y: Targets) -> Array:
        """Measure each example: z (n, k) → ℓ (n,)."""

    @abstractmethod
    def slope_of_each(self, p: Array, y: Targets) -> Array:
        """Differentiate each example's loss with respect to its z: p (n, k) → ∂ℓ/∂z (n, k)."""

    def of_batch(self, z: Array, y: Targets, w: Array | None = None) -> float:
        """Measure the batch: the mean of its examples' losses, as the head of this file writes it."""
        if w is not None and not w.any():
            return 0.0
        each = self.of_each(z, y)
        return float(each.mean() if w is None else np.average(each, weights=w))

    def backward(self, p: Array, y: Targets, w: Array | None = None) -> Array:
        """Go back from the mean loss to the last z: equation [dz_out], whatever the loss."""
        if w is not None and not w.any():
            return np.zeros_like(p)
        slope = self.slope_of_each(p, y)
        share = np.full(len(p), 1 / len(p)) if w is None else w / w.sum()
        dz: Array = slope * share[:, np.newaxis].astype(p.dtype)
        return dz

    def probabilities(self, p: Array) -> Array:
        """Read probabilities from the outputs, where the loss decides: (n, k) → (n, k). Most outputs are probabilities."""
        return p

    def rightly_classified(self, z: Array, y: Targets) -> int:
        """Count the examples for which every decision is right; 0 where nothing is decided."""
        return 0

    def of_a_guess(self, k: int) -> float:
        """Measure the best that can be said of k classes without a look at the example: of cross-entropy, log k.

        >>> round(CrossEntropy().of_a_guess(10), 4), round(ClassSquaredError().of_a_guess(10), 4)
        (2.3026, 1.8)
        """
        return log(k)


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """One class of several: softmax and [loss]; with ``label_smoothing``, [label-smoothing] first."""

    name: ClassVar[str] = "cross_entropy"
    output: ClassVar[str] = "softmax"
    of_classes: ClassVar[bool] = True
    decides: ClassVar[bool] = True
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        _check(self, "label_smoothing", lambda share: 0 <= share < 1, "at least 0 and below 1")

    def outputs(self, z: Array) -> Array:
        """Apply [p]."""
        return softmax(z)

    def of_each(self, z: Array, y: Targets) -> Array:
        """Measure the surprise: −log p of the true class; of smoothed labels, Σ_j −y_j log p_j."""
        if not self.label_smoothing:
            return cross_entropy_of_each(z, y)
        of_every_class = np.stack([cross_entropy_of_each(z, np.full(len(z), j)) for j in range(z.shape[1])], axis=1)
        surprise: Array = (self._labels(y, of_every_class) * of_every_class).sum(axis=1)
        return surprise

    def slope_of_each(self, p: Array, y: Targets) -> Array:
        """Give p − y."""
        return p - self._labels(y, p)

    def of_batch(self, z: Array, y: Targets, w: Array | None = None) -> float:
        """Measure the batch as the text does."""
        return super().of_batch(z, y, w) if self.label_smoothing else cross_entropy(z, y, w)

    def backward(self, p: Array, y: Targets, w: Array | None = None) -> Array:
        """Go back as the text does."""
        return super().backward(p, y, w) if self.label_smoothing else softmax_cross_entropy_backward(p, y, w)

    def rightly_classified(self, z: Array, y: Targets) -> int:
        """Count where the largest z is the true class's."""
        return _won_by_the_true_class(z, y)

    def _labels(self, y: Targets, like: Array) -> Array:
        one_hot = np.zeros_like(like)
        one_hot[np.arange(len(like)), y] = 1
        return smoothed_labels(one_hot, self.label_smoothing, classes=like.shape[1])


@dataclass(frozen=True)
class ClassSquaredError(Loss):
    """One class of several, as before the cross-entropy: a scaled tanh and [class-squared]."""

    name: ClassVar[str] = "class_squared_error"
    output: ClassVar[str] = "scaled_tanh"
    of_classes: ClassVar[bool] = True
    decides: ClassVar[bool] = True

    def outputs(self, z: Array) -> Array:
        """Apply [scaled-tanh]."""
        return scaled_tanh(z)

    def of_each(self, z: Array, y: Targets) -> Array:
        """Apply [class-squared]."""
        return class_squared_error_of_each(scaled_tanh(z), y)

    def slope_of_each(self, p: Array, y: Targets) -> Array:
        """Give the error times the slope of the scaled tanh."""
        return class_squared_error_slope(p, y)

    def probabilities(self, p: Array) -> Array:
        """Apply [class-shares]."""
        return class_shares(p)

    def of_a_guess(self, k: int) -> float:
        """Give the loss of the mean target."""
        return class_squared_error_of_a_guess(k)

    def rightly_classified(self, z: Array, y: Targets) -> int:
        """Count where the largest z is the true class's."""
        return _won_by_the_true_class(z, y)


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """Yes or no, once for each output: the logistic function and [binary-loss]; with ``label_smoothing``, smoothed first."""

    name: ClassVar[str] = "binary_cross_entropy"
    output: ClassVar[str] = "logistic"
    decides: ClassVar[bool] = True
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        _check(self, "label_smoothing", lambda share: 0 <= share < 1, "at least 0 and below 1")

    def outputs(self, z: Array) -> Array:
        """Apply [logistic]."""
        return logistic(z)

    def of_each(self, z: Array, y: Targets) -> Array:
        """Add up the surprises of an example's answers."""
        return binary_cross_entropy_of_each(z, smoothed_labels(y, self.label_smoothing, classes=2))

    def slope_of_each(self, p: Array, y: Targets) -> Array:
        """Give p − y."""
        return binary_cross_entropy_slope(p, smoothed_labels(y, self.label_smoothing, classes=2))

    def rightly_classified(self, z: Array, y: Targets) -> int:
        """Count where every answer is right: yes where z > 0."""
        return int(np.count_nonzero(((z > 0) == (y > 0.5)).all(axis=1)))


@dataclass(frozen=True)
class SquaredError(Loss):
    """Numbers, measured by [squared]."""

    name: ClassVar[str] = "squared_error"
    output: ClassVar[str] = "identity"

    def outputs(self, z: Array) -> Array:
        """Give z itself."""
        return z

    def of_each(self, z: Array, y: Targets) -> Array:
        """Apply [squared]."""
        return squared_error_of_each(z, y)

    def slope_of_each(self, p: Array, y: Targets) -> Array:
        """Give p − y."""
        return squared_error_slope(p, y)


@dataclass(frozen=True)
class AbsoluteError(Loss):
    """Numbers, measured by [absolute]: the median is learned."""

    name: ClassVar[str] = "absolute_error"
    output: ClassVar[str] = "identity"

    def outputs(self, z: Array) -> Array:
        """Give z itself."""
        return z

    def of_each(self, z: Array, y: Targets) -> Array:
        """Apply [absolute]."""
        return absolute_error_of_each(z, y)

    def slope_of_each(self, p: Array, y: Targets) -> Array:
        """Give the sign of p − y."""
        return absolute_error_slope(p, y)


@dataclass(frozen=True)
class Huber(Loss):
    """Numbers, measured by [huber]: squared where near, absolute beyond ``delta``."""

    name: ClassVar[str] = "huber"
    output: ClassVar[str] = "identity"
    delta: float = 1.0

    def __post_init__(self) -> None:
        _check(self, "delta", lambda delta: delta > 0, "a positive number")

    def outputs(self, z: Array) -> Array:
        """Give z itself."""
        return z

    def of_each(self, z: Array, y: Targets) -> Array:
        """Apply [huber]."""
        return huber_of_each(z, y, self.delta)

    def slope_of_each(self, p: Array, y: Targets) -> Array:
        """Give p − y, cut off at ± delta."""
        return huber_slope(p, y, self.delta)


@dataclass(frozen=True)
class Quantile(Loss):
    """Numbers, measured by [quantile]: what is learned lies above a share ``quantile`` of what is seen."""

    name: ClassVar[str] = "quantile"
    output: ClassVar[str] = "identity"
    quantile: float = 0.5

    def __post_init__(self) -> None:
        _check(self, "quantile", lambda share: 0 < share < 1, "above 0 and below 1")

    def outputs(self, z: Array) -> Array:
        """Give z itself."""
        return z

    def of_each(self, z: Array, y: Targets) -> Array:
        """Apply [quantile]."""
        return quantile_of_each(z, y, self.quantile)

    def slope_of_each(self, p: Array, y: Targets) -> Array:
        """Give 1 − q above, −q below."""
        return quantile_slope(p, y, self.quantile)


@dataclass(frozen=True)
class Poisson(Loss):
    """Counts, measured by [poisson]: the last z is the logarithm of what is expected."""

    name: ClassVar[str] = "poisson"
    output: ClassVar[str] = "exp"

    def outputs(self, z: Array) -> Array:
        """Give e^z."""
        return exponential(z)

    def of_each(self, z: Array, y: Targets) -> Array:
        """Apply [poisson]."""
        return poisson_of_each(z, y)

    def slope_of_each(self, p: Array, y: Targets) -> Array:
        """Give p − y."""
        return poisson_slope(p, y)


def _won_by_the_true_class(z: Array, y: Targets) -> int:
    return int(np.count_nonzero(z.argmax(axis=1) == y))


def _check(loss: Loss, setting: str, is_right: Callable[[float], bool], expected: str) -> None:
    value = getattr(loss, setting)
    if not is_finite_number(value) or not is_right(value):
        raise SettingError(f"{setting} of {loss.name} is {value!r}", expected)
    object.__setattr__(loss, setting, float(value))


LOSSES: dict[str, type[Loss]] = {
    loss.name: loss
    for loss in (
        CrossEntropy,
        ClassSquaredError,
        BinaryCrossEntropy,
        SquaredError,
        AbsoluteError,
        Huber,
        Quantile,
        Poisson,
    )
}
