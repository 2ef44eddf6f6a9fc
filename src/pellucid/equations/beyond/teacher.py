"""A teacher: a trained network that another one learns from, and how much it is listened to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pellucid.equations.architecture import Architecture
from pellucid.equations.beyond.distillation import PROBABILITIES, distilled_of_each, distilled_slope
from pellucid.equations.finite import is_finite_number
from pellucid.equations.losses import Targets
from pellucid.equations.network import Trace, forward
from pellucid.equations.parameters import Array, Layer, Layers
from pellucid.errors import SettingError

WEIGHT, TEMPERATURE = 0.9, 2.0
"""What λ and T are unless told otherwise."""

LEAST_TEMPERATURE, MOST_TEMPERATURE = 1e-6, 1e6
"""Between them z / T and T² stay far from the largest and the smallest numbers of float32."""


@dataclass(frozen=True, eq=False)
class Teacher:
    """A network with its parameters; λ, the ``weight`` of what it says beside the labels, and T, the ``temperature``.

    It sees what the pupil sees, in the units of the data, which it scales itself: distorted pictures, too, but nothing is
    left out of them. It learns nothing. Raises ``SettingError`` for a value out of range, and for a network whose outputs
    are no probabilities.
    """

    architecture: Architecture
    layers: Layers
    weight: float = WEIGHT
    temperature: float = TEMPERATURE

    def __post_init__(self) -> None:
        for name, least, most, expected in (
            ("teacher_weight", 0, 1, "from 0, the labels alone, to 1, the teacher alone"),
            ("temperature", LEAST_TEMPERATURE, MOST_TEMPERATURE, "a number from 0.000001 to 1,000,000"),
        ):
            field = name.removeprefix("teacher_")
            value = getattr(self, field)
            if not is_finite_number(value) or not least <= value <= most:
                raise SettingError(f"{name} is {value!r}", expected)
            object.__setattr__(self, field, float(value))
        if self.architecture.output not in PROBABILITIES:
            got = f"the teacher's loss is {self.architecture.loss.name}"
            raise SettingError(got, "a network that gives the probabilities of classes")
        self.architecture.check_layers(self.layers)

    def check_pupil(self, pupil: Architecture) -> None:
        """Raise ``SettingError`` unless a network of this architecture can learn from it."""
        mine, like_it = self.architecture, "as the network that learns from it"
        if mine.inputs != pupil.inputs:
            raise SettingError(f"the teacher takes {mine.inputs} inputs", f"{pupil.inputs}, {like_it}")
        if mine.outputs != pupil.outputs:
            raise SettingError(f"the teacher has {mine.outputs} outputs", f"{pupil.outputs}, {like_it}")
        if mine.output != pupil.output:
            raise SettingError(f"the teacher's outputs are those of {mine.output}", f"{pupil.output}, {like_it}")

    def logits(self, X: NDArray[Any], dtype: DTypeLike) -> Array:
        """Say what it makes of a batch: X (n, d) in the units of the data → its last z, (n, k)."""
        return forward(self.architecture, self.layers_as(dtype), X).logits

    def layers_as(self, dtype: DTypeLike) -> Layers:
        """Give its parameters in the type in which the pupil computes."""
        return tuple(Layer(W.astype(dtype, copy=False), b.astype(dtype, copy=False)) for W, b in self.layers)

    def loss_and_slope(
        self, pupil: Architecture, trace: Trace, z_teacher: Array, y: Targets, w: Array | None
    ) -> tuple[float, Array]:
        """Give the mean loss of a batch, and its gradient at the pupil's logits, (n, k), as ``losses.py`` has them."""
        if w is not None and not w.any():
            return 0.0, np.zeros_like(trace.p)
        by, z = (self.weight, self.temperature, pupil.output), trace.logits
        of_each = distilled_of_each(pupil.loss.of_each(z, y), z, z_teacher, *by)
        slope = distilled_slope(pupil.loss.slope_of_each(trace.p, y), z, z_teacher, *by)
        share = np.full(len(z), 1 / len(z)) if w is None else w / w.sum()
        dz: Array = slope * share[:, np.newaxis].astype(z.dtype)
        return float(np.average(of_each, weights=w)), dz

    @property
    def factor_of_a_guess(self) -> float:
        """How many times log k a pupil pays that gives all k classes the same, whatever the teacher says: 1 − λ + λ T²."""
        return 1 - self.weight + self.weight * self.temperature**2
