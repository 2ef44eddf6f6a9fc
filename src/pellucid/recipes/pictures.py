"""The pictures of a data set as the epochs of a training see them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets.dataset import Dataset
from pellucid.equations.beyond.augmentation import Augmentation, are_pictures, augmented
from pellucid.errors import SettingError


class Row(NamedTuple):
    """Some pictures, (n, height, width) or (n, height, width, channels), and what they are."""

    name: str
    pictures: NDArray[Any]


def seen(dataset: Dataset, by: Augmentation | None, count: int, epochs: int, seed: int) -> list[Row]:
    """Give the first training pictures as they are, and as each of the first epochs of a training sees them.

    Raises ``SettingError`` where the examples are no pictures, or nothing would be left of them.
    """
    if not are_pictures(dataset.input_shape):
        got = f"an example of {dataset.name} has the shape {dataset.input_shape}, which is no picture"
        raise SettingError(got, "(rows, columns), or (rows, columns, channels)")
    (by or Augmentation()).check_pictures(dataset.input_shape)
    X = dataset.X_train[:count]
    shape = (len(X), *dataset.input_shape)
    rows = [Row("as they are", X.reshape(shape))]
    for epoch in range(epochs if by is not None else 0):
        assert by is not None
        distorted = augmented(X, dataset.input_shape, by, seed, epoch, np.arange(len(X)))
        rows.append(Row(f"in epoch {epoch + 1}", distorted.reshape(shape)))
    return rows
