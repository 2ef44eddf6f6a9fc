"""The same weights, the same batches, the same settings: PyTorch goes the same way, step by step."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.engines import ReferenceEngine

pytestmark = pytest.mark.peer
torch = pytest.importorskip("torch", reason="PyTorch is not installed (group 'compare')")

STEPS = 200
SEED_NETWORK = (784, 128, 64, 10)
AGREEMENT = {np.float32: 1e-4, np.float64: 1e-10}
RATES = {"sgd": 0.1, "momentum": 0.02, "nesterov": 0.02, "adam": 1e-3, "adamw": 1e-3}


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def peer_of(optimizer, parameters):
    if optimizer.name in ("sgd", "momentum", "nesterov"):
        mu = getattr(optimizer, "mu", 0.0)
        return torch.optim.SGD(parameters, lr=1.0, momentum=mu, nesterov=optimizer.name == "nesterov")
    betas = (optimizer.beta_1, optimizer.beta_2)
    if optimizer.name == "adam":
        return torch.optim.Adam(parameters, lr=1.0, betas=betas, eps=optimizer.epsilon)
    return torch.optim.AdamW(
        parameters, lr=1.0, betas=betas, eps=optimizer.epsilon, weight_decay=optimizer.weight_decay
    )


def trained_by_pytorch(problem, optimizer, start, dtype):
    parameters = [torch.tensor(tensor).requires_grad_() for layer in start.layers for tensor in layer]
    peer = peer_of(optimizer, parameters)
    losses = []
    for step, rate in enumerate(problem.rates):
        rows = problem.order[step * problem.batch_size : (step + 1) * problem.batch_size]
        a = torch.tensor(problem.X[rows].astype(dtype)) / 255
        for W, b in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
            a = torch.relu(torch.nn.functional.linear(a, W, b))
        z = torch.nn.functional.linear(a, *parameters[-2:])
        loss = torch.nn.functional.cross_entropy(z, torch.tensor(problem.y[rows]))
        losses.append(loss.item())
        for group in peer.param_groups:
            group["lr"] = float(rate)
        peer.zero_grad()
        loss.backward()
        peer.step()
    return np.array(losses), [parameter.detach().numpy() for parameter in parameters]


def assert_every_step_agrees(problem, optimizer, dtype):
    start = problem.start(optimizer, dtype)
    ours = problem.run(ReferenceEngine(), optimizer, start, weighted=False)
    losses, parameters = trained_by_pytorch(problem, optimizer, start, dtype)
    assert len(losses) == STEPS
    np.testing.assert_allclose(ours.losses, losses, rtol=AGREEMENT[dtype], atol=0)
    assert np.ptp(losses) > 0.01  # it moved
    for tensor, parameter in zip((t for layer in ours.state.layers for t in layer), parameters, strict=True):
        assert np.linalg.norm(tensor - parameter) <= 100 * AGREEMENT[dtype] * np.linalg.norm(parameter)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("schedule", ["constant", "linear"])
def test_a_small_odd_network_takes_the_same_two_hundred_steps(training, optimizer, schedule, dtype):
    problem = training((13, 9, 5, 3), STEPS * 7 - 3, 7, RATES[optimizer.name], schedule)
    assert_every_step_agrees(problem, optimizer, dtype)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_seeds_network_takes_the_same_two_hundred_steps(training, optimizer, dtype):
    problem = training(SEED_NETWORK, STEPS * 64 - 10, 64, RATES[optimizer.name], "constant")
    assert_every_step_agrees(problem, optimizer, dtype)
