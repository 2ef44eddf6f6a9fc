"""PyTorch's activations, losses and clipping give the same numbers, and its autograd the same slopes, in float64."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.equations.activations import ACTIVATIONS
from pellucid.equations.beyond.clipping import clipped
from pellucid.equations.losses import (
    AbsoluteError,
    BinaryCrossEntropy,
    ClassSquaredError,
    CrossEntropy,
    Huber,
    Poisson,
    SquaredError,
)
from pellucid.equations.parameters import Layer

pytestmark = pytest.mark.peer
torch = pytest.importorskip("torch", reason="PyTorch is not installed (group 'compare')")
F = torch.nn.functional

EPS = np.finfo(np.float64).eps
PEERS = {
    "relu": torch.relu,
    "identity": torch.nn.Identity(),
    "logistic": torch.sigmoid,
    "tanh": torch.tanh,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "selu": F.selu,
    "scaled_tanh": lambda z: 1.7159 * F.tanh(2 / 3 * z),
    "gelu": F.gelu,
    "silu": F.silu,
    "mish": F.mish,
    "softplus": lambda z: F.softplus(z, threshold=100),  # above 20 it would leave a term out; here it need not
}


def test_every_activation_has_its_peer():
    assert set(PEERS) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_and_its_slope_are_pytorchs(name):
    z = np.concatenate([np.linspace(-30, 30, 6001), np.random.default_rng(0).normal(size=4000)])
    da = np.random.default_rng(1).normal(size=z.size)
    there = torch.tensor(z, requires_grad=True)
    a = PEERS[name](there)
    a.backward(torch.tensor(da))
    # A few roundings on either side; where 1 + erf, 1 − tanh² or the like cancel, in numbers of the size of z.
    bound = 4 * EPS * (1 + np.abs(z))
    assert (np.abs(ACTIVATIONS[name].forward(z) - a.detach().numpy()) <= bound).all()
    assert (np.abs(ACTIVATIONS[name].backward(da, z) - there.grad.numpy()) <= bound * np.abs(da)).all()


def poisson_peer(z, y):
    return F.poisson_nll_loss(z, y, reduction="none") + (torch.special.xlogy(y, y) - y)


def class_squared_peer(z, y):
    corner = 2.0 * F.one_hot(y, 4) - 1
    return F.mse_loss(1.7159 * torch.tanh(2 / 3 * z), corner, reduction="none").sum(dim=1) / 2


LOSSES = [
    (CrossEntropy(), lambda z, y: F.cross_entropy(z, y, reduction="none")),
    (CrossEntropy(0.1), lambda z, y: F.cross_entropy(z, y, reduction="none", label_smoothing=0.1)),
    (ClassSquaredError(), class_squared_peer),
    (BinaryCrossEntropy(), lambda z, y: F.binary_cross_entropy_with_logits(z, y, reduction="none").sum(dim=1)),
    (SquaredError(), lambda z, y: F.mse_loss(z, y, reduction="none").sum(dim=1) / 2),
    (AbsoluteError(), lambda z, y: F.l1_loss(z, y, reduction="none").sum(dim=1)),
    (Huber(0.7), lambda z, y: F.huber_loss(z, y, reduction="none", delta=0.7).sum(dim=1)),
    (Poisson(), lambda z, y: poisson_peer(z, y).sum(dim=1)),
]


@pytest.mark.parametrize(("loss", "peer"), LOSSES, ids=[repr(loss) for loss, _ in LOSSES])
def test_a_loss_and_its_way_back_are_pytorchs(loss, peer):
    rng = np.random.default_rng(0)
    z = 3 * rng.normal(size=(500, 4))
    y = rng.integers(0, 4, 500) if loss.of_classes else rng.poisson(1.0, (500, 4)).astype(float)
    y = np.minimum(y, 1) if isinstance(loss, BinaryCrossEntropy) else y
    there = torch.tensor(z, requires_grad=True)
    of_each = peer(there, torch.tensor(y))
    of_each.mean().backward()
    # Some ten roundings in numbers of the size of the largest output or of the largest loss.
    p = loss.outputs(z)
    size = 1 + np.abs(p).max() + np.abs(loss.of_each(z, y)).max()
    assert (np.abs(loss.of_each(z, y) - of_each.detach().numpy()) <= 10 * EPS * size).all()
    assert (np.abs(loss.backward(p, y) - there.grad.numpy()) <= 10 * EPS * size / 500).all()


@pytest.mark.parametrize("most", [0.5, 1e6])
def test_clipping_is_pytorchs_but_for_its_millionth(most):
    rng = np.random.default_rng(0)
    gradients = (Layer(rng.normal(size=(5, 4)), rng.normal(size=5)), Layer(rng.normal(size=(3, 5)), rng.normal(size=3)))
    tensors = [torch.zeros(tensor.shape, dtype=torch.float64) for layer in gradients for tensor in layer]
    for tensor, gradient in zip(tensors, (gradient for layer in gradients for gradient in layer), strict=True):
        tensor.grad = torch.tensor(gradient)
    norm = torch.nn.utils.clip_grad_norm_(tensors, most).item()
    theirs_is_shorter_by = (norm + 1e-6) / norm if most < norm else 1.0
    for tensor, ours in zip(tensors, (tensor for layer in clipped(gradients, most) for tensor in layer), strict=True):
        np.testing.assert_allclose(tensor.grad.numpy() * theirs_is_shorter_by, ours, rtol=40 * EPS)
