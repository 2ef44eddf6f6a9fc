"""Label smoothing: do not ask for certainty. A little of each label is spread over all classes.

With hard labels the loss is lowest only where the logits are infinitely far apart. With smooth ones there is a finite best,
p = the smooth label, and the network stops growing its weights once it is sure enough.
"""

from __future__ import annotations

from pellucid.equations.parameters import Array


def smoothed_labels(y: Array, epsilon: float, classes: int) -> Array:
    """Take ε of each label and give it to all classes alike.

    Equation [label-smoothing]::

        y ← (1 − ε) y + ε / k

    Shapes: y of any shape (one-hot rows with k columns, or answers of 0 and 1, where k is 2) → alike; y itself where
    ε = 0. Raises nothing.

    >>> import numpy as np
    >>> smoothed_labels(np.array([[0.0, 1.0, 0.0, 0.0]]), epsilon=0.1, classes=4)
    array([[0.025, 0.925, 0.025, 0.025]])
    >>> smoothed_labels(np.array([[1.0], [0.0]]), epsilon=0.1, classes=2)
    array([[0.95],
           [0.05]])

    Source: Szegedy et al.: Rethinking the Inception Architecture, CVPR 2016 (arXiv:1512.00567), section 7.
    """
    return y if epsilon == 0 else (1 - epsilon) * y + epsilon / classes
