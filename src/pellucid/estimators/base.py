"""What both estimators share: their doors, and the network behind them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from operator import is_
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from pellucid.engines import Engine, choose
from pellucid.equations.architecture import Architecture
from pellucid.equations.losses import Loss
from pellucid.equations.optimizers import Moments
from pellucid.equations.parameters import Array, Layer, Layers
from pellucid.errors import ModelFileError, PellucidError
from pellucid.estimators.fitting import Fitting
from pellucid.estimators.keeping import model_of, parameters_of, restore
from pellucid.estimators.parameters import CONSTRAINTS, STOCHASTIC_SOLVERS
from pellucid.estimators.resuming import Place, place_of
from pellucid.estimators.rules import Standing
from pellucid.estimators.telling import CallbackSupportMixin, with_callbacks
from pellucid.estimators.validation import Part
from pellucid.formats.model_file import read_model, write_model
from pellucid.formats.records import architecture_from_record, architecture_to_record
from pellucid.loading import model_file
from pellucid.network import Network
from pellucid.training.keeper import SECONDS_BETWEEN_CHECKPOINTS

ROWS_OF_A_BLOCK = 4096
"""Sparse examples are made dense for prediction so many at a time."""

TYPES_OF_X = (np.float64, np.float32, np.uint8)
"""What is taken as it is; whatever else holds numbers becomes the first of them."""

OptimizerMemory = tuple[str, Moments, int]
"""An optimiser's name, its moments, the steps that it has taken."""


def is_stochastic(estimator: BaseMLP) -> bool:
    """Say whether the solver goes in steps; raise ``AttributeError`` where not, so that there is no ``partial_fit``."""
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
    best_epoch_: int | None
    history_: list[dict[str, Any]]
    n_iter_: int
    t_: int
    _architecture: Architecture
    _state: OptimizerMemory | None
    _standing: Standing | None
    _taught_by: str | None

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
        """Give what a division should be even in, (n,), or None."""
        return None

    def _weights(self, y: NDArray[Any], sample_weight: NDArray[Any] | None) -> NDArray[Any] | None:
        """Give the weight of each example, (n,), or None."""
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
        checkpoint: str | PathLike[str] | None = None,
        checkpoint_seconds: float = SECONDS_BETWEEN_CHECKPOINTS,
    ) -> Self:
        """Train the network on X (n, d) and y.

        ``X_val`` and ``y_val`` are judged after each epoch, in place of the part that ``early_stopping`` would hold out;
        scores and losses on them are kept in ``history_``.

        ``checkpoint`` names a folder in which is kept what the fit has reached: at the end of each epoch, and within one
        every ``checkpoint_seconds``; of a search by L-BFGS each loss and gradient. The same call goes on from what is there,
        so that a fit that was killed ends with the bits of one that was not; one that had ended is at its end at once. For
        ``random_state=None`` a seed is drawn once and kept there, too. A folder that holds another fit is refused with what
        differs; one that can no longer be written is warned of, and the fit goes on.

        Raises ``ValueError`` for what does not fit together, and then leaves the estimator as it was.
        """
        place = place_of(checkpoint, checkpoint_seconds)
        return self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), incremental=False, place=place)

    @available_if(is_stochastic)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the network for one epoch on X (n, d) and y, going on from where it stands. Raises as ``fit``."""
        return self._fit(X, y, sample_weight, (None, None, None), incremental=True)

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: tuple[Any, Any, Any],
        *,
        incremental: bool,
        prepare: Callable[[], None] = lambda: None,
        place: Place | None = None,
    ) -> Self:
        """Fit, or leave everything as it was: ``prepare`` included, which comes first."""

        def run() -> None:
            prepare()
            Fitting(self, incremental=incremental, place=place).run(X, y, sample_weight, validation)

        return self._wholly(run)

    def _wholly(self, run: Callable[[], None]) -> Self:
        """Let something fit the estimator, or leave everything as it was."""
        before = dict(self.__dict__)
        try:
            run()
            self.network_  # noqa: B018  made now, so that asking changes nothing
        except Warning:  # where warnings are errors, what was learned is kept all the same
            raise
        except BaseException:  # Ctrl-C, too, where it is not heard as a wish to end and keep
            for name in set(self.__dict__) - set(before):
                if "callback" not in name:  # scikit-learn clears its own away, after this
                    del self.__dict__[name]
            self.__dict__.update(before)
            raise
        return self

    # -- arrays ------------------------------------------------------------------------------------------------------

    def _dtype(self, X: Any) -> Any:
        """The type of the parameters: that of X, unless a precision is asked for."""
        if self.precision is not None:
            return np.dtype(np.float64 if self.precision == "float64" else np.float32)
        return np.dtype(np.float32 if X.dtype == np.float32 else np.float64)

    def _engine(self, dtype: Any) -> Engine:
        """Who computes, in the precision that was asked for or that the parameters have."""
        precision = "bfloat16" if self.precision == "bfloat16" else str(np.dtype(dtype))
        return choose(self.engine, threads=self.n_threads).engine.at(precision)

    def _layers(self) -> Layers:
        return tuple(Layer(np.ascontiguousarray(W.T), b) for W, b in zip(self.coefs_, self.intercepts_, strict=True))

    def _take(self, layers: Layers) -> None:
        """Keep parameters under scikit-learn's names: W transposed, one array a layer, read-only."""
        self.coefs_ = [layer.W.T for layer in layers]
        self.intercepts_ = [layer.b for layer in layers]
        self._protect()

    def _protect(self) -> None:
        """Let nobody change unseen what the network is made of: who wants other numbers puts other arrays in."""
        for array in (*self.coefs_, *self.intercepts_):
            array.flags.writeable = False

    # -- asking ------------------------------------------------------------------------------------------------------

    @property
    def network_(self) -> Network:
        """The network on its own: it predicts, explains and saves itself without scikit-learn."""
        if "coefs_" not in self.__dict__:
            check_is_fitted(self)
        made_of = (*self.coefs_, *self.intercepts_)  # held, so that no other array can take the place of one in memory
        packed: tuple[tuple[Array, ...], Network] | None = self.__dict__.get("_packed")
        if packed is None or len(packed[0]) != len(made_of) or not all(map(is_, packed[0], made_of)):
            self._protect()
            names = getattr(self, "feature_names_in_", None)
            network = Network(
                self._architecture,
                self._layers(),
                self._labels(),
                engine=self._engine(self.coefs_[0].dtype),
                feature_names=None if names is None else tuple(map(str, names)),
            )
            packed = self._packed = (made_of, network)
        return packed[1]

    @property
    def validation_loss_curve_(self) -> list[float]:
        """The loss on the validation part after each epoch; empty where there was none."""
        check_is_fitted(self)
        return [record["validation_loss"] for record in self.history_ if record["validation_loss"] is not None]

    def _quick(self, X: Any) -> Network | None:
        """Give the network where X needs none of scikit-learn's looks: a plain array of numbers with the right columns."""
        if type(X) is not np.ndarray or "_packed" not in self.__dict__ or "feature_names_in_" in self.__dict__:
            return None
        if X.ndim != 2 or X.shape[1] != self.n_features_in_ or not len(X) or X.dtype.kind not in "fu":
            return None
        return self.network_

    def _asked(self, X: Any, ask: Callable[[Network, Any], NDArray[Any]]) -> NDArray[Any]:
        """Ask the network: at once where X is plain, else after scikit-learn's look; sparse rows a block at a time."""
        if (network := self._quick(X)) is not None:
            try:
                return ask(network, X)
            except ValueError:
                pass  # scikit-learn's look finds the words that its users know
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=("csr", "csc"), dtype=TYPES_OF_X, reset=False)
        if not hasattr(X, "toarray"):
            return ask(self.network_, X)
        rows = X.tocsr()
        blocks = range(0, rows.shape[0], ROWS_OF_A_BLOCK)
        return np.concatenate([ask(self.network_, rows[at : at + ROWS_OF_A_BLOCK].toarray()) for at in blocks])

    def predict(self, X: Any) -> NDArray[Any]:
        """Give the label, or the numbers, of each example: (n, d) → (n,) or (n, k)."""
        return self._asked(X, Network.predict)

    def hidden_activations(self, X: Any, layer: int = -1) -> NDArray[Any]:
        """Give what the neurons of a hidden layer say to each example: (n, width).

        ``layer`` counts from 0, or from the end; -1 is the last hidden layer. Raises ``ValueError`` where there is none.
        """
        check_is_fitted(self)
        hidden = len(self._architecture.hidden)
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
        """Read a model file, of an estimator or of ``pellucid train``, or the one in a run's folder, or a bundled one.

        Raises ``ModelFileError`` for what is none.
        """
        model = read_model(model_file(path))
        try:
            estimator = cls(**parameters_of(model, cls))
            restore(estimator, model)
        except PellucidError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelFileError(f"what {path} says of its estimator is spoiled ({error!r})") from error
        return estimator

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what can be made again, and the optimiser's memory, which is twice the size of the network.

        What the network is like is written in plain words, so that nobody needs to trust more types than the estimator's.
        """
        state = dict(super().__getstate__())
        for name in ("_packed", "_state", "_standing", "_callback_fit_ctx"):
            state.pop(name, None)
        if "_architecture" in state:
            state["_architecture"] = architecture_to_record(state["_architecture"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "_architecture" in state:
            state = {**state, "_architecture": architecture_from_record(state["_architecture"])}
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
