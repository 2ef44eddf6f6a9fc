"""Draw the pictures of the README anew, from a real run: python docs/pictures.py (a minute).

The last 10,000 training images are held out, so that both curves can be seen; the test images are not touched.
"""

from __future__ import annotations

from pathlib import Path

from pellucid import datasets
from pellucid.engines import ReferenceEngine
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.report.curves import draw_curves
from pellucid.training.examples import Examples
from pellucid.training.loop import fit
from pellucid.training.settings import Settings

HELD_OUT = 10_000


def main() -> None:
    mnist = datasets.load("mnist")
    architecture = Architecture(mnist.input_shape, (Hidden(128), Hidden(64)), 10, scaling=mnist.scaling)
    result = fit(
        ReferenceEngine(),
        architecture,
        Examples(mnist.X_train[:-HELD_OUT], mnist.y_train[:-HELD_OUT]),
        Settings(validation=HELD_OUT),
        validation=Examples(mnist.X_train[-HELD_OUT:], mnist.y_train[-HELD_OUT:]),
        callbacks=[lambda record: print(record)],
    )
    draw_curves(result.snapshot.history, Path(__file__).with_name("learning-curves.png"))


if __name__ == "__main__":
    main()
