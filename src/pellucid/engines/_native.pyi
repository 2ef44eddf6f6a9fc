"""The fast twin of pellucid.equations: the same numbers, in C++."""

from collections.abc import Sequence
from types import ModuleType
from typing import Annotated, overload

import numpy
from numpy.typing import NDArray


def targets() -> list[tuple[str, str, bool, bool]]:
    """
    Each target of this build, best first: its name, what it needs, whether this processor runs it, whether it has instructions for bfloat16.
    """

def default_threads() -> int:
    """OMP_NUM_THREADS, else the cores that this process may run on."""

def permutation(seed: int, purpose: int, n: int, epoch: int) -> Annotated[NDArray[numpy.int64], dict(shape=(None,))]:
    """Shuffle 0 ... n - 1, as equations.random_streams does."""

class Architecture:
    """What is fixed before training begins."""

    def __init__(self, widths: Sequence[int], activations: Sequence[str], offset: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], scale: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], loss: str, loss_setting: float) -> None: ...

class Optimizer:
    """An optimiser by name; 0 for what it does not have."""

    def __init__(self, name: str, mu: float, beta_1: float, beta_2: float, epsilon: float, weight_decay: float) -> None: ...

class Extras:
    """What is added to a step, and where its random numbers stand."""

    def __init__(self, input_dropout: float, dropout: float, l2: float, clip: float, max_norm: float, seed: int, epoch: int) -> None: ...

class Augmentation:
    """How pictures are distorted; the rotation in radians."""

    def __init__(self, rotation: float, scale: float, shear: float, shift: float, G_rows: Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu', writable=False)] | None, G_columns: Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu', writable=False)] | None, shape: tuple[int, int, int]) -> None: ...

class Predictor32:
    """A packed network."""

    def __init__(self, target: str, architecture: Architecture, layers: Sequence[tuple[Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)]]], input_shape: Sequence[int], threads: int, bfloat16: bool = False) -> None: ...

    def logits(self, X: Annotated[NDArray, dict(shape=(None, None), device='cpu', writable=False)], threads: int = 1) -> Annotated[NDArray[numpy.float32], dict(shape=(None, None))]: ...

    def outputs(self, X: Annotated[NDArray, dict(shape=(None, None), device='cpu', writable=False)], threads: int = 1) -> Annotated[NDArray[numpy.float32], dict(shape=(None, None))]: ...

    def quick_logits(self, arg: object, /) -> object:
        """
        Of an array of examples, or of one, in any shape that fits; None where that needs a longer look.
        """

    def quick_outputs(self, arg: object, /) -> object: ...

@overload
def run(target: str, architecture: Architecture, optimizer: Optimizer, layers: Sequence[tuple[Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)]]], moments: Sequence[Sequence[tuple[Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)]]]], steps_done: int, X: Annotated[NDArray, dict(shape=(None, None), device='cpu', writable=False)], y: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)] | Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], order: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], rates: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], batch_size: int, first_step: int, n_steps: int, weights: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, extras: Extras, augmentation: Augmentation | None, teacher: Predictor32 | None, teacher_weight: float, temperature: float, examples: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, threads: int, stop: object | None, bfloat16: bool = False) -> tuple: ...

@overload
def run(target: str, architecture: Architecture, optimizer: Optimizer, layers: Sequence[tuple[Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu', writable=False)], Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)]]], moments: Sequence[Sequence[tuple[Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu', writable=False)], Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)]]]], steps_done: int, X: Annotated[NDArray, dict(shape=(None, None), device='cpu', writable=False)], y: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)] | Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu', writable=False)], order: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], rates: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], batch_size: int, first_step: int, n_steps: int, weights: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, extras: Extras, augmentation: Augmentation | None, teacher: Predictor64 | None, teacher_weight: float, temperature: float, examples: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, threads: int, stop: object | None, bfloat16: bool = False) -> tuple:
    """
    Take steps: (layers, moments, losses, correct, non-finite step or None).
    """

@overload
def loss_and_gradients(target: str, architecture: Architecture, layers: Sequence[tuple[Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)]]], X: Annotated[NDArray, dict(shape=(None, None), device='cpu', writable=False)], y: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)] | Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], weights: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, extras: Extras, threads: int, stop: object | None, bfloat16: bool = False) -> tuple | None: ...

@overload
def loss_and_gradients(target: str, architecture: Architecture, layers: Sequence[tuple[Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu', writable=False)], Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)]]], X: Annotated[NDArray, dict(shape=(None, None), device='cpu', writable=False)], y: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)] | Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu', writable=False)], weights: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, extras: Extras, threads: int, stop: object | None, bfloat16: bool = False) -> tuple | None:
    """
    The mean loss, and a gradient for each W and b; None where `stop` ended it.
    """

class Predictor64:
    """A packed network."""

    def __init__(self, target: str, architecture: Architecture, layers: Sequence[tuple[Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu', writable=False)], Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)]]], input_shape: Sequence[int], threads: int, bfloat16: bool = False) -> None: ...

    def logits(self, X: Annotated[NDArray, dict(shape=(None, None), device='cpu', writable=False)], threads: int = 1) -> Annotated[NDArray[numpy.float64], dict(shape=(None, None))]: ...

    def outputs(self, X: Annotated[NDArray, dict(shape=(None, None), device='cpu', writable=False)], threads: int = 1) -> Annotated[NDArray[numpy.float64], dict(shape=(None, None))]: ...

    def quick_logits(self, arg: object, /) -> object:
        """
        Of an array of examples, or of one, in any shape that fits; None where that needs a longer look.
        """

    def quick_outputs(self, arg: object, /) -> object: ...

kernels: ModuleType
