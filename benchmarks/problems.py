"""What is measured: the problems, each under a name, the same for all who take part.

Whoever takes part gets the same examples, first weights, order and rate. Pellucid is handed X as its users have it, pixels
from 0 to 255 as uint8. A peer is handed ``x``, the same numbers already scaled, in the type it computes in: its best case.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid import datasets
from pellucid.engines import ReferenceEngine, State, steps_of_an_epoch
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.initialization import initialize
from pellucid.equations.optimizers import SGD, Adam, Optimizer
from pellucid.equations.parameters import Array, Indices, Layers
from pellucid.equations.random_streams import Purpose, permutation
from pellucid.equations.scaling import Scaling, scaled
from pellucid.errors import DataUnavailableError

PIXELS = Scaling((0.0,), (255.0,))


class Data(NamedTuple):
    """Examples to train on and others to test on; ``source`` says what they are."""

    X: NDArray[Any]
    y: Indices
    X_test: NDArray[Any]
    y_test: Indices
    source: str


@dataclass(frozen=True, eq=False)
class TrainingProblem:
    """An epoch of training, to be repeated.

    ``dtype`` is that of the parameters. ``with_ceiling`` has the machine's limit measured beside (``ceiling.py``).
    """

    title: str
    architecture: Architecture
    data: Data
    batch_size: int
    optimizer: Optimizer
    learning_rate: float
    dtype: str = "float32"
    with_ceiling: bool = False

    @cached_property
    def x(self) -> Array:
        """The examples as a peer has them in memory: scaled."""
        return scaled(self.data.X, self.architecture.scaling, self.dtype)

    @cached_property
    def first_layers(self) -> Layers:
        """The parameters that everybody begins with. Nobody may change these arrays."""
        return initialize(self.architecture, seed=0, dtype=np.dtype(self.dtype).type)

    @property
    def steps(self) -> int:
        """The steps of an epoch."""
        return steps_of_an_epoch(len(self.data.y), self.batch_size)

    def order(self, epoch: int) -> Indices:
        """The order of the examples in that epoch."""
        return permutation(0, Purpose.ORDER, len(self.data.y), epoch)

    @property
    def multiply_adds(self) -> int:
        """What an epoch's products cost: forwards, back to W, and back to a, which the first layer does not need."""
        first, *others = (fan_out * fan_in for fan_out, fan_in in self.architecture.weight_shapes)
        return len(self.data.y) * (2 * first + 3 * sum(others))


@dataclass(frozen=True, eq=False)
class PredictionProblem:
    """Rows whose probabilities are wanted, again and again; ``calls`` of them make a turn.

    A single row has no ``y``: there is no accuracy in it.
    """

    title: str
    architecture: Architecture
    layers: Layers
    X: NDArray[Any]
    y: Indices | None
    calls: int

    @cached_property
    def x(self) -> Array:
        """The rows as a peer has them in memory: scaled, float32."""
        return scaled(self.X, self.architecture.scaling, np.float32)


@dataclass(frozen=True)
class ProcessProblem:
    """A whole process, from the shell to the saved model; ``options`` are understood by both sides.

    ``figure`` is what counts: its seconds, or its peak of resident memory in megabytes.
    """

    title: str
    options: tuple[str, ...]
    figure: str


Problem = TrainingProblem | PredictionProblem | ProcessProblem


def mnist_or_random() -> Data:
    """MNIST, or random pixels of its size where MNIST is not there."""
    try:
        mnist = datasets.load("mnist")
    except DataUnavailableError:
        return random_pixels(60_000, 10_000, 784, 10)
    return Data(mnist.X_train, mnist.y_train, mnist.X_test, mnist.y_test, "mnist")


def random_pixels(n: int, n_test: int, inputs: int, classes: int) -> Data:
    """Pixels and labels that have nothing to do with each other."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (n + n_test, inputs), np.uint8)
    y = rng.integers(0, classes, n + n_test)
    return Data(X[:n], y[:n], X[n:], y[n:], "random pixels")


def table(n: int, n_test: int, columns: int, dtype: str) -> Data:
    """Normal columns, and two classes that a random network with a little noise tells apart."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n + n_test, columns))
    hidden = np.maximum(X @ rng.standard_normal((columns, 20)) / columns**0.5, 0)
    z = (hidden - hidden.mean(axis=0)) @ rng.standard_normal(20)
    y = (z + 0.1 * rng.standard_normal(len(z)) > 0).astype(np.int64)
    X = X.astype(dtype)
    return Data(X[:n], y[:n], X[n:], y[n:], "a made-up table")


def network(*widths: int, scaling: Scaling = PIXELS) -> Architecture:
    """A network of ReLU layers: inputs, hidden neurons of each layer, outputs."""
    inputs, *hidden, outputs = widths
    return Architecture((inputs,), tuple(map(Hidden, hidden)), outputs, scaling=scaling)


def _seed(batch_size: int) -> TrainingProblem:
    title = f"An epoch of 784-128-64-10 on MNIST, SGD, batch {batch_size}"
    return TrainingProblem(title, network(784, 128, 64, 10), mnist_or_random(), batch_size, SGD(), 0.1)


def _wide() -> TrainingProblem:
    mnist = mnist_or_random()
    data = mnist._replace(X=mnist.X[:2048], y=mnist.y[:2048], source=f"{mnist.source}, the first 2,048 rows")
    architecture = network(784, 2500, 2000, 1500, 1000, 500, 10)
    title = f"Four steps of {architecture}, SGD, batch 512"
    return TrainingProblem(title, architecture, data, 512, SGD(), 0.05, with_ceiling=True)


def _adam() -> TrainingProblem:
    title = "An epoch of 784-1000-500-10 on MNIST, Adam, batch 128"
    return TrainingProblem(title, network(784, 1000, 500, 10), mnist_or_random(), 128, Adam(), 0.001)


def _table(dtype: str) -> TrainingProblem:
    title = f"An epoch of 50-50-100-2 on a table of 100,000 rows, Adam, batch 200, {dtype}"
    architecture = network(50, 50, 100, 2, scaling=Scaling())
    return TrainingProblem(title, architecture, table(100_000, 20_000, 50, dtype), 200, Adam(), 0.001, dtype)


def _tiny(optimizer: Optimizer, learning_rate: float, dtype: str) -> TrainingProblem:
    title = f"An epoch of 13-9-5-3 on random pixels, {optimizer.name}, batch 7, {dtype}"
    data = random_pixels(200, 50, 13, 3)
    return TrainingProblem(title, network(13, 9, 5, 3), data, 7, optimizer, learning_rate, dtype)


def _rows(title: str, calls: int, choose: Callable[[Data], tuple[NDArray[Any], Indices | None]]) -> PredictionProblem:
    """Ask 784-128-64-10 after an epoch of training."""
    training = _seed(64)
    layers = training.first_layers
    rates = np.full(training.steps, training.learning_rate)
    start = State(layers, ())
    data = training.data
    outcome = ReferenceEngine().run(
        training.architecture, SGD(), start, data.X, data.y, training.order(0), rates, batch_size=64
    )
    X, y = choose(data)
    return PredictionProblem(title, training.architecture, outcome.state.layers, X, y, calls)


def _dense_row(data: Data) -> tuple[NDArray[Any], None]:
    return np.random.default_rng(0).uniform(1, 255, (1, data.X.shape[1])).astype(np.float32), None


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "seed-64": lambda: _seed(64),
    "seed-128": lambda: _seed(128),
    "seed-512": lambda: _seed(512),
    "wide": _wide,
    "adam": _adam,
    "table-float32": lambda: _table("float32"),
    "table-float64": lambda: _table("float64"),
    "digit": lambda: _rows("One MNIST digit, uint8", 4000, lambda data: (data.X_test[:1], None)),
    "row": lambda: _rows("One row without zeros, float32", 4000, _dense_row),
    "rows": lambda: _rows("10,000 rows, float32", 10, lambda data: (data.X_test.astype(np.float32), data.y_test)),
    "rows-uint8": lambda: _rows("10,000 rows, uint8", 10, lambda data: (data.X_test, data.y_test)),
    "until": lambda: ProcessProblem("From the shell to a saved model that reads 97 %", ("--until", "0.97"), "seconds"),
    "memory": lambda: ProcessProblem("Peak resident memory of two epochs on MNIST", ("--epochs", "2"), "megabytes"),
    "tiny-sgd": lambda: _tiny(SGD(), 0.1, "float32"),
    "tiny-adam": lambda: _tiny(Adam(), 0.01, "float64"),
}

HEADLINES = ("seed-64", "table-float32", "digit", "rows", "until")
