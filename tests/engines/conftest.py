"""Problems to train on: a network, data in the units of an image, an order and a rate for each step."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import strategies as st
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

if (tested := os.environ.get("PELLUCID_TESTED")) and not Path(_native.__file__).is_relative_to(tested):
    raise pytest.UsageError(f"the module under test is {_native.__file__}, not the one in {tested}")

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
    return [name for name, _, runs_here, _ in _native.targets() if runs_here]


@pytest.fixture(scope="session", params=_targets())
def target(request):
    """Each target of the native engine that runs here."""
    return request.param


@pytest.fixture(scope="session", params=["float32", "float64"])
def dtype(request):
    """Each type of number that parameters have."""
    return np.dtype(request.param)


@pytest.fixture(scope="session")
def draw_training():
    """Draw a training of any shape with Hypothesis's ``data``, and the stretch of it that is run: first_step, n_steps."""

    def draw(data, most_steps=5):
        def of(strategy, name):
            return data.draw(strategy, label=name)

        widths = of(st.lists(st.integers(1, 70), min_size=1, max_size=4), "inputs and hidden widths")
        outputs = of(st.integers(2, 70), "classes")
        n = of(st.integers(1, 40) | st.sampled_from([127, 128, 129, 257, 300, 520]), "examples")
        batch_size = of(st.integers(1, n + 5) | st.sampled_from([n, 129, 257]), "batch size")
        of_X = of(st.sampled_from(["uint8", "float32", "float64", "int64"]), "type of X")
        scaling = of(st.sampled_from(["pixels", "one", "each"]), "scaling")
        zeros = of(st.sampled_from([0.0, 0.5, 0.9, 1.0]), "zeros in X")
        weighted = of(st.sampled_from(["no", "yes", "with zeros", "zeros first"]), "weights")
        part = of(st.sampled_from([1.0, 0.7]), "part of the rows")
        rng = np.random.default_rng(of(st.integers(0, 2**32), "seed"))

        X = rng.integers(0, 256, (n, widths[0])) * (rng.random((n, widths[0])) >= zeros)
        offset = {"pixels": [0.0], "one": [100.3], "each": rng.uniform(0, 200, widths[0])}[scaling]
        scale = {"pixels": [255.0], "one": [71.7], "each": rng.uniform(50, 300, widths[0])}[scaling]
        scales = Scaling(tuple(map(float, offset)), tuple(map(float, scale)))
        order = rng.permutation(n)[: max(1, int(part * n))]
        steps = steps_of_an_epoch(len(order), batch_size)
        weights = None if weighted == "no" else rng.uniform(0.1, 2.0, n)
        if weighted == "with zeros":
            weights[rng.random(n) < 0.4] = 0
        if weighted == "zeros first":
            weights[order[:batch_size]] = 0
        first_step = of(st.integers(0, steps - 1), "first step")
        stretch = {"first_step": first_step, "n_steps": of(st.integers(1, most_steps), "steps")}
        architecture = Architecture((widths[0],), tuple(map(Hidden, widths[1:])), outputs, scaling=scales)
        y, rate = rng.integers(0, outputs, n), rng.uniform(0.001, 0.1, steps)
        return Training(architecture, X.astype(of_X), y, order, rate, batch_size, weights), stretch

    return draw
