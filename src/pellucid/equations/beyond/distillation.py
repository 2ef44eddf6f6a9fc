"""Distillation: learn from what a larger network says, and not from the labels alone.

A label says "a 7". A trained network says "a 7, a little like a 1, not at all like an 8", and it says so of every picture,
distorted ones included. A small network learns more from the second than from the first.

A network that is sure gives all other classes next to nothing, and that nothing is where the knowledge is. So both answers
are *softened* before they are held against each other: the logits are divided by a temperature T, which shows the small
probabilities.

**The derivation.** Soft answers are compared by the cross-entropy, whose slope with respect to what goes into the softmax
is p_T − q_T, as derived in ``softmax_cross_entropy.py`` (nothing there asks y to be one-hot). What goes in is z / T, so that
the slope with respect to z is (p_T − q_T) / T. And p_T − q_T is itself of the size of 1 / T where T is large. The factor T²
of the loss makes up for both: labels and teacher keep their shares whatever T is.

**For yes or no** the same holds with the logistic function in place of the softmax, output by output.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pellucid.equations.beyond.binary_cross_entropy import binary_cross_entropy_of_each
from pellucid.equations.beyond.logistic import logistic
from pellucid.equations.parameters import Array
from pellucid.equations.softmax_cross_entropy import softmax

PROBABILITIES: dict[str, Callable[[Array], Array]] = {"softmax": softmax, "logistic": logistic}
"""What makes probabilities of logits, by the name of a network's output."""


def softened(z: Array, temperature: float, output: str = "softmax") -> Array:
    """Give the probabilities that a network would name were it less sure.

    Equation [softened]::

        p_T = softmax(z / T)          T = 1: as they are; the larger T, the more alike

    Shapes: z (n, k) → (n, k). Raises nothing.

    >>> softened(np.array([[6.0, 2.0, 0.0]]), temperature=1).round(4)
    array([[0.9796, 0.0179, 0.0024]])
    >>> softened(np.array([[6.0, 2.0, 0.0]]), temperature=4).round(4)
    array([[0.6285, 0.2312, 0.1402]])

    Source: Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015 (arXiv:1503.02531), section 2.
    """
    return PROBABILITIES[output](z / temperature)


def distilled_of_each(
    of_each: Array, z: Array, z_teacher: Array, weight: float, temperature: float, output: str = "softmax"
) -> Array:
    """Mix each example's loss by its label with how far its answer is from the teacher's.

    Equation [distillation]::

        ℓ ← (1 − λ) ℓ + λ T² Σ_j −q_T,j log p_T,j,      p_T and q_T: the pupil's and the teacher's answers, softened

    Shapes: of_each (n,), z and z_teacher (n, k) → (n,). Raises nothing.

    >>> z, z_teacher = np.array([[1.0, 0.0]]), np.array([[3.0, -1.0]])
    >>> distilled_of_each(np.array([0.3133]), z, z_teacher, weight=0.5, temperature=2).round(4)
    array([1.224])

    Source: Hinton, Vinyals, Dean, 2015, section 2.
    """
    z, q = z / temperature, softened(z_teacher, temperature, output)
    if output == "logistic":
        surprise = binary_cross_entropy_of_each(z, q)
    else:
        shifted = z - z.max(axis=1, keepdims=True)
        surprise = np.log(np.exp(shifted).sum(axis=1)) - (q * shifted).sum(axis=1)
    mixed: Array = (1 - weight) * of_each + weight * temperature**2 * surprise
    return mixed


def distilled_slope(
    slope: Array, z: Array, z_teacher: Array, weight: float, temperature: float, output: str = "softmax"
) -> Array:
    """Go back to the pupil's logits; the teacher's are what they are.

    Equation [distillation], differentiated::

        ∂ℓ/∂z ← (1 − λ) ∂ℓ/∂z + λ T (p_T − q_T)

    Shapes: slope, z and z_teacher (n, k) → (n, k). Raises nothing.

    >>> z, z_teacher = np.array([[1.0, 0.0]]), np.array([[3.0, -1.0]])
    >>> distilled_slope(np.array([[-0.2689, 0.2689]]), z, z_teacher, weight=0.5, temperature=2).round(4)
    array([[-0.3928,  0.3928]])

    Source: derived above; Hinton, Vinyals, Dean, 2015, section 2.1.
    """
    apart = softened(z, temperature, output) - softened(z_teacher, temperature, output)
    return (1 - weight) * slope + weight * temperature * apart
