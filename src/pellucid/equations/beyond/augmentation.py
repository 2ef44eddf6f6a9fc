"""Augmentation: in each epoch every picture is seen a little distorted, and never twice in the same way.

The distortions are those that leave a digit what it is: a turn, a stretch, a slant, a shift, a trembling of the hand. So the
network learns from far more pictures than were collected. Which distortion an example gets is addressed, not drawn (see
``random_streams.py``): by the seed, the epoch and the example's own row in the training data.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import pi, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.equations.beyond.affine_map import affine_map
from pellucid.equations.beyond.bilinear import bilinear
from pellucid.equations.beyond.elastic import elastic_displacement, usual_displacement
from pellucid.equations.finite import is_finite_number
from pellucid.equations.parameters import Indices
from pellucid.equations.random_streams import Purpose, uniforms_of_each, words_of_each
from pellucid.errors import SettingError

Numbers = NDArray[np.float64]

NUMBERS_OF_THE_MAP = 6
FIELD = 65536  # added to the purpose: the map has the stream of part 0, the fields that of part 1


@dataclass(frozen=True)
class Augmentation:
    """How strongly pictures are distorted: the most that each part of the distortion may be, 0 for none.

    ``rotation`` is in degrees; ``scale`` is a share, separate for x and y: 0.15 makes a picture up to 15 % larger or
    smaller; ``shear`` is the tangent of the slant; ``shift`` is in pixels. ``elastic_alpha`` and ``elastic_sigma``, both in
    pixels, are the α and σ of [elastic]. Raises ``SettingError`` for a value out of range.

    >>> Augmentation(rotation=15, scale=0.15)
    Augmentation(rotation=15.0, scale=0.15, shear=0.0, shift=0.0, elastic_alpha=0.0, elastic_sigma=4.0)
    """

    rotation: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    elastic_alpha: float = 0.0
    elastic_sigma: float = 4.0

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not is_finite_number(value):
                raise SettingError(f"{_said(each.name)} of the augmentation is {value!r}", "a finite number")
            object.__setattr__(self, each.name, float(value))
        for name, is_right, expected in (
            ("rotation", 0 <= self.rotation <= 180, "from 0 to 180 degrees"),
            ("scale", 0 <= self.scale < 1, "a share, at least 0 and below 1"),
            ("shear", 0 <= self.shear <= 2, "the tangent of the slant, from 0 to 2"),
            ("shift", self.shift >= 0, "pixels, at least 0"),
            ("elastic_alpha", self.elastic_alpha >= 0, "pixels, at least 0"),
            ("elastic_sigma", 0.1 <= self.elastic_sigma <= 1000, "pixels, from 0.1 to 1,000"),
        ):
            if not is_right:
                raise SettingError(f"{_said(name)} of the augmentation is {getattr(self, name):g}", expected)

    @property
    def maps(self) -> bool:
        """Whether pictures are turned, stretched, slanted or shifted at all."""
        return any((self.rotation, self.scale, self.shear, self.shift))

    def check_pictures(self, input_shape: tuple[int, ...]) -> None:
        """Raise ``SettingError`` unless inputs of this shape are pictures, and some of each would be left to see.

        A picture has the shape (rows, columns), or (rows, columns, channels).
        """
        if not are_pictures(input_shape):
            got = f"augmentation distorts pictures, but an example has the shape {input_shape}"
            raise SettingError(got, "(rows, columns), or (rows, columns, channels)")
        half = min(input_shape[:2]) / 2
        if self.shift > half:
            got = f"the augmentation shifts by up to {self.shift:g} pixels"
            raise SettingError(got, f"at most {half:g}, half of the picture")
        if (movement := usual_displacement(self.elastic_alpha, self.elastic_sigma)) > half:
            got = f"the augmentation's elastic distortion moves a pixel by {movement:.3g} as a rule"
            raise SettingError(got, f"at most {half:g}, half of the picture", "Try a lower alpha or a higher sigma.")

    def sources(self, shape: tuple[int, int], seed: int, epoch: int, examples: Indices) -> Numbers:
        """Find where each pixel of each example's picture comes from, in one epoch.

        Equation [augment], its sources::

            source = [affine-map] + [elastic]

        The map's six numbers are those of [uniform] in the example's stream, stretched to [−1, 1) and multiplied by
        rotation, scale (x, y), shear and shift (x, y). The fields' numbers are bytes b of a stream of their own, one for
        the x of each pixel, then one for the y of each: (b + ½) / 2⁷ − 1. (Smoothed, nobody can tell 256 values from more.)

        Shapes: examples (n,), row numbers below 2³² → (n, 2, rows, columns), x and y. Raises nothing.
        """
        u = 2 * uniforms_of_each(seed, Purpose.AUGMENTATION, NUMBERS_OF_THE_MAP, epoch, examples) - 1
        sources = affine_map(
            rotation=u[:, 0] * (self.rotation * pi / 180),
            scale=1 + u[:, 1:3] * self.scale,
            shear=u[:, 3] * self.shear,
            shift=u[:, 4:6] * self.shift,
            shape=shape,
        )
        if self.elastic_alpha:
            words = words_of_each(seed, Purpose.AUGMENTATION + FIELD, -(-2 * prod(shape) // 4), epoch, examples)
            b = words.astype("<u4").view(np.uint8)[:, : 2 * prod(shape)]
            U = ((b + 0.5) / 2**7 - 1).reshape(len(examples), 2, *shape)
            sources += elastic_displacement(U, self.elastic_alpha, self.elastic_sigma)
        return sources


def are_pictures(input_shape: tuple[int, ...]) -> bool:
    """Say whether inputs of this shape are pictures: (rows, columns), or (rows, columns, channels).

    >>> are_pictures((28, 28)), are_pictures((28, 28, 3)), are_pictures((784,))
    (True, True, False)
    """
    return len(input_shape) in (2, 3)


def _said(strength: str) -> str:
    """Name a strength as the command line and the literature do: α and σ belong to the elastic part alone."""
    return strength.removeprefix("elastic_")


def augmented(
    X: NDArray[Any], input_shape: tuple[int, ...], by: Augmentation, seed: int, epoch: int, examples: Indices
) -> NDArray[Any]:
    """Distort pictures, each in a way of its own: what an epoch sees of them.

    Equation [augment]::

        X ← [bilinear] of X at the sources; rounded where X is of whole numbers from 0 to 255, as pixels are

    All channels of a picture are distorted alike.

    Shapes: X (n, d), pictures of shape ``input_shape``; examples (n,), their row numbers in the training data → (n, d), of
    the type of X where that is uint8, float32 or float64, else float64. Raises nothing.

    >>> picture = np.zeros((1, 25), np.uint8)
    >>> picture[0, 11:14] = 200
    >>> turn = Augmentation(rotation=90, shift=1)
    >>> augmented(picture, (5, 5), turn, seed=0, epoch=1, examples=np.array([3])).reshape(5, 5)
    array([[  0,   0,   0,   0,   0],
           [  0,   0,   0,   0,   0],
           [  0,   0,  40,  87,   4],
           [  0, 154, 166, 118,  19],
           [  0,  11,   0,   0,   0]], dtype=uint8)

    Source: Simard, Steinkraus, Platt, ICDAR 2003; LeCun et al., Proceedings of the IEEE 86(11), 1998, section III.A.
    """
    shape = input_shape[0], input_shape[1]
    sources = by.sources(shape, seed, epoch, examples)
    channels = np.moveaxis(X.reshape(len(X), *shape, -1), -1, 0)
    seen = np.stack([bilinear(channel, sources) for channel in channels], axis=-1).reshape(X.shape)
    if X.dtype == np.uint8:
        return np.rint(seen).astype(np.uint8)
    return seen.astype(X.dtype) if X.dtype == np.float32 else seen
