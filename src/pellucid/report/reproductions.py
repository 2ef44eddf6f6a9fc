"""Published results and ours, on one axis."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.errors import MissingExtraError
from pellucid.files import write_bytes
from pellucid.report.curves import TRAINING, VALIDATION

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_reproductions(records: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw for each recipe the published error and ours, every seed a dot: → a matplotlib Figure.

    Raises ``MissingExtraError`` where matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("Drawing the table", "matplotlib", "plots") from error

    figure = Figure(figsize=(8, 1.2 + 0.34 * len(records)), layout="constrained")
    axes = figure.subplots()
    for place, record in enumerate(records):
        errors = [seed["error"] for seed in record["seeds"] if seed["error"] is not None]
        axes.plot(errors, [place] * len(errors), "o", color=TRAINING["color"], alpha=0.35, markersize=5)
        if record["error"] is not None:
            axes.plot(record["error"], place, "|", color=TRAINING["color"], markersize=16, markeredgewidth=2)
        if record["published"] is not None:
            axes.plot(
                record["published"]["error"], place, "D", color=VALIDATION["color"], markersize=7, fillstyle="none"
            )
    axes.plot([], [], "o", color=TRAINING["color"], alpha=0.35, label="ours, a seed each")
    axes.plot([], [], "|", color=TRAINING["color"], markersize=12, markeredgewidth=2, label="our mean")
    axes.plot([], [], "D", color=VALIDATION["color"], fillstyle="none", label="published")
    axes.set_yticks(range(len(records)), [record["recipe"] for record in records])
    axes.invert_yaxis()
    axes.set_xlabel("% of the test images read wrongly")
    axes.set_xlim(left=0)
    axes.grid(axis="x", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside upper right", ncols=3, frameon=False)
    return figure


def draw_reproductions(records: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the picture as a PNG file, whole or not at all. Raises as ``plot_reproductions``, and ``StorageError``."""
    picture = io.BytesIO()
    plot_reproductions(records).savefig(picture, format="png", dpi=150)
    write_bytes(path, picture.getvalue())
