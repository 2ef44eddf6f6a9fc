"""Plots for a notebook, in the manner of scikit-learn's displays: what is shown is computed once, and drawn where you like.

Each display has ``plot(ax=None)``, which draws into axes of yours or into a new figure and returns the display, with
``ax_`` and ``figure_``. ``plot_history``, ``plot_weights`` and ``plot_confusion`` make and draw one in one call. They take a
network, or a fitted estimator of Pellucid's.

>>> import pellucid
>>> display = plot_weights(pellucid.load("mnist"))
>>> display.figure_.get_axes()[0].get_title(loc="left")
'128 neurons of layer 1'
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.errors import MissingExtraError, SettingError, ShapeError
from pellucid.network import Network
from pellucid.report.curves import decorate, draw_lines
from pellucid.report.png import mosaic
from pellucid.training.history import History, from_records

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_COUNTS = 30
"""Of so many classes the counts are written into the fields."""


class HistoryDisplay:
    """The loss of each epoch, of training and validation, on a logarithmic axis."""

    ax_: Axes
    figure_: Figure

    def __init__(self, history: History) -> None:
        if not history:
            raise SettingError("the history is empty", "at least one epoch")
        self.history = history

    @classmethod
    def from_estimator(cls, estimator: Any) -> Self:
        """Take the history of a fitted estimator. Raises ``SettingError`` for one that has none."""
        return cls(from_records(_attribute(estimator, "history_")))

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw. Raises ``MissingExtraError`` where matplotlib is not installed."""
        self.ax_, self.figure_ = _axes(ax)
        epochs = [record.epoch for record in self.history]
        losses = [record.loss for record in self.history], [record.validation_loss for record in self.history]
        draw_lines(self.ax_, epochs, *losses)
        decorate(self.ax_, "Loss", "loss")
        self.ax_.legend(frameon=False)
        return self


class WeightsDisplay:
    """The first layer's weights, each neuron's as a picture of the inputs: blue above 0, brown below."""

    ax_: Axes
    figure_: Figure

    def __init__(self, W: NDArray[Any], shape: Sequence[int]) -> None:
        if len(shape) != 2 or W.ndim != 2 or W.shape[1] != shape[0] * shape[1]:
            raise ShapeError(
                f"the weights have shape {W.shape}, for inputs of {tuple(shape)}", "pictures (height, width)"
            )
        self.W, self.shape = W, (int(shape[0]), int(shape[1]))

    @classmethod
    def from_estimator(cls, estimator: Any, shape: Sequence[int] | None = None) -> Self:
        """Take the weights of a network or a fitted estimator; ``shape`` is that of its pictures where it does not say."""
        network = _network(estimator)
        return cls(network.layers[0].W, shape or network.architecture.input_shape)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw. Raises ``MissingExtraError`` where matplotlib is not installed."""
        self.ax_, self.figure_ = _axes(ax)
        columns = int(np.ceil(np.sqrt(len(self.W))))
        self.ax_.imshow(mosaic(self.W, self.shape, columns), interpolation="nearest")
        self.ax_.set_axis_off()
        self.ax_.set_title(f"{len(self.W)} neurons of layer 1", loc="left")
        return self


class ConfusionDisplay:
    """What is taken for what, with its counts: the more a mistake is made, the deeper its colour. The diagonal is pale."""

    ax_: Axes
    figure_: Figure

    def __init__(self, confusion: NDArray[Any], labels: Sequence[Any]) -> None:
        if confusion.shape != (len(labels), len(labels)):
            raise ShapeError(
                f"the matrix has shape {confusion.shape}", f"({len(labels)}, {len(labels)}), a row a label"
            )
        self.confusion, self.labels = confusion, [str(label) for label in labels]

    @classmethod
    def from_estimator(cls, estimator: Any, X: ArrayLike, y: ArrayLike) -> Self:
        """Hold a network or a fitted classifier against X (n, d) and labels y (n,), which are among its classes."""
        if not isinstance(estimator, Network):  # it knows its columns by name, and what X may be
            labels = _attribute(estimator, "classes_", "a classifier that was fitted, or a network")
            return cls.from_predictions(y, estimator.predict(X), np.asarray(labels).tolist())
        place = {label: index for index, label in enumerate(estimator.classes)}
        found = estimator.evaluate(X, _places(np.asarray(y), place))
        return cls(found.confusion, estimator.classes)

    @classmethod
    def from_predictions(cls, y_true: ArrayLike, y_pred: ArrayLike, labels: Sequence[Any] | None = None) -> Self:
        """Count what is taken for what: labels y_true (n,) beside y_pred (n,), whoever said them.

        ``labels`` are the classes, in order; all that occur, sorted, unless given. Raises ``ShapeError`` where the two are
        not alike, ``SettingError`` for a label that is none of the classes.

        >>> ConfusionDisplay.from_predictions(["cat", "cat", "dog"], ["cat", "dog", "dog"]).confusion
        array([[1, 1],
               [0, 1]])
        """
        true, taken = np.asarray(y_true), np.asarray(y_pred)
        if true.ndim != 1 or true.shape != taken.shape:
            raise ShapeError(f"the labels have shapes {true.shape} and {taken.shape}", "two alike, (n,)")
        names = np.unique(np.concatenate([true, taken])).tolist() if labels is None else list(labels)
        place = {label: index for index, label in enumerate(names)}
        confusion = np.zeros((len(names), len(names)), np.int64)
        np.add.at(confusion, (_places(true, place), _places(taken, place)), 1)
        return cls(confusion, names)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw. Raises ``MissingExtraError`` where matplotlib is not installed."""
        self.ax_, self.figure_ = _axes(ax)
        mistakes = self.confusion.astype(float)
        np.fill_diagonal(mistakes, 0)
        self.ax_.imshow(mistakes, cmap="Oranges", vmin=0, vmax=max(1.0, 1.4 * mistakes.max()))
        places = range(len(self.labels))
        self.ax_.set_xticks(places, self.labels)
        self.ax_.set_yticks(places, self.labels)
        self.ax_.set_xlabel("taken for")
        self.ax_.set_ylabel("is")
        if len(self.labels) <= MOST_COUNTS:
            for true in places:
                for taken in places:
                    count = int(self.confusion[true, taken])
                    weight = "bold" if true == taken else "normal"
                    self.ax_.text(taken, true, f"{count:,}", ha="center", va="center", fontsize=8, fontweight=weight)
        return self


def plot_history(estimator: Any, ax: Axes | None = None) -> HistoryDisplay:
    """Draw the losses of a fitted estimator's epochs."""
    return HistoryDisplay.from_estimator(estimator).plot(ax)


def plot_weights(estimator: Any, shape: Sequence[int] | None = None, ax: Axes | None = None) -> WeightsDisplay:
    """Draw the first layer's weights of a network or a fitted estimator."""
    return WeightsDisplay.from_estimator(estimator, shape).plot(ax)


def plot_confusion(estimator: Any, X: ArrayLike, y: ArrayLike, ax: Axes | None = None) -> ConfusionDisplay:
    """Draw what a network or a fitted classifier takes for what."""
    return ConfusionDisplay.from_estimator(estimator, X, y).plot(ax)


def _places(labels: NDArray[Any], place: Mapping[Any, int]) -> NDArray[np.int64]:
    """Find the place of each label among the classes. Raises ``SettingError`` for one that is none of them."""
    unknown = next((label for label in labels.tolist() if label not in place), None)
    if unknown is not None:
        raise SettingError(f"the label {unknown!r} is none of the classes", f"one of {', '.join(map(str, place))}")
    return np.array([place[label] for label in labels.tolist()], np.int64)


def _network(estimator: Any) -> Network:
    return estimator if isinstance(estimator, Network) else _attribute(estimator, "network_")


def _attribute(estimator: Any, name: str, expected: str = "an estimator that was fitted, or a network") -> Any:
    if not hasattr(estimator, name):
        raise SettingError(f"this {type(estimator).__name__} has no {name}", expected)
    return getattr(estimator, name)


def _axes(ax: Axes | None) -> tuple[Axes, Figure]:
    if ax is None:
        try:
            pyplot = import_module("matplotlib.pyplot")
        except ImportError as error:
            raise MissingExtraError("Drawing", "matplotlib", "plots") from error
        _, ax = pyplot.subplots(layout="constrained")
    figure: Any = ax.figure
    return ax, figure
