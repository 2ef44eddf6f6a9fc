"""Calls of the binding: an engine, a small problem, what native.py hands to C++, and how it may refuse."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.equations.optimizers import Adam
from pellucid.errors import PellucidError

native = pytest.importorskip("pellucid.engines.native", reason="this installation has no native engine")

REFUSALS = (ValueError, TypeError, OverflowError, MemoryError, PellucidError)
ENGINE = native.NativeEngine(threads=2)


def whole_of(training, dtype=np.float64):
    problem = training((7, 6, 3), n=20, batch_size=6)
    return problem, problem.start(Adam(), dtype)


RECORDS = {
    "architecture": ("Architecture", "widths activations offset scale loss loss_setting"),
    "optimizer": ("Optimizer", "name mu beta_1 beta_2 epsilon weight_decay"),
    "extras": ("Extras", "input_dropout dropout l2 clip max_norm seed epoch"),
}


def called(function, arguments):
    """Call C++ with what ``arguments_of`` names, those of its records put into them."""
    rest, records = dict(arguments), {}
    for record, (kind, names) in RECORDS.items():
        own = {name: rest.pop(name) for name in names.split() if name in rest}
        if own:
            records[record] = getattr(native._native, kind)(**own)
    return getattr(native._native, function)(**rest, **records)


def arguments_of(problem, state, optimizer=None):
    """What native.py hands to C++, records taken apart."""
    pairs = [tuple(layer) for layer in state.layers]
    rule = optimizer or Adam()
    return {
        "target": "scalar",
        "widths": list(problem.architecture.widths),
        "activations": [hidden.activation for hidden in problem.architecture.hidden],
        "offset": problem.architecture.scaling.offsets,
        "scale": problem.architecture.scaling.scales,
        "loss": problem.architecture.loss.name,
        "loss_setting": problem.architecture.loss.setting,
        "name": rule.name,
        "mu": 0.0,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 1e-8,
        "weight_decay": 0.0,
        "layers": pairs,
        "moments": [[tuple(layer) for layer in moment] for moment in state.moments],
        "steps_done": 0,
        "X": problem.X,
        "y": problem.y,
        "order": problem.order,
        "rates": problem.rates,
        "batch_size": problem.batch_size,
        "first_step": 0,
        "n_steps": 4,
        "weights": problem.weights,
        "input_dropout": 0.0,
        "dropout": 0.0,
        "l2": 0.0,
        "clip": float("inf"),
        "max_norm": float("inf"),
        "teacher": None,
        "teacher_weight": 0.0,
        "temperature": 1.0,
        "augmentation": None,
        "seed": 0,
        "epoch": 0,
        "examples": None,
        "threads": 2,
        "stop": None,
    }


def same(layers, expected, dtype):
    tolerance = 1e5 * np.finfo(dtype).eps
    for pair, wanted in zip(layers, expected, strict=True):
        for tensor, reference in zip(pair, wanted, strict=True):
            assert tensor.dtype == reference.dtype
            np.testing.assert_allclose(tensor, reference, rtol=tolerance, atol=tolerance)
