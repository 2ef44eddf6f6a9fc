"""Parameters that are none, or that contradict each other: each is named in a sentence."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

QUICK = {"hidden_layer_sizes": (5,), "max_iter": 4, "random_state": 0, "engine": "reference"}
NAN = float("nan")

OF_PARAMETERS = {
    "hidden_layer_sizes": [0, -3, 2.5, "many", None],
    "activation": ["sigmoid", "RELU", 3, None],
    "solver": ["newton", None, 1],
    "alpha": [-1e-9, "small", None, NAN],
    "batch_size": [0, -5, "all", 2.5, None],
    "learning_rate": ["step", None, 0.1],
    "learning_rate_init": [0, -0.1, "fast", None, NAN],
    "power_t": [-0.5, "half", None, NAN],
    "max_iter": [0, -1, 10.5, "many", None],
    "shuffle": ["yes", None, 3],
    "random_state": ["seed", -1.5],
    "tol": [-1e-9, "small", None, NAN],
    "verbose": ["loud", None, -1],
    "warm_start": ["yes", None, 3],
    "momentum": [-0.1, 1.5, "big", None, NAN],
    "nesterovs_momentum": ["yes", None, 3],
    "early_stopping": ["yes", None, 3],
    "validation_fraction": [-0.1, 1.0, 2, "tenth", None, NAN],
    "beta_1": [-0.1, 1.0, "big", None, NAN],
    "beta_2": [-0.1, 1.0, "big", None, NAN],
    "epsilon": [0, -1e-8, "small", None, NAN],
    "n_iter_no_change": [0, -1, 2.5, "ten", None],
    "max_fun": [0, -1, 2.5, "many", None],
    "weight_decay": [-0.1, "little", None, NAN],
    "dropout": [-0.1, 1.0, "half", None, NAN],
    "input_dropout": [-0.1, 1.0, "half", None, NAN],
    "max_grad_norm": [0, -1, "short", NAN],
    "max_norm": [0, -1, "short", NAN],
    "average_epochs": [-1, 2.5, "all", None],
    "warm_up": [-1, 2.5, "slow", None],
    "standardize": ["yes", None, 3],
    "scoring": [3, ["accuracy"]],
    "callbacks": ["print", 3],
    "progress_bar": ["yes", None],
    "engine": [3],
    "precision": ["float16", "double", 32],
    "n_threads": [0, -1, 2.5, "all"],
}
OF_CLASSIFIER = {
    "class_weight": ["heavy", 3],
    "label_smoothing": [-0.1, 1.0, "little", None, NAN],
    "teacher": [3, ["mnist"]],
    "teacher_weight": [-0.1, 1.1, "much", None, NAN],
    "temperature": [0, -1, "hot", None, NAN],
}
OF_REGRESSOR = {
    "loss": ["mse", "cross_entropy", None, 3],
    "delta": [0, -1, "wide", None, NAN],
    "quantile": [0, 1, 1.5, "upper", None, NAN],
}


def test_every_parameter_is_tried_with_wrong_values() -> None:
    assert set(OF_PARAMETERS) | set(OF_CLASSIFIER) == set(MLPClassifier().get_params())
    assert set(OF_PARAMETERS) | set(OF_REGRESSOR) == set(MLPRegressor().get_params())


WRONG = [
    pytest.param(kind, name, value, id=f"{kind.__name__}-{name}={value!r}")
    for kind, table in ((MLPClassifier, OF_PARAMETERS | OF_CLASSIFIER), (MLPRegressor, OF_PARAMETERS | OF_REGRESSOR))
    for name, values in table.items()
    for value in values
]


@pytest.mark.parametrize(("kind", "name", "value"), WRONG)
def test_a_wrong_value_is_named_with_its_parameter(kind, name, value, problem) -> None:
    X, y = problem("iris")
    with pytest.raises((ValueError, TypeError), match=name) as caught:
        kind(**{**QUICK, name: value}).fit(X, y)
    shown = "nan" if value != value else str(value)
    assert shown in str(caught.value)


COMBINATIONS = {
    "nested sizes": (
        {"hidden_layer_sizes": ((3, 4), (5, 6))},
        r"whole numbers, one a layer; got \[\(3, 4\), \(5, 6\)\]",
    ),
    "a size of 0 among others": ({"hidden_layer_sizes": (5, 0, 3)}, r"hidden_layer_sizes must be > 0, got \[5, 0, 3\]"),
    "a truth value as a size": ({"hidden_layer_sizes": (True,)}, r"must be whole numbers, one a layer; got \[True\]"),
    "a negative size among others": ({"hidden_layer_sizes": [5, -2]}, r"hidden_layer_sizes must be > 0, got \[5, -2\]"),
    "a broken size among others": ({"hidden_layer_sizes": (5, 2.5)}, "hidden_layer_sizes"),
    "a word among sizes": ({"hidden_layer_sizes": ("5",)}, "hidden_layer_sizes"),
    "too many activations": ({"activation": ["relu", "tanh"]}, "activation names 2 layers, but hidden_layer_sizes 1"),
    "too few activations": ({"activation": [], "hidden_layer_sizes": (3, 3)}, "activation names 0 layers"),
    "an unknown activation": ({"activation": ["swish"]}, "activation must be one of .*; got 'swish'"),
    "dropout with lbfgs": ({"solver": "lbfgs", "dropout": 0.5}, "dropout=0.5 has no meaning with solver='lbfgs'"),
    "input dropout with lbfgs": ({"solver": "lbfgs", "input_dropout": 0.5}, "input_dropout=0.5 has no meaning"),
    "max-norm with lbfgs": ({"solver": "lbfgs", "max_norm": 1.0}, "max_norm=1.0 has no meaning"),
    "averaging with lbfgs": ({"solver": "lbfgs", "average_epochs": 2}, "average_epochs=2 has no meaning"),
    "more epochs in the mean than in the fit": (
        {"average_epochs": 5},
        "average_epochs=5 is more than max_iter=4; expected as many epochs at most",
    ),
    "clipping with lbfgs": ({"solver": "lbfgs", "max_grad_norm": 1.0}, "max_grad_norm=1.0 has no meaning"),
    "warm-up with lbfgs": ({"solver": "lbfgs", "warm_up": 2}, "warm_up=2 has no meaning"),
    "warm-up before adaptive": ({"learning_rate": "adaptive", "warm_up": 2}, "warm_up=2 cannot precede"),
    "warm-up to the end": ({"learning_rate": "cosine", "warm_up": 4}, "warm_up=4 .*max_iter=4"),
    "an unknown engine": ({"engine": "gpu"}, "there is no engine 'gpu' here"),
    "an unknown scorer": ({"scoring": "accurracy", "early_stopping": True}, "'accurracy' is not a valid scoring value"),
    "a precision that the engine lacks": ({"precision": "bfloat16"}, "bfloat16"),
    "a matrix of sizes": ({"hidden_layer_sizes": np.zeros((2, 2), int)}, "hidden_layer_sizes must be whole numbers"),
    "a listener that cannot hear": ({"callbacks": [3]}, "callbacks"),
}


@pytest.mark.parametrize("which", COMBINATIONS)
def test_parameters_that_contradict_each_other_are_refused(which, kind, problem) -> None:
    X, y = problem("iris")
    parameters, message = COMBINATIONS[which]
    with pytest.raises((ValueError, TypeError), match=message):
        kind(**{**QUICK, **parameters}).fit(X, y)
