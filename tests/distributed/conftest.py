"""Small shards for the tests of many machines, made anew for each, and what a network's bytes are."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from sklearn.datasets import load_digits

from pellucid import MLPClassifier


@pytest.fixture(scope="session")
def digits():
    X, y = load_digits(return_X_y=True)
    return X.astype(np.float32), y


@pytest.fixture(scope="session")
def shards(digits):
    """Five shards of different sizes."""
    X, y = digits
    cuts = [0, 300, 700, 900, 1400, len(X)]
    return [(X[a:b], y[a:b]) for a, b in pairwise(cuts)]


@pytest.fixture
def classifier():
    def make(**parameters):
        usual = {
            "hidden_layer_sizes": (12,),
            "batch_size": 32,
            "max_iter": 3,
            "random_state": 0,
            "n_iter_no_change": 1000,
        }
        return MLPClassifier(**{**usual, "learning_rate_init": 0.01, **parameters})

    return make


@pytest.fixture
def bytes_of():
    def give(estimator):
        return b"".join(layer.tobytes() for layer in (*estimator.coefs_, *estimator.intercepts_))

    return give
