"""What both estimators share: how a fit goes from arrays to a network, and what is known afterwards."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from pellucid.engines import Engine, State, choose
from pellucid.equations.architecture import Architecture
from pellucid.equations.losses import Loss
from pellucid.equations.optimizers import Moments
from pellucid.equations.parameters import Array, Layer, Layers
from pellucid.equations.scaling import Scaling
from pellucid.estimators.first_layers import first_layers
from pellucid.estimators.keeping import model_of, parameters_of, restore
from pellucid.estimators.lbfgs import search
from pellucid.estimators.parameters import (
    CONSTRAINTS,
    STOCHASTIC_SOLVERS,
    check_combination,
    hidden_layers,
    seed_of,
    settings_of,
)
from pellucid.estimators.rules import EstimatorRules
from pellucid.estimators.telling import (
    CallbackSupportMixin,
    EpochLines,
    SklearnCallbacks,
    progress_bar,
    with_callbacks,
)
from pellucid.estimators.validation import Part, held_out
from pellucid.formats.model_file import read_model, write_model
from pellucid.network import Network
from pellucid.training.evaluation import Judged
from pellucid.training.history import EpochRecord
from pellucid.training.interrupts import interruptible
from pellucid.training.loop import Examples, fit
from pellucid.training.settings import Settings
from pellucid.training.snapshot import between_epochs
from pellucid.training.stopping import Ending

ROWS_OF_A_BLOCK = 4096
"""Sparse examples are made dense for prediction so many at a time."""

OptimizerMemory = tuple[str, Moments, int]
"""An optimiser's name, its moments, the steps that it has taken."""


def _is_stochastic(estimator: BaseMLP) -> bool:
    if estimator.solver not in STOCHASTIC_SOLVERS:
        raise AttributeError(
            f"partial_fit is only available for stochastic optimizers. {estimator.solver} is not stochastic."
        )
    return True


class BaseMLP(CallbackSupportMixin, BaseEstimator):
    """What both estimators share. ``coefs_`` and ``intercepts_`` are the truth; ``network_`` is made of them."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = dict(CONSTRAINTS)

    coefs_: list[Array]
    intercepts_: list[Array]
    loss_: float
    best_loss_: float | None
    loss_curve_: list[float]
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    history_: list[dict[str, Any]]
    n_iter_: int
    t_: int
    _architecture: Architecture
    _state: OptimizerMemory | None

    # -- what a subclass says of itself ------------------------------------------------------------------------------

    @abstractmethod
    def _loss(self, outputs: int) -> Loss:
        """Give the loss for so many columns of targets."""

    @abstractmethod
    def _checked(self, X: Any, y: Any, *, reset: bool, learns: bool = False) -> tuple[Any, NDArray[Any]]:
        """Validate X and y; with ``reset``, learn the columns of X, with ``learns`` the classes of y."""

    @abstractmethod
    def _targets(self, y: NDArray[Any], dtype: Any) -> NDArray[Any]:
        """Bring y into the form in which the engine takes it."""

    @abstractmethod
    def _n_outputs(self, targets: NDArray[Any]) -> int:
        """Count the outputs that such targets need."""

    @abstractmethod
    def _labels(self) -> tuple[Any, ...]:
        """Name the classes for the network; none where numbers are learned."""

    @abstractmethod
    def _usual_score(self, outputs: Array, part: Part) -> float:
        """Measure outputs against a validation part where nobody named a measure."""

    def _stratification(self, y: NDArray[Any]) -> NDArray[Any] | None:
        return None

    def _weights(self, y: NDArray[Any], sample_weight: NDArray[Any] | None) -> NDArray[Any] | None:
        return sample_weight

    # -- fitting -----------------------------------------------------------------------------------------------------

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Train the network on X (n, d) and y.

        ``X_val`` and ``y_val`` are judged after each epoch, in place of the part that ``early_stopping`` would hold out;
        scores and losses on them are kept in ``history_``. Raises ``ValueError`` for what does not fit together.
        """
        return self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), incremental=False)

    @available_if(_is_stochastic)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the network for one epoch on X (n, d) and y, going on from where it stands."""
        return self._fit(X, y, sample_weight, (None, None, None), incremental=True)

    def _fit(self, X: Any, y: Any, sample_weight: Any, validation: tuple[Any, Any, Any], *, incremental: bool) -> Self:
        check_combination(self)
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        fresh = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        given_X, given_y = X, y
        X, y = self._checked(X, y, reset=fresh, learns=fresh and not incremental)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        drawn_from = check_random_state(self.random_state)
        seed = seed_of(self.random_state, drawn_from)
        dtype = self._dtype(X) if fresh else self.coefs_[0].dtype
        weights = self._weights(y, sample_weight)
        training = Part(X, y, self._targets(y, dtype), weights)
        judged_on = self._validation_part(*validation, dtype)
        if self.early_stopping and self.solver != "lbfgs" and judged_on is None:
            training, judged_on = held_out(training, self.validation_fraction, drawn_from, self._stratification(y))
        if not isinstance(self.batch_size, str) and self.batch_size > len(training.y):
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=4
            )
        architecture, state = self._beginning(training, seed, dtype, fresh=fresh)
        engine = choose(self.engine, threads=self.n_threads).engine.at(self._precision(dtype))
        if not incremental and hasattr(self, "_init_callback_context"):
            self._init_callback_context(max_subtasks=self.max_iter)
        told = SklearnCallbacks(self, given_X, given_y, self._reconstruction)
        told.begin()
        judge = self._judge(engine, architecture, judged_on) if judged_on is not None else None
        if self.solver == "lbfgs":
            self._fit_lbfgs(engine, architecture, training, state.layers, judge, told)
        else:
            self._fit_in_epochs(engine, architecture, training, state, seed, judge, told, incremental=incremental)
        told.end()
        self.network_  # noqa: B018  made now, so that asking changes nothing
        return self

    def _beginning(self, training: Part, seed: int, dtype: Any, *, fresh: bool) -> tuple[Architecture, State]:
        """Give the architecture, and the parameters with the optimiser's moments from which to go on."""
        outputs = self._n_outputs(training.targets)
        architecture = Architecture(
            input_shape=(training.X.shape[1],),
            hidden=hidden_layers(self.hidden_layer_sizes, self.activation),
            outputs=outputs,
            loss=self._loss(outputs),
            scaling=self._scaling(training.X) if fresh else self._architecture.scaling,
        )
        optimizer = None if self.solver == "lbfgs" else settings_of(self, seed, len(training.y), "float64").optimizer
        if fresh:
            layers = first_layers(architecture, seed, dtype)
            self.n_iter_, self.t_ = 0, 0
            self.loss_curve_, self.history_ = [], []
            self.validation_scores_ = self.best_validation_score_ = None
            self.best_loss_ = None if self.early_stopping else np.inf
            before = None
        else:
            layers = self._layers()
            if architecture.widths != self._architecture.widths:
                raise ValueError(
                    f"the fitted network is {self._architecture}, but the parameters and the data now ask for "
                    f"{architecture}; expected the same to go on from it. Set warm_start=False to begin anew."
                )
            before = getattr(self, "_state", None)
        self._architecture, self.n_outputs_, self.n_layers_ = architecture, outputs, len(architecture.widths)
        self.out_activation_ = architecture.output
        self._take(layers)
        if optimizer is None:
            return architecture, State(layers, ())
        if before is not None and before[0] == optimizer.name:
            return architecture, State(layers, before[1], before[2])
        return architecture, State(layers, optimizer.initial_moments(layers))

    def _fit_in_epochs(
        self,
        engine: Engine,
        architecture: Architecture,
        training: Part,
        state: State,
        seed: int,
        judge: Callable[[Layers], Judged] | None,
        told: SklearnCallbacks,
        *,
        incremental: bool,
    ) -> None:
        n = len(training.y)
        settings = settings_of(self, seed, n, self._precision(state.layers[0].W.dtype))
        rules = self._rules(settings, n, epochs=1 if incremental else int(self.max_iter))
        history_before = list(self.history_)

        def on_epoch(record: EpochRecord) -> bool:
            self._remember(record, n, len(history_before))
            return told.end_epoch(is_last=record.epoch >= rules.epochs)

        def keep(snapshot: Any) -> None:
            self._take(snapshot.state.layers)

        listeners: list[Any] = [on_epoch, *self._listeners()]
        if self.verbose:
            listeners.insert(0, EpochLines(scores=self.early_stopping))
        examples = Examples(self._dense(training.X), training.targets, training.weights)
        with interruptible() as stop, progress_bar(rules.epochs, shown=self.progress_bar) as advance:
            result = fit(
                engine,
                architecture,
                examples,
                settings,
                start=between_epochs(state, (), None),
                callbacks=[*listeners, advance],
                keep=keep,
                stop=stop,
                rules=rules,
                judges=judge,
                warns=False,
            )
        after = result.snapshot.state
        self._state = (settings.optimizer.name, after.moments, after.steps_done)
        self._take(result.layers)
        if judge is not None:
            self.best_epoch_ = rules.best_epoch(result.snapshot.history) or None
        self._conclude(result.ending, rules, incremental=incremental)

    def _conclude(self, reason: Ending, rules: EstimatorRules, *, incremental: bool) -> None:
        """Say what the user should know of how it ended."""
        if reason is Ending.DIVERGED:
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
                "preprocessed. Try standardize=True, or a lower learning_rate_init."
            )
        if reason is Ending.INTERRUPTED:
            warnings.warn("Training interrupted by user.", stacklevel=6)
        if reason is Ending.ALL_EPOCHS and not incremental:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization hasn't "
                "converged yet.",
                ConvergenceWarning,
                stacklevel=6,
            )
        if reason is Ending.NO_IMPROVEMENT and self.verbose:
            what = "Validation score" if self.early_stopping else "Training loss"
            print(f"{what} did not improve more than tol={self.tol:f} for {self.n_iter_no_change} consecutive epochs.")

    def _fit_lbfgs(
        self,
        engine: Engine,
        architecture: Architecture,
        training: Part,
        layers: Layers,
        judge: Callable[[Layers], Judged] | None,
        told: SklearnCallbacks,
    ) -> None:
        listeners = [each for each in self._listeners() if callable(each)]
        examples = Examples(self._dense(training.X), training.targets, training.weights)
        self.history_ = []

        with interruptible() as stop:

            def on_iteration(layers: Layers, loss: float) -> bool:
                judged = judge(layers) if judge else None
                record = EpochRecord(
                    epoch=len(self.history_) + 1,
                    loss=loss,
                    accuracy=None,
                    validation_loss=judged.loss if judged else None,
                    validation_accuracy=judged.accuracy if judged else None,
                    learning_rate=0.0,
                    seconds=0.0,
                    rows_per_second=0.0,
                    validation_score=judged.score if judged else None,
                )
                self.history_.append(asdict(record))
                self._take(layers)
                wishes = [listener(record) is True for listener in listeners]
                return told.end_epoch(is_last=record.epoch >= self.max_iter) or any(wishes) or stop()

            found = search(
                engine,
                architecture,
                layers,
                examples,
                l2=self.alpha,
                max_iter=self.max_iter,
                max_fun=self.max_fun,
                tol=self.tol,
                verbose=bool(self.verbose),
                on_iteration=on_iteration,
            )
            if stop():
                warnings.warn("Training interrupted by user.", stacklevel=5)
        self._take(found.layers)
        self._state = None
        self.n_iter_, self.loss_ = found.iterations, found.loss
        if not all(np.isfinite(array).all() for array in (*self.coefs_, *self.intercepts_)):
            self._conclude(Ending.DIVERGED, None, incremental=False)  # type: ignore[arg-type]
        if not found.converged:
            warnings.warn(
                f"lbfgs failed to converge after {found.iterations} iteration(s): {found.message}. Increase the number of "
                "iterations (max_iter), or scale the data (standardize=True).",
                ConvergenceWarning,
                stacklevel=5,
            )

    def _rules(self, settings: Settings, n: int, epochs: int) -> EstimatorRules:
        return EstimatorRules(
            seed=settings.seed,
            shuffle=bool(self.shuffle),
            schedule=self.learning_rate,
            learning_rate=settings.learning_rate,
            power_t=self.power_t,
            warm_up=int(self.warm_up),
            epochs=epochs,
            examples=n,
            tol=self.tol,
            patience=self.n_iter_no_change,
            early_stopping=bool(self.early_stopping),
            epochs_before=len(self.loss_curve_),
            examples_before=self.t_,
        )

    def _remember(self, record: EpochRecord, n: int, epochs_before: int) -> None:
        """Keep what an epoch has shown, under scikit-learn's names and under ours."""
        self.n_iter_, self.t_ = record.epoch, self.t_ + n
        self.loss_ = record.loss
        self.loss_curve_.append(record.loss)
        self.history_.append(asdict(replace(record, epoch=epochs_before + record.epoch)))
        if record.validation_score is not None:
            self.validation_scores_ = [*(self.validation_scores_ or []), record.validation_score]
            best = self.best_validation_score_
            score = record.validation_score
            self.best_validation_score_ = score if best is None else max(best, score)
        if not self.early_stopping:
            self.best_loss_ = min(np.inf if self.best_loss_ is None else self.best_loss_, record.loss)

    def _listeners(self) -> list[Any]:
        if self.callbacks is None:
            return []
        return [self.callbacks] if callable(self.callbacks) else list(self.callbacks)

    # -- the validation part -----------------------------------------------------------------------------------------

    def _validation_part(self, X: Any, y: Any, sample_weight: Any, dtype: Any) -> Part | None:
        if X is None and y is None:
            if sample_weight is not None:
                raise ValueError("sample_weight_val is given without X_val and y_val.")
            return None
        if X is None or y is None:
            raise ValueError(
                f"{'y_val' if X is None else 'X_val'} is given without {'X_val' if X is None else 'y_val'}."
            )
        X, y = self._checked(X, y, reset=False)
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X)
        return Part(X, y, self._targets(y, dtype), weights)

    def _judge(self, engine: Engine, architecture: Architecture, part: Part) -> Callable[[Layers], Judged]:
        """Make the function that holds parameters against the validation part."""
        X = self._dense(part.X)
        scorer = None if self.scoring is None else check_scoring(self, self.scoring)
        loss = architecture.loss

        def judge(layers: Layers) -> Judged:
            with np.errstate(over="ignore", invalid="ignore"):
                z = engine.logits(architecture, layers, X)
                mean = loss.of_batch(z, part.targets, part.weights)
            accuracy = None
            if loss.output in ("softmax", "logistic"):
                accuracy = loss.rightly_classified(z, part.targets) / len(z)
            if scorer is None:
                return Judged(mean, accuracy, self._usual_score(z, part))
            self._take(layers)
            weights = {} if part.weights is None else {"sample_weight": part.weights}
            return Judged(mean, accuracy, float(scorer(self, part.X, part.y, **weights)))

        return judge

    # -- arrays ------------------------------------------------------------------------------------------------------

    def _dtype(self, X: Any) -> Any:
        """The type of the parameters: that of X, unless a precision is asked for."""
        if self.precision is not None:
            return np.dtype(np.float64 if self.precision == "float64" else np.float32)
        return np.dtype(np.float32 if X.dtype == np.float32 else np.float64)

    def _precision(self, dtype: Any) -> str:
        return "bfloat16" if self.precision == "bfloat16" else str(np.dtype(dtype))

    def _scaling(self, X: Any) -> Scaling:
        if not self.standardize:
            return Scaling()
        from sklearn.preprocessing import StandardScaler

        scaler = StandardScaler().fit(self._dense(X).astype(np.float64))
        return Scaling(tuple(map(float, scaler.mean_)), tuple(map(float, scaler.scale_)))

    @staticmethod
    def _dense(X: Any) -> NDArray[Any]:
        dense: NDArray[Any] = X.toarray() if hasattr(X, "toarray") else X
        return dense

    def _layers(self) -> Layers:
        return tuple(Layer(np.ascontiguousarray(W.T), b) for W, b in zip(self.coefs_, self.intercepts_, strict=True))

    def _take(self, layers: Layers) -> None:
        """Keep parameters under scikit-learn's names: W transposed, one array a layer."""
        self.coefs_ = [layer.W.T for layer in layers]
        self.intercepts_ = [layer.b for layer in layers]
        for array in (*self.coefs_, *self.intercepts_):
            array.flags.writeable = False

    def _reconstruction(self) -> dict[str, Any]:
        return {"coefs_": list(self.coefs_), "intercepts_": list(self.intercepts_)}

    # -- asking ------------------------------------------------------------------------------------------------------

    @property
    def network_(self) -> Network:
        """The network on its own: it predicts, explains and saves itself without scikit-learn."""
        check_is_fitted(self)
        made_of = tuple(map(id, (*self.coefs_, *self.intercepts_)))
        packed: tuple[Any, Network] | None = self.__dict__.get("_packed")
        if packed is None or packed[0] != made_of:
            for array in (*self.coefs_, *self.intercepts_):
                array.flags.writeable = False
            engine = choose(self.engine, threads=self.n_threads).engine.at(self._precision(self.coefs_[0].dtype))
            names = getattr(self, "feature_names_in_", None)
            network = Network(
                self._architecture,
                self._layers(),
                self._labels(),
                engine=engine,
                feature_names=None if names is None else tuple(map(str, names)),
            )
            packed = self._packed = (made_of, network)
        return packed[1]

    def _quick(self, X: Any) -> Network | None:
        """Give the network where X needs none of scikit-learn's looks: a plain array of numbers with the right columns."""
        packed = self.__dict__.get("_packed")
        if packed is None or type(X) is not np.ndarray or "feature_names_in_" in self.__dict__:
            return None
        if X.ndim != 2 or X.shape[1] != self.n_features_in_ or not len(X) or X.dtype.kind not in "fu":
            return None
        return self.network_

    def _examples(self, X: Any) -> Any:
        check_is_fitted(self)
        return validate_data(
            self, X, accept_sparse=("csr", "csc"), dtype=(np.float64, np.float32, np.uint8), reset=False
        )

    def _asked(self, X: Any, ask: Callable[[Network, Any], NDArray[Any]]) -> NDArray[Any]:
        """Ask the network, sparse examples a block of rows at a time."""
        X = self._examples(X)
        if not hasattr(X, "toarray"):
            return ask(self.network_, X)
        rows = X.tocsr()
        blocks = range(0, rows.shape[0], ROWS_OF_A_BLOCK)
        return np.concatenate([ask(self.network_, rows[at : at + ROWS_OF_A_BLOCK].toarray()) for at in blocks])

    def predict(self, X: Any) -> NDArray[Any]:
        """Give the label, or the numbers, of each example: (n, d) → (n,) or (n, k)."""
        quick = self._quick(X)
        if quick is not None:
            try:
                return np.asarray(quick.predict(X))
            except ValueError:  # scikit-learn's look finds the better words
                pass
        return self._asked(X, Network.predict)

    def hidden_activations(self, X: Any, layer: int = -1) -> NDArray[Any]:
        """Give what the neurons of a hidden layer say to each example: (n, width).

        ``layer`` counts from 0, or from the end; -1 is the last hidden layer. Raises ``ValueError`` where there is none.
        """
        hidden = len(self._architecture.hidden) if hasattr(self, "_architecture") else 0
        check_is_fitted(self)
        if not -hidden <= layer < hidden:
            raise ValueError(f"layer is {layer}, but the network has {hidden} hidden layer(s).")
        at = layer % hidden
        return self._asked(X, lambda network, rows: network.forward(rows).layers[at].a)

    # -- keeping -----------------------------------------------------------------------------------------------------

    def save(self, path: str | Path, *, optimizer: bool = False) -> None:
        """Write a model file, whole or not at all: the network, the parameters, what the fit has shown.

        With ``optimizer``, what the optimiser remembers is in it too, so that ``partial_fit`` and ``warm_start`` go on as
        if the file were the object. Raises ``StorageError`` where it cannot be written.
        """
        write_model(Path(path), model_of(self, self.network_, optimizer=optimizer))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model file, of an estimator or of ``pellucid train``. Raises ``ModelFileError`` for what is none."""
        model = read_model(Path(path))
        estimator = cls(**parameters_of(model, cls))
        restore(estimator, model)
        return estimator

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what can be made again, and the optimiser's memory, which is twice the size of the network."""
        state = dict(super().__getstate__())
        for name in ("_packed", "_state", "_callback_fit_ctx"):
            state.pop(name, None)
        return state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
