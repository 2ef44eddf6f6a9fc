"""What a training learns from: examples in memory, or in files that are read window by window.

The loop asks for the **windows** of an epoch: stretches of its steps, each with the arrays that hold the rows of these
steps. Examples in memory are one window. Where they are in files, the order of the epoch is made of blocks in a shuffled
order, of which as many as fit into memory are shuffled together; the steps are cut from that order as from any other.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from pellucid.engines import Engine, steps_of_an_epoch
from pellucid.equations.architecture import Architecture
from pellucid.equations.losses import Targets
from pellucid.equations.parameters import Array, Indices, Layers
from pellucid.errors import ShapeError
from pellucid.training.evaluation import Judged, judge
from pellucid.training.rules import Rules


class Window(NamedTuple):
    """Some steps of an epoch, from ``first_step`` to before ``last_step``: the rows ``order`` (m,) of X (n, d), y and
    ``weights``, batch by batch. ``numbers`` (n,) tells which rows of all these are, where they are not all.
    """

    first_step: int
    last_step: int
    X: NDArray[Any]
    y: Targets
    order: Indices
    weights: Array | None = None
    numbers: Indices | None = None


class Sample(NamedTuple):
    """Some examples, spread over all."""

    X: NDArray[Any]
    y: Targets


class Learned(Protocol):
    """Examples to learn from."""

    def __len__(self) -> int:
        """Count them."""
        ...

    def windows(self, engine: Engine, rules: Rules, epoch: int, batch_size: int, first_step: int) -> Generator[Window]:
        """Give the rest of an epoch, from ``first_step`` on, window by window."""
        ...

    def sample(self, rows: int) -> Sample:
        """Give about so many examples, evenly spaced."""
        ...

    def judge(self, engine: Engine, architecture: Architecture, layers: Layers) -> Judged:
        """Hold a network against all of them."""
        ...


@dataclass(frozen=True, eq=False)
class Examples:
    """Examples with their targets: X (n, d) in the units of the data, y (n,) class indices or (n, k) numbers, as the loss
    wants them; and the weight of each, (n,), all 1 unless given.
    """

    X: NDArray[Any]
    y: Targets
    weights: Array | None = None

    def __post_init__(self) -> None:
        if len(self.X) != len(self.y):
            raise ShapeError(f"there are {len(self.X)} examples and {len(self.y)} labels", "one label an example")
        if self.weights is not None and len(self.weights) != len(self.y):
            raise ShapeError(
                f"there are {len(self.y)} examples and {len(self.weights)} weights", "one weight an example"
            )

    def __len__(self) -> int:
        return len(self.y)

    def windows(self, engine: Engine, rules: Rules, epoch: int, batch_size: int, first_step: int) -> Generator[Window]:
        """Give all of them, in the order that the rules want."""
        steps = steps_of_an_epoch(len(self), batch_size)
        yield Window(0, steps, self.X, self.y, rules.order(engine, len(self), epoch), self.weights)

    def sample(self, rows: int) -> Sample:
        """Give about so many examples, evenly spaced."""
        spaced = slice(None, None, max(1, len(self) // rows))
        return Sample(self.X[spaced], self.y[spaced])

    def judge(self, engine: Engine, architecture: Architecture, layers: Layers) -> Judged:
        """Hold a network against all of them."""
        return judge(engine, architecture, layers, self.X, self.y, self.weights)
