"""One fit of an estimator over shards: look at them, agree, then go in rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from pellucid import __version__
from pellucid.answers import Task
from pellucid.distributed.agreement import Agreement, agreement
from pellucid.distributed.averaging import Work
from pellucid.distributed.choosing import engine_of_all
from pellucid.distributed.host import Host, Shards
from pellucid.distributed.rounds import Gathered, Rounds, fit_rounds
from pellucid.distributed.shards import Asked, Opened, described, opened
from pellucid.distributed.standardizing import standardized
from pellucid.engines import Engine
from pellucid.equations.scaling import Scaling
from pellucid.errors import DataError, SettingError
from pellucid.estimators.base import BaseMLP
from pellucid.estimators.classifier import MLPClassifier
from pellucid.estimators.fitting import Fitting
from pellucid.estimators.parameters import EPOCH_SCHEDULES, check_combination, listeners_of, seed_of
from pellucid.estimators.regressor import MLPRegressor
from pellucid.estimators.resuming import Place, going_on, seed_kept_in
from pellucid.estimators.rules import EstimatorRules
from pellucid.estimators.searching import not_finite
from pellucid.estimators.telling import EpochLines, progress_bar, warn
from pellucid.estimators.validation import Part
from pellucid.training.examples import Examples
from pellucid.training.history import EpochRecord, History
from pellucid.training.identity import identity
from pellucid.training.interrupts import interruptible
from pellucid.training.saving import Saver
from pellucid.training.settings import Settings
from pellucid.training.snapshot import Snapshot, between_epochs
from pellucid.training.stopping import Ending

MODEL = "model.safetensors"


@dataclass(frozen=True, eq=False)
class Wanted:
    """What was asked for beside the estimator's own parameters."""

    how: Rounds
    classes: Sequence[Any] | None = None
    validation: tuple[Any, Any, Any] = (None, None, None)
    place: Place | None = None


class RoundsFitting(Fitting):
    """A fit in the making: scikit-learn's customs are its parent's, the examples are the host's."""

    def __init__(self, estimator: BaseMLP, host: Host, wanted: Wanted) -> None:
        super().__init__(estimator, incremental=False, place=wanted.place)
        self.host, self.wanted = host, wanted

    def run_over(self, sources: Sequence[Any]) -> None:
        """Check everything, then train."""
        estimator = self.estimator
        estimator._validate_params()
        check_combination(estimator)
        self._check_possible()
        if self.wanted.place is not None and estimator.random_state is None:
            self.seed = seed_kept_in(self.wanted.place)
        else:
            self.seed = seed_of(estimator.random_state, check_random_state(estimator.random_state))
        parts = self.host.kept(opened, self.host.placed(sources))
        self.agreed = agreed = self._agreed(parts)
        dtype = estimator._dtype(np.empty((0, agreed.columns), agreed.dtype))
        self.name, self.engine = self._engine(dtype)
        self._learn(agreed)
        judged_on = self._validation_part(*self.wanted.validation, dtype)
        if estimator.early_stopping and judged_on is None:
            raise SettingError(
                "early_stopping=True would hold out a part of the examples, which lie in shards",
                "X_val and y_val, to be judged on after each round",
            )
        nothing = Part(np.empty((0, agreed.columns), agreed.dtype), np.empty(0), np.empty(0), None)
        state = self._begin(nothing, dtype, fresh=True)
        self.judge = None if judged_on is None else self._judge(judged_on)
        gathered = self._gathered(parts, dtype)
        with interruptible() as self.stop:
            self._go(gathered, between_epochs(state, (), None), judged_on)

    def _check_possible(self) -> None:
        estimator, how = self.estimator, self.wanted.how
        if estimator.solver == "lbfgs":
            raise SettingError(
                "solver='lbfgs' looks at all examples at once, and rounds are taken on shards", "sgd, adam or adamw"
            )
        if estimator.warm_start:
            raise SettingError("warm_start=True", "False", "Rounds begin anew; with checkpoint=DIR a fit goes on.")
        if getattr(estimator, "teacher", None) is not None:
            raise SettingError("a teacher beside shards", "none", "It would travel with every task: leave teacher out.")
        if how.exact and (estimator.dropout or estimator.input_dropout):
            raise SettingError(
                "dropout in exact mode", "none", "Leave exact=True out, or set dropout and input_dropout to 0."
            )

    # -- what all shards have in common ------------------------------------------------------------------------------

    def _agreed(self, parts: Shards) -> Agreement:
        known = None if self.wanted.classes is None else np.unique(np.asarray(self.wanted.classes))
        decides = isinstance(self.estimator, MLPClassifier)
        asked = Asked(decides, known, sums=bool(self.estimator.standardize), digest=self.place is not None)
        found = self.host.each(described, parts, asked)
        agreed = agreement(found, known)
        self.scaling = standardized(self.host, parts, found, agreed)
        return agreed

    def _engine(self, dtype: Any) -> tuple[str, Engine]:
        precision = "bfloat16" if self.estimator.precision == "bfloat16" else str(np.dtype(dtype))
        return engine_of_all(self.host, self.estimator.engine, precision)

    def _learn(self, agreed: Agreement) -> None:
        """Let the estimator know the columns and the classes."""
        estimator = self.estimator
        estimator.n_features_in_ = agreed.columns
        if agreed.names is not None:
            estimator.feature_names_in_ = np.array(agreed.names, dtype=object)
        elif hasattr(estimator, "feature_names_in_"):
            del estimator.feature_names_in_
        if not isinstance(estimator, MLPClassifier):
            estimator.n_outputs_ = agreed.outputs
            return
        assert agreed.classes is not None, "a classifier asks for them"
        estimator._take_classes(agreed.classes, Task.ONE_OF_SEVERAL if len(agreed.classes) > 2 else Task.YES_OR_NO)
        estimator._label_binarizer.sparse_input_ = False
        estimator.n_outputs_ = len(agreed.classes) if len(agreed.classes) > 2 else 1

    def _scaling(self, training: Part) -> Scaling:
        return self.scaling

    def _settings(self, n: int, dtype: Any) -> Settings:
        return super()._settings(sum(self.agreed.rows), dtype)

    def _gathered(self, parts: Shards, dtype: Any) -> Gathered:
        """Turn labels into targets and weights where the shards lie."""
        estimator, agreed = self.estimator, self.agreed
        bare = _bare(estimator, self._class_weight())
        shards = self.host.kept(prepared, parts, bare, np.dtype(dtype).name)
        weighs = agreed.has_weights or getattr(bare, "class_weight", None) is not None
        sums = self.host.each(weight_of, shards) if weighs else list(map(float, agreed.rows))
        weights = self.host.each(weights_of, shards) if weighs and self.wanted.how.exact else None
        if not sum(sums) > 0:
            raise DataError("the weights of all examples are 0", "at least one that is above 0")
        return Gathered(shards, agreed.rows, sums, weights)

    def _class_weight(self) -> Any:
        """Give the weight of each class; balanced weights depend on all shards together."""
        wanted, agreed = getattr(self.estimator, "class_weight", None), self.agreed
        if wanted is None or agreed.classes is None or agreed.of_classes is None:
            return None
        names = agreed.classes.tolist()
        if isinstance(wanted, str):
            there = agreed.of_classes > 0
            of_class = np.divide(
                sum(agreed.weight), there.sum() * agreed.of_classes, where=there, out=np.zeros(len(there))
            )
            return dict(zip(names, of_class.tolist(), strict=True))
        if not isinstance(wanted, Mapping):
            raise SettingError(f"class_weight is {wanted!r}", "None, 'balanced', or a weight for each class")
        absent = [name for name in wanted if name not in set(names)]
        if absent:
            raise ValueError(f"class_weight names {absent[0]!r}, which is no class of y; expected of {tuple(names)}.")
        return {name: wanted.get(name, 1.0) for name in names}

    # -- in rounds ---------------------------------------------------------------------------------------------------

    def _go(self, gathered: Gathered, start: Snapshot, judged_on: Part | None) -> None:
        estimator, rows = self.estimator, sum(self.agreed.rows)
        rules = self._rules(rows, epochs=int(estimator.max_iter))
        lines = [EpochLines(scores=estimator.early_stopping)] if estimator.verbose else []
        saver = Saver(warn)

        def remember(record: EpochRecord) -> None:
            self._remember(record, rows, 0)

        with (
            going_on(self.place, lambda: self._identity(rules), self.architecture, self.settings) as going,
            progress_bar(rules.epochs, shown=estimator.progress_bar) as advance,
        ):
            for record in going.start.history if going.start else ():
                remember(record)

            def keep(snapshot: Snapshot) -> None:
                estimator._take(snapshot.kept)
                if len(snapshot.history) > len(estimator.history_):
                    remember(snapshot.history[-1])  # now, so that the model file tells of the round that it is of
                if (place := self.place) is not None:
                    going.keep(snapshot)
                    saver.attempt(lambda: estimator.save(place.folder / MODEL))

            result = fit_rounds(
                self.host,
                gathered,
                self.wanted.how,
                lambda history: self._work(rules, history),
                self.engine,
                rules,
                going.start or start,
                callbacks=[*lines, *listeners_of(estimator), advance],
                keep=keep,
                keep_seconds=self.place.seconds if self.place else inf,
                stop=self.stop,
                judges=self.judge,
            )
            if result.ending is Ending.DIVERGED:
                raise not_finite()
            after = result.snapshot.state
            estimator._state = (self.settings.optimizer.name, after.moments, after.steps_done)
            estimator._take(result.layers)
            if estimator.early_stopping and judged_on is not None:
                estimator.best_epoch_ = rules.best_epoch(result.snapshot.history) or None
            if (place := self.place) is not None:
                saver.attempt(lambda: estimator.save(place.folder / MODEL))
        self._say_how_it_ended(result.ending)

    def _work(self, rules: EstimatorRules, history: History) -> Work:
        """Say what a round asks of each shard; rates that depend on how it goes are settled here, for the whole round."""
        estimator, settings, how = self.estimator, self.settings, self.wanted.how
        schedule, learning_rate, warm_up = rules.schedule, rules.learning_rate, rules.warm_up
        if schedule in EPOCH_SCHEDULES:
            schedule, learning_rate, warm_up = "constant", float(rules.rates(history, 1)[0]), 0
        return Work(
            engine=self.name,
            version=__version__,
            precision=settings.precision,
            architecture=self.architecture,
            optimizer=settings.optimizer,
            batch_size=settings.batch_size,
            seed=self.seed,
            rounds=rules.epochs,
            extras=settings.extras,
            schedule=schedule,
            learning_rate=learning_rate,
            warm_up=warm_up,
            shuffle=bool(estimator.shuffle),
            epochs=how.epochs,
            steps=how.steps,
        )

    def _identity(self, rules: EstimatorRules) -> dict[str, Any]:
        agreed, estimator = self.agreed, self.estimator
        shards = f"{len(agreed.rows)} shard{'s' * (len(agreed.rows) != 1)}"
        data = {
            "name": f"{sum(agreed.rows):,} examples of {agreed.columns:,} numbers in {shards}",
            "sha256": agreed.sha256,
        }
        scoring = estimator.scoring
        customs = {
            "tol": str(rules.tol),
            "patience": str(rules.patience),
            "shuffle": rules.shuffle,
            "schedule": rules.schedule,
            "power_t": rules.power_t,
            "warm_up": rules.warm_up,
            "average": rules.average,
            "early_stopping": rules.early_stopping,
            "class_weight": str(self._class_weight()),
            "scoring": scoring
            if scoring is None or isinstance(scoring, str)
            else getattr(scoring, "__qualname__", "a scorer"),
        }
        settings = {**_plain(self.settings.to_record()), **customs, **self.wanted.how.to_record()}
        name, _, target = self.name.partition(":")
        return {**identity(data, self.architecture, self.engine, settings), "engine": {"name": name, "target": target}}


def _plain(record: Mapping[str, Any]) -> dict[str, Any]:
    """Write infinities as words, as JSON has none."""
    return {
        key: _plain(value) if isinstance(value, Mapping) else str(value) if value == inf else value
        for key, value in record.items()
    }


def _bare(estimator: BaseMLP, class_weight: Any) -> BaseMLP:
    """Give an estimator that knows how labels become targets and weights, and nothing that cannot be sent."""
    kind: type[BaseMLP] = MLPClassifier if isinstance(estimator, MLPClassifier) else MLPRegressor
    bare = kind.__new__(kind)
    for name, value in estimator.__dict__.items():
        if name in ("_label_binarizer", "classes_", "loss", "n_outputs_"):
            setattr(bare, name, value)
    if hasattr(estimator, "class_weight"):
        bare.class_weight = class_weight
    return bare


def prepared(shard: int, part: Opened, bare: BaseMLP, dtype: str) -> Examples:
    """Turn a shard's labels into targets and its weights, those of its classes included, into the engine's type.

    Raises ``DataError`` where the labels are no numbers, and numbers are to be learned, or negative where counts are.
    """
    X, y, weights, _ = part
    if not isinstance(bare, MLPClassifier):
        if len(y) and y.dtype.kind not in "fiub":
            raise DataError(f"y of shard {shard} has the type {y.dtype}", "numbers")
        if bare.loss == "poisson" and (y < 0).any():
            row, *column = map(int, np.argwhere(y < 0)[0])
            where = f"row {row}" + "".join(f", column {each}" for each in column)
            raise DataError(
                f"shard {shard} has the target {y[row, *column]} in {where}",
                "a count: loss='poisson' wants at least 0",
            )
    elif y.dtype.kind == "O":
        y = y.astype(str)
    if not len(X):
        outputs = bare.n_outputs_
        classes = isinstance(bare, MLPClassifier) and len(bare.classes_) > 2
        return Examples(X, np.empty(0, np.int64) if classes else np.empty((0, outputs), dtype))
    weights = bare._weights(y, weights)
    return Examples(X, bare._targets(y, dtype), weights)


def weight_of(shard: int, examples: Examples) -> float:
    """Give Σw of a shard."""
    return float(len(examples) if examples.weights is None else examples.weights.sum(dtype=np.float64))


def weights_of(shard: int, examples: Examples) -> NDArray[Any]:
    """Give the weight of each example of a shard."""
    return np.ones(len(examples)) if examples.weights is None else examples.weights
