from __future__ import annotations

import numpy as np
import pytest

from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.losses import CrossEntropy
from pellucid.equations.parameters import Layer
from pellucid.equations.scaling import Scaling
from pellucid.equations.worked_example import ARCHITECTURE, LAYERS, LEARNING_RATE, X, Y
from pellucid.explain import explain


@pytest.fixture(scope="session")
def tiny():
    return explain(ARCHITECTURE, LAYERS, X, int(Y[0]), learning_rate=LEARNING_RATE)


def make_problem(seed=0, widths=(30, 20, 14, 5), activation="relu", loss=None, shape=None, dtype=np.float64):
    """A network, an example, a label: widths as they are asked for."""
    rng = np.random.default_rng(seed)
    loss = loss or CrossEntropy()
    hidden = tuple(Hidden(width, activation) for width in widths[1:-1])
    architecture = Architecture(shape or (widths[0],), hidden, widths[-1], loss, Scaling((2.0,), (3.0,)))
    layers = tuple(
        Layer((rng.normal(size=s) / np.sqrt(s[1])).astype(dtype), (0.2 * rng.normal(size=s[0])).astype(dtype))
        for s in architecture.weight_shapes
    )
    y = int(rng.integers(0, widths[-1])) if loss.of_classes else rng.integers(0, 2, widths[-1]).astype(float)
    return architecture, layers, 3 * rng.normal(size=architecture.inputs) + 2, y


@pytest.fixture(scope="session")
def problem():
    return make_problem


@pytest.fixture(scope="session")
def large():
    return explain(*make_problem(), learning_rate=0.05)
