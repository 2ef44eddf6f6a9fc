"""scikit-learn's own checks of an estimator, on ours: every solver, both engines, with and without what theirs has not.

Every day the plain estimators are checked; ``--slow`` checks them all.
"""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from pellucid import MLPClassifier, MLPRegressor
from pellucid.engines import available

HAS_NATIVE = len(available()) > 1

ROWS_THAT_STAND_TOGETHER = (
    "which examples share a batch, which are held out, and which neurons are left out for an example are drawn by row: an "
    "example of weight 2 is one row, the same example twice is two"
)
NO_EARLY_STOPPING_IN_ONE_EPOCH = "partial_fit refuses early_stopping=True, as scikit-learn's own does"

BY_ROW = ("check_sample_weight_equivalence_on_dense_data", "check_sample_weight_equivalence_on_sparse_data")
BY_PARTIAL_FIT = (
    "check_fit_score_takes_y",
    "check_n_features_in_after_fitting",
    "check_estimators_partial_fit_n_features",
)


def expected_failures(estimator: Any) -> dict[str, str]:
    """Name the checks that cannot pass, with the reason. Full batches without chance pass them all."""
    by_chance = estimator.dropout or estimator.input_dropout or estimator.early_stopping
    small_batches = estimator.solver != "lbfgs" and estimator.batch_size != "auto"  # the checks' data fits into one batch
    failures = dict.fromkeys(BY_ROW, ROWS_THAT_STAND_TOGETHER) if by_chance or small_batches else {}
    if estimator.early_stopping and estimator.solver != "lbfgs":
        failures |= dict.fromkeys(BY_PARTIAL_FIT, NO_EARLY_STOPPING_IN_ONE_EPOCH)
    return failures


def checks(configurations: list[dict[str, Any]]) -> Any:
    """Check both estimators in each of the configurations."""
    estimators = [
        kind(**{"max_iter": 60, **{name: value for name, value in configuration.items() if name in names}})
        for configuration in configurations
        for kind in (MLPClassifier, MLPRegressor)
        for names in [kind().get_params()]
    ]
    return parametrize_with_checks(estimators, expected_failed_checks=expected_failures)


PLAIN = [{"max_iter": 30}]
SOLVERS = [
    {"solver": "sgd", "max_iter": 100},
    {"solver": "sgd", "momentum": 0.0, "learning_rate": "adaptive", "learning_rate_init": 0.01, "max_iter": 100},
    {"solver": "lbfgs", "alpha": 1.0, "max_iter": 200},
    {"solver": "adamw", "learning_rate": "cosine", "warm_up": 3},
]
ADDITIONS = [
    {"batch_size": 8, "max_iter": 30},
    {"early_stopping": True, "validation_fraction": 0.3, "learning_rate_init": 0.01},
    {"dropout": 0.1, "input_dropout": 0.05},
    {"standardize": True, "class_weight": "balanced", "label_smoothing": 0.1, "loss": "huber", "delta": 2.0},
    {"activation": ("gelu", "silu"), "hidden_layer_sizes": (20, 10), "max_grad_norm": 5.0},
]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
needs_native = pytest.mark.skipif(not HAS_NATIVE, reason="this installation has no native engine")


@checks([{"engine": "reference", **each} for each in PLAIN])
def test_the_plain_estimators_keep_scikit_learns_contract(estimator, check) -> None:
    check(estimator)


@needs_native
@checks([{"engine": "native", **each} for each in PLAIN])
def test_the_native_engine_keeps_scikit_learns_contract(estimator, check) -> None:
    check(estimator)


@pytest.mark.slow
@checks([{"engine": "reference", **each} for each in (*SOLVERS, *ADDITIONS)])
def test_every_solver_and_addition_keeps_scikit_learns_contract(estimator, check) -> None:
    check(estimator)


@pytest.mark.slow
@needs_native
@checks([{"engine": "native", **each} for each in (*SOLVERS, *ADDITIONS)])
def test_every_solver_and_addition_keeps_scikit_learns_contract_natively(estimator, check) -> None:
    check(estimator)
