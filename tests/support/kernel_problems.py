"""What kernels are called with: shapes around their edges, numbers by a seed, cuts into pieces, steps of every rule."""

from __future__ import annotations

import numpy as np
from closeness import assert_same_bits

from pellucid.equations.optimizers import adam, adamw, momentum, nesterov, sgd

try:
    from pellucid.engines._native import kernels
except ImportError:  # who calls one is skipped
    kernels = None

# Examples, inputs, neurons: around the widths of panels (4 ... 32) and of four of them, words of bits (64), blocks of rows
# (128, 192), depth (256).
SHAPES = [
    (1, 1, 1),
    (2, 3, 2),
    (3, 2, 5),
    (5, 63, 3),
    (1, 64, 7),
    (4, 65, 9),
    (63, 7, 15),
    (64, 8, 16),
    (65, 9, 17),
    (127, 15, 31),
    (130, 33, 33),
    (129, 130, 65),
    (6, 255, 4),
    (7, 256, 8),
    (8, 257, 130),
    (191, 31, 63),
    (192, 17, 64),
    (193, 16, 32),
    (257, 193, 40),
    (135, 140, 133),
]
SOME = [SHAPES[i] for i in (0, 3, 5, 11, 14, 18)]

RULES = {
    "sgd": {},
    "momentum": {"mu": 0.9},
    "nesterov": {"mu": 0.9},
    "adam": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8},
    "adamw": {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-7, "weight_decay": 0.05},
}
MOMENTS = {"none": 0, "sgd": 0, "momentum": 1, "nesterov": 1, "adam": 2, "adamw": 2}
RATE, T = 0.03, 3

STRANGE = [np.nan, np.inf, -np.inf, -0.0]


def step(rule):
    """A step of a rule, as kernels are told of it."""
    return kernels.Step(rule, RATE, T, **RULES.get(rule, {}))


def by_the_equations(rule, theta, g, moments):
    """One step, with all numbers in float64: theta and the moments."""
    theta, g, *moments = (array.astype(np.float64) for array in (theta, g, *moments))
    equation = {"sgd": sgd, "momentum": momentum, "nesterov": nesterov, "adam": adam, "adamw": adamw}[rule]
    of_time = {"t": T} if MOMENTS[rule] == 2 else {}
    after = equation(theta, g, *moments, **of_time, learning_rate=RATE, **RULES[rule])
    return after if isinstance(after, tuple) else (after,)


def random(seed, shape, dtype, zeros=0.0):
    """Normal numbers, a share of them zeros."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) * (rng.random(shape) >= zeros)).astype(dtype)


def moments_of(rule, shape, dtype):
    """As many moments as the rule keeps, none negative."""
    return [np.abs(random(90 + i, shape, dtype)) for i in range(MOMENTS[rule])]


def cuts(seed, whole, n=3):
    """Where a whole is cut: some pieces may be empty."""
    return sorted(np.random.default_rng(seed).integers(0, whole + 1, n).tolist())


def chunks(seed, rows):
    """Where rows are cut, so that no piece is empty."""
    return sorted({*np.random.default_rng(seed).integers(1, rows, 3).tolist()}) if rows > 1 else []


def panels(target, dtype, columns):
    """The number of panels of so many columns."""
    width = (kernels.panel_width32 if dtype == np.float32 else kernels.panel_width64)(target)
    return -(-columns // width)


def assert_all_the_same_bits(one, other):
    """Of what an update gives: parameters, moments, whether all is finite."""
    (theta, moments, finite), (other_theta, other_moments, other_finite) = one, other
    assert finite == other_finite
    for found, expected in zip((theta, *moments), (other_theta, *other_moments), strict=True):
        assert_same_bits(found, expected)


def layer(shape, dtype, zeros=0.5):
    """Draw a, W and b."""
    n, fan_in, fan_out = shape
    return random(1, (n, fan_in), dtype, zeros), random(2, (fan_out, fan_in), dtype), random(3, fan_out, dtype)


def gradients(shape, dtype, zeros=0.5):
    """Draw a, dz and W."""
    n, fan_in, fan_out = shape
    return random(20, (n, fan_in), dtype, zeros), random(21, (n, fan_out), dtype), random(22, (fan_out, fan_in), dtype)


def updated(target, rule, theta, g, moments):
    """What the kernel of updates makes of parameters and moments of any shape."""
    after, memories, finite = kernels.update(
        target, theta.ravel(), [g.ravel()], [moment.ravel() for moment in moments], step(rule)
    )
    assert finite
    return [array.reshape(theta.shape) for array in (after, *memories)]
