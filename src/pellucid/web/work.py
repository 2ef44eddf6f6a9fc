"""What a training on the page has to do: its data, divided into what is learned from and what is looked at; its network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets.dataset import Dataset
from pellucid.engines import Engine, steps_of_an_epoch
from pellucid.equations.architecture import Architecture
from pellucid.equations.parameters import Indices
from pellucid.equations.random_streams import Purpose, permutation
from pellucid.recipes.options import architecture_of
from pellucid.training.examples import Examples
from pellucid.training.run import usual_validation_rows
from pellucid.training.settings import Settings

LOT = 1
"""The seed of the lot by which the validation part is drawn: the same whatever the training's own seed, so that two
trainings are looked at with the same examples."""


@dataclass(frozen=True, eq=False)
class Work:
    """What is trained: data, network, settings; the examples to learn from, and those to look at."""

    dataset: Dataset
    architecture: Architecture
    settings: Settings
    engine: Engine
    training: Examples
    validation: Examples

    @property
    def steps_an_epoch(self) -> int:
        """The number of batches of an epoch."""
        return steps_of_an_epoch(len(self.training), self.settings.batch_size)


def work_of(dataset: Dataset, config: Mapping[str, Any], make_engine: Callable[[], Engine]) -> Work:
    """Put together what the page was asked to train.

    Raises ``SettingError`` for a network that does not fit the data.
    """
    widths = ",".join(map(str, config["hidden"])) or "none"
    architecture = architecture_of(dataset, {"hidden": widths, "activation": config["activation"]})
    rest, held_out = divided(dataset.y_train)
    settings = Settings(
        epochs=config["epochs"], batch_size=config["batch_size"], learning_rate=config["learning_rate"],
        solver=config["solver"], seed=config["seed"], validation=len(held_out),
    )  # fmt: skip
    X, y = dataset.X_train, dataset.y_train
    return Work(
        dataset, architecture, settings, make_engine(), Examples(X[rest], y[rest]), Examples(X[held_out], y[held_out])
    )


def drawn(examples: Examples, most: int) -> Examples:
    """Draw some examples by lot: a table that is sorted by class begins with examples of one class.

    >>> drawn(Examples(np.arange(1000)[:, np.newaxis], np.repeat([0, 1], 500)), 100).y.mean().round(1)
    np.float64(0.5)
    """
    rows = np.sort(permutation(LOT, Purpose.TEST_SPLIT, len(examples))[:most])
    return Examples(examples.X[rows], examples.y[rows])


def divided(y: NDArray[Any]) -> tuple[Indices, Indices]:
    """Divide rows into those to learn from and a sixth to look at, drawn by lot, of each class its share.

    The last rows would do for MNIST, whose files are mixed. A table or a folder of pictures is often sorted by class: its
    last rows are examples of one class, which a training without them can only read wrongly.

    >>> rest, held_out = divided(np.repeat([0, 1, 2], [6, 12, 18]))
    >>> np.bincount(np.repeat([0, 1, 2], [6, 12, 18])[held_out]).tolist()
    [1, 2, 3]
    """
    lot = permutation(LOT, Purpose.TEST_SPLIT, len(y))
    by_class = lot[np.argsort(y[lot], kind="stable")]
    wanted = usual_validation_rows(len(y))
    is_held_out = np.zeros(len(y), bool)
    is_held_out[by_class[(2 * np.arange(wanted) + 1) * len(y) // (2 * wanted)]] = True  # evenly spaced, class by class
    return np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out)
