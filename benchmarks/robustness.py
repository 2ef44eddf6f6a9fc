"""How well models read the test digits when these are shifted, turned, scaled, noisy, thicker or thinner.

    python -m benchmarks.robustness NAME=MODEL [NAME=MODEL …] [--out docs/robustness.png]

Each test image is distorted in one way and by one strength at a time, the same for all models; what is printed is the
share that is read rightly. Turns, scales and shifts are [affine-map] and [bilinear] of the equations; noise is normal, of
the given spread in shades of 255, cut off at 0 and 255; thickness takes for each pixel the darkest or lightest within so
many steps up, down or aside (grey erosion and dilation by a diamond).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from math import pi
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pellucid import datasets, load
from pellucid.equations.beyond.affine_map import affine_map
from pellucid.equations.beyond.bilinear import bilinear
from pellucid.files import write_bytes

Pictures = NDArray[np.uint8]


def mapped(
    pictures: Pictures, turn: float = 0.0, scale: float = 1.0, shift: tuple[float, float] = (0.0, 0.0)
) -> Pictures:
    shape = pictures.shape[1], pictures.shape[2]
    sources = affine_map(np.array([turn * pi / 180]), np.full((1, 2), scale), np.zeros(1), np.array([shift]), shape)
    seen = bilinear(pictures, np.broadcast_to(sources, (len(pictures), *sources.shape[1:])))
    pixels: Pictures = np.rint(seen).astype(np.uint8)
    return pixels


def noisy(pictures: Pictures, spread: float) -> Pictures:
    noise = np.random.default_rng(0).normal(0, spread, pictures.shape) if spread else 0
    pixels: Pictures = np.rint((pictures + noise).clip(0, 255)).astype(np.uint8)
    return pixels


def thickened(pictures: Pictures, radius: int) -> Pictures:
    diamond = ndimage.iterate_structure(ndimage.generate_binary_structure(2, 1), max(1, abs(radius)))[np.newaxis]
    if radius == 0:
        return pictures
    grow: Any = ndimage.grey_dilation if radius > 0 else ndimage.grey_erosion
    grown: Pictures = grow(pictures, footprint=diamond)
    return grown


WAYS: dict[str, tuple[tuple[float, ...], Callable[[Pictures, Any], Pictures]]] = {
    "shifted to the right, pixels": ((0, 1, 2, 3, 4, 6), lambda X, s: mapped(X, shift=(s, 0.0))),
    "shifted downwards, pixels": ((0, 1, 2, 3, 4, 6), lambda X, s: mapped(X, shift=(0.0, s))),
    "turned, degrees": ((-45, -30, -20, -10, 0, 10, 20, 30, 45), lambda X, s: mapped(X, turn=s)),
    "scaled, times": ((0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.4), lambda X, s: mapped(X, scale=s)),
    "noise, shades": ((0, 20, 40, 60, 80, 120), noisy),
    "thickness, pixels": ((-1, 0, 1, 2), thickened),
}


def measure(models: dict[str, Any]) -> dict[str, dict[str, list[float]]]:
    dataset = datasets.load("mnist")
    pictures = dataset.X_test.reshape(-1, *dataset.input_shape)
    found: dict[str, dict[str, list[float]]] = {way: {name: [] for name in models} for way in WAYS}
    for way, (strengths, distort) in WAYS.items():
        for strength in strengths:
            X = distort(pictures, strength).reshape(len(pictures), -1)
            for name, network in models.items():
                found[way][name].append(100 * network.evaluate(X, dataset.y_test).accuracy)
    return found


def draw(found: dict[str, dict[str, list[float]]], path: Path) -> None:
    import io

    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), layout="constrained")
    styles = (("#0072B2", "-"), ("#D55E00", (0, (4, 1.5))), ("#009E73", (0, (1, 1.2))))
    for axes, (way, of_models) in zip(figure.subplots(2, 3).flat, found.items(), strict=True):
        for (colour, dashes), (name, accuracies) in zip(styles, of_models.items(), strict=False):
            axes.plot(WAYS[way][0], accuracies, color=colour, linestyle=dashes, marker=".", label=name)
        axes.set_title(way, loc="left", fontsize=9)
        axes.set_ylim(0, 103)
        axes.grid(color="#dddddd", linewidth=0.6)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    figure.axes[0].set_ylabel("% read rightly")
    figure.axes[3].set_ylabel("% read rightly")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=3, frameon=False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=130)
    write_bytes(path, picture.getvalue())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="NAME=MODEL")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    found = measure({name: load(path) for name, _, path in (each.partition("=") for each in arguments.models)})
    for way, of_models in found.items():
        print(f"| {way} | {' | '.join(f'{strength:g}' for strength in WAYS[way][0])} |")
        print("| --- |" + " --- |" * len(WAYS[way][0]))
        for name, accuracies in of_models.items():
            print(f"| {name} | {' | '.join(f'{accuracy:.1f}' for accuracy in accuracies)} |")
        print()
    if arguments.out:
        draw(found, arguments.out)


if __name__ == "__main__":
    main()
