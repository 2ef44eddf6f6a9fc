"""L-BFGS: all examples at once, through SciPy, with the loss and the gradient of the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.engines import Engine, StoppedError
from pellucid.equations.architecture import Architecture
from pellucid.equations.parameters import Layer, Layers
from pellucid.estimators.kept_search import Answer, KeptSearch
from pellucid.training.examples import Examples


class Found(NamedTuple):
    """Where the search ended: parameters, loss (NaN before the first iteration), iterations, whether it converged, why."""

    layers: Layers
    loss: float
    iterations: int
    converged: bool
    message: str


def search(
    engine: Engine,
    architecture: Architecture,
    layers: Layers,
    training: Examples,
    *,
    l2: float,
    max_iter: int,
    max_fun: int,
    tol: float,
    kept: KeptSearch,
    on_iteration: Callable[[Layers, float], bool],
    stop: Callable[[], bool],
) -> Found:
    """Walk downhill until the gradient is nowhere larger than ``tol``.

    ``on_iteration`` is told the parameters and the loss after each iteration, and ends the search by saying so. ``stop`` is
    asked within iterations, too, as they may be long: then the search ends where the last one did. ``kept`` answers for
    what an earlier search of the same kind has asked for, and keeps what this one does.
    """
    from scipy.optimize import minimize

    shapes = [(layer.W.shape, layer.b.shape) for layer in layers]
    dtype = layers[0].W.dtype

    def loss_and_gradient(theta: NDArray[np.float64]) -> Answer:
        def compute() -> Answer:
            point = _unpacked(theta, shapes, dtype)
            with np.errstate(over="ignore", invalid="ignore"):
                loss, gradients = engine.loss_and_gradients(
                    architecture, point, training.X, training.y, training.weights, l2=l2, stop=stop
                )
            return loss, _packed(gradients)

        return kept.evaluation(theta, compute, dtype)

    so_far = Found(layers, float("nan"), 0, False, "stopped")

    def told(intermediate_result: Any) -> None:
        nonlocal so_far
        point, loss = _unpacked(intermediate_result.x, shapes, dtype), float(intermediate_result.fun)
        so_far = Found(point, loss, so_far.iterations + 1, False, "stopped")
        if on_iteration(point, loss):
            raise StopIteration

    try:
        result = minimize(
            loss_and_gradient,
            _packed(layers),
            method="L-BFGS-B",
            jac=True,
            callback=told,
            options={"maxfun": max_fun, "maxiter": max_iter, "gtol": tol},
        )
    except StoppedError:
        return so_far
    stopped = "callback" in str(result.message).lower()
    return Found(
        _unpacked(result.x, shapes, dtype),
        float(result.fun),
        int(result.nit),
        result.success or stopped,
        str(result.message),
    )


def _packed(layers: Layers) -> NDArray[np.float64]:
    return np.concatenate([tensor.ravel() for layer in layers for tensor in layer]).astype(np.float64)


def _unpacked(theta: NDArray[np.float64], shapes: list[tuple[tuple[int, ...], tuple[int, ...]]], dtype: Any) -> Layers:
    layers, at = [], 0
    for W_shape, b_shape in shapes:
        W_size, b_size = int(np.prod(W_shape)), b_shape[0]
        W = theta[at : at + W_size].reshape(W_shape).astype(dtype)
        b = theta[at + W_size : at + W_size + b_size].astype(dtype)
        layers.append(Layer(W, b))
        at += W_size + b_size
    return tuple(layers)
