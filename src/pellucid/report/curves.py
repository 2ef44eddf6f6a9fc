"""The learning curves: loss and error, epoch by epoch."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.errors import MissingExtraError
from pellucid.files import write_bytes
from pellucid.training.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Blue and orange of Okabe and Ito (2008): told apart with every kind of colour vision, and by their dashes in print.
TRAINING: dict[str, Any] = {"color": "#0072B2", "linestyle": "-"}
VALIDATION: dict[str, Any] = {"color": "#D55E00", "linestyle": (0, (4, 1.5))}
MOST_MARKERS = 50


def plot_curves(history: History) -> Figure:
    """Draw loss (nats, logarithmic) and error (%, logarithmic) over the epochs: → a matplotlib Figure.

    Raises ``MissingExtraError`` where matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("Drawing curves", "matplotlib", "plots") from error

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [record.epoch for record in history]
    draw_lines(left, epochs, [record.loss for record in history], [record.validation_loss for record in history])
    decorate(left, "Loss", "cross-entropy in nats")
    draw_lines(
        right,
        epochs,
        [_error(record.accuracy) for record in history],
        [_error(record.validation_accuracy) for record in history],
    )
    decorate(right, "Error", "% of examples classified wrongly")
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper right", ncols=2, frameon=False)
    return figure


def _error(accuracy: float | None) -> float | None:
    return None if accuracy is None else 100 * (1 - accuracy)


def draw_curves(history: History, path: Path) -> None:
    """Write the curves as a PNG picture, whole or not at all. Raises as ``plot_curves``, and ``StorageError``."""
    picture = io.BytesIO()
    plot_curves(history).savefig(picture, format="png", dpi=150)
    write_bytes(path, picture.getvalue())


def draw_lines(axes: Axes, epochs: list[int], training: list[Any], validation: list[Any]) -> None:
    """Draw what was seen in training, and in validation where there was one, over the epochs."""
    series: list[tuple[str, Any, dict[str, Any]]] = [("training, as it went by", training, TRAINING)]
    if all(value is not None for value in validation):
        series.append(("validation, at the epoch's end", validation, VALIDATION))
    for label, values, style in series:
        axes.plot(
            epochs,
            values,
            marker="o" if len(epochs) <= MOST_MARKERS else "",
            markersize=3,
            linewidth=1.6,
            label=label,
            **style,
        )
    if min(value for _, values, _ in series for value in values) > 0:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)


def decorate(axes: Axes, title: str, unit: str) -> None:
    """Name the axes, and leave away what says nothing."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

    axes.set_title(title, loc="left", fontweight="bold")
    axes.set_xlabel("epoch")
    axes.set_ylabel(unit)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if axes.get_yscale() == "log":
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.grid(axis="y", color="0.92")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
