"""The affine layer: z = W a + b, and the way back.

In the text a layer maps one example, a column vector: ``z = W a + b``. Here a batch holds an example in each *row*, so
the same sum reads ``z = a Wᵀ + b``: row r of z is W times row r of a, plus b. W keeps the shape that the text gives it,
(fan_out, fan_in), e.g. 128 × 784.

The way back is derived from the sum itself, ``z_rj = Σ_i W_ji a_ri + b_j``:

* W_ji appears in z_rj, for every example r, multiplied by a_ri: ``dW_ji = Σ_r dz_rj a_ri``, i.e. ``dW = dzᵀ a``. For
  one example this is the outer product of dz and a.
* b_j appears in z_rj for every r, multiplied by 1: ``db_j = Σ_r dz_rj``.
* a_ri appears in z_rj, for every neuron j above, multiplied by W_ji: ``da_ri = Σ_j dz_rj W_ji``, i.e. ``da = dz W``; for
  one example, a column, ``da = Wᵀ dz``.
"""

from __future__ import annotations

from pellucid.equations.parameters import Array, Layer


def affine(a: Array, W: Array, b: Array) -> Array:
    """Weigh and add: each neuron's weighted sum of what it sees, plus its bias.

    Equation [z]::

        z = W a + b;  a batch: z = a Wᵀ + b

    Shapes: a (n, fan_in), W (fan_out, fan_in), b (fan_out,) → z (n, fan_out). Raises nothing.

    The first neuron of the worked example, 0.5·1 − 0.2·0 + 0.4·0.5 + 0.1·(−1) + 0.1:

    >>> from pellucid.equations.worked_example import X, LAYERS
    >>> affine(X, *LAYERS[0]).round(12)
    array([[ 0.7, -0.8,  0.8]])

    Source: the text, step 1.
    """
    return a @ W.T + b


def affine_backward(dz: Array, a: Array, W: Array) -> tuple[Array, Array, Array]:
    """Go back through the affine layer: from dz to da, dW, db.

    Equations [da], [dW], [db]. Shapes: dz (n, fan_out), a (n, fan_in), W (fan_out, fan_in) → da (n, fan_in),
    dW (fan_out, fan_in), db (fan_out,). Raises nothing.

    >>> import numpy as np
    >>> from pellucid.equations.worked_example import LAYERS
    >>> da, dW, db = affine_backward(np.array([[1.0, -1.0]]), np.array([[2.0, 1.0, 3.0]]), LAYERS[2].W)
    >>> da
    array([[ 1. , -1. ,  1.5]])
    >>> dW
    array([[ 2.,  1.,  3.],
           [-2., -1., -3.]])

    Source: derived above; Goodfellow, Bengio, Courville: Deep Learning (2016), algorithm 6.4.
    """
    gradient = affine_backward_parameters(dz, a)
    return affine_backward_input(dz, W), gradient.W, gradient.b


def affine_backward_parameters(dz: Array, a: Array) -> Layer:
    """Find how the loss changes with the weights and biases: the gradient that trains the layer.

    Equations [dW] and [db]::

        dW = dzᵀ a
        db = Σ_r dz_r        (r runs over the examples of the batch)

    Shapes: dz (n, fan_out), a (n, fan_in) → Layer(W=dW (fan_out, fan_in), b=db (fan_out,)). Raises nothing.

    >>> import numpy as np
    >>> affine_backward_parameters(dz=np.array([[1.0, -1.0]]), a=np.array([[2.0, 1.0, 3.0]])).b
    array([ 1., -1.])

    Source: derived above; Goodfellow, Bengio, Courville: Deep Learning (2016), algorithm 6.4.
    """
    return Layer(W=dz.T @ a, b=dz.sum(axis=0))


def affine_backward_input(dz: Array, W: Array) -> Array:
    """Find how the loss changes with the activations below: what is handed down to the layer beneath.

    Equation [da]::

        da = dz W;  one example, a column: da = Wᵀ dz

    Shapes: dz (n, fan_out), W (fan_out, fan_in) → da (n, fan_in). Raises nothing.

    This is what the text calls ∂L/∂a_k, without the factor f′(z_k) that it adds: with the factor it is ∂L/∂z_k, which
    ``relu_backward`` gives. The first layer needs no da: nobody trains the pixels.

    >>> import numpy as np
    >>> from pellucid.equations.worked_example import LAYERS
    >>> affine_backward_input(np.array([[1.0, -1.0]]), LAYERS[2].W)
    array([[ 1. , -1. ,  1.5]])

    Source: the text, step 3; derived above.
    """
    return dz @ W
