"""No bend at all: a = z."""

from __future__ import annotations

from pellucid.equations.parameters import Array


def identity(z: Array) -> Array:
    """Leave z as it is.

    Equation [identity]::

        a = z

    However many layers of it there are, the network is one affine map: good for comparison, not for learning digits.

    Shapes: z (n, h) → a (n, h), the same array. Raises nothing.

    >>> import numpy as np
    >>> identity(np.array([[0.7, -0.8]]))
    array([[ 0.7, -0.8]])

    Source: folklore.
    """
    return z


def identity_backward(da: Array, z: Array) -> Array:
    """Go back through the identity: the slope is 1 everywhere.

    Equation [identity], differentiated::

        dz = da

    Shapes: da (n, h), z (n, h) → dz (n, h), the same array as da. Raises nothing.

    >>> import numpy as np
    >>> identity_backward(da=np.array([[2.0, 3.0]]), z=np.array([[0.7, -0.8]]))
    array([[2., 3.]])

    Source: folklore.
    """
    return da
