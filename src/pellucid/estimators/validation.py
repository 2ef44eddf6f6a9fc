"""The examples on which a fit is judged while it goes on: the user's own, or some that are held out."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from pellucid.estimators.telling import warn


class Part(NamedTuple):
    """Examples with what belongs to them: X, y as the user gave it, the targets for the engine, weights or None."""

    X: Any
    y: NDArray[Any]
    targets: NDArray[Any]
    weights: NDArray[Any] | None

    def rows(self, rows: NDArray[Any]) -> Part:
        """Take some of them."""
        weights = None if self.weights is None else self.weights[rows]
        return Part(self.X[rows], self.y[rows], self.targets[rows], weights)


def held_out(
    part: Part, fraction: float, random_state: np.random.RandomState, classes: NDArray[Any] | None
) -> tuple[Part, Part]:
    """Hold out a fraction: of each class alike where ``classes`` (n,) tells them apart → what is left, what is held out.

    Raises ``ValueError`` where too few would be held out, and where one of two classes is too small to be divided; of
    more classes, the division is then made without regard to them, with a warning.
    """
    everyone = np.arange(len(part.y))
    try:
        rest, out = train_test_split(everyone, random_state=random_state, test_size=fraction, stratify=classes)
    except ValueError as error:
        if classes is None or len(np.unique(classes)) <= 2 or len(everyone) * fraction < 1:
            raise
        warn(f"The validation part is not divided by class ({error})")
        rest, out = train_test_split(everyone, random_state=random_state, test_size=fraction)
    if len(out) < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    return part.rows(rest), part.rows(out)
