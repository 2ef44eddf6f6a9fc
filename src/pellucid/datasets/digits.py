"""The handwritten digits that scikit-learn carries: 8×8 pixels, there without a network."""

from __future__ import annotations

import numpy as np

from pellucid.datasets.assembling import Part, assemble
from pellucid.datasets.catalogue import DIGITS
from pellucid.datasets.dataset import Dataset
from pellucid.equations.scaling import Scaling


def load_digits() -> Dataset:
    """Load scikit-learn's digits: X of uint8 (n, 64) with values 0 … 16, a seeded fifth of the 1,797 held out as test.

    >>> load_digits().X_train.shape, load_digits().X_test.shape
    ((1438, 64), (359, 64))
    """
    from sklearn import datasets

    X, y = datasets.load_digits(return_X_y=True)
    return assemble(
        DIGITS.name,
        Part(X.astype(np.uint8), y, "the digits of scikit-learn", "the digits of scikit-learn"),
        None,
        input_shape=(8, 8),
        scaling=Scaling(offset=(0.0,), scale=(16.0,)),
        classes=DIGITS.classes,
        source="the copy that scikit-learn carries",
    )
