"""Examples as pictures: as they are, and as an epoch sees them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import MissingExtraError
from pellucid.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Pictures = NDArray[Any]


SHADES = " ░▒▓█"


def in_letters(pictures: Pictures) -> list[str]:
    """Write pictures side by side, two pixels of a column to a letter, as letters are twice as high as wide.

    >>> in_letters(np.array([[[0, 255], [0, 255]], [[128, 0], [128, 0]]]))
    [' █  ▒ ']
    """
    grey = pictures.reshape(*pictures.shape[:3], -1).mean(axis=3).clip(min=0)
    grey /= max(grey.max(), 1e-9)
    lines = []
    for top in range(0, grey.shape[1], 2):
        shades = np.rint(grey[:, top : top + 2].mean(axis=1) * (len(SHADES) - 1)).astype(int)
        lines.append("  ".join("".join(SHADES[shade] for shade in picture) for picture in shades))
    return lines


def plot_pictures(rows: Sequence[tuple[str, Pictures]]) -> Figure:
    """Draw rows of pictures, each with its name at the left: → a matplotlib Figure.

    Each row is (n, height, width), or (n, height, width, 3) for colours; of any other number of channels the mean is shown.
    Raises ``MissingExtraError`` where matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("Drawing pictures", "matplotlib", "plots") from error

    columns = max(len(pictures) for _, pictures in rows)
    figure = Figure(figsize=(1.2 + 0.8 * columns, 0.8 * len(rows) + 0.2), layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for (name, pictures), axes in zip(rows, grid, strict=True):
        if pictures.ndim == 4 and pictures.shape[3] != 3:
            pictures = pictures.mean(axis=3)
        highest = max(float(np.max(pictures)), 1e-9)
        for place, each in enumerate(axes):
            each.set_axis_off()
            if place < len(pictures):
                each.imshow(pictures[place] / highest, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
        axes[0].set_title(name, loc="left", fontsize=8, color="#555555", pad=3)
    return figure


def draw_pictures(rows: Sequence[tuple[str, Pictures]], path: Path) -> None:
    """Write rows of pictures as a PNG file, whole or not at all. Raises as ``plot_pictures``, and ``StorageError``."""
    picture = io.BytesIO()
    plot_pictures(rows).savefig(picture, format="png", dpi=150)
    write_bytes(path, picture.getvalue())
