"""PyTorch with all examples in memory as one tensor, which is its best case: no DataLoader stands between.

Eager, compiled (the loss and its way back, one graph a batch size), and bfloat16 by autocast. The optimiser is its own,
in the fused form: of its three forms the fastest for Adam, and for SGD as fast as the others.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any

from numpy.typing import NDArray

from benchmarks.peers.peer import Predictor, Trainer, installed
from benchmarks.problems import PredictionProblem, TrainingProblem
from pellucid.equations.parameters import Indices, Layer, Layers

NAME = "PyTorch"
VARIANTS: tuple[str, ...] = ("eager", "compiled", "bfloat16")


def version() -> str | None:
    return installed("torch")


def trainer(problem: TrainingProblem, variant: str, threads: int) -> Trainer | None:
    if variant == "bfloat16" and problem.dtype != "float32":
        return None
    torch = _loaded(threads)
    parameters = [torch.tensor(tensor).requires_grad_() for layer in problem.first_layers for tensor in layer]
    x, y = torch.from_numpy(problem.x), torch.from_numpy(problem.data.y)
    optimizers = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
    optimizer = optimizers[problem.optimizer.name](parameters, lr=problem.learning_rate, fused=True)

    def loss_of(x_batch: Any, y_batch: Any) -> Any:
        return torch.nn.functional.cross_entropy(_logits(torch, parameters, x_batch), y_batch)

    if variant == "compiled":
        loss_of = torch.compile(loss_of, dynamic=False)

    def epoch(order: Indices) -> float:
        losses = []
        batches = torch.from_numpy(order).split(problem.batch_size)
        for rows in batches:
            with _precision(torch, variant):
                loss = loss_of(x[rows], y[rows])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.detach())
        sizes = torch.tensor([len(rows) for rows in batches])
        return float((torch.stack(losses) * sizes).sum() / len(order))

    def layers() -> Layers:
        tensors = [parameter.detach().numpy().copy() for parameter in parameters]
        return tuple(map(Layer, tensors[::2], tensors[1::2]))

    return Trainer("bfloat16" if variant == "bfloat16" else problem.dtype, epoch, layers)


def predictor(problem: PredictionProblem, variant: str, threads: int) -> Predictor | None:
    torch = _loaded(threads)
    parameters = [torch.tensor(tensor) for layer in problem.layers for tensor in layer]
    x = torch.from_numpy(problem.x)

    def probabilities(rows: Any) -> Any:
        return _logits(torch, parameters, rows).float().softmax(dim=1)

    if variant == "compiled":
        probabilities = torch.compile(probabilities, dynamic=False)

    def predict() -> NDArray[Any]:
        with torch.inference_mode(), _precision(torch, variant):
            p: NDArray[Any] = probabilities(x).numpy()
        return p

    return Predictor("bfloat16" if variant == "bfloat16" else "float32", predict)


def _loaded(threads: int) -> Any:
    torch = import_module("torch")
    torch.set_num_threads(threads)
    return torch


def _logits(torch: Any, parameters: list[Any], a: Any) -> Any:
    *hidden, W_last, b_last = parameters
    for W, b in zip(hidden[::2], hidden[1::2], strict=True):
        a = torch.relu(torch.nn.functional.linear(a, W, b))
    return torch.nn.functional.linear(a, W_last, b_last)


def _precision(torch: Any, variant: str) -> AbstractContextManager[Any]:
    return torch.autocast("cpu", torch.bfloat16) if variant == "bfloat16" else nullcontext()
