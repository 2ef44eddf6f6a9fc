"""One fit of an estimator, from the user's arrays to parameters: in epochs, or by L-BFGS."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight

from pellucid.engines import State
from pellucid.engines.memory import rows_in_one_piece
from pellucid.equations.architecture import Architecture
from pellucid.equations.parameters import Layers
from pellucid.equations.scaling import Scaling
from pellucid.estimators.first_layers import first_layers
from pellucid.estimators.parameters import check_combination, hidden_layers, listeners_of, seed_of, settings_of
from pellucid.estimators.resuming import Place, going_on, identity_of_fit, seed_kept_in, settings_and_customs
from pellucid.estimators.rules import EstimatorRules, Standing
from pellucid.estimators.scorers import takes_weights
from pellucid.estimators.searching import not_finite, take_search
from pellucid.estimators.sparse import SparseRows, over
from pellucid.estimators.teachers import teacher_of
from pellucid.estimators.telling import EpochLines, SklearnCallbacks, Warnings, progress_bar, warn
from pellucid.estimators.validation import Part, held_out
from pellucid.training.evaluation import Judged
from pellucid.training.examples import Examples
from pellucid.training.history import EpochRecord
from pellucid.training.interrupts import interruptible
from pellucid.training.loop import fit
from pellucid.training.settings import Settings
from pellucid.training.snapshot import Snapshot, between_epochs
from pellucid.training.stopping import Ending

if TYPE_CHECKING:
    from pellucid.estimators.base import BaseMLP


class Fitting:
    """A fit in the making. ``incremental`` is that of ``partial_fit``: one epoch, on from where the estimator stands.
    ``place`` is where checkpoints are kept.
    """

    settings: Settings  # of what goes in epochs
    weights_of_scorer: NDArray[Any] | None = None

    def __init__(self, estimator: BaseMLP, *, incremental: bool, place: Place | None = None) -> None:
        self.estimator, self.incremental, self.place = estimator, incremental, place

    def run(self, given_X: Any, given_y: Any, sample_weight: Any, validation: tuple[Any, Any, Any]) -> None:
        """Check everything, then train."""
        estimator = self.estimator
        check_combination(estimator)
        if self.incremental and estimator.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        fresh = not hasattr(estimator, "coefs_") or not (estimator.warm_start or self.incremental)
        X, y = estimator._checked(given_X, given_y, reset=fresh, learns=fresh and not self.incremental)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        random_state = estimator.random_state
        if random_state is None and self.place is not None:
            random_state = seed_kept_in(self.place)
        drawn_from = check_random_state(random_state)
        self.seed = seed_of(random_state, drawn_from)
        dtype = estimator._dtype(X) if fresh else estimator.coefs_[0].dtype
        training = Part(X, y, estimator._targets(y, dtype), sample_weight)
        estimator.n_outputs_ = estimator._n_outputs(training.targets)
        judged_on = self._validation_part(*validation, dtype)
        if estimator.early_stopping and estimator.solver != "lbfgs" and judged_on is None:
            classes = estimator._stratification(y)
            training, judged_on = held_out(training, estimator.validation_fraction, drawn_from, classes)
        if judged_on is not None:
            self.weights_of_scorer = judged_on.weights  # without those of classes: a measure of the user's knows none
            judged_on = judged_on._replace(weights=estimator._weights(judged_on.y, judged_on.weights))
        training = training._replace(weights=estimator._weights(training.y, training.weights))
        self._check_batch(len(training.y))
        state = self._begin(training, dtype, fresh=fresh)
        examples = Examples(_rows(training.X), training.targets, training.weights)
        self.engine = over(estimator._engine(dtype), examples.X)
        self.judge = None if judged_on is None else self._judge(judged_on)
        if not self.incremental and hasattr(estimator, "_init_callback_context"):
            estimator._init_callback_context(max_subtasks=estimator.max_iter)
        self.told = SklearnCallbacks(estimator, given_X, given_y)
        self.told.begin()
        with interruptible() as self.stop:
            if estimator.solver == "lbfgs":
                if take_search(self, examples, state, training, judged_on):
                    self._say_how_it_ended(Ending.INTERRUPTED)
            else:
                self._take_epochs(examples, state, training, judged_on)
        self.told.end()

    # -- before ------------------------------------------------------------------------------------------------------

    def _check_batch(self, n: int) -> None:
        batch_size = self.estimator.batch_size
        if not isinstance(batch_size, str) and batch_size > n:
            warn("Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", UserWarning)

    def _validation_part(self, X: Any, y: Any, sample_weight: Any, dtype: Any) -> Part | None:
        if X is None and y is None:
            if sample_weight is not None:
                raise ValueError("sample_weight_val is given without X_val and y_val.")
            return None
        if X is None or y is None:
            given, missing = ("y_val", "X_val") if X is None else ("X_val", "y_val")
            raise ValueError(f"{given} is given without {missing}.")
        X, y = self.estimator._checked(X, y, reset=False)
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X)
        return Part(X, y, self.estimator._targets(y, dtype), weights)

    def _begin(self, training: Part, dtype: Any, *, fresh: bool) -> State:
        """Give the parameters, with the optimiser's moments, from which to go on."""
        estimator = self.estimator
        outputs = estimator.n_outputs_
        self.architecture = architecture = Architecture(
            input_shape=(training.X.shape[1],),
            hidden=hidden_layers(estimator.hidden_layer_sizes, estimator.activation),
            outputs=outputs,
            loss=estimator._loss(outputs),
            scaling=self._scaling(training) if fresh else estimator._architecture.scaling,
        )
        if fresh:
            layers, memory = first_layers(architecture, self.seed, dtype), None
            estimator.n_iter_ = estimator.t_ = 0
            estimator.loss_curve_, estimator.history_ = [], []
            estimator.validation_scores_ = estimator.best_validation_score_ = None
            estimator.best_loss_ = None if estimator.early_stopping else np.inf
            estimator.best_epoch_ = estimator._standing = estimator._taught_by = None
        else:
            layers, memory = estimator._layers(), getattr(estimator, "_state", None)
            if architecture.widths != estimator._architecture.widths:
                raise ValueError(
                    f"the fitted network is {estimator._architecture}, but the parameters and the data now ask for "
                    f"{architecture}; expected the same to go on from it. Set warm_start=False to begin anew."
                )
            self._check_what_stays(dtype)
            estimator.loss_curve_, estimator.history_ = list(estimator.loss_curve_), list(estimator.history_)
            if estimator.early_stopping or not self.incremental:
                estimator.best_validation_score_ = None  # it belongs to the parameters that this fit will keep
            estimator.best_epoch_ = None
        estimator._architecture = architecture
        estimator.n_layers_, estimator.out_activation_ = len(architecture.widths), architecture.output
        estimator._take(layers)
        if estimator.solver == "lbfgs":
            return State(layers, ())
        self.settings = self._settings(len(training.y), dtype)
        if self.settings.extras.teacher is not None:
            estimator._taught_by = self.settings.to_record()["teacher"]
        if memory is not None and memory[0] == self.settings.optimizer.name:
            return State(layers, *memory[1:])
        estimator._standing = None  # another solver, or one that remembers nothing, has another rate to begin with
        return State(layers, self.settings.optimizer.initial_moments(layers))

    def _check_what_stays(self, dtype: Any) -> None:
        """Refuse what a network that has been trained cannot become any more."""
        estimator = self.estimator
        asked = np.dtype("float64" if estimator.precision == "float64" else "float32")
        change = None
        if estimator.precision is not None and asked != dtype:
            change = f"the fitted network is of {dtype}, but precision is now {estimator.precision!r}"
        if estimator.standardize and estimator._architecture.scaling == Scaling():
            change = "the fitted network takes its inputs as they are, but standardize is now True"
        if change:
            raise ValueError(f"{change}; expected the same to go on from it. Set warm_start=False to begin anew.")

    def _settings(self, n: int, dtype: Any) -> Settings:
        settings = settings_of(self.estimator, self.seed, n, self.precision(dtype))
        teacher = teacher_of(self.estimator, self.architecture)
        return settings if teacher is None else replace(settings, extras=replace(settings.extras, teacher=teacher))

    def precision(self, dtype: Any) -> str:
        """Name what the engine computes with, for parameters of this type."""
        return "bfloat16" if self.estimator.precision == "bfloat16" else str(np.dtype(dtype))

    def _scaling(self, training: Part) -> Scaling:
        if not self.estimator.standardize:
            return Scaling()
        from sklearn.preprocessing import StandardScaler

        X, weights = training.X.astype(np.float64), training.weights
        is_sparse = hasattr(X, "toarray")  # sparse data is scaled, not moved: its zeros would be gone
        scaler = StandardScaler(with_mean=not is_sparse)
        scaler.fit(X, sample_weight=weights if weights is not None and weights.any() else None)
        offset = (0.0,) * X.shape[1] if is_sparse else tuple(map(float, scaler.mean_))
        return Scaling(offset, tuple(map(float, scaler.scale_)))

    def _judge(self, part: Part) -> Callable[[Layers], Judged]:
        """Make the function that holds parameters against the validation part."""
        estimator, architecture = self.estimator, self.architecture
        scorer = None if estimator.scoring is None else check_scoring(estimator, estimator.scoring)
        is_weighted = self.weights_of_scorer is not None and takes_weights(scorer)
        X, loss = _rows(part.X), architecture.loss
        named = part.X if scorer is None else _named(part.X, getattr(estimator, "feature_names_in_", None))
        engine = over(estimator._engine(estimator.coefs_[0].dtype), X)

        def judge(layers: Layers) -> Judged:
            with np.errstate(over="ignore", invalid="ignore"):
                z = engine.logits(architecture, layers, X)
                mean = loss.of_batch(z, part.targets, part.weights)
            accuracy = None
            if loss.decides:
                accuracy = loss.rightly_classified(z, part.targets) / len(z)
            if scorer is None:
                return Judged(mean, accuracy, estimator._usual_score(z, part))
            estimator._take(layers)
            weights = {"sample_weight": self.weights_of_scorer} if is_weighted else {}
            return Judged(mean, accuracy, float(scorer(estimator, named, part.y, **weights)))

        return judge

    # -- in epochs ---------------------------------------------------------------------------------------------------

    def _take_epochs(self, examples: Examples, state: State, training: Part, judged_on: Part | None) -> None:
        estimator, n = self.estimator, len(examples)
        rules = self._rules(n, epochs=1 if self.incremental else int(estimator.max_iter))
        epochs_before = len(estimator.history_)

        def remember(record: EpochRecord) -> None:
            self._remember(record, n, epochs_before)

        def what_it_is() -> dict[str, Any]:
            made_by = (self.architecture, self.engine, settings_and_customs(self.settings, rules))
            return identity_of_fit(*made_by, state, training, judged_on, estimator.scoring)

        lines = [EpochLines(scores=estimator.early_stopping)] if estimator.verbose else []
        with (
            going_on(self.place, what_it_is, self.architecture, self.settings) as going,
            progress_bar(rules.epochs, shown=estimator.progress_bar) as advance,
        ):
            for record in going.start.history if going.start else ():
                remember(record)

            def keep(snapshot: Snapshot) -> None:
                estimator._take(snapshot.state.layers)
                going.keep(snapshot)

            result = fit(
                self.engine,
                self.architecture,
                examples,
                self.settings,
                start=going.start or between_epochs(state, (), None),
                callbacks=[*lines, Warnings(), remember, self.told, *listeners_of(self.estimator), advance],
                keep=keep,
                keep_seconds=self.place.seconds if self.place else inf,
                stop=self.stop,
                rules=rules,
                judges=self.judge,
                warns=False,
            )
        if result.ending is Ending.DIVERGED:
            raise not_finite()
        after = result.snapshot.state
        estimator._state = (self.settings.optimizer.name, after.moments, after.steps_done)
        estimator._take(result.layers)
        if not estimator.early_stopping:
            estimator._standing = rules.standing(result.snapshot.history)
        elif self.judge is not None:
            best = rules.best_epoch(result.snapshot.history)
            estimator.best_epoch_ = epochs_before + best if best else None
        self._say_how_it_ended(result.ending)

    def _rules(self, n: int, epochs: int) -> EstimatorRules:
        """Gather scikit-learn's rules. A fit counts anew; an epoch on its own is the next one of all that were before."""
        estimator = self.estimator
        going_on: dict[str, Any] = {}
        if self.incremental:
            going_on["epochs_of_schedule_before"] = len(estimator.loss_curve_)
            if (standing := getattr(estimator, "_standing", None)) is not None:
                going_on["standing_before"] = Standing(*standing)
        return EstimatorRules(
            seed=self.seed,
            shuffle=bool(estimator.shuffle),
            schedule=estimator.learning_rate,
            learning_rate=self.settings.learning_rate,
            power_t=estimator.power_t,
            warm_up=int(estimator.warm_up),
            epochs=epochs,
            epochs_of_schedule=int(estimator.max_iter),
            examples=n,
            tol=estimator.tol,
            patience=estimator.n_iter_no_change,
            early_stopping=bool(estimator.early_stopping),
            average=0 if self.incremental else int(estimator.average_epochs),
            epochs_before=len(estimator.loss_curve_),
            examples_before=estimator.t_,
            **going_on,
        )

    def _remember(self, record: EpochRecord, n: int, epochs_before: int) -> None:
        """Keep what an epoch has shown, under scikit-learn's names and under ours."""
        estimator = self.estimator
        estimator.n_iter_, estimator.t_ = record.epoch, estimator.t_ + n
        estimator.loss_ = record.loss
        estimator.loss_curve_.append(record.loss)
        estimator.history_.append({**vars(record), "epoch": epochs_before + record.epoch})
        if not estimator.early_stopping:
            estimator.best_loss_ = min(np.inf if estimator.best_loss_ is None else estimator.best_loss_, record.loss)
        if (score := record.validation_score) is not None:
            estimator.validation_scores_ = [*(estimator.validation_scores_ or []), score]
            best = estimator.best_validation_score_
            estimator.best_validation_score_ = score if best is None else max(best, score)

    # -- after -------------------------------------------------------------------------------------------------------

    def _say_how_it_ended(self, reason: Ending) -> None:
        estimator = self.estimator
        if reason is Ending.INTERRUPTED:
            warn("Training interrupted by user.", UserWarning)
        if reason is Ending.ALL_EPOCHS and not self.incremental:
            warn(
                f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the optimization hasn't "
                "converged yet.",
                ConvergenceWarning,
            )
        if reason is Ending.NO_IMPROVEMENT and estimator.verbose:
            what = "Validation score" if estimator.early_stopping else "Training loss"
            epochs = estimator.n_iter_no_change
            print(f"{what} did not improve more than tol={estimator.tol:f} for {epochs} consecutive epochs. Stopping.")


def _named(X: Any, names: Any) -> Any:
    """Give examples their columns' names back where they came with names: else scikit-learn would warn of every epoch."""
    pandas = sys.modules.get("pandas")  # whose X is a DataFrame has it
    if names is None or pandas is None:
        return X
    if hasattr(X, "toarray"):
        return pandas.DataFrame.sparse.from_spmatrix(X, columns=names)
    return pandas.DataFrame(X, columns=names, copy=False)


def _rows(X: Any) -> Any:
    """Give dense examples with each in one piece, sparse ones dense if they are few."""
    if not hasattr(X, "toarray"):
        return rows_in_one_piece(X)
    rows = SparseRows(X)
    return rows[:] if rows.fits_at_once() else rows
