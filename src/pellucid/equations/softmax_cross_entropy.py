"""From logits to probabilities to the loss, and the way back: dz = p − y.

**The derivation that the text leaves out.** For one example with one-hot label y the loss is ``L = −Σ_i y_i log p_i``.
Insert the softmax, ``log p_i = z_i − log Σ_m exp(z_m)``, and use ``Σ_i y_i = 1``::

    L = −Σ_i y_i z_i + log Σ_m exp(z_m)

Now differentiate with respect to one logit z_j. The first sum gives −y_j. The second gives
``exp(z_j) / Σ_m exp(z_m) = p_j``. Together::

    ∂L/∂z_j = p_j − y_j

for *every* class j: p_j − 1 for the right class, p_j for each wrong one. (The text states it for the right class.)

**In numbers that do not overflow.** ``exp(1000)`` is infinite in floating point. Softmax does not change when the same
number is taken from all logits, so the largest is taken: every exponent is then ≤ 0 and at least one is exactly 0. The
same shift gives ``log Σ_m exp(z_m) = max + log Σ_m exp(z_m − max)``, the *log-sum-exp*; with it the loss is right even
where a probability underflows to 0.
"""

from __future__ import annotations

import numpy as np

from pellucid.equations.parameters import Array, Indices


def softmax(z: Array) -> Array:
    """Turn logits into probabilities: positive, and 1 in all.

    Equation [p]::

        p_j = exp(z_j) / Σ_i exp(z_i)

    Shapes: z (n, k) → p (n, k). Raises nothing.

    >>> softmax(np.array([[0.80, -0.51], [10000.0, -10000.0]])).round(4)
    array([[0.7875, 0.2125],
           [1.    , 0.    ]])

    Source: the text, step 2.
    """
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p: Array = e / e.sum(axis=1, keepdims=True)
    return p


def cross_entropy_of_each(z: Array, y: Indices) -> Array:
    """Measure each example's surprise: −log of the probability that its true class was given, in nats.

    Equation [loss], before the mean is taken::

        −log p_y = log Σ_i exp(z_i) − z_y

    Shapes: z (n, k), y (n,) → (n,). Raises nothing.

    >>> cross_entropy_of_each(np.array([[0.80, -0.51], [10000.0, -10000.0]]), np.array([1, 1])).round(4)
    array([1.5489e+00, 2.0000e+04])

    Source: the text, step 2; with the log-sum-exp above.
    """
    shifted = z - z.max(axis=1, keepdims=True)
    surprise: Array = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(z)), y]
    return surprise


def cross_entropy(z: Array, y: Indices, w: Array | None = None) -> float:
    """Measure the batch: the mean surprise in nats. 0 is certain and right; log k is guessing among k classes.

    Equation [loss]::

        loss = −Σ_r w_r log p_r,y_r / Σ_r w_r

    Shapes: z (n, k), y (n,), w (n,) or None for all 1 → a number; 0 where all w are 0. Raises nothing.

    >>> round(cross_entropy(np.array([[0.80, -0.51]]), np.array([1])), 4)
    1.5489
    >>> round(cross_entropy(np.zeros((5, 10)), np.arange(5)), 4)  # log 10
    2.3026

    Source: the text, step 2 (it gives the loss of one example; training uses the mean of a batch).
    """
    if w is not None and not w.any():
        return 0.0
    surprise = cross_entropy_of_each(z, y)
    return float(surprise.mean() if w is None else np.average(surprise, weights=w))


def softmax_cross_entropy(z: Array, y: Indices, w: Array | None = None) -> tuple[Array, float]:
    """Give the probabilities and the loss of a batch together: equations [p] and [loss].

    Shapes: z (n, k), y (n,), w (n,) or None → p (n, k), a number. Raises nothing.

    >>> p, loss = softmax_cross_entropy(np.array([[0.80, -0.51]]), np.array([1]))
    >>> p.round(4), round(loss, 4)
    (array([[0.7875, 0.2125]]), 1.5489)

    Source: the text, step 2.
    """
    return softmax(z), cross_entropy(z, y, w)


def softmax_cross_entropy_backward(p: Array, y: Indices, w: Array | None = None) -> Array:
    """Go back from the loss to the logits: what each class was given too much of.

    Equation [dz_out]::

        dz = (p − y) / n;  with weights: dz_r = w_r (p_r − y_r) / Σw

    Shapes: p (n, k), y (n,) class indices standing for one-hot rows, w (n,) or None → dz (n, k). Raises nothing.

    Each row sums to 0: what one class should gain, the others should lose.

    >>> softmax_cross_entropy_backward(p=np.array([[0.7875, 0.2125]]), y=np.array([1]))
    array([[ 0.7875, -0.7875]])

    Source: the text, step 3; derived above.
    """
    dz = p.copy()
    dz[np.arange(len(p)), y] -= 1
    if w is None:
        dz /= len(p)
    elif not w.any():
        dz[:] = 0
    else:
        dz *= (w / w.sum())[:, np.newaxis].astype(p.dtype)
    return dz
