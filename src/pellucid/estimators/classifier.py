"""MLPClassifier: one class of several, yes or no, several labels at once."""

from __future__ import annotations

from copy import copy
from numbers import Real
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d, compute_sample_weight
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    check_classification_targets,
    type_of_target,
    unique_labels,
)
from sklearn.utils.validation import validate_data

from pellucid.answers import Task, are_labels
from pellucid.equations.beyond.teacher import TEMPERATURE, WEIGHT
from pellucid.equations.losses import BinaryCrossEntropy, CrossEntropy, Loss
from pellucid.equations.parameters import Array
from pellucid.estimators.base import TYPES_OF_X, BaseMLP, is_stochastic
from pellucid.estimators.parameters import _POSITIVE, _SHARE, CONSTRAINTS
from pellucid.estimators.validation import Part
from pellucid.network import Network


class MLPClassifier(ClassifierMixin, BaseMLP):
    """A multilayer perceptron that tells classes apart: scikit-learn's parameters, defaults and meaning, and more.

    The network is that of ``pellucid.equations``; [p] and [loss] for several classes, [logistic] and [binary-loss] for two,
    and for several labels at once. X (n, d) may be dense or sparse; the arithmetic has the type of X.

    **As in scikit-learn**: ``hidden_layer_sizes, activation, solver, alpha, batch_size, learning_rate,
    learning_rate_init, power_t, max_iter, shuffle, random_state, tol, verbose, warm_start, momentum, nesterovs_momentum,
    early_stopping, validation_fraction, beta_1, beta_2, epsilon, n_iter_no_change, max_fun``. Where they accept more:

    - ``activation``: identity, logistic, tanh, scaled_tanh, relu, leaky_relu, elu, selu, gelu, silu, mish,
      softplus; one name for all hidden layers, or a sequence with one for each.
    - ``solver``: lbfgs, sgd, adam, adamw (decoupled ``weight_decay``, [adamw]).
    - ``learning_rate``: constant, invscaling, adaptive, linear, cosine, one-cycle; each with every solver that goes in
      steps. The last three go from the first of ``max_iter`` epochs to the last. ``warm_up`` epochs of rising rates may
      come before them, and before constant.

    From the same start the steps are scikit-learn's to the last digits, with two exceptions: Adam's ``epsilon`` is added
    after the bias is corrected [adam], and where a rate falls between epochs, momentum does not remember the higher one
    [momentum]. ``partial_fit`` follows a schedule over ``max_iter`` calls, and stays at its end.

    **What scikit-learn does not have**:

    - ``class_weight``: None, "balanced", or a weight for each class; it multiplies ``sample_weight``.
    - ``dropout``, ``input_dropout``: the share of hidden neurons, and of inputs, left out of each step [dropout].
    - ``label_smoothing``: the share of each label that is spread over all classes [label-smoothing].
    - ``teacher``: a trained network to learn from beside the labels [distillation], None for none: a ``pellucid.Network``,
      a fitted ``MLPClassifier``, or the path of a model. It must know the columns of X and the classes of y. A clone keeps
      the teacher itself. ``teacher_weight`` is how much it counts, from 0 to 1; ``temperature`` what logits are divided by
      before both are compared [softened].
    - ``max_grad_norm``: the most that the gradient's norm may be [clip], or None.
    - ``max_norm``: the most that the norm of a neuron's weights may be after each step [max-norm], or None.
    - ``average_epochs``: keep the mean of the parameters at the ends of the last so many of ``max_iter`` epochs [average] in
      place of the last ones; a fit that ends before them has nothing to average.
    - ``standardize``: whether the columns of X are brought to mean 0 and variance 1, by statistics of the training part
      that are kept in the network; of sparse X, to variance 1.
    - ``scoring``: the measure on the validation part, any scorer's name or function; None for accuracy. It is handed the
      part's ``sample_weight`` where it takes that; what classes weigh counts in the accuracy alone. Of columns
      with names it is handed a DataFrame.
    - ``callbacks``: a function, or several, called after each epoch with its ``EpochRecord``; one that returns True ends
      the training. The callbacks of scikit-learn 1.9 are set by its own ``set_callbacks``.
    - ``progress_bar``: whether to show one.
    - ``engine``: "reference", "native", "native:avx2" …; None for the best there is. ``n_threads`` is for the native one.
    - ``precision``: "float32", "float64" or "bfloat16"; None for that of X.

    **Fitted attributes**: scikit-learn's, and ``history_`` (a record an epoch), ``best_epoch_`` (of ``early_stopping``,
    whose parameters are kept), ``network_`` (a ``pellucid.Network``). ``coefs_`` and ``intercepts_`` are read-only
    arrays; others may be put in their place.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier((20,), solver="lbfgs", random_state=0, standardize=True, engine="reference").fit(X, y)
    >>> classifier.score(X, y) > 0.97, classifier.network_
    (True, <pellucid.Network 4-20-3, 163 parameters>)

    Raises ``ValueError`` for parameters and data that cannot be, in scikit-learn's words where it has them.

    Source: scikit-learn 1.9, ``sklearn.neural_network.MLPClassifier``.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS,
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
        "label_smoothing": _SHARE,
        "teacher": [Network, BaseMLP, FrozenEstimator, str, PathLike, None],
        "teacher_weight": [Interval(Real, 0, 1, closed="both")],
        "temperature": _POSITIVE,
    }

    def __init__(
        self,
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
        class_weight: Any = None,
        weight_decay: float = 0.01,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        label_smoothing: float = 0.0,
        teacher: Any = None,
        teacher_weight: float = WEIGHT,
        temperature: float = TEMPERATURE,
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
        self.class_weight = class_weight
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.label_smoothing = label_smoothing
        self.teacher = teacher
        self.teacher_weight = teacher_weight
        self.temperature = temperature
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

    @available_if(is_stochastic)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Train for one epoch on X (n, d) and y, going on from where it stands.

        ``classes`` names all classes that will ever come; it is needed at the first call, where several labels are 0 to
        k − 1, the columns of y. A batch need not hold them all. ``class_weight="balanced"`` balances those of the batch.
        Raises ``ValueError`` as ``fit``, and for classes that are not the columns of several labels.
        """

        def announce() -> None:
            if _check_partial_fit_first_call(self, classes):
                several = type_of_target(y).startswith("multilabel")
                self._label_binarizer = LabelBinarizer().fit(y if several else classes)
                columns = self._label_binarizer.classes_.tolist()
                if several and self.classes_.tolist() != columns:
                    raise ValueError(
                        f"classes names {self.classes_.tolist()}, but y holds {len(columns)} labels at once; expected "
                        f"{columns}, its columns."
                    )
                _check_classes(self.classes_)

        return self._fit(X, y, sample_weight, (None, None, None), incremental=True, prepare=announce)

    def predict(self, X: Any) -> NDArray[Any]:
        """Give the most probable label of each example: (n, d) → (n,), or 0 and 1 (n, k) where there are several labels.

        Where the labels were learned from a sparse matrix, a sparse matrix is given.
        """
        answers = super().predict(X).astype(self.classes_.dtype, copy=False)
        return csr_matrix(answers) if answers.ndim == 2 and self._label_binarizer.sparse_input_ else answers

    def predict_proba(self, X: Any) -> Array:
        """Give the probability of each class, in the order of ``classes_``: (n, d) → (n, k)."""
        return self._asked(X, Network.predict_proba)

    def predict_log_proba(self, X: Any) -> Array:
        """Give the logarithm of ``predict_proba``."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _checked(self, X: Any, y: Any, *, reset: bool, learns: bool = False) -> tuple[Any, NDArray[Any]]:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=("csr", "csc"),
            multi_output=True,
            dtype=TYPES_OF_X,
            reset=reset,
        )
        y, is_sparse = (y.toarray(), True) if hasattr(y, "toarray") else (y, False)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        if learns:
            self._label_binarizer = LabelBinarizer().fit(y)
            self._label_binarizer.sparse_input_ = is_sparse
            self.classes_ = self._label_binarizer.classes_
            _check_classes(self.classes_)
        else:
            self._check_known(y)
        if len(self.classes_) < 2 and not self._several_labels():
            raise ValueError(
                f"y holds 1 class, {self.classes_.tolist()[0]!r}; expected at least 2 classes to tell apart."
            )
        return X, y

    def _check_known(self, y: NDArray[Any]) -> None:
        if self._several_labels():
            if y.ndim != 2 or y.shape[1] != len(self.classes_):
                raise ValueError(f"y has shape {y.shape}, but the classifier knows {len(self.classes_)} labels.")
            return
        if y.ndim != 1:
            raise ValueError(
                f"y has shape {y.shape}, but the classifier tells {len(self.classes_)} classes apart; expected (n,): one "
                "label for each example."
            )
        classes = unique_labels(y)
        if len(unknown := np.setdiff1d(classes, self.classes_)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {unknown}."
            )

    def _take_classes(self, classes: NDArray[Any], task: Task) -> None:
        """Know the classes without having seen any example of them. Raises ``ValueError`` for classes that cannot be."""
        several = task is Task.SEVERAL_LABELS
        _check_classes(classes)
        self._label_binarizer = LabelBinarizer().fit(np.eye(len(classes), dtype=int) if several else classes)
        self.classes_ = self._label_binarizer.classes_

    def _several_labels(self) -> bool:
        return str(self._label_binarizer.y_type_).startswith("multilabel")

    def _targets(self, y: NDArray[Any], dtype: Any) -> NDArray[Any]:
        if self._several_labels():
            return np.ascontiguousarray(self._label_binarizer.transform(y), dtype=dtype)
        indices = np.searchsorted(self.classes_, y)
        return indices if len(self.classes_) > 2 else indices.astype(dtype)[:, np.newaxis]

    def _n_outputs(self, targets: NDArray[Any]) -> int:
        return len(self.classes_) if targets.ndim == 1 else targets.shape[1]

    def _loss(self, outputs: int) -> Loss:
        one_of_several = not self._several_labels() and len(self.classes_) > 2
        return (CrossEntropy if one_of_several else BinaryCrossEntropy)(label_smoothing=float(self.label_smoothing))

    def _labels(self) -> tuple[Any, ...]:
        return tuple(self.classes_.tolist())

    def _stratification(self, y: NDArray[Any]) -> NDArray[Any] | None:
        return None if self._several_labels() else y

    def _weights(self, y: NDArray[Any], sample_weight: NDArray[Any] | None) -> NDArray[Any] | None:
        if self.class_weight is None:
            return sample_weight
        if isinstance(self.class_weight, str) and y.ndim == 1:
            return _balanced(y, np.ones(len(y)) if sample_weight is None else sample_weight)
        of_classes = self._weights_of_classes(y)
        return of_classes if sample_weight is None else of_classes * sample_weight

    def _weights_of_classes(self, y: NDArray[Any]) -> NDArray[Any]:
        """Give the product of what the labels of each example weigh, (n,).

        scikit-learn's function takes weights for slips whose classes are not in y, as they need not be in a batch. So what
        it would make of weights by name is made here, and it is left to refuse what is none.
        """
        given = self.class_weight
        if isinstance(given, dict) and y.ndim == 1:
            return _of_each(given, y, self._labels())
        is_for_columns = y.ndim == 2 and isinstance(given, list) and len(given) == y.shape[1]
        if is_for_columns and all(isinstance(each, dict) for each in given):
            columns = [_of_each(each, column, (0, 1)) for each, column in zip(given, y.T, strict=True)]
            of_columns: NDArray[Any] = np.prod(columns, axis=0)
            return of_columns
        of_classes: NDArray[Any] = compute_sample_weight(given, y)
        return of_classes

    def _usual_score(self, outputs: Array, part: Part) -> float:
        if not np.isfinite(outputs).all():
            return float("nan")
        if part.weights is not None and not part.weights.any():
            raise ValueError(
                "the validation examples weigh nothing; expected one at least that weighs more than 0. Try others, or "
                "another class_weight."
            )
        if part.targets.ndim == 1:
            right = outputs.argmax(axis=1) == part.targets
        else:
            right = ((outputs > 0) == (part.targets > 0.5)).all(axis=1)
        return float(np.average(right, weights=part.weights))

    def __sklearn_clone__(self) -> Self:
        """Make a new one with the same parameters; the teacher is the same, as a clone of it would have forgotten all."""
        untaught = copy(self)
        untaught.teacher = None
        clone: Self = super(MLPClassifier, untaught).__sklearn_clone__()
        clone.teacher = self.teacher
        return clone

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _check_classes(classes: NDArray[Any]) -> None:
    """Raise ``ValueError`` for classes that no network can name, such as dates: before it is trained to tell them apart."""
    names = [label.item() if isinstance(label, np.generic) else label for label in classes.tolist()]
    if not are_labels(names):
        raise ValueError(
            f"the classes are {', '.join(map(repr, names[:5]))}; expected numbers, or words. Try y.astype(str)."
        )


def _of_each(weights: dict[Any, float], y: NDArray[Any], classes: tuple[Any, ...]) -> NDArray[np.float64]:
    """Give each label the weight of its class, 1 where that is not named: (n,). Raises ``ValueError`` for a name of none."""
    known = set(classes)
    absent = [name for name in weights if name not in known]
    if absent:
        raise ValueError(f"class_weight names {absent[0]!r}, which is no class of y; expected of {classes}.")
    strange = [f"{name!r}: {weight!r}" for name, weight in weights.items() if not 0 <= float(weight) < np.inf]
    if strange:
        raise ValueError(f"class_weight holds {strange[0]}; expected finite numbers of at least 0.")
    if not any(weights.get(name, 1.0) for name in classes):
        raise ValueError(f"class_weight is 0 for all of {classes}; expected one of them, at least, to count.")
    there, of_class = np.unique(y, return_inverse=True)
    of_each: NDArray[np.float64] = np.array([float(weights.get(name, 1.0)) for name in there.tolist()])[of_class]
    return of_each


def _balanced(y: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
    """Weigh the examples so that every class that is there weighs the same, and all together what they did: (n,)."""
    classes, of_class = np.unique(y, return_inverse=True)
    of_classes = np.bincount(of_class, weights=weights)
    shares = np.divide(weights.sum(), len(classes) * of_classes, where=of_classes > 0, out=np.zeros(len(classes)))
    balanced: NDArray[Any] = shares[of_class] * weights
    return balanced
