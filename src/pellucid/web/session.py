"""The network that the page is about: what it was given, what became of it, and the way back.

One session a process. Requests come from several threads; whoever reads or changes the network holds the lock, and the
network itself never changes: each step makes another one.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.answers import Task
from pellucid.datasets.drawing import SIDE
from pellucid.datasets.for_a_network import Labelled
from pellucid.equations.network import Trace, forward
from pellucid.equations.optimizers import SGD
from pellucid.equations.parameters import Layers
from pellucid.errors import PellucidError
from pellucid.explain.neuron import in_float64
from pellucid.network import Network
from pellucid.training.evaluation import Evaluation
from pellucid.training.loop import all_finite
from pellucid.web.guard import RefusalError

MOST_UNDO = 20


class Examples:
    """Labelled examples that a network was not trained on: loaded when they are first asked for, once.

    Only who asks for them waits, for it may be a download. Where that failed, the next who asks tries again.
    """

    def __init__(self, load: Callable[[], Labelled]) -> None:
        self._load, self._loading = load, threading.Lock()
        self._found: Labelled | None = None

    def get(self) -> Labelled:
        """Give them. Raises ``RefusalError`` where there are none."""
        with self._loading:
            if self._found is None:
                try:
                    self._found = self._load()
                except PellucidError as error:
                    raise RefusalError(404, "no-data", f"There are no labelled examples: {error}") from None
            return self._found


@dataclass(frozen=True, eq=False)
class Subject:
    """A network as it stands: its name for people, how many steps were taken on the page, and its number in this process.

    ``layers64`` are its parameters in float64, in which everything that is shown is computed; ``examples`` are those that it
    can be held against.
    """

    network: Network
    name: str
    steps: int
    version: int
    layers64: Layers
    examples: Examples

    @property
    def reads_drawings(self) -> bool:
        """Say whether a drawing is an example of it."""
        return self.network.architecture.input_shape == (SIDE, SIDE) and self.tells_classes_apart

    @property
    def tells_classes_apart(self) -> bool:
        """Say whether an example has a class that can be named."""
        return self.network.task in (Task.ONE_OF_SEVERAL, Task.YES_OR_NO)

    def trace(self, X: NDArray[Any]) -> Trace:
        """Run examples (n, d) forwards, in float64."""
        with np.errstate(over="ignore", invalid="ignore"):
            return forward(self.network.architecture, self.layers64, X)


class Session:
    """The subject, the ones before it, and what was found on its labelled examples."""

    def __init__(
        self, network: Network, name: str, examples: Callable[[], Labelled], *, read_only: bool = False
    ) -> None:
        self.instance = secrets.token_hex(8)
        self.read_only = read_only
        self._lock = threading.RLock()
        self._versions = 0
        self.given = self._made(network, name, 0, Examples(examples))
        self._now = self.given
        self._before: deque[Subject] = deque(maxlen=MOST_UNDO)
        self._found: tuple[int, Evaluation] | None = None
        self._evaluating = threading.Lock()

    def _made(self, network: Network, name: str, steps: int, examples: Examples) -> Subject:
        self._versions += 1
        return Subject(network, name, steps, self._versions, in_float64(network.layers), examples)

    @property
    def now(self) -> Subject:
        """The subject as it stands."""
        with self._lock:
            return self._now

    @property
    def can_undo(self) -> int:
        """The number of steps that can be taken back."""
        with self._lock:
            return len(self._before)

    def take_step(self, version: int, X: NDArray[Any], y: Any, learning_rate: float) -> Subject:
        """Train the subject by one step [sgd] on one example. Raises ``RefusalError`` where it is another one by now."""
        with self._lock:
            now = self._checked(version)
            engine, network = now.network.engine, now.network
            with np.errstate(over="ignore", invalid="ignore"):
                _, g = engine.loss_and_gradients(network.architecture, network.layers, X, y)
                layers, _ = SGD().step(network.layers, g, (), t=1, learning_rate=learning_rate)
            if not all_finite(layers):
                raise RefusalError(422, "diverged", "The step would make a weight infinite or NaN. Try a lower rate.")
            training = {**network.model.training, "steps_on_the_page": now.steps + 1}
            model = replace(network.model, layers=layers, training=training, test_accuracy=None)
            moved = Network.of_model(model, engine)
            self._before.append(now)
            self._now = self._made(moved, now.name, now.steps + 1, now.examples)
            return self._now

    def undo(self, version: int) -> Subject:
        """Take the last step back: the very network that was there before."""
        with self._lock:
            self._checked(version)
            if not self._before:
                raise RefusalError(409, "nothing-to-undo", "There is no step to take back.")
            self._now = self._before.pop()
            return self._now

    def reset(self) -> Subject:
        """Go back to the network that the server was started with."""
        with self._lock:
            self._before.clear()
            self._now = self.given
            return self._now

    def adopt(self, network: Network, name: str, examples: Callable[[], Labelled]) -> Subject:
        """Make a network that was trained on the page the subject, with the examples that it was not trained on."""
        with self._lock:
            self._before.clear()
            self._now = self._made(network, name, 0, Examples(examples))
            return self._now

    def _checked(self, version: int) -> Subject:
        if version != self._now.version:
            raise RefusalError(
                409, "changed", "The network has changed since, perhaps in another tab. Look at the step again."
            )
        return self._now

    def found(self) -> tuple[Subject, Labelled, Evaluation]:
        """Hold the subject against its labelled examples, once for each state of it."""
        subject = self.now
        if not subject.tells_classes_apart:
            gives = subject.network.task.value
            raise RefusalError(404, "no-classes", f"This network gives {gives}: there is no right or wrong to count.")
        examples = subject.examples.get()
        with self._evaluating:
            if self._found is None or self._found[0] != subject.version:
                self._found = subject.version, subject.network.evaluate(examples.X, examples.y)
            return subject, examples, self._found[1]
