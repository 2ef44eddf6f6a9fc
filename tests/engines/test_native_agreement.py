"""Whole stretches of training by the native engine against the reference engine, within a bound that is worked out.

Beside every number of the reference, computed in float64, stands a bound on the error that the same number may have in
another type and another order of summation: a running error analysis (Higham: Accuracy and Stability of Numerical
Algorithms, section 3.3). A sum of k products of x and y, with errors e_x and e_y, errs by at most
e_x |y| + (|x| + e_x) e_y + (k + 2) ε |x| |y|. Where a z is so near 0 that its sign is not known, neither is ReLU's slope:
all of da is error. Bounds grow from step to step, because errors do.
"""

from __future__ import annotations

import numpy as np
import pytest
from closeness import assert_within
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.engines import ReferenceEngine, State
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.initialization import initialize
from pellucid.equations.network import backward_steps, forward
from pellucid.equations.optimizers import SGD
from pellucid.equations.parameters import Layer

native = pytest.importorskip("pellucid.engines.native", reason="this installation has no native engine")

FEW = 16  # roundings that one element sees outside of sums: more than any equation has


class RunningErrors:
    """Follows a training step by step; ``parameters`` and ``moments`` hold the bounds, in the order W, b, W, b …"""

    def __init__(self, architecture, optimizer, layers, epsilon):
        self.architecture, self.optimizer, self.epsilon = architecture, optimizer, epsilon
        zeros = [np.zeros(tensor.shape) for tensor in tensors(layers)]
        self.parameters, *self.moments = [zeros.copy() for _ in range(1 + optimizer.n_moments)]

    def of_logits(self, layers, trace):
        """Bounds for every layer's inputs and z, from the first to the last."""
        a_error = FEW * self.epsilon * np.abs(trace.x)
        for number, (layer, step) in enumerate(zip(layers, trace.layers, strict=True)):
            W, b, a = np.abs(layer.W), np.abs(layer.b), np.abs(step.inputs)
            W_error, b_error = self.parameters[2 * number : 2 * number + 2]
            z_error = a_error @ (W + W_error).T + a @ W_error.T + b_error
            z_error += (W.shape[1] + 2) * self.epsilon * (a @ W.T + b)
            yield a_error, z_error
            a_error = z_error

    def of_probabilities(self, trace, z_error):
        """Bounds for p: differences of logits are off by twice what logits are, and are rounded; then a sum and e^d."""
        z, p = trace.logits, trace.p
        d = np.abs(z - z.max(axis=1, keepdims=True))
        of_sum = (p * d).sum(axis=1, keepdims=True) + z.shape[1] + FEW
        relative = 4 * z_error.max(axis=1, keepdims=True) + (d + of_sum) * self.epsilon
        return np.minimum(p * np.expm1(np.minimum(relative, 700)), 1)

    def of_gradients(self, layers, X, y, w):
        """Bounds for the loss and for each gradient; of how many examples it is not sure which class wins."""
        trace = forward(self.architecture, layers, X)
        errors = list(self.of_logits(layers, trace))
        z, k = trace.logits, trace.logits.shape[1]
        of_z = errors[-1][1].max(axis=1)
        share = np.full(len(y), 1 / len(y)) if w is None else w / max(w.sum(), 1e-300)
        surprise = z.max(axis=1) - z[np.arange(len(y)), y] + np.log(k) + 1
        loss = (share * (2 * of_z + (len(y) + k + FEW) * self.epsilon * surprise)).sum()
        dz_error = share[:, np.newaxis] * (
            self.of_probabilities(trace, errors[-1][1]) + FEW * self.epsilon * (trace.p + 1)
        )
        gradients = []
        steps = list(backward_steps(self.architecture, layers, trace, y, w))
        for number in reversed(range(len(layers))):
            step, a = steps[len(layers) - 1 - number], np.abs(trace.layers[number].inputs)
            dz, a_error = np.abs(step.dz), errors[number][0]
            dW = dz_error.T @ (a + a_error) + dz.T @ a_error + (len(y) + 2) * self.epsilon * (dz.T @ a)
            gradients[:0] = [dW, dz_error.sum(axis=0) + (len(y) + 2) * self.epsilon * dz.sum(axis=0)]
            if number == 0:
                break
            W, W_error = np.abs(layers[number].W), self.parameters[2 * number]
            da_error = dz_error @ (W + W_error) + dz @ W_error + (W.shape[0] + 2) * self.epsilon * (dz @ W)
            below, below_error = trace.layers[number - 1].z, errors[number - 1][1]
            unsure = (np.abs(below) <= below_error) & (below_error > 0)
            dz_error = np.where(unsure, np.abs(step.da) + da_error, np.where(below > 0, da_error, 0))
        two = -np.sort(-z, axis=1)[:, :2]
        return loss, gradients, int((two[:, 0] - two[:, 1] <= 2 * of_z).sum())

    def step(self, before, after, gradients, errors, rate):
        """Take the bounds over one step, from the states before and after, the gradients and the bounds for these."""
        rule, unit = self.optimizer, FEW * self.epsilon
        records = map(tensors, (before.layers, gradients, *after.moments))
        for i, (theta, g, *moments) in enumerate(zip(*records, strict=True)):
            e = errors[i]
            if rule.name == "sgd":
                moved = rate * e + unit * rate * np.abs(g)
            elif rule.name in ("momentum", "nesterov"):
                m, mu = np.abs(moments[0]), rule.mu
                m_error = self.moments[0][i] = mu * self.moments[0][i] + e + unit * (m + np.abs(g))
                moved = rate * (m_error + unit * m)
                if rule.name == "nesterov":
                    moved = rate * (mu * m_error + e + unit * (mu * m + np.abs(g)))
            else:
                moved = self._adam(i, e, np.abs(g), np.abs(moments[0]), moments[1], after.steps_done, rate)
            self.parameters[i] = self.parameters[i] + moved + unit * np.abs(theta)

    def _adam(self, i, e, g, m, v, t, rate):
        rule, unit = self.optimizer, FEW * self.epsilon
        m_error = self.moments[0][i] = rule.beta_1 * self.moments[0][i] + (1 - rule.beta_1) * e + unit * (m + g)
        v_error = self.moments[1][i] = rule.beta_2 * self.moments[1][i] + (1 - rule.beta_2) * (2 * g + e) * e + unit * v
        correction = 1 / (1 - rule.beta_2**t) ** 0.5
        root_error = correction * (np.sqrt(v + v_error) - np.sqrt(np.maximum(v - v_error, 0)))
        lowest = correction * np.sqrt(np.maximum(v - v_error, 0)) + rule.epsilon
        # |m̂| / √v̂ is at most 7.3 where moments began at 0 (Cauchy, Schwarz), and little more where v began above m².
        most = 2 * 8.3
        return rate * np.minimum((m_error + m * (root_error / lowest + 4 * unit)) / lowest / (1 - rule.beta_1**t), most)


def tensors(*records):
    return [tensor for record in records for layer in record for tensor in layer]


def widened(record, dtype=np.float64):
    return tuple(Layer(W.astype(dtype), b.astype(dtype)) for W, b in record)


def start_of(problem, optimizer, dtype, steps_done):
    """A state in the middle of a training: moments that are not zero."""
    start = problem.start(optimizer, dtype)
    if not steps_done:
        return start
    rng = np.random.default_rng(1)
    m = tuple(Layer(*(0.01 * rng.normal(size=t.shape).astype(dtype) for t in layer)) for layer in start.layers)
    v = tuple(Layer(W * W + dtype.type(1e-6), b * b + dtype.type(1e-6)) for W, b in m)
    return State(start.layers, (m, v)[: optimizer.n_moments], steps_done)


@settings(max_examples=8)
@given(data=st.data(), threads=st.integers(1, 3), steps_done=st.sampled_from([0, 7]))
def test_a_stretch_of_training_is_the_references_but_for_rounding(
    draw_training, optimizer, target, dtype, data, threads, steps_done
):
    assert_agrees(draw_training, optimizer, target, dtype, data, threads, steps_done)


@pytest.mark.slow
@settings(max_examples=100)
@given(data=st.data(), threads=st.integers(1, 8), steps_done=st.sampled_from([0, 1, 1000]))
def test_many_stretches_of_training_are_the_references_but_for_rounding(
    draw_training, optimizer, target, dtype, data, threads, steps_done
):
    assert_agrees(draw_training, optimizer, target, dtype, data, threads, steps_done)


def assert_agrees(draw_training, optimizer, target, dtype, data, threads, steps_done):
    problem, stretch = draw_training(data)
    start = start_of(problem, optimizer, dtype, steps_done)
    weights = problem.weights is not None
    found = problem.run(native.NativeEngine(target, threads), optimizer, start, weights, **stretch)

    state = State(widened(start.layers), tuple(map(widened, start.moments)), steps_done)
    running = RunningErrors(problem.architecture, optimizer, state.layers, np.finfo(dtype).eps)
    correct = unsure = 0
    assert found.non_finite_step is None
    for i, loss in enumerate(found.losses):
        step = stretch["first_step"] + i
        rows = problem.order[step * problem.batch_size : (step + 1) * problem.batch_size]
        w = problem.weights[rows] if weights else None
        batch = (state.layers, problem.X[rows], problem.y[rows], w)
        loss_error, gradient_errors, unsure_here = running.of_gradients(*batch)
        gradients = ReferenceEngine().loss_and_gradients(problem.architecture, *batch)[1]
        outcome = problem.run(ReferenceEngine(), optimizer, state, weights, first_step=step, n_steps=1)
        assert_within(loss, outcome.losses[0], loss_error)
        running.step(state, outcome.state, gradients, gradient_errors, float(problem.rates[step]))
        state, correct, unsure = outcome.state, correct + outcome.correct, unsure + unsure_here
    last = -(-len(problem.order) // problem.batch_size)
    assert len(found.losses) == min(stretch["n_steps"], last - stretch["first_step"])
    assert found.state.steps_done == state.steps_done
    assert abs(found.correct - correct) <= unsure
    for mine, reference, errors in zip(
        (found.state.layers, *found.state.moments),
        (state.layers, *state.moments),
        (running.parameters, *running.moments),
        strict=True,
    ):
        for tensor, expected, bound in zip(tensors(mine), tensors(reference), errors, strict=True):
            assert tensor.dtype == dtype
            assert_within(tensor, expected, 2 * bound)


def test_a_neuron_whose_weight_is_minus_infinity_is_off_and_the_others_learn(target, dtype):
    # The loss is finite, and most of X zero: W may not be skipped through, the gradient of its other rows may.
    random = np.random.default_rng(0)
    architecture = Architecture((40,), (Hidden(30),), 5)
    layers = initialize(architecture, 0, dtype=dtype)
    W = layers[0].W.copy()
    W[0, 0] = -np.inf
    layers = (layers[0]._replace(W=W), layers[1])
    y = random.integers(0, 5, 30)
    for kind in (np.uint8, np.float32):
        X = (random.random((30, 40)) < 0.05).astype(kind)
        X[:, 0] = 1
        with np.errstate(invalid="ignore"):
            _, expected = ReferenceEngine().loss_and_gradients(architecture, widened(layers), X, y)
        _, found = native.NativeEngine(target, 2).loss_and_gradients(architecture, layers, X, y)
        assert np.abs(expected[0].W).sum() > 1
        bound = 100 * np.finfo(dtype).eps  # of 30 products and sums of numbers below 1
        for tensor, wanted in zip(tensors(found), tensors(expected), strict=True):
            assert_within(tensor, wanted, np.full(wanted.shape, bound))


@settings(max_examples=12)
@given(data=st.data(), threads=st.integers(1, 3))
def test_loss_and_gradients_are_the_references_but_for_rounding(draw_training, target, dtype, data, threads):
    problem, _ = draw_training(data)
    layers = initialize(problem.architecture, 0, dtype=dtype)
    batch = (problem.X, problem.y, problem.weights)
    loss, gradients = native.NativeEngine(target, threads).loss_and_gradients(problem.architecture, layers, *batch)
    running = RunningErrors(problem.architecture, SGD(), layers, np.finfo(dtype).eps)
    loss_error, errors, _ = running.of_gradients(widened(layers), *batch)
    expected_loss, expected = ReferenceEngine().loss_and_gradients(problem.architecture, widened(layers), *batch)
    assert_within(np.float64(loss), expected_loss, loss_error)
    for found, wanted, bound in zip(tensors(gradients), tensors(expected), errors, strict=True):
        assert found.dtype == dtype
        assert_within(found, wanted, bound)


@settings(max_examples=12)
@given(data=st.data(), threads=st.integers(1, 3))
def test_logits_and_probabilities_are_the_references_but_for_rounding(draw_training, target, dtype, data, threads):
    problem, _ = draw_training(data)
    layers = initialize(problem.architecture, 0, dtype=dtype)
    engine = native.NativeEngine(target, threads)
    z, p = (f(problem.architecture, layers, problem.X) for f in (engine.logits, engine.predict))
    running = RunningErrors(problem.architecture, SGD(), layers, np.finfo(dtype).eps)
    trace = forward(problem.architecture, widened(layers), problem.X)
    *_, (_, z_error) = running.of_logits(widened(layers), trace)
    assert (z.dtype, p.dtype) == (dtype, dtype)
    assert_within(z, trace.logits, z_error)
    assert_within(p, trace.p, running.of_probabilities(trace, z_error))
