"""The estimators' parameters: what each may be, and what it means to the rest of the house."""

from __future__ import annotations

from math import inf
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from pellucid.equations.activations import ACTIVATIONS
from pellucid.equations.architecture import Hidden
from pellucid.equations.beyond.extras import Extras
from pellucid.equations.losses import LOSSES, Loss
from pellucid.equations.schedules import SCHEDULES
from pellucid.training.callbacks import Callback
from pellucid.training.settings import MOST_EPOCHS, PRECISIONS, Settings

STOCHASTIC_SOLVERS = ("sgd", "adam", "adamw")
EPOCH_SCHEDULES = ("invscaling", "adaptive")

_AT_LEAST_0 = [Interval(Real, 0, None, closed="left")]
_POSITIVE = [Interval(Real, 0, None, closed="neither")]
_SHARE = [Interval(Real, 0, 1, closed="left")]
_COUNT = Interval(Integral, 1, None, closed="left")

CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_layer_sizes": ["array-like", _COUNT],
    "activation": [StrOptions(set(ACTIVATIONS)), "array-like"],
    "solver": [StrOptions({"lbfgs", *STOCHASTIC_SOLVERS})],
    "alpha": _AT_LEAST_0,
    "batch_size": [StrOptions({"auto"}), _COUNT],
    "learning_rate": [StrOptions({*SCHEDULES, *EPOCH_SCHEDULES})],
    "learning_rate_init": _POSITIVE,
    "power_t": _AT_LEAST_0,
    "max_iter": [_COUNT],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": _AT_LEAST_0,
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": _SHARE,
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": _SHARE,
    "beta_1": _SHARE,
    "beta_2": _SHARE,
    "epsilon": _POSITIVE,
    "n_iter_no_change": [_COUNT, Options(Real, {inf})],
    "max_fun": [_COUNT],
    "weight_decay": _AT_LEAST_0,
    "dropout": _SHARE,
    "input_dropout": _SHARE,
    "max_grad_norm": [*_POSITIVE, None],
    "max_norm": [*_POSITIVE, None],
    "average_epochs": [Interval(Integral, 0, None, closed="left")],
    "warm_up": [Interval(Integral, 0, None, closed="left")],
    "standardize": ["boolean"],
    "scoring": [str, callable, None],
    "callbacks": [list, tuple, callable, None],
    "progress_bar": ["boolean"],
    "engine": [str, None],
    "precision": [StrOptions(set(PRECISIONS)), None],
    "n_threads": [_COUNT, None],
}
"""What scikit-learn's own classes accept comes first, in their order; what they were refused after it."""


def hidden_layers(sizes: Any, activation: Any) -> tuple[Hidden, ...]:
    """Read ``hidden_layer_sizes`` and ``activation``: one name for all layers, or one for each."""
    given = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
    if not all(isinstance(size, Integral) and not isinstance(size, bool) for size in given):
        raise ValueError(f"hidden_layer_sizes must be whole numbers, one a layer; got {given}.")
    widths = [int(size) for size in given]
    if any(width < 1 for width in widths):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {widths}.")
    names = [activation] * len(widths) if isinstance(activation, str) else [str(name) for name in activation]
    for name in names:
        if name not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}; got {name!r}.")
    if len(names) != len(widths):
        raise ValueError(
            f"activation names {len(names)} layers, but hidden_layer_sizes {len(widths)}; expected one name for all "
            "hidden layers, or one for each."
        )
    return tuple(Hidden(width, name) for width, name in zip(widths, names, strict=True))


def loss_named(name: str, **settings: float) -> Loss:
    """Make the loss of that name with those of the settings that it has."""
    rule = LOSSES[name]
    return rule(**{key: value for key, value in settings.items() if key in rule.__dataclass_fields__})


def solver_of(estimator: Any) -> tuple[str, dict[str, float]]:
    """Say which of the optimisers a solver stands for, and with which settings."""
    if estimator.solver == "sgd":
        if estimator.momentum == 0:
            return "sgd", {}
        return ("nesterov" if estimator.nesterovs_momentum else "momentum"), {"mu": estimator.momentum}
    names = ("beta_1", "beta_2", "epsilon", *(("weight_decay",) if estimator.solver == "adamw" else ()))
    return estimator.solver, {name: float(getattr(estimator, name)) for name in names}


def settings_of(estimator: Any, seed: int, n: int, precision: str) -> Settings:
    """Bring an estimator's parameters into the form in which the training takes them."""
    solver, solver_settings = solver_of(estimator)
    return Settings(
        epochs=min(int(estimator.max_iter), MOST_EPOCHS),  # a number that means without end is no mistake
        batch_size=min(200, n) if estimator.batch_size == "auto" else min(int(estimator.batch_size), n),
        learning_rate=float(estimator.learning_rate_init),
        solver=solver,
        solver_settings=solver_settings,
        seed=seed,
        precision=precision,
        average=int(estimator.average_epochs),
        extras=extras_of(estimator),
    )


def extras_of(estimator: Any) -> Extras:
    """Gather what is added to each step. False is a 0 here, as it is for scikit-learn."""
    return Extras(
        input_dropout=float(estimator.input_dropout),
        dropout=float(estimator.dropout),
        l2=float(estimator.alpha),
        clip=inf if estimator.max_grad_norm is None else float(estimator.max_grad_norm),
        max_norm=inf if estimator.max_norm is None else float(estimator.max_norm),
    )


def seed_of(random_state: Any, drawn_from: np.random.RandomState) -> int:
    """Give the seed that an integer is, or draw one."""
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(drawn_from.randint(np.iinfo(np.int32).max))


def listeners_of(estimator: Any) -> list[Any]:
    """Give ``callbacks`` as a list."""
    callbacks = estimator.callbacks
    if callbacks is None:
        return []
    return [callbacks] if callable(callbacks) else list(callbacks)


def check_combination(estimator: Any) -> None:
    """Raise ``ValueError`` for parameters that contradict each other."""
    if estimator.solver == "lbfgs":
        of_steps = {"dropout": 0, "input_dropout": 0, "max_grad_norm": None, "max_norm": None, "warm_up": 0}
        for name, plain in {**of_steps, "average_epochs": 0, "teacher": None}.items():
            if getattr(estimator, name, plain) != plain:
                value = getattr(estimator, name)
                got = f"{name}=<{type(value).__name__}>" if name == "teacher" else f"{name}={value!r}"
                raise ValueError(
                    f"{got} has no meaning with solver='lbfgs', which looks at all examples at once; try adam."
                )
    if estimator.warm_up and estimator.learning_rate in EPOCH_SCHEDULES:
        raise ValueError(
            f"warm_up={estimator.warm_up} cannot precede learning_rate={estimator.learning_rate!r}; expected one of "
            f"{', '.join(SCHEDULES)}."
        )
    if estimator.warm_up >= estimator.max_iter:
        raise ValueError(
            f"warm_up={estimator.warm_up} leaves no epoch of max_iter={estimator.max_iter} for what comes after it; "
            "expected fewer epochs of warm-up."
        )
    if estimator.average_epochs > estimator.max_iter:
        raise ValueError(
            f"average_epochs={estimator.average_epochs} is more than max_iter={estimator.max_iter}; expected as many "
            "epochs at most."
        )
    for listener in listeners_of(estimator):
        if not (callable(listener) or isinstance(listener, Callback)):
            raise TypeError(f"callbacks holds {listener!r}; expected functions of an EpochRecord.")
