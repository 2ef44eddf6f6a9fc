"""Problems to train on: a network, data in the units of an image, an order and a rate for each step."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from pellucid.engines import State, steps_of_an_epoch
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.initialization import initialize
from pellucid.equations.optimizers import SGD, Adam, AdamW, Momentum, Nesterov
from pellucid.equations.random_streams import Purpose, permutation
from pellucid.equations.scaling import Scaling
from pellucid.equations.schedules import rates

try:
    from pellucid.engines import _native
except ImportError:
    _native = None

_OPTIMIZERS = {
    "sgd": SGD(),
    "momentum": Momentum(0.8),
    "nesterov": Nesterov(0.8),
    "adam": Adam(),
    "adamw": AdamW(weight_decay=0.05),
}


class Training(NamedTuple):
    """All that an engine is handed for an epoch."""

    architecture: Architecture
    X: NDArray[Any]
    y: NDArray[Any]
    order: NDArray[Any]
    rates: NDArray[Any]
    batch_size: int
    weights: NDArray[Any]

    def start(self, optimizer, dtype=np.float32):
        layers = initialize(self.architecture, 0, dtype=dtype)
        return State(layers, optimizer.initial_moments(layers))

    def run(self, engine, optimizer, state, weighted=True, X=None, **stretch):
        return engine.run(
            self.architecture,
            optimizer,
            state,
            self.X if X is None else X,
            self.y,
            self.order,
            self.rates,
            batch_size=self.batch_size,
            weights=self.weights if weighted else None,
            **stretch,
        )


@pytest.fixture(scope="session")
def training():
    """Make a training of n examples like those of MNIST, for a network of the given widths."""

    def make(widths=(11, 7, 5, 3), n=47, batch_size=8, learning_rate=0.05, schedule="linear", seed=0):
        rng = np.random.default_rng(seed)
        inputs, *hidden, outputs = widths
        scaling = Scaling((0.0,), (255.0,))
        architecture = Architecture((inputs,), tuple(map(Hidden, hidden)), outputs, scaling=scaling)
        steps = steps_of_an_epoch(n, batch_size)
        return Training(
            architecture,
            rng.integers(0, 256, (n, inputs), dtype=np.uint8),
            rng.integers(0, outputs, n),
            permutation(seed, Purpose.ORDER, n, epoch=1),
            rates(schedule, learning_rate, 0, steps, steps),
            batch_size,
            rng.uniform(0.2, 2.0, n),
        )

    return make


@pytest.fixture(scope="session", params=_OPTIMIZERS)
def optimizer(request):
    """Each of the optimisers in turn."""
    return _OPTIMIZERS[request.param]


@pytest.fixture(scope="session")
def bits():
    """Give a state's parameters and moments as bytes, types and shapes included."""

    def of(state):
        tensors = [tensor for record in (state.layers, *state.moments) for layer in record for tensor in layer]
        return [(tensor.dtype.str, tensor.shape, tensor.tobytes()) for tensor in tensors]

    return of


def _targets():
    if _native is None:
        return [pytest.param(None, marks=pytest.mark.skip("this installation has no native engine"), id="native")]
    missing = pytest.mark.skip("this processor does not run it")
    return [pytest.param(name, marks=() if runs else missing) for name, _, runs in _native.targets()]


@pytest.fixture(scope="session", params=_targets())
def target(request):
    """Each target of the native engine that runs here."""
    return request.param


@pytest.fixture(scope="session", params=["float32", "float64"])
def dtype(request):
    """Each type of number that parameters have."""
    return np.dtype(request.param)
