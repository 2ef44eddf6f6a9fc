"""JAX with a whole epoch in one jitted ``lax.scan``: nothing of Python between two steps, the parameters donated.

JAX counts its threads when it is loaded; the runner has set them in the environment by then.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.peer import Predictor, Trainer, installed
from benchmarks.problems import PredictionProblem, TrainingProblem
from pellucid.equations.optimizers import Adam
from pellucid.equations.parameters import Indices, Layer, Layers

NAME = "JAX scan"
VARIANTS: tuple[str, ...] = ("",)


def version() -> str | None:
    return installed("jax")


def trainer(problem: TrainingProblem, variant: str, threads: int) -> Trainer | None:
    jax, jnp = _loaded()
    step = _adam(jax, jnp, problem) if problem.optimizer.name == "adam" else _sgd(jax, problem)
    x, y = jnp.asarray(problem.x), jnp.asarray(problem.data.y.astype(np.int32))

    def train(state: Any, x_all: Any, y_all: Any, order: Any) -> tuple[Any, Any]:
        def one(state: Any, rows: Any) -> tuple[Any, Any]:
            loss, gradients = jax.value_and_grad(_loss)(state[0], x_all[rows], y_all[rows], jax, jnp)
            return step(state, gradients), loss

        size = problem.batch_size
        whole = len(order) // size * size
        state, losses = jax.lax.scan(one, state, order[:whole].reshape(-1, size))
        total = losses.sum() * size
        if whole < len(order):  # the last batch is smaller
            state, loss = one(state, order[whole:])
            total += loss * (len(order) - whole)
        return state, total / len(order)

    jitted = jax.jit(train, donate_argnums=0)
    parameters = tuple((jnp.array(W), jnp.array(b)) for W, b in problem.first_layers)
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    state = (parameters, zeros, jax.tree.map(jnp.zeros_like, parameters), jnp.int32(0))

    def epoch(order: Indices) -> float:
        nonlocal state
        state, loss = jitted(state, x, y, order.astype(np.int32))
        return float(jax.block_until_ready((state, loss))[1])

    def layers() -> Layers:
        return tuple(Layer(np.array(W), np.array(b)) for W, b in state[0])

    return Trainer(problem.dtype, epoch, layers)


def predictor(problem: PredictionProblem, variant: str, threads: int) -> Predictor | None:
    jax, jnp = _loaded()
    parameters = tuple((jnp.array(W), jnp.array(b)) for W, b in problem.layers)
    x = problem.x
    jitted = jax.jit(lambda parameters, rows: jax.nn.softmax(_logits(parameters, rows, jnp)))

    def predict() -> NDArray[Any]:
        return np.asarray(jitted(parameters, x))

    return Predictor("float32", predict)


def _loaded() -> tuple[Any, Any]:
    jax = import_module("jax")
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)  # permits float64; what is float32 stays float32
    return jax, import_module("jax.numpy")


def _logits(parameters: Any, a: Any, jnp: Any) -> Any:
    *hidden, (W_last, b_last) = parameters
    for W, b in hidden:
        a = jnp.maximum(a @ W.T + b, 0)
    return a @ W_last.T + b_last


def _loss(parameters: Any, x: Any, y: Any, jax: Any, jnp: Any) -> Any:
    logs = jax.nn.log_softmax(_logits(parameters, x, jnp))
    return -jnp.take_along_axis(logs, y[:, None], axis=1).mean()


def _sgd(jax: Any, problem: TrainingProblem) -> Any:
    def step(state: Any, gradients: Any) -> Any:
        parameters, m, v, t = state
        return jax.tree.map(lambda p, g: p - problem.learning_rate * g, parameters, gradients), m, v, t + 1

    return step


def _adam(jax: Any, jnp: Any, problem: TrainingProblem) -> Any:
    settings = Adam()
    beta_1, beta_2 = settings.beta_1, settings.beta_2

    def step(state: Any, gradients: Any) -> Any:
        parameters, m, v, t = state
        t = t + 1
        m = jax.tree.map(lambda m, g: beta_1 * m + (1 - beta_1) * g, m, gradients)
        v = jax.tree.map(lambda v, g: beta_2 * v + (1 - beta_2) * g * g, v, gradients)

        def move(p: Any, m: Any, v: Any) -> Any:
            exponent = t.astype(p.dtype)
            m_hat, v_hat = m / (1 - beta_1**exponent), v / (1 - beta_2**exponent)
            return p - problem.learning_rate * m_hat / (jnp.sqrt(v_hat) + settings.epsilon)

        return jax.tree.map(move, parameters, m, v), m, v, t

    return step
