"""What may be added to the text's plain step, in one record: nothing, unless it is asked for."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import inf
from typing import Any

from numpy.typing import DTypeLike, NDArray

from pellucid.equations.architecture import Architecture
from pellucid.equations.beyond.augmentation import Augmentation, augmented
from pellucid.equations.beyond.clipping import clipped
from pellucid.equations.beyond.dropout import dropout_mask
from pellucid.equations.beyond.l2 import l2_gradient, l2_penalty
from pellucid.equations.beyond.max_norm import within_norm
from pellucid.equations.beyond.teacher import Teacher
from pellucid.equations.finite import is_finite_number
from pellucid.equations.losses import Targets
from pellucid.equations.network import Trace
from pellucid.equations.parameters import Array, Indices, Layer, Layers
from pellucid.equations.random_streams import Streams
from pellucid.errors import SettingError


@dataclass(frozen=True)
class Extras:
    """The additions to a step, in the order in which they take effect.

    ``augmentation`` distorts the pictures [augment]; ``input_dropout`` and ``dropout`` are the shares of inputs and of
    hidden neurons that are left out of a step [dropout]; ``teacher`` is learned from beside the labels [distillation];
    ``l2`` pulls the weights towards 0, as part of the loss [l2]; ``clip`` is the most that the norm of the gradient may be
    [clip], ``max_norm`` the most that the norm of a neuron's weights may be after the step [max-norm].
    Raises ``SettingError`` for a value out of range.

    >>> Extras(dropout=0.5).needs_streams, Extras().needs_streams
    (True, False)
    """

    augmentation: Augmentation | None = None
    input_dropout: float = 0.0
    dropout: float = 0.0
    teacher: Teacher | None = None
    l2: float = 0.0
    clip: float = inf
    max_norm: float = inf

    def __post_init__(self) -> None:
        for name, is_right, expected in (
            ("augmentation", isinstance(self.augmentation, Augmentation | None), "an Augmentation, or None"),
            ("teacher", isinstance(self.teacher, Teacher | None), "a Teacher, or None"),
            ("input_dropout", _is_share(self.input_dropout), "at least 0 and below 1"),
            ("dropout", _is_share(self.dropout), "at least 0 and below 1"),
            ("l2", is_finite_number(self.l2) and self.l2 >= 0, "at least 0, and finite"),
            ("clip", _is_bound(self.clip), "a positive number"),
            ("max_norm", _is_bound(self.max_norm), "a positive number"),
        ):
            if not is_right:
                raise SettingError(f"{name} is {getattr(self, name)!r}", expected)
        for each in fields(self):
            if each.name not in ("augmentation", "teacher"):
                object.__setattr__(self, each.name, float(getattr(self, each.name)))

    @property
    def drops(self) -> bool:
        """Whether anything is left out."""
        return self.input_dropout > 0 or self.dropout > 0

    @property
    def needs_streams(self) -> bool:
        """Whether random numbers are needed."""
        return self.drops or self.augmentation is not None

    def pictures(
        self, architecture: Architecture, streams: Streams, X: NDArray[Any], examples: Indices
    ) -> NDArray[Any]:
        """Give the examples of a step as it sees them: distorted [augment], or as they are."""
        if self.augmentation is None:
            return X
        return augmented(X, architecture.input_shape, self.augmentation, streams.seed, streams.epoch, examples)

    def masks(
        self, architecture: Architecture, streams: Streams, examples: Indices, dtype: DTypeLike
    ) -> tuple[Array | None, ...]:
        """Draw the masks of a step, for x and for the a of each hidden layer: (n, width) each, or None."""
        rates = (self.input_dropout, *(self.dropout for _ in architecture.hidden))
        return tuple(
            dropout_mask(streams.seed, streams.epoch, examples, layer, width, rate, dtype) if rate else None
            for layer, (width, rate) in enumerate(zip(architecture.widths, rates, strict=False))
        )

    def loss_and_slope(
        self, architecture: Architecture, trace: Trace, X: NDArray[Any], y: Targets, w: Array | None
    ) -> tuple[float, Array]:
        """Measure a step's examples, which are X as it sees them, and go back to the logits: [loss] and [dz_out].

        With a teacher [distillation] is in both.
        """
        if self.teacher is not None:
            z_teacher = self.teacher.logits(X, trace.logits.dtype)
            return self.teacher.loss_and_slope(architecture, trace, z_teacher, y, w)
        return architecture.loss.of_batch(trace.logits, y, w), architecture.loss.backward(trace.p, y, w)

    def penalty(self, layers: Layers, weight_of_batch: float) -> float:
        """Give what is added to the loss: equation [l2]; 0 where the batch weighs nothing."""
        return l2_penalty(layers, self.l2, weight_of_batch) if self.l2 and weight_of_batch else 0.0

    def gradient(self, layers: Layers, gradients: Layers, weight_of_batch: float) -> Layers:
        """Add the penalty's gradient: equation [l2]."""
        return l2_gradient(layers, gradients, self.l2, weight_of_batch) if self.l2 and weight_of_batch else gradients

    def within_bounds(self, gradients: Layers) -> Layers:
        """Shorten a gradient that is too long: equation [clip]."""
        return gradients if self.clip == inf else clipped(gradients, self.clip)

    def constrained(self, layers: Layers) -> Layers:
        """Shorten the weights of neurons that have grown too long: equation [max-norm]."""
        if self.max_norm == inf:
            return layers
        return tuple(Layer(within_norm(W, self.max_norm), b) for W, b in layers)


def _is_share(value: Any) -> bool:
    return is_finite_number(value) and 0 <= value < 1


def _is_bound(value: Any) -> bool:
    return value == inf or (is_finite_number(value) and value > 0)


PLAIN = Extras()
"""The text's own step."""
