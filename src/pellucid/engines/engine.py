"""What an engine is: whoever computes the equations for the rest of the house.

Records go in and records come out, nothing is changed in place, and an engine draws no random number and knows no
schedule: the order of the examples and the rate of each step are handed to it. So any engine can be replaced by another,
a training can be cut anywhere between two steps, and what was cut can be continued to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from pellucid.equations.architecture import Architecture
from pellucid.equations.beyond.extras import PLAIN, Extras
from pellucid.equations.losses import Targets
from pellucid.equations.optimizers import Moments, Optimizer
from pellucid.equations.parameters import Array, Indices, Layers
from pellucid.equations.random_streams import Streams
from pellucid.errors import SettingError

MOST_THREADS = 1024
Examples = NDArray[Any]
"""A batch X (n, d) in the units of the data: uint8, or any other numeric type."""


@dataclass(frozen=True, eq=False)
class State:
    """All that a step changes: the parameters, the optimiser's moments, and the number of steps done."""

    layers: Layers
    moments: Moments
    steps_done: int = 0


class Outcome(NamedTuple):
    """What a stretch of training did.

    ``losses`` (steps,) holds the mean loss of each batch *before* its step, the penalty [l2] included; ``correct`` counts
    the examples that were classified rightly, also before the step. ``non_finite_step`` is the step, within the epoch and
    from 0, whose loss was infinite or NaN: that step was not taken, and none after it.
    """

    state: State
    losses: NDArray[Any]
    correct: int
    non_finite_step: int | None = None


class StoppedError(Exception):
    """An engine's answer where it was asked to stop and has none: not an error of anybody's."""


class Packed(Protocol):
    """A network as an engine likes to have it, for many predictions.

    What was packed is a copy, or is never written to again: nobody can change it unseen.
    """

    def logits(self, X: Examples) -> Array:
        """Give the last layer's z: X (n, d) → (n, k)."""
        ...

    def predict(self, X: Examples) -> Array:
        """Give the outputs, which are probabilities unless the loss is one of numbers: X (n, d) → (n, k)."""
        ...

    def quick_logits(self, X: Any) -> Array | None:
        """Give the last layer's z of examples in any shape, or None where that needs a longer look.

        An answer is given only where X is an array of finite numbers in a shape that fits, and so is the answer: one
        example → (k,), several → (n, k).
        """
        ...

    def quick_predict(self, X: Any) -> Array | None:
        """Give the outputs, under the conditions of ``quick_logits``."""
        ...


class Engine(Protocol):
    """The protocol of all engines.

    ``name`` is the engine's, ``target`` what it runs on. ``slow_precisions`` are those that save no time, as the processor
    has no instructions for them. ``threads`` is the number of its own threads, which changes no
    bit of a result; it is None where the library beneath has threads, whose number does change bits.

    The targets y are class indices (n,) where the architecture's loss is one of classes, else numbers (n, k), a column an
    output.
    """

    name: str
    target: str
    precisions: tuple[str, ...]
    slow_precisions: tuple[str, ...]

    @property
    def threads(self) -> int | None:
        """The number of threads of its own, or None."""
        ...

    def at(self, precision: str) -> Engine:
        """Give the engine that multiplies in one of its ``precisions``. Raises ``SettingError`` for another one.

        float32 and float64 are the type of the parameters, which every engine follows. With bfloat16 the parameters are
        float32, and the factors of every product are rounded: equation [bfloat16].
        """
        ...

    def order(self, seed: int, n: int, epoch: int) -> Indices:
        """Give the order in which an epoch takes n examples: equation [permutation], whoever computes it."""
        ...

    def run(
        self,
        architecture: Architecture,
        optimizer: Optimizer,
        state: State,
        X: Examples,
        y: Targets,
        order: Indices,
        rates: NDArray[Any],
        *,
        batch_size: int,
        first_step: int = 0,
        n_steps: int | None = None,
        weights: Array | None = None,
        extras: Extras = PLAIN,
        streams: Streams | None = None,
        stop: Callable[[], bool] | None = None,
        numbers: Indices | None = None,
    ) -> Outcome:
        """Take steps of one epoch: step s trains on the rows order[s·batch_size : (s+1)·batch_size] at rate rates[s].

        Shapes: X (n, d), y (n,) or (n, k), order (m,), rates (steps of the epoch,), weights (n,) or None. The last batch
        may be smaller. ``extras`` are added to each step; those that distort pictures or leave neurons out read the random
        numbers of ``streams`` at each example's row, or at its number where X is a part of the data: ``numbers`` (n,).
        A teacher among them sees the examples of a step as the network does.
        ``stop`` is asked between steps; the stretch ends when it says so.
        """
        ...

    def loss_and_gradients(
        self,
        architecture: Architecture,
        layers: Layers,
        X: Examples,
        y: Targets,
        weights: Array | None = None,
        *,
        l2: float = 0.0,
        stop: Callable[[], bool] | None = None,
    ) -> tuple[float, Layers]:
        """Give the mean loss of a batch and its gradient for every W and b, with the penalty [l2] if there is one.

        ``stop`` is asked now and then, where that takes long. Raises ``StoppedError`` where it says so.
        """
        ...

    def logits(self, architecture: Architecture, layers: Layers, X: Examples) -> Array:
        """Give the last layer's z: X (n, d) → (n, k)."""
        ...

    def predict(self, architecture: Architecture, layers: Layers, X: Examples) -> Array:
        """Give the outputs: X (n, d) → (n, k)."""
        ...

    def pack(self, architecture: Architecture, layers: Layers) -> Packed:
        """Make a network ready for many predictions."""
        ...


def check_threads(threads: int | None) -> None:
    """Raise ``SettingError`` unless an engine could have so many threads; None leaves it to the engine."""
    if threads is not None and not 1 <= threads <= MOST_THREADS:
        raise SettingError(f"the number of threads is {threads}", f"a whole number from 1 to {MOST_THREADS:,}")


def check_precision(engine: Engine, precision: str) -> None:
    """Raise ``SettingError`` unless the engine has that precision."""
    if precision not in engine.precisions:
        known = ", ".join(engine.precisions)
        raise SettingError(f"the engine {engine.name} has no precision {precision!r}", f"one of {known}")


def check_streams(extras: Extras, streams: Streams | None) -> None:
    """Raise ``SettingError`` where random numbers are needed, and it is not said which."""
    if extras.needs_streams and streams is None:
        what = "neurons are to be left out" if extras.drops else "pictures are to be distorted"
        raise SettingError(f"{what}, but no random numbers are given", "streams", "Give a seed.")


def check_pictures(architecture: Architecture, extras: Extras) -> None:
    """Raise ``SettingError`` where pictures are to be distorted, and the inputs are none or nothing would be left."""
    if extras.augmentation is not None:
        extras.augmentation.check_pictures(architecture.input_shape)


def check_teacher(architecture: Architecture, extras: Extras) -> None:
    """Raise ``SettingError`` where there is a teacher that the network cannot learn from."""
    if extras.teacher is not None:
        extras.teacher.check_pupil(architecture)


def name_of(engine: Engine) -> str:
    """Give the name by which the same engine on the same target can be chosen again."""
    return f"{engine.name}:{engine.target}"


def steps_of_an_epoch(n: int, batch_size: int) -> int:
    """Count the batches of an epoch; the last one may be smaller.

    >>> steps_of_an_epoch(60_000, 64)
    938
    """
    return -(-n // batch_size)
