"""A trained network on its own: ask it, look into it, save it.

>>> from pellucid.equations.worked_example import ARCHITECTURE, LAYERS
>>> network = Network(ARCHITECTURE, LAYERS, classes=("no", "yes"))
>>> network.predict([[1.0, 0.0, 0.5, -1.0]])
array(['no'], dtype='<U3')
>>> network.predict_proba([[1.0, 0.0, 0.5, -1.0]]).round(4)
array([[0.7875, 0.2125]])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid import __version__
from pellucid.answers import (
    Classes,
    Task,
    answers,
    are_labels,
    check_classes,
    labels_as_array,
    probabilities,
    task_of,
)
from pellucid.engines import Engine, Packed, choose
from pellucid.equations.architecture import Architecture
from pellucid.equations.finite import is_finite_number
from pellucid.equations.network import Trace, forward
from pellucid.equations.parameters import Array, Layer, Layers
from pellucid.errors import SettingError, ShapeError
from pellucid.formats.model_file import Model, write_model
from pellucid.training.evaluation import Evaluation, evaluate

if TYPE_CHECKING:
    from pellucid.explain import Explanation


class Network:
    """An architecture, its parameters, the names of its classes (none for numbers), and the engine that computes.

    X is always in the units of the training data, whatever its type: the scaling is part of the architecture. The
    parameters are read-only arrays; whoever wants others assigns ``layers``. Raises ``ShapeError`` where the parameters
    do not fit the architecture.
    """

    def __init__(
        self,
        architecture: Architecture,
        layers: Layers,
        classes: Sequence[str | int | float | bool] | None = None,
        *,
        engine: Engine | None = None,
        **about: Any,
    ) -> None:
        names = _numbered(architecture) if classes is None else _plain_labels(classes)
        architecture.check_layers(layers)
        check_classes(architecture, names)
        self._take(Model(architecture, layers, names, **{"version": __version__, **about}), engine or choose().engine)

    @classmethod
    def of_model(cls, model: Model, engine: Engine | None = None) -> Network:
        """Make a network of what a model file holds."""
        network = cls.__new__(cls)
        network._take(model, engine or choose().engine)
        return network

    def _take(self, model: Model, engine: Engine) -> None:
        """Take what is to be computed and who computes it. It is packed when it is first asked for.

        Until then the quick way has no answer, and all questions go the long way, which packs.
        """
        model.architecture.check_layers(model.layers)
        _check_numbers(model.layers)
        self._model, self._engine = replace(model, layers=_read_only(model.layers)), engine
        self._labels = labels_as_array(model.classes)
        self._task = task_of(model.architecture, model.classes)
        self._forget_packed()

    def _forget_packed(self) -> None:
        self._packed_network: Packed | None = None
        self._quick_predict: Callable[[Any], Array | None] = _no_answer
        self._quick_logits: Callable[[Any], Array | None] = _no_answer

    def _packed(self) -> Packed:
        packed = self._packed_network
        if packed is None:
            packed = self._packed_network = self.engine.pack(self.architecture, self.layers)
            self._quick_logits = packed.quick_logits
            if self.architecture.output in ("softmax", "logistic"):  # what is put out are probabilities
                self._quick_predict = packed.quick_predict
        return packed

    def __getstate__(self) -> dict[str, Any]:
        return {"model": self._model, "engine": self._engine}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._take(state["model"], state["engine"])

    @property
    def model(self) -> Model:
        """All that a model file holds."""
        return self._model

    @property
    def architecture(self) -> Architecture:
        """The shape of the network."""
        return self._model.architecture

    @property
    def layers(self) -> Layers:
        """The parameters: a tuple of Layer(W, b). Assigning others packs anew."""
        return self._model.layers

    @layers.setter
    def layers(self, layers: Layers) -> None:
        self._take(replace(self._model, layers=layers), self._engine)

    @property
    def engine(self) -> Engine:
        """Who computes. Assigning another one packs anew."""
        return self._engine

    @engine.setter
    def engine(self, engine: Engine) -> None:
        self._engine = engine
        self._forget_packed()

    @property
    def classes(self) -> Classes:
        """The labels, in the order of the outputs; for yes or no, in this order; none where the outputs are numbers."""
        return self._model.classes

    @property
    def task(self) -> Task:
        """What the outputs mean."""
        return self._task

    def predict_proba(self, X: ArrayLike) -> Array:
        """Give the probability of each class: X (n, d), or pictures (n, height, width) → (n, k); one example → (k,).

        Raises ``ShapeError`` for examples of another shape, or that hold NaN or infinity; ``SettingError`` where the
        outputs are numbers.
        """
        quick = self._quick_predict(X)  # an answer for what is plain and right, None for all else
        if quick is not None:
            return np.concatenate([1 - quick, quick], axis=-1) if self._task is Task.YES_OR_NO else quick
        examples, single = self._examples(X)
        with np.errstate(over="ignore", invalid="ignore"):
            p = probabilities(self._task, self.architecture.loss, self._packed().predict(examples))
        _check_finite(p)
        return p[0] if single else p

    def predict(self, X: ArrayLike) -> Any:
        """Give the most probable label of each example: (n,); of one example: a label. Raises as ``predict_proba``.

        Several labels at once are 0 or 1, (n, k); numbers are (n,), or (n, k) where there are several.
        """
        quick = self._quick_logits(X)
        if quick is not None and self._task is Task.ONE_OF_SEVERAL:
            labels = self._labels[quick.argmax(axis=-1)]
            return labels if quick.ndim == 2 else labels.item()
        if quick is not None:
            z, single = np.atleast_2d(quick), quick.ndim == 1
        else:
            examples, single = self._examples(X)
            with np.errstate(over="ignore", invalid="ignore"):
                z = self._packed().logits(examples)
        with np.errstate(over="ignore"):
            p = self.architecture.loss.outputs(z) if self._task is Task.NUMBERS else z
        _check_finite(p)
        said = answers(self._task, z, p, self._labels)
        if not single:
            return said
        return said[0].item() if said.ndim == 1 else said[0]

    def forward(self, X: ArrayLike) -> Trace:
        """Give every z and a of every layer, as the equations compute them. Raises as ``predict_proba``."""
        return forward(self.architecture, self.layers, self._examples(X)[0])

    def explain(self, x: ArrayLike, y: Any, *, learning_rate: float = 0.1, example: str = "the example") -> Explanation:
        """Explain one step of training on one example: every equation with its numbers, forwards, loss, backwards, update.

        ``x`` is one example, ``y`` what it is: one of ``classes``; 0 or 1 for each of several labels; a number, or a
        number an output. Raises as ``predict_proba``, and ``SettingError`` for a label that is none of the classes, or a
        rate that is not positive.

        >>> from pellucid import load
        >>> load("mnist").explain([0] * 784, 7).step("p").tag
        'p'
        """
        from pellucid.explain import explain

        examples, _ = self._examples(x)
        if len(examples) != 1:
            raise ShapeError(f"x holds {len(examples)} examples", "one", "Try x[0].")
        if not is_finite_number(learning_rate) or learning_rate <= 0:
            raise SettingError(f"the learning rate is {learning_rate!r}", "a positive number")
        return explain(
            self.architecture, self.layers, examples, self.wanted(y), learning_rate=learning_rate, example=example,
            label=y, says=self.predict(examples[0]),
        )  # fmt: skip

    def wanted(self, y: Any) -> Any:
        """Give what the loss takes for a label: a class index, or numbers. Raises ``SettingError`` or ``ShapeError``."""
        if self._task in (Task.ONE_OF_SEVERAL, Task.YES_OR_NO):
            if y not in self.classes:
                known = ", ".join(map(str, self.classes[:20]))
                raise SettingError(f"the label {y!r} is none of the classes", f"one of {known}")
            place = self.classes.index(y)
            return place if self._task is Task.ONE_OF_SEVERAL else [float(place)]
        try:
            numbers = np.atleast_1d(np.asarray(y, np.float64))
        except (TypeError, ValueError) as error:
            raise ShapeError(f"y is {y!r}", f"{self.architecture.outputs} numbers, one an output") from error
        if numbers.shape != (self.architecture.outputs,) or not np.isfinite(numbers).all():
            raise ShapeError(f"y is {y!r}", f"{self.architecture.outputs} numbers, one an output")
        return numbers

    def evaluate(self, X: ArrayLike, y: ArrayLike) -> Evaluation:
        """Hold the network against labels, given as class indices (n,). Raises as ``predict_proba``, and ``SettingError``
        where the network does not tell classes apart.
        """
        if self._task not in (Task.ONE_OF_SEVERAL, Task.YES_OR_NO):
            raise SettingError(f"this network gives {self._task.value}", "one that tells classes apart")
        examples, _ = self._examples(X)
        labels = np.asarray(y)
        if labels.shape != (len(examples),) or not len(examples):
            raise ShapeError(f"there are {len(examples)} examples and labels of shape {labels.shape}", "one an example")
        if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= len(self.classes):
            raise ShapeError("the labels are no class indices", f"whole numbers from 0 to {len(self.classes) - 1}")
        return evaluate(self.engine, self.architecture, self.layers, examples, labels)

    def save(self, path: str | Path) -> None:
        """Write the network to a model file, whole or not at all. Raises ``StorageError``."""
        write_model(Path(path), self.model)

    def export(self, path: str | Path, to: str, *, test: tuple[ArrayLike, ArrayLike] | None = None) -> None:
        """Write the network in another system's form: "onnx", "torch" (a state_dict), "c" or "c-int8" (a C header).

        ``test`` are examples and their class indices, labels or numbers: c-int8 then states how good it is on them. Raises
        ``SettingError``, ``StorageError``; ``MissingExtraError`` where the package of the form is not installed.
        """
        from pellucid.formats.exporting import export

        export(Path(path), self.model, to, test)

    def to_onnx(self, path: str | Path) -> None:
        """Write an ONNX file. Raises as ``export``."""
        self.export(path, "onnx")

    def to_c(self, path: str | Path, *, int8: bool = False, test: tuple[ArrayLike, ArrayLike] | None = None) -> None:
        """Write a C header, with ``int8`` one with 8-bit weights. Raises as ``export``."""
        self.export(path, "c-int8" if int8 else "c", test=test)

    def to_torch(self) -> Any:
        """Make an ``nn.Sequential`` that gives the last layer's z. Raises ``MissingExtraError`` without PyTorch."""
        from pellucid.formats.torch_modules import to_torch

        return to_torch(self.model)

    @classmethod
    def from_torch(
        cls,
        module: Any,
        classes: Sequence[str | int | float | bool] | None = None,
        *,
        engine: Engine | None = None,
        **more: Any,
    ) -> Network:
        """Take the layers of an ``nn.Sequential``, or of its state_dict with ``activation=`` named.

        ``more`` are ``scaling``, ``loss``, ``activation`` as ``formats.torch_modules.from_torch`` takes them. Raises
        ``SettingError`` for a module that is no chain of Linear layers and activations, ``ShapeError`` for a misfit.
        """
        from pellucid.formats.torch_modules import from_torch

        return cls(*from_torch(module, **more), classes, engine=engine)

    def to_sklearn(self) -> Any:
        """Make a fitted ``MLPClassifier`` or ``MLPRegressor``. Raises ``SettingError`` where scikit-learn has none such."""
        from pellucid.formats.sklearn_models import to_sklearn

        return to_sklearn(self.model)

    @classmethod
    def from_sklearn(cls, estimator: Any, *, engine: Engine | None = None) -> Network:
        """Take a fitted ``MLPClassifier`` or ``MLPRegressor``, or a pipeline of a ``StandardScaler`` and one of them.

        Raises ``SettingError`` for anything else.
        """
        from pellucid.formats.sklearn_models import from_sklearn

        return cls(*from_sklearn(estimator), engine=engine)

    def __repr__(self) -> str:
        return f"<pellucid.Network {self.architecture}, {self.architecture.n_parameters:,} parameters>"

    def _examples(self, X: ArrayLike) -> tuple[NDArray[Any], bool]:
        """Check examples and bring them to (n, d); say also whether it was a single one."""
        self._check_names(getattr(X, "columns", ()))
        try:
            examples = np.asarray(X)
        except ValueError as error:
            raise ShapeError(f"X is no array ({error})", "rows of one length") from error
        if examples.dtype.kind not in "buif":
            raise ShapeError(f"X holds {examples.dtype}", "numbers")
        shape, d = self.architecture.input_shape, self.architecture.inputs
        single = examples.shape in ((d,), shape)
        if single:
            flat = examples.reshape(1, d)
        elif examples.ndim >= 2 and examples.shape[1:] in ((d,), shape):
            flat = examples.reshape(len(examples), d)
        else:
            wanted = f"(n, {d})" if len(shape) == 1 else f"(n, {d}) or (n, {', '.join(map(str, shape))})"
            hint = "Is the label column still in X?" if examples.ndim == 2 and examples.shape[1] == d + 1 else ""
            raise ShapeError(f"X has shape {examples.shape}", wanted, hint)
        if flat.dtype.kind == "f" and not np.isfinite(flat).all():
            row, column = (int(place) for place in np.argwhere(~np.isfinite(flat))[0])
            raise ShapeError(f"X holds {flat[row, column]} in row {row}, column {column}", "finite numbers")
        return flat, single

    def _check_names(self, columns: Any) -> None:
        """Refuse a data frame whose columns have names, and others or in another order than those of the training."""
        known, names = self.model.feature_names, [*columns]
        if known is None or not all(isinstance(name, str) for name in names):
            return
        for place, (name, wanted) in enumerate(zip(names, known, strict=False)):  # their number is looked at later
            if name != wanted:
                raise ShapeError(f"column {place} of X is {name!r}", f"{wanted!r}, as in training")


def _no_answer(_: Any) -> Array | None:
    return None


def _read_only(layers: Layers) -> Layers:
    """Give arrays that nobody can write to: copies, unless it is known that there is no other way to their memory."""

    def read_only(tensor: Array) -> Array:
        if tensor.base is None and not tensor.flags.writeable:
            return tensor
        copy = np.array(tensor, order="C")
        copy.flags.writeable = False
        return copy

    return tuple(Layer(read_only(W), read_only(b)) for W, b in layers)


def _check_finite(outputs: Array) -> None:
    finite = np.isfinite(outputs).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise ShapeError(f"the numbers in row {row} of X are too large to compute with", "numbers as in training")


def _check_numbers(layers: Layers) -> None:
    types = {tensor.dtype for layer in layers for tensor in layer}
    if len(types) > 1 or not types <= {np.dtype(np.float32), np.dtype(np.float64)}:
        got = f"the parameters are of {', '.join(sorted(map(str, types)))}"
        raise ShapeError(got, "float32 or float64, one for all")
    if not all(np.isfinite(tensor).all() for layer in layers for tensor in layer):
        raise ShapeError("the parameters hold a number that is infinite or NaN")


def _numbered(architecture: Architecture) -> tuple[int, ...]:
    """Number the classes where nobody names them."""
    if architecture.output == "logistic" and architecture.outputs == 1:
        return (0, 1)
    return tuple(range(architecture.outputs)) if architecture.loss.decides else ()


def _plain_labels(classes: Sequence[Any]) -> Classes:
    """Take labels out of NumPy's types, which no model file can hold."""
    labels = tuple(label.item() if isinstance(label, np.generic) else label for label in classes)
    if are_labels(labels):
        return labels
    raise ShapeError(f"the classes are {', '.join(map(repr, labels[:5]))}", "numbers, or words, but not both")
