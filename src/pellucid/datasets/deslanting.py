"""A data set of pictures set upright and cut to their ink, as LeCun and others made one of MNIST in 1998."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets.dataset import Dataset
from pellucid.equations.beyond.deslanting import deslanted

SIDE = 20
"""MNIST's digits were scaled to fit 20×20 pixels, before they were put into 28×28 by their centre of mass."""

AT_A_TIME = 2000


def deslanted_dataset(dataset: Dataset, name: str) -> Dataset:
    """Set the pictures of a data set upright, and keep a window of 20×20 around the middle of their ink."""
    train, test = (_prepared(X, dataset.input_shape) for X in (dataset.X_train, dataset.X_test))
    return replace(dataset, name=name, X_train=train, X_test=test, input_shape=(SIDE, SIDE))


def _prepared(X: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    parts = [X[:0].reshape(0, *shape), *np.split(X.reshape(-1, *shape), range(AT_A_TIME, len(X), AT_A_TIME))]
    return np.concatenate([window_on_ink(np.rint(deslanted(part)).astype(X.dtype)) for part in parts])


def window_on_ink(pictures: NDArray[Any], side: int = SIDE) -> NDArray[Any]:
    """Cut a window of ``side`` out of each picture, in the middle of the box around its ink.

    Shapes: pictures (n, rows, columns) → (n, side²).

    >>> window_on_ink(np.array([[[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 5, 7], [0, 0, 9, 0]]]), side=2)
    array([[5, 7, 9, 0]])
    """
    n, rows, columns = pictures.shape
    top, left = _first(pictures.max(axis=2) > 0, rows, side), _first(pictures.max(axis=1) > 0, columns, side)
    row = top[:, np.newaxis] + np.arange(side)
    column = left[:, np.newaxis] + np.arange(side)
    which = np.arange(n)[:, np.newaxis, np.newaxis]
    windows: NDArray[Any] = pictures[which, row[:, :, np.newaxis], column[:, np.newaxis, :]]
    return windows.reshape(n, side * side)


def _first(has_ink: NDArray[np.bool_], size: int, side: int) -> NDArray[np.intp]:
    """Give the first row, or column, of each window."""
    first, last = has_ink.argmax(axis=1), size - 1 - has_ink[:, ::-1].argmax(axis=1)
    places: NDArray[np.intp] = np.clip((first + last + 1 - side) // 2, 0, size - side)
    return places
