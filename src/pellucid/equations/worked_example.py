"""One small network whose every number fits on a page: 4 inputs, two hidden layers of 3, 2 classes.

Its numbers appear in the documents, the tests and the explanations. The inputs and weights are short decimals, so that
every z can be checked by hand; one neuron of each hidden layer is off, so that ReLU can be seen at work; and the network
is wrong (it gives the true class 0.2125), so that there is something to learn.

Forwards::

    x  = ( 1.00   0.00   0.50  −1.00)
    z₁ = ( 0.70  −0.80   0.80)      a₁ = (0.70  0  0.80)
    z₂ = ( 0.34  −0.09   0.58)      a₂ = (0.34  0  0.58)
    z₃ = ( 0.80  −0.51)             p  = (0.7875  0.2125)      loss = −log 0.21249 = 1.5489

Backwards (y is the second class)::

    dz₃ = p − y = (0.7875  −0.7875)
    da₂ = W₃ᵀ dz₃ = (0.7875  −0.7875   1.1813)      dz₂ = (0.7875  0  1.1813)
    da₁ = W₂ᵀ dz₂ = (0.9450  −0.2363   0.5119)      dz₁ = (0.9450  0  0.5119)

>>> from pellucid.equations.network import backward_steps, forward
>>> trace = forward(ARCHITECTURE, LAYERS, X)
>>> for layer in trace.layers:
...     print(layer.z.round(12), layer.a.round(4))
[[ 0.7 -0.8  0.8]] [[0.7 0.  0.8]]
[[ 0.34 -0.09  0.58]] [[0.34 0.   0.58]]
[[ 0.8  -0.51]] [[0.7875 0.2125]]
>>> for step in backward_steps(ARCHITECTURE, LAYERS, trace, Y):
...     print(step.dz.round(4) + 0, None if step.da is None else step.da.round(4))
[[ 0.7875 -0.7875]] [[ 0.7875 -0.7875  1.1813]]
[[0.7875 0.     1.1813]] [[ 0.945  -0.2363  0.5119]]
[[0.945  0.     0.5119]] None
"""

from __future__ import annotations

import numpy as np

from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.parameters import Layer, Layers

ARCHITECTURE = Architecture(input_shape=(4,), hidden=(Hidden(3), Hidden(3)), outputs=2)

X = np.array([[1.0, 0.0, 0.5, -1.0]])
Y = np.array([1])
LEARNING_RATE = 0.1

LAYERS: Layers = (
    Layer(
        W=np.array([[0.5, -0.2, 0.4, 0.1], [-0.3, 0.8, -0.6, 0.2], [0.2, 0.1, 0.6, -0.4]]),
        b=np.array([0.1, 0.0, -0.1]),
    ),
    Layer(
        W=np.array([[0.6, 0.3, -0.1], [-0.5, 0.7, 0.2], [0.4, -0.4, 0.5]]),
        b=np.array([0.0, 0.1, -0.1]),
    ),
    Layer(
        W=np.array([[0.5, -0.4, 1.0], [-0.5, 0.6, -0.5]]),
        b=np.array([0.05, -0.05]),
    ),
)

for _array in (X, Y, *(tensor for layer in LAYERS for tensor in layer)):
    _array.flags.writeable = False  # examples that share these arrays must not change each other's numbers
