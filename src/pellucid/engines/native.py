"""The native engine: the same equations in C++, several examples and several neurons at a time. The only door to C++.

What is handed over is looked at in ``native_checks.py``; the C++ behind looks once more at whatever memory safety needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import pi
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import pellucid.engines._native as _native
from pellucid.engines.engine import (
    Examples,
    Outcome,
    Packed,
    State,
    StoppedError,
    check_pictures,
    check_precision,
    check_streams,
    check_teacher,
    check_threads,
    steps_of_an_epoch,
)
from pellucid.engines.memory import plain
from pellucid.engines.native_checks import (
    check_examples,
    check_network,
    check_rows,
    check_steps,
    check_weights,
    explained,
    is_read_as_it_is,
    targets_of,
)
from pellucid.equations.architecture import Architecture
from pellucid.equations.beyond.augmentation import Augmentation
from pellucid.equations.beyond.elastic import gaussian_smoothing
from pellucid.equations.beyond.extras import PLAIN, Extras
from pellucid.equations.beyond.teacher import Teacher
from pellucid.equations.losses import Targets
from pellucid.equations.optimizers import Optimizer
from pellucid.equations.parameters import Array, Indices, Layer, Layers
from pellucid.equations.random_streams import Purpose, Streams

ROWS_AT_A_TIME = 2048
"""Examples of a type that C++ does not read are converted piece by piece, so that memory does not grow with the data."""


class Target(NamedTuple):
    """A set of kernels: its name, what it needs, whether this processor has that, and instructions for bfloat16."""

    name: str
    needs: str
    runs_here: bool
    multiplies_bfloat16: bool


def targets() -> tuple[Target, ...]:
    """List the targets of this build, the best one first."""
    return tuple(Target(*target) for target in _native.targets())


def default_threads() -> int:
    """Give the number of threads that is used unless told otherwise: OMP_NUM_THREADS, else the cores of this process."""
    return _native.default_threads()


class NativeEngine:
    """Whole epochs in C++, with the interpreter released."""

    name = "native"
    precisions: tuple[str, ...] = ("float32", "float64", "bfloat16")

    def __init__(self, target: str | None = None, threads: int | None = None, *, bfloat16: bool = False) -> None:
        check_threads(threads)
        self.target = target or next(target.name for target in targets() if target.runs_here)
        self.threads = threads or default_threads()
        self.bfloat16 = bfloat16
        quick = any(target.multiplies_bfloat16 for target in targets() if target.name == self.target)
        self.slow_precisions: tuple[str, ...] = () if quick else ("bfloat16",)
        self._asked: tuple[Teacher, _PackedNetwork] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_asked": None}

    def at(self, precision: str) -> NativeEngine:
        """Give an engine that multiplies in this precision, on the same target with as many threads."""
        check_precision(self, precision)
        return NativeEngine(self.target, self.threads, bfloat16=precision == "bfloat16")

    def order(self, seed: int, n: int, epoch: int) -> Indices:
        """Shuffle: the numbers of the equation, sooner."""
        return _native.permutation(seed, Purpose.ORDER, n, epoch)

    def run(
        self,
        architecture: Architecture,
        optimizer: Optimizer,
        state: State,
        X: Examples,
        y: Targets,
        order: Indices,
        rates: NDArray[Any],
        *,
        batch_size: int,
        first_step: int = 0,
        n_steps: int | None = None,
        weights: Array | None = None,
        extras: Extras = PLAIN,
        streams: Streams | None = None,
        stop: Callable[[], bool] | None = None,
        numbers: Indices | None = None,
    ) -> Outcome:
        """Take steps of one epoch, as the protocol says. Raises ``ShapeError`` or ``SettingError`` for what does not fit."""
        check_network(architecture, state.layers, optimizer, state.moments, bfloat16=self.bfloat16)
        check_streams(extras, streams)
        check_pictures(architecture, extras)
        check_teacher(architecture, extras)
        check_examples(architecture, X)
        check_weights(X, weights)
        y = targets_of(architecture, X, y, state.layers[0].W.dtype)
        check_steps(order, rates, batch_size, first_step, n_steps)
        last_step = steps_of_an_epoch(len(order), batch_size)
        if n_steps is not None:
            last_step = min(last_step, first_step + n_steps)
        if last_step <= first_step:
            return Outcome(state, np.empty(0), 0)
        examples = None if numbers is None else plain(numbers, np.int64)
        rows = None
        if not is_read_as_it_is(X):
            # The rows of this stretch, converted; those that are left out depend on their numbers.
            rows = order[first_step * batch_size : last_step * batch_size]
            check_rows(rows, len(X))
            X, y, examples = _gathered(X, rows), y[rows], plain(rows if numbers is None else numbers[rows], np.int64)
            weights = None if weights is None else weights[rows]
            order = np.arange(len(order)) - first_step * batch_size
        with explained(
            architecture, y, order[first_step * batch_size : last_step * batch_size] if rows is None else None
        ):
            layers, moments, losses, correct, non_finite_step = _native.run(
                self.target,
                _described(architecture),
                _optimizer_of(optimizer),
                layers=_contiguous(state.layers),
                moments=[_contiguous(moment) for moment in state.moments],
                steps_done=state.steps_done,
                X=X,
                y=y,
                order=np.array(order, np.int64),  # a copy, as of the labels
                rates=np.array(rates, np.float64),
                batch_size=min(batch_size, len(order)),
                first_step=first_step,
                n_steps=last_step - first_step,
                weights=None if weights is None else np.array(weights, np.float64),  # what all go by, nobody may change
                extras=_extras_of(extras, streams or Streams(0, 0)),
                augmentation=augmentation_of(architecture, extras.augmentation),
                **self._taught_by(extras.teacher, state.layers[0].W.dtype),
                examples=examples,
                threads=self.threads,
                stop=stop,
                bfloat16=self.bfloat16,
            )
        after = State(_layers(layers), tuple(map(_layers, moments)), state.steps_done + len(losses))
        return Outcome(after, losses, correct, non_finite_step)

    def loss_and_gradients(
        self,
        architecture: Architecture,
        layers: Layers,
        X: Examples,
        y: Targets,
        weights: Array | None = None,
        *,
        l2: float = 0.0,
        stop: Callable[[], bool] | None = None,
    ) -> tuple[float, Layers]:
        """Give the mean loss of a batch and its gradient for every W and b. Raises as ``run``, and for no examples."""
        check_network(architecture, layers, bfloat16=self.bfloat16)
        check_examples(architecture, X, at_least=1)
        check_weights(X, weights)
        y = targets_of(architecture, X, y, layers[0].W.dtype)
        with explained(architecture, y):
            answer = _native.loss_and_gradients(
                self.target,
                _described(architecture),
                layers=_contiguous(layers),
                X=X if is_read_as_it_is(X) else _converted(X),
                y=y,
                weights=None if weights is None else np.array(weights, np.float64),
                extras=_extras_of(Extras(l2=l2), Streams(0, 0)),
                threads=self.threads,
                stop=stop,
                bfloat16=self.bfloat16,
            )
        if answer is None:
            raise StoppedError
        loss, gradients = answer
        return loss, _layers(gradients)

    def _taught_by(self, teacher: Teacher | None, dtype: Any) -> dict[str, Any]:
        """Describe a teacher. It is packed once, and not in each of the many calls that train with it."""
        if teacher is None:
            return {"teacher": None, "teacher_weight": 0.0, "temperature": 1.0}
        asked = self._asked  # another thread may be taught by another
        if asked is None or asked[0] is not teacher or asked[1].dtype != dtype:
            check_network(teacher.architecture, layers := teacher.layers_as(dtype), bfloat16=self.bfloat16)
            self._asked = asked = teacher, _PackedNetwork(self, teacher.architecture, layers)
        return {"teacher": asked[1].predictor, "teacher_weight": teacher.weight, "temperature": teacher.temperature}

    def logits(self, architecture: Architecture, layers: Layers, X: Examples) -> Array:
        """Give the last layer's z: X (n, d) → (n, k). Raises as ``run``."""
        return self.pack(architecture, layers).logits(X)

    def predict(self, architecture: Architecture, layers: Layers, X: Examples) -> Array:
        """Give the outputs: X (n, d) → (n, k). Raises as ``run``."""
        return self.pack(architecture, layers).predict(X)

    def pack(self, architecture: Architecture, layers: Layers) -> Packed:
        """Copy a network into panels of the target's width. Raises as ``run``."""
        check_network(architecture, layers, bfloat16=self.bfloat16)
        return _PackedNetwork(self, architecture, layers)


class _PackedNetwork:
    """A network in panels."""

    def __init__(self, engine: NativeEngine, architecture: Architecture, layers: Layers) -> None:
        predictor = _native.Predictor32 if layers[0].W.dtype == np.float32 else _native.Predictor64
        packed: Any = predictor(
            engine.target,
            _described(architecture),
            _contiguous(layers),
            input_shape=list(architecture.input_shape),
            threads=engine.threads,
            bfloat16=engine.bfloat16,
        )
        self._architecture, self.dtype = architecture, layers[0].W.dtype
        self._threads, self.predictor = engine.threads, packed
        self.quick_logits: Callable[[Any], Array | None] = packed.quick_logits
        self.quick_predict: Callable[[Any], Array | None] = packed.quick_outputs

    def logits(self, X: Examples) -> Array:
        return self._in_pieces(X, self.predictor.logits)

    def predict(self, X: Examples) -> Array:
        return self._in_pieces(X, self.predictor.outputs)

    def _in_pieces(self, X: Examples, ask: Callable[..., Array]) -> Array:
        check_examples(self._architecture, X)
        if not len(X):
            return np.empty((0, self._architecture.outputs), self.dtype)
        if is_read_as_it_is(X):
            return ask(X, self._threads)
        return np.concatenate([ask(_converted(piece), self._threads) for piece in _pieces(X)])


def augmentation_of(architecture: Architecture, by: Augmentation | None) -> _native.Augmentation | None:
    """Describe the distortions of an epoch: what C++ makes of them, or None."""
    if by is None:
        return None
    rows, columns, channels = (*architecture.input_shape, 1)[:3]
    smooths: dict[str, Any] = {"G_rows": None, "G_columns": None}
    if by.elastic_alpha:
        smooths["G_rows"] = by.elastic_alpha * gaussian_smoothing(rows, by.elastic_sigma)
        smooths["G_columns"] = gaussian_smoothing(columns, by.elastic_sigma)
    return _native.Augmentation(
        by.rotation * (pi / 180), by.scale, by.shear, by.shift, shape=(rows, columns, channels), **smooths
    )


def _described(architecture: Architecture) -> _native.Architecture:
    activations = [hidden.activation for hidden in architecture.hidden]
    scaling, loss = architecture.scaling, architecture.loss
    offsets, scales = plain(scaling.offsets), plain(scaling.scales)  # of a record that was sent they may lie anywhere
    return _native.Architecture(list(architecture.widths), activations, offsets, scales, loss.name, loss.setting)


def _optimizer_of(optimizer: Optimizer) -> _native.Optimizer:
    settings = ("mu", "beta_1", "beta_2", "epsilon", "weight_decay")
    return _native.Optimizer(optimizer.name, **{name: getattr(optimizer, name, 0.0) for name in settings})


def _extras_of(extras: Extras, streams: Streams) -> _native.Extras:
    """Describe all but the distortions and the teacher, which are described apart."""
    return _native.Extras(
        extras.input_dropout,
        extras.dropout,
        extras.l2,
        extras.clip,
        extras.max_norm,
        seed=streams.seed,
        epoch=streams.epoch,
    )


def _contiguous(layers: Layers) -> list[tuple[Any, Any]]:
    return [(plain(W), plain(b)) for W, b in layers]


def _layers(pairs: tuple[tuple[Array, Array], ...]) -> Layers:
    return tuple(Layer(W, b) for W, b in pairs)


def _pieces(X: Examples) -> Iterator[Examples]:
    for start in range(0, len(X), ROWS_AT_A_TIME):
        yield X[start : start + ROWS_AT_A_TIME]


def _converted(X: Examples) -> Examples:
    """Copy X so that C++ can read it."""
    return np.array(X, _known(X), order="C")


def _gathered(X: Examples, rows: Indices) -> Examples:
    """Copy some rows of X so that C++ can read them: a portion at a time, as each is copied twice."""
    found = np.empty((len(rows), X.shape[1]), _known(X))
    for begin in range(0, len(rows), ROWS_AT_A_TIME):
        some = slice(begin, begin + ROWS_AT_A_TIME)
        found[some] = X[rows[some]]
    return found


def _known(X: Examples) -> np.dtype[Any]:
    """Give the type in which C++ reads X: those that it does not know become float64, in which the scaling is computed."""
    is_known = X.dtype.isnative and X.dtype in (np.uint8, np.float32, np.float64)
    return X.dtype if is_known else np.dtype(np.float64)
