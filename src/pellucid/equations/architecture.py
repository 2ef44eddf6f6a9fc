"""The shape of a network: its inputs, its layers, what it puts out and what it is trained to make small.

>>> seed = Architecture(input_shape=(28, 28), hidden=(Hidden(128), Hidden(64)), outputs=10)
>>> str(seed), seed.n_parameters
('784-128-64-10', 109386)
>>> seed.weight_shapes
((128, 784), (64, 128), (10, 64))
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from math import prod

from pellucid.equations.activations import ACTIVATIONS
from pellucid.equations.losses import CrossEntropy, Loss
from pellucid.equations.parameters import Layers
from pellucid.equations.scaling import Scaling
from pellucid.errors import SettingError, ShapeError

MOST_WEIGHTS = 2**32
"""More weights of a layer would begin with the same random numbers: the blocks of a stream have numbers of 32 bits."""


@dataclass(frozen=True)
class Hidden:
    """A hidden layer: how many neurons, and the function that bends."""

    width: int
    activation: str = "relu"


@dataclass(frozen=True)
class Architecture:
    """What is fixed before training begins.

    ``input_shape`` is the shape of one example as people see it, (28, 28) for a picture or (30,) for a row of a table;
    the network sees it flattened. ``loss`` says what is put out, too: probabilities of classes, or numbers. Raises
    ``SettingError`` for a size below 1, a layer too large, or a name that is not known.
    """

    input_shape: tuple[int, ...]
    hidden: tuple[Hidden, ...]
    outputs: int
    loss: Loss = field(default_factory=CrossEntropy)
    scaling: Scaling = field(default_factory=Scaling)

    def __post_init__(self) -> None:
        if not isinstance(self.loss, Loss):
            raise SettingError(f"the loss is {self.loss!r}", "a record, such as CrossEntropy() or SquaredError()")
        sizes = (*self.input_shape, *(layer.width for layer in self.hidden), self.outputs)
        for size in sizes:
            if type(size) is not int or size < 1:
                raise SettingError(
                    f"a layer has width {size!r}", "a whole number of neurons, at least 1", "Try --hidden 128,64."
                )
        if not self.input_shape:
            raise SettingError("an example has no inputs", "the shape of one example, such as (28, 28)")
        if max(fan_out * fan_in for fan_out, fan_in in self.weight_shapes) > MOST_WEIGHTS:
            raise SettingError(
                f"a layer of {self} has too many weights", f"at most {MOST_WEIGHTS:,} a layer", "Try --hidden 128,64."
            )
        if self.loss.of_classes and self.outputs < 2:
            raise SettingError(f"the data has {self.outputs} class", "at least 2", "There is nothing to tell apart.")
        for layer in self.hidden:
            if layer.activation not in ACTIVATIONS:
                raise SettingError(f"unknown activation {layer.activation!r}", "one of " + ", ".join(ACTIVATIONS))
        if len(self.scaling.scale) not in (1, self.inputs):
            raise SettingError(
                f"the scaling has {len(self.scaling.scale)} numbers", f"1, or one for each of {self.inputs} inputs"
            )

    def __str__(self) -> str:
        return "-".join(str(width) for width in self.widths)

    @property
    def output(self) -> str:
        """The name of the function that makes the outputs of the last z: it belongs to the loss."""
        return self.loss.output

    @cached_property
    def inputs(self) -> int:
        """The number of inputs, d."""
        return prod(self.input_shape)

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """Inputs, hidden neurons of each layer, outputs: (784, 128, 64, 10)."""
        return (self.inputs, *(layer.width for layer in self.hidden), self.outputs)

    @cached_property
    def weight_shapes(self) -> tuple[tuple[int, int], ...]:
        """The shape (fan_out, fan_in) of each layer's W."""
        return tuple((fan_out, fan_in) for fan_in, fan_out in zip(self.widths, self.widths[1:], strict=False))

    @property
    def n_parameters(self) -> int:
        """How many numbers are learned: all weights and all biases."""
        return sum(fan_out * fan_in + fan_out for fan_out, fan_in in self.weight_shapes)

    def check_layers(self, layers: Layers) -> None:
        """Raise ``ShapeError`` unless ``layers`` are parameters of this architecture."""
        if len(layers) != len(self.weight_shapes):
            raise ShapeError(f"got {len(layers)} layers", f"{len(self.weight_shapes)} for {self}")
        for number, (layer, (fan_out, fan_in)) in enumerate(zip(layers, self.weight_shapes, strict=True), start=1):
            if layer.W.shape != (fan_out, fan_in):
                raise ShapeError(
                    f"the weights of layer {number} have shape {layer.W.shape}", f"{(fan_out, fan_in)} for {self}"
                )
            if layer.b.shape != (fan_out,):
                raise ShapeError(f"the biases of layer {number} have shape {layer.b.shape}", f"{(fan_out,)} for {self}")
