"""What it is worth to make a drawing as MNIST's pictures were made, before a network reads it.

    python -m benchmarks.normaliser [MODEL] [--images 10000]

MNIST's test images are put on larger paper, then shifted, scaled, drawn with a thicker or thinner line; the network is
shown the middle 28×28 pixels of the paper as they are, and what ``pellucid.datasets.drawing.normalised`` makes of it.
Printed is the share that is read rightly, and how many of the untouched images the recipe leaves as they are.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from benchmarks.robustness import Pictures, mapped, thickened
from pellucid import datasets, load
from pellucid.datasets.drawing import normalised

MARGIN = 16
SHIFTS, BOXES = (1, 2, 3, 4, 6, 10), (8, 10, 14, 24, 27, 40)


def ways() -> Iterator[tuple[str, Callable[[Pictures], Pictures]]]:
    """Name what is done to the paper."""
    yield "as it is", lambda paper: paper
    for shift in SHIFTS:
        yield f"shifted by {shift} pixel{'s' * (shift > 1)}, right and down", partial(mapped, shift=(shift, shift))
    for box in BOXES:
        yield f"scaled, the box {box} pixels", partial(mapped, scale=box / 20)
    yield "line one pixel thinner on each side", partial(thickened, radius=-1)
    yield "line one pixel thicker on each side", partial(thickened, radius=1)
    yield "line one pixel thicker on each side, the box 40 pixels", lambda paper: thickened(mapped(paper, scale=2.0), 1)


def middle(paper: Pictures) -> Pictures:
    """Cut the middle 28×28 pixels out of the paper."""
    return paper[:, MARGIN:-MARGIN, MARGIN:-MARGIN]


def again(paper: Pictures) -> Pictures:
    """Make each as MNIST's pictures were made; what shows no ink stays blank."""
    return np.stack([normalised(each / 255).picture if each.any() else np.zeros((28, 28), np.uint8) for each in paper])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="mnist")
    parser.add_argument("--images", type=int, default=10_000)
    arguments = parser.parse_args()
    dataset, network = datasets.load("mnist"), load(arguments.model)
    pictures = dataset.X_test[: arguments.images].reshape(-1, 28, 28)
    labels = dataset.y_test[: arguments.images]
    paper = np.pad(pictures, ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)))
    print("| the digit | shown as it is | as MNIST's were made |\n| --- | --- | --- |")
    for way, change in ways():
        changed = change(paper)
        rates = [100 * float((network.predict(some) == labels).mean()) for some in (middle(changed), again(changed))]
        print(f"| {way} | {rates[0]:.1f} % | {rates[1]:.1f} % |", flush=True)
    same = sum(map(np.array_equal, again(paper), pictures))
    print(f"\nLeft as they are: {same:,} of {len(pictures):,}.")


if __name__ == "__main__":
    main()
