"""What the native engine wants to be handed, and the sentences for what does not fit.

Shapes and types are looked at beforehand. Whether every label is among the classes and every row is there would cost a pass
over the data each time; C++ refuses them, and only then is the culprit looked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pellucid.engines.engine import Examples, steps_of_an_epoch
from pellucid.engines.memory import plain
from pellucid.equations.architecture import Architecture
from pellucid.equations.losses import Targets
from pellucid.equations.optimizers import Moments, Optimizer
from pellucid.equations.parameters import Array, Indices, Layers
from pellucid.errors import SettingError, ShapeError

ACTIVATIONS = (
    "identity", "relu", "leaky_relu", "elu", "selu", "logistic", "tanh", "scaled_tanh", "gelu", "silu", "mish",
    "softplus",
)  # fmt: skip
LOSSES = (
    "cross_entropy", "class_squared_error", "binary_cross_entropy", "squared_error", "absolute_error", "huber", "quantile",
    "poisson",
)  # fmt: skip
OPTIMIZERS = ("sgd", "momentum", "nesterov", "adam", "adamw")
READ_AS_THEY_ARE = (np.dtype(np.uint8), np.dtype(np.float32), np.dtype(np.float64))


def check_network(
    architecture: Architecture,
    layers: Layers,
    optimizer: Optimizer | None = None,
    moments: Moments = (),
    *,
    bfloat16: bool = False,
) -> None:
    """Raise ``ShapeError`` or ``SettingError`` unless parameters and moments fit the architecture, and C++ knows it all."""
    for hidden in architecture.hidden:
        if hidden.activation not in ACTIVATIONS:
            got = f"the native engine has no activation {hidden.activation!r}"
            raise SettingError(got, "one of " + ", ".join(ACTIVATIONS), "Try the engine reference.")
    if architecture.loss.name not in LOSSES:
        got = f"the native engine has no loss {architecture.loss.name!r}"
        raise SettingError(got, "one of " + ", ".join(LOSSES), "Try the engine reference.")
    architecture.check_layers(layers)
    types = {tensor.dtype for record in (layers, *moments) for layer in record for tensor in layer}
    if len(types) > 1 or not types <= {np.dtype(np.float32), np.dtype(np.float64)}:
        got = f"parameters and moments are of {', '.join(sorted(map(str, types)))}"
        raise ShapeError(got, "float32 or float64, one for all")
    if bfloat16 and types != {np.dtype(np.float32)}:
        raise ShapeError("the parameters are float64", "float32, in which products of bfloat16 are summed")
    if optimizer is None:
        return
    if optimizer.name not in OPTIMIZERS:
        got = f"the native engine has no optimiser {optimizer.name!r}"
        raise SettingError(got, "one of " + ", ".join(OPTIMIZERS), "Try the engine reference.")
    if len(moments) != optimizer.n_moments:
        raise ShapeError(f"got {len(moments)} moments", f"{optimizer.n_moments} for {optimizer.name}")
    for number, moment in enumerate(moments, start=1):
        try:
            architecture.check_layers(moment)
        except ShapeError as error:
            raise ShapeError(f"moment {number} does not fit: {error.got}", error.expected) from error


def check_examples(architecture: Architecture, X: Examples, at_least: int = 0) -> None:
    """Raise ``ShapeError`` unless X is (n, d) and holds numbers."""
    if X.ndim != 2 or X.shape[1] != architecture.inputs:
        hint = "Is the label column still in X?" if X.ndim == 2 and X.shape[1] == architecture.inputs + 1 else ""
        raise ShapeError(f"X has shape {X.shape}", f"(n, {architecture.inputs})", hint)
    if X.dtype.kind not in "buif":
        raise ShapeError(f"X holds {X.dtype}", "numbers")
    if len(X) < at_least:
        raise ShapeError("there are no examples", f"at least {at_least}")


def targets_of(architecture: Architecture, X: Examples, y: Targets, dtype: DTypeLike) -> NDArray[Any]:
    """Give y as C++ reads it: class indices, a copy of them, or numbers of the parameters' type, a row an example.

    C++ looks once whether classes are in range, and then writes where they say: nobody may change them meanwhile.

    Raises ``ShapeError`` unless there is a class or a row of finite numbers for each example.
    """
    if architecture.loss.of_classes:
        if y.shape != (len(X),):
            raise ShapeError(f"there are {len(X)} examples and labels of shape {y.shape}", "one label an example")
        if y.dtype.kind not in "iu":
            raise ShapeError(f"the labels are {y.dtype}", "class indices, which are whole numbers")
        if y.dtype.kind == "u" and y.size and (largest := y.max()) > np.iinfo(np.int64).max:
            raise ShapeError(f"a label is {largest}", f"class indices from 0 to {architecture.outputs - 1}")
        return np.array(y, np.int64)
    if y.shape != (len(X), architecture.outputs):
        got = f"there are {len(X)} examples and targets of shape {y.shape}"
        raise ShapeError(got, f"({len(X)}, {architecture.outputs}), a number for each output")
    if y.dtype.kind not in "buif":
        raise ShapeError(f"the targets are {y.dtype}", "numbers")
    with np.errstate(over="ignore"):
        numbers = plain(y, dtype)
    if not np.isfinite(numbers).all():
        row, column = np.argwhere(~np.isfinite(numbers))[0]
        raise ShapeError(f"the target of example {row} is {y[row, column]}", f"finite numbers of type {numbers.dtype}")
    return numbers


def check_weights(X: Examples, weights: Array | None) -> None:
    """Raise ``ShapeError`` unless there is one weight an example, if there are any."""
    if weights is not None and weights.shape != (len(X),):
        raise ShapeError(f"there are {len(X)} examples and weights of shape {weights.shape}", "one weight an example")
    if weights is not None and weights.dtype.kind not in "buif":
        raise ShapeError(f"the weights are {weights.dtype}", "numbers")


def check_steps(order: Indices, rates: NDArray[Any], batch_size: int, first_step: int, n_steps: int | None) -> None:
    """Raise ``ShapeError`` or ``SettingError`` unless the steps are there, each with a rate."""
    if order.ndim != 1 or order.dtype.kind not in "iu":
        raise ShapeError(f"the order has shape {order.shape} and holds {order.dtype}", "(m,), row numbers")
    if batch_size < 1:
        raise SettingError(f"the batch size is {batch_size}", "at least 1")
    if first_step < 0 or (n_steps is not None and n_steps < 0):
        raise SettingError(f"the steps begin at {first_step} and are {n_steps}", "no negative numbers")
    steps = steps_of_an_epoch(len(order), batch_size)
    last_step = steps if n_steps is None else min(steps, first_step + n_steps)
    if rates.ndim != 1 or len(rates) < last_step:
        raise ShapeError(f"there are rates of shape {rates.shape}", f"a rate for each of {last_step} steps")


def check_rows(order: Indices, n: int) -> None:
    """Raise ``ShapeError`` unless each number is that of a row."""
    if (missing := order[(order < 0) | (order >= n)]).size:
        raise ShapeError(f"the order names row {missing[0]} of {n}", f"rows from 0 to {n - 1}" if n else "no rows")


def is_read_as_it_is(X: Examples) -> bool:
    """Say whether C++ can read X where it lies: a known type, aligned, the elements of a row side by side."""
    return (
        X.dtype in READ_AS_THEY_ARE
        and X.flags.aligned
        and (X.strides[1] == X.itemsize or X.shape[1] == 1)
        and X.strides[0] % X.itemsize == 0
    )


@contextmanager
def explained(architecture: Architecture, y: NDArray[Any], order: Indices | None = None) -> Iterator[None]:
    """Say in a sentence which label or which row it was that C++ refused."""
    try:
        yield
    except ValueError as error:
        classes = architecture.outputs
        if order is not None:
            check_rows(order, len(y))
        if architecture.loss.of_classes and (unknown := y[(y < 0) | (y >= classes)]).size:
            raise ShapeError(f"a label is {unknown[0]}", f"class indices from 0 to {classes - 1}") from error
        raise
