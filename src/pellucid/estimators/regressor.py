"""MLPRegressor: numbers, one or several an example."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import validate_data

from pellucid.equations.losses import LOSSES, Loss
from pellucid.equations.parameters import Array
from pellucid.estimators.base import TYPES_OF_X, BaseMLP
from pellucid.estimators.parameters import CONSTRAINTS, loss_named
from pellucid.estimators.validation import Part

OF_NUMBERS = sorted(name for name, loss in LOSSES.items() if not loss.decides)


class MLPRegressor(RegressorMixin, BaseMLP):
    """A multilayer perceptron that predicts numbers: scikit-learn's parameters, defaults and meaning, and more.

    y is (n,) or (n, k). The parameters are those of ``MLPClassifier``, without ``class_weight`` and ``label_smoothing``, and

    - ``loss``: squared_error [squared], poisson [poisson] (as in scikit-learn: for counts, the last z is a logarithm),
      absolute_error [absolute] (the median is learned), huber [huber] (squared where nearer than ``delta``, absolute
      beyond), quantile [quantile] (what lies above a share ``quantile`` of what is seen).
    - ``scoring``: None for R².

    ``loss_`` adds the outputs' losses up, as the gradient does; scikit-learn's is their mean where y has several columns
    and the loss is squared_error.

    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> regressor = MLPRegressor("quantile", (20,), quantile=0.9, learning_rate_init=0.05, standardize=True,
    ...                          max_iter=300, random_state=0, engine="reference").fit(X, y)
    >>> 0.85 < float((y < regressor.predict(X)).mean()) < 0.95
    True

    Raises ``ValueError`` for parameters and data that cannot be, in scikit-learn's words where it has them.

    Source: scikit-learn 1.9, ``sklearn.neural_network.MLPRegressor``.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS,
        "loss": [StrOptions(set(OF_NUMBERS))],
        "delta": [Interval(Real, 0, None, closed="neither")],
        "quantile": [Interval(Real, 0, 1, closed="neither")],
    }

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: int = 15000,
        weight_decay: float = 0.01,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        delta: float = 1.0,
        quantile: float = 0.5,
        max_grad_norm: float | None = None,
        max_norm: float | None = None,
        average_epochs: int = 0,
        warm_up: int = 0,
        standardize: bool = False,
        scoring: Any = None,
        callbacks: Any = None,
        progress_bar: bool = False,
        engine: str | None = None,
        precision: str | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.delta = delta
        self.quantile = quantile
        self.max_grad_norm = max_grad_norm
        self.max_norm = max_norm
        self.average_epochs = average_epochs
        self.warm_up = warm_up
        self.standardize = standardize
        self.scoring = scoring
        self.callbacks = callbacks
        self.progress_bar = progress_bar
        self.engine = engine
        self.precision = precision
        self.n_threads = n_threads

    def _checked(self, X: Any, y: Any, *, reset: bool, learns: bool = False) -> tuple[Any, NDArray[Any]]:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=("csr", "csc"),
            multi_output=True,
            y_numeric=True,
            dtype=TYPES_OF_X,
            reset=reset,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if self.loss == "poisson" and (y < 0).any():
            raise ValueError(f"loss='poisson' wants counts, but y holds {y.min()}; expected numbers of at least 0.")
        if not learns and hasattr(self, "n_outputs_") and (1 if y.ndim == 1 else y.shape[1]) != self.n_outputs_:
            raise ValueError(f"y has shape {y.shape}, but the regressor has {self.n_outputs_} output(s).")
        return X, y

    def _targets(self, y: NDArray[Any], dtype: Any) -> NDArray[Any]:
        return np.ascontiguousarray(y.reshape(len(y), -1), dtype=dtype)

    def _n_outputs(self, targets: NDArray[Any]) -> int:
        return int(targets.shape[1])

    def _loss(self, outputs: int) -> Loss:
        return loss_named(self.loss, delta=self.delta, quantile=self.quantile)

    def _labels(self) -> tuple[Any, ...]:
        return ()

    def _usual_score(self, outputs: Array, part: Part) -> float:
        with np.errstate(over="ignore"):
            p = self._architecture.loss.outputs(outputs)
        if not np.isfinite(p).all():
            return float("nan")
        return float(r2_score(part.targets, p, sample_weight=part.weights))
