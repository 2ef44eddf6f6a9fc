import json

import numpy as np
import pytest

from pellucid.equations.optimizers import OPTIMIZERS
from pellucid.errors import SettingError
from pellucid.training.settings import LEARNING_RATES, Settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "--batch-size is 0; expected a whole number, at least 1."),
        ({"epochs": 0}, "--epochs is 0; expected a whole number from 1 to 4,294,967,295."),
        ({"epochs": 10**20, "warm_up": 10**19}, "--epochs is 100000000000000000000; expected a whole number from 1"),
        ({"epochs": 2.5}, "--epochs is 2.5; expected a whole number"),
        ({"epochs": True}, "--epochs is True; expected a whole number"),
        ({"learning_rate": -0.1}, r"--learning-rate is -0.1; expected a positive number. Try 0.2."),
        ({"learning_rate": float("nan")}, "--learning-rate is nan; expected a positive number"),
        ({"learning_rate": float("inf")}, "--learning-rate is inf; expected a positive number"),
        ({"learning_rate": 0.0, "solver": "adam"}, "Try 0.001."),
        ({"learning_rate": 10**400}, "0; expected a positive number. Try 0.2."),
        ({"seed": -1}, "--seed is -1; expected a whole number from 0 to 18,446,744,073,709,551,615."),
        ({"validation": -5}, "--validation is -5"),
        (
            {"until": 97, "validation": 9},
            "--until is 97; expected an accuracy above 0 and at most 1. Did you mean 0.97?",
        ),
        ({"until": 0.0, "validation": 9}, "--until is 0.0;"),
        ({"until": 0.9}, "need a validation part. Try --validation 10000."),
        ({"patience": 3}, "need a validation part"),
        ({"learning_rate": "0.1"}, "--learning-rate is '0.1'; expected a positive number"),
        ({"until": "0.9", "validation": 9}, "--until is '0.9'; expected an accuracy above 0 and at most 1."),
        ({"solver": ["sgd"]}, "--solver is ['sgd']; expected one of sgd"),
        ({"patience": 0, "validation": 9}, "--patience is 0"),
        ({"solver": "lbfgs"}, "--solver is 'lbfgs'; expected one of sgd, momentum, nesterov, adam, adamw."),
        ({"schedule": "steps"}, "--schedule is 'steps'; expected one of constant, linear, cosine, one-cycle."),
        ({"warm_up": -1}, "--warm-up is -1; expected a whole number from 0 to 19."),
        ({"warm_up": 3, "epochs": 3}, "--warm-up is 3; expected a whole number from 0 to 2."),
        ({"precision": "float16"}, "--precision is 'float16'; expected one of float32, float64, bfloat16."),
        ({"initialization": "zeros"}, "--initialization is 'zeros'"),
        ({"solver_settings": {"mu": 0.5}}, "the settings of the solver sgd are {'mu': 0.5}; expected none."),
        (
            {"solver": "nesterov", "solver_settings": {"beta_1": 0.5}},
            "the settings of the solver nesterov are {'beta_1': 0.5}; expected numbers named mu.",
        ),
        ({"solver": "adam", "solver_settings": None}, "are None; expected numbers named beta_1, beta_2, epsilon."),
        ({"solver": "adam", "solver_settings": {"beta_1": 1}}, "beta_1 of adam is 1; expected at least 0 and below 1."),
    ],
)
def test_a_setting_out_of_range_is_refused_in_a_sentence(settings: dict, message: str) -> None:
    with pytest.raises(SettingError) as caught:
        Settings(**settings)
    assert message in str(caught.value)


def test_settings_survive_their_record() -> None:
    settings = Settings(epochs=3, solver="adamw", validation=10, until=0.5, seed=2**64 - 1)
    assert Settings.from_record(settings.to_record()) == settings
    assert "warm_up" not in settings.to_record()
    rising = Settings(epochs=3, warm_up=2)
    assert Settings.from_record(rising.to_record()) == rising


def test_settings_that_come_as_numpy_numbers_can_be_recorded() -> None:
    settings = Settings(learning_rate=np.float32(0.5), until=np.float32(0.75), validation=9)
    assert Settings.from_record(json.loads(json.dumps(settings.to_record()))) == settings


def test_every_solver_has_a_rate_to_begin_with() -> None:
    assert set(LEARNING_RATES) == set(OPTIMIZERS)
