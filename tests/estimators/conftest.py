"""Problems that scikit-learn carries, and who computes them."""

from __future__ import annotations

import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_linnerud,
    load_wine,
    make_multilabel_classification,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.neural_network import MLPRegressor as TheirRegressor
from sklearn.preprocessing import scale

from pellucid import MLPClassifier, MLPRegressor
from pellucid.engines import available
from pellucid.equations.architecture import Architecture
from pellucid.equations.losses import SquaredError
from pellucid.estimators.first_layers import first_layers
from pellucid.estimators.parameters import hidden_layers

HAS_NATIVE = len(available()) > 1
NATIVE = pytest.param(
    "native", marks=pytest.mark.skipif(not HAS_NATIVE, reason="this installation has no native engine")
)


@pytest.fixture(params=["reference", NATIVE])
def engine(request) -> str:
    """Each engine in turn."""
    return request.param


@pytest.fixture
def native() -> str:
    """The native engine; a test that asks for it is skipped where there is none."""
    if not HAS_NATIVE:
        pytest.skip("this installation has no native engine")
    return "native"


@pytest.fixture
def killed_fits_end_alike(tmp_path: Path) -> Callable[..., None]:
    """Kill a program, going on each time, until so many kills are done: all that it saves is what one saves in peace.

    The program says "begins", fits with the folder of its second argument as the checkpoint, and saves to that name with
    .safetensors. A kill falls within ``share`` of the time that a fit takes in peace.
    """

    def check(program: str, engine: str, kills: int, seed: int, share: float = 1.0) -> None:
        def command(folder: str) -> list[str]:
            return [sys.executable, "-c", program, engine, str(tmp_path / folder)]

        with subprocess.Popen(command("whole"), stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "begins\n"
            began = time.monotonic()
            assert process.wait() == 0
        seconds, rng, done, number = time.monotonic() - began, np.random.default_rng(seed), 0, 0
        expected = (tmp_path / "whole.safetensors").read_bytes()
        while done < kills:
            with subprocess.Popen(command(f"killed-{number}"), stdout=subprocess.PIPE, text=True) as process:
                process.stdout.readline()
                time.sleep(rng.uniform(0, share * seconds))
                process.kill()
            done += process.returncode == -9
            if (tmp_path / f"killed-{number}.safetensors").exists():
                number += 1
        subprocess.run(command(f"killed-{number}"), check=True)
        for each in range(number + 1):
            assert (tmp_path / f"killed-{each}.safetensors").read_bytes() == expected

    return check


@pytest.fixture(params=[MLPClassifier, MLPRegressor])
def kind(request) -> type:
    """Each estimator in turn."""
    return request.param


def _numbers_of(n: int) -> tuple[Any, Any]:
    X, y = load_diabetes(return_X_y=True)
    columns = [y / 100, X[:, 0] * 10 + y / 200, -y / 50][:n]
    return X * 10, columns[0] if n == 1 else np.stack(columns, axis=1)


@pytest.fixture(scope="session")
def problem():
    """Give X and y of a real or a made problem by its name; X has mean 0 and variance 1 a column."""

    def named(name: str) -> tuple[Any, Any]:
        if name in ("a number", "numbers"):
            return _numbers_of(1 if name == "a number" else 3)
        if name == "several labels":
            X, y = make_multilabel_classification(n_samples=150, n_features=6, n_classes=4, random_state=0)
            return scale(X), y
        if name == "two classes":
            X, y = load_iris(return_X_y=True)
            return scale(X)[:100], y[:100]
        if name == "counts":
            rng = np.random.default_rng(0)
            X = rng.normal(size=(400, 3))
            return X, rng.poisson(np.exp(0.5 + 0.8 * X[:, 0] - 0.4 * X[:, 1]))
        loaders = {
            "iris": load_iris,
            "wine": load_wine,
            "digits": load_digits,
            "breast cancer": load_breast_cancer,
            "diabetes": load_diabetes,
            "linnerud": load_linnerud,
        }
        X, y = loaders[name](return_X_y=True)
        return scale(X), y

    return named


@pytest.fixture(scope="session")
def patiently():
    """Run a function without the warning that the last epoch came before the end."""

    def run(function, *args: Any, **kwargs: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return function(*args, **kwargs)

    return run


@pytest.fixture(scope="session")
def bits():
    """Give the parameters of an estimator as bytes, types and shapes included."""

    def of(estimator) -> list[tuple[str, tuple[int, ...], bytes]]:
        tensors = [*estimator.coefs_, *estimator.intercepts_]
        return [(tensor.dtype.str, tensor.shape, tensor.tobytes()) for tensor in tensors]

    return of


class _BeginsAsOurs:
    """``begin`` holds our first parameters; ``rates_`` will hold the rate of each epoch."""

    begin: Any = None

    def _init_coef(self, fan_in: int, fan_out: int, dtype: Any) -> tuple[Any, Any]:
        W, b = next(layer for layer in self.begin if layer.W.shape == (fan_out, fan_in))
        return W.T.astype(dtype), b.astype(dtype)

    def _update_no_improvement_count(self, *args: Any) -> None:
        self.rates_ = [*getattr(self, "rates_", []), self._optimizer.learning_rate]
        super()._update_no_improvement_count(*args)


class _Classifier(_BeginsAsOurs, TheirClassifier):
    def __init__(self, **parameters: Any) -> None:
        super().__init__(**parameters)

    _get_param_names = TheirClassifier._get_param_names


class _Regressor(_BeginsAsOurs, TheirRegressor):
    def __init__(self, **parameters: Any) -> None:
        super().__init__(**parameters)

    _get_param_names = TheirRegressor._get_param_names


def _like(ours: Any, X: Any, y: Any) -> Any:
    """Make theirs with the parameters of ours, which is not fitted yet, and our first parameters for this X and y.

    No two layers may have the same shape.
    """
    classifies = isinstance(ours, MLPClassifier)
    kind = _Classifier if classifies else _Regressor
    theirs = kind(**{name: value for name, value in ours.get_params().items() if name in kind._get_param_names()})
    y = np.asarray(y)
    outputs = y.shape[1] if y.ndim == 2 else (len(np.unique(y)) if classifies and len(np.unique(y)) > 2 else 1)
    hidden = hidden_layers(ours.hidden_layer_sizes, ours.activation)
    architecture = Architecture((X.shape[1],), hidden, outputs, loss=SquaredError())  # of any loss: it draws nothing
    theirs.begin = first_layers(architecture, ours.random_state, np.float32 if X.dtype == np.float32 else np.float64)
    return theirs


@pytest.fixture(scope="session")
def like():
    """Give scikit-learn's estimator for one of ours: the same parameters, and the same start."""
    return _like
