"""One fit by L-BFGS, from its first parameters to where the search ends: who is told, what is kept, how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from pellucid.engines import State
from pellucid.equations.parameters import Layers
from pellucid.estimators.lbfgs import search
from pellucid.estimators.parameters import listeners_of
from pellucid.estimators.resuming import identity_of_fit, searching_on
from pellucid.estimators.telling import progress_bar, warn
from pellucid.estimators.validation import Part
from pellucid.training.callbacks import Callbacks
from pellucid.training.evaluation import Judged
from pellucid.training.examples import Examples
from pellucid.training.history import EpochRecord

if TYPE_CHECKING:
    from pellucid.estimators.fitting import Fitting


def take_search(fitting: Fitting, examples: Examples, state: State, training: Part, judged_on: Part | None) -> bool:
    """Search from where the parameters stand, and give the estimator what is found; say whether the user ended it."""
    estimator, listeners = fitting.estimator, Callbacks(listeners_of(fitting.estimator))
    records_before = len(estimator.history_)

    def what_it_is() -> dict[str, Any]:
        names = ("solver", "alpha", "max_iter", "max_fun", "tol")
        precision = fitting.precision(state.layers[0].W.dtype)
        own = {name: getattr(estimator, name) for name in names}
        settings = {**own, "precision": precision, "seed": fitting.seed}
        scoring = estimator.scoring
        return identity_of_fit(fitting.architecture, fitting.engine, settings, state, training, judged_on, scoring)

    def judged(layers: Layers, loss: float) -> EpochRecord:
        found = fitting.judge(layers) if fitting.judge else Judged(np.nan)
        return EpochRecord(
            epoch=len(estimator.history_) - records_before + 1,
            loss=loss,
            accuracy=None,
            validation_loss=found.loss if fitting.judge else None,
            validation_accuracy=found.accuracy,
            learning_rate=0.0,
            seconds=0.0,
            rows_per_second=0.0,
            validation_score=found.score,
        )

    with (
        searching_on(fitting.place, what_it_is) as kept,
        progress_bar(estimator.max_iter, shown=estimator.progress_bar, of="iterations") as advance,
    ):

        def on_iteration(layers: Layers, loss: float) -> bool:
            record, is_new = kept.iteration(lambda: judged(layers, loss))
            estimator.history_.append({**vars(record), "epoch": records_before + record.epoch})
            estimator._take(layers)
            advance(record)
            if not is_new:  # whoever listens has heard of it before the fit was stopped
                return fitting.stop()
            if estimator.verbose:
                print(f"Iteration {record.epoch}, loss = {loss:.8f}")
            wants_to_end = listeners.on_epoch(record)
            return fitting.told.end_epoch() or wants_to_end or fitting.stop()

        found = search(
            fitting.engine,
            fitting.architecture,
            state.layers,
            examples,
            l2=float(estimator.alpha),
            max_iter=estimator.max_iter,
            max_fun=estimator.max_fun,
            tol=estimator.tol,
            kept=kept,
            on_iteration=on_iteration,
            stop=fitting.stop,
        )
    ended_by_user = fitting.stop()
    if ended_by_user and found.iterations == 0:  # all is as it was
        return True
    if not all(np.isfinite(tensor).all() for layer in found.layers for tensor in layer):
        raise not_finite()
    if not np.isfinite(found.loss):
        raise ValueError(
            f"The search of lbfgs ended with a loss of {found.loss}. The input data may contain large values and need "
            "to be preprocessed. Try standardize=True."
        )
    estimator._take(found.layers)
    estimator._state = None
    estimator.n_iter_, estimator.loss_ = found.iterations, found.loss
    estimator.best_loss_ = found.loss
    if ended_by_user:
        return True
    if not found.converged:
        warn(
            f"lbfgs failed to converge after {found.iterations} iteration(s): {found.message}. Increase the number of "
            "iterations (max_iter), or scale the data (standardize=True).",
            ConvergenceWarning,
        )
    return False


def not_finite() -> ValueError:
    """Say that what was learned is no longer numbers."""
    return ValueError(
        "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
        "preprocessed. Try standardize=True, or a lower learning_rate_init."
    )
