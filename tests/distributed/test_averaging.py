"""A round is a pure function of what it is given: the parameters, the shards in their order, the seed."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid import MLPClassifier, MLPRegressor
from pellucid.distributed import fit
from pellucid.distributed.averaging import added, all_added, groups_of, seed_of_shard
from pellucid.equations.beyond.rounds import outer_step, rounded, weighted_sum
from pellucid.equations.parameters import Layer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def one_layer(*numbers, dtype=np.float32):
    return (Layer(np.array([numbers], dtype), np.array([numbers[0]], dtype)),)


def test_a_mean_is_summed_in_float64_in_the_order_of_the_parts():
    parts = [one_layer(*row) for row in np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)]
    shares = [0.1, 0.4, 0.2, 0.25, 0.05]
    expected = np.zeros((1, 3))
    for share, part in zip(shares, parts, strict=True):
        expected = expected + share * part[0].W.astype(np.float64)
    assert weighted_sum(shares, parts)[0].W.tobytes() == expected.tobytes()


def test_the_mean_of_one_is_itself_to_the_bit_even_where_it_is_a_negative_zero():
    alone = one_layer(-0.0, 0.1, 3e38, 1e-45)
    assert rounded(weighted_sum([1.0], [alone]), alone)[0].W.tobytes() == alone[0].W.tobytes()


def test_without_momentum_the_mean_is_where_the_next_round_begins():
    theta, mean = one_layer(1.0), one_layer(0.3)
    assert outer_step(theta, mean, None) == (mean, None)


def test_momentum_adds_up_the_ways_of_the_rounds():
    theta, mean, velocity = one_layer(0.0, dtype=np.float64), one_layer(1.0, dtype=np.float64), None
    seen = []
    for _ in range(3):
        theta, velocity = outer_step(theta, mean, velocity, mu=0.5, rate=0.5)
        seen.append(float(theta[0].W[0, 0]))
    assert seen == [0.5, 1.0, 1.25]  # v: 0.5, then 0.25 + 0.25, then 0.25 + 0


def test_groups_do_not_depend_on_who_computes_and_cover_every_shard_once():
    assert [i for group in groups_of(50) for i in group] == list(range(50))
    assert max(map(len, groups_of(50))) == 16


def test_nobody_contributes_nothing():
    assert added([None, None], [0.5, 0.5]) is None
    assert all_added([None]) is None


def test_shards_have_seeds_of_their_own():
    assert len({seed_of_shard(5, shard) for shard in range(1000)}) == 1000


@pytest.mark.parametrize("engine", ["reference", None])
@pytest.mark.parametrize(
    "parameters",
    [
        {"solver": "sgd", "learning_rate": "cosine", "warm_up": 1},
        {"solver": "adam", "dropout": 0.2, "max_grad_norm": 1.0},
        {"solver": "adamw", "learning_rate": "constant", "class_weight": "balanced"},
        {"solver": "sgd", "learning_rate": "invscaling", "average_epochs": 2},
    ],
    ids=lambda parameters: ", ".join(map(str, parameters.values())),
)
def test_rounds_over_one_shard_are_the_training_on_one_machine_to_the_bit(
    digits, classifier, bytes_of, engine, parameters
):
    alone = classifier(engine=engine, **parameters).fit(*digits)
    in_rounds = fit(classifier(engine=engine, **parameters), [digits])
    assert bytes_of(in_rounds) == bytes_of(alone)
    assert in_rounds.loss_curve_ == alone.loss_curve_
    np.testing.assert_array_equal(in_rounds.predict(digits[0]), alone.predict(digits[0]))


def test_rounds_of_steps_over_one_shard_are_the_training_on_one_machine_too(digits, classifier, bytes_of):
    steps = -(-len(digits[0]) // 32)
    alone = classifier(max_iter=2).fit(*digits)
    in_rounds = fit(classifier(max_iter=2 * steps), [digits], steps_per_round=1)
    assert bytes_of(in_rounds) == bytes_of(alone)


def test_the_same_shards_in_another_order_are_another_training(shards, classifier, bytes_of):
    assert bytes_of(fit(classifier(), shards)) != bytes_of(fit(classifier(), shards[::-1]))


def test_several_epochs_a_round_see_the_examples_so_often(shards, classifier):
    once, thrice = (fit(classifier(max_iter=4), shards, epochs_per_round=n) for n in (1, 3))
    assert thrice.t_ == once.t_
    assert thrice.loss_ < once.loss_


def bound_of_exact_steps(estimator, steps, batch):
    """How far one machine and many may be apart after so many steps of SGD.

    Each gradient is a sum of ``batch`` terms, and those of a layer are sums over its inputs: regrouping a sum of n terms
    changes it by at most n ε times the sum of their sizes. A step multiplies this by the rate; what was apart before may be
    carried on by the curvature, for which a factor e for the whole stretch of such small steps is allowed.
    """
    epsilon = np.finfo(np.float32).eps
    terms = batch + max(W.shape[0] for W in estimator.coefs_)
    largest = max(np.abs(W).max() for W in estimator.coefs_)
    return np.e * steps * terms * epsilon * largest * estimator.learning_rate_init


@pytest.mark.parametrize("engine", ["reference", None])
def test_exact_mode_with_four_shards_is_full_batch_training_on_one_machine(digits, classifier, engine):
    X, y = digits[0] / np.float32(16), digits[1]
    parameters = {"solver": "sgd", "momentum": 0.0, "batch_size": len(X), "max_iter": 10, "learning_rate_init": 0.1}
    alone = classifier(engine=engine, **parameters).fit(X, y)
    many = fit(
        classifier(engine=engine, **parameters),
        [(X[i : i + 450], y[i : i + 450]) for i in range(0, 1797, 450)],
        exact=True,
    )
    bound = bound_of_exact_steps(alone, steps=10, batch=len(X))
    apart = max(np.abs(a - b).max() for a, b in zip(alone.coefs_, many.coefs_, strict=True))
    moved = max(np.abs(a - b).max() for a, b in zip(alone.coefs_, classifier().fit(X, y).coefs_, strict=True))
    assert apart <= bound < moved / 100
    assert many.loss_curve_ == pytest.approx(alone.loss_curve_, rel=1e-5)


def test_exact_mode_takes_the_batches_of_one_machine(shards, classifier):
    X, y = (np.concatenate(each) / np.float32(1) for each in zip(*shards, strict=True))
    parameters = {
        "solver": "sgd",
        "engine": "reference",
        "max_iter": 1,
        "batch_size": 128,
        "alpha": 0.1,
        "max_grad_norm": 0.5,
        "max_norm": 2.0,
    }
    alone = classifier(**parameters).fit(X, y)
    many = fit(classifier(**parameters), [(a, b.astype(np.float32)) for a, b in shards], exact=True)
    for a, b in zip(alone.coefs_, many.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=2e-5)
    assert many.loss_curve_ == pytest.approx(alone.loss_curve_, rel=1e-5)


def test_exact_mode_on_one_shard_is_the_reference_engine_to_the_bit(digits, classifier, bytes_of):
    parameters = {"solver": "adam", "engine": "reference", "max_iter": 1, "class_weight": "balanced"}
    weights = np.linspace(0.5, 1.5, len(digits[0]))
    alone = classifier(**parameters).fit(*digits, weights)
    assert bytes_of(fit(classifier(**parameters), [(*digits, weights)], exact=True)) == bytes_of(alone)


def test_a_shard_counts_for_as_much_as_its_examples_weigh(digits, classifier):
    X, y = digits
    one, other, empty = (X[:400], y[:400]), (X[400:600], y[400:600]), (X[:0], y[:0])
    parameters = {"max_iter": 1, "solver": "sgd", "alpha": 0}
    together = fit(classifier(**parameters), [(*one, np.full(400, 1.0)), (*other, np.full(200, 6.0))])
    first, second = (fit(classifier(**parameters), shards) for shards in ([one, empty], [empty, other]))
    mean = 0.25 * first.coefs_[0].astype(np.float64) + 0.75 * second.coefs_[0]
    np.testing.assert_allclose(together.coefs_[0], mean, rtol=0, atol=1e-6)


def test_columns_are_standardised_by_all_shards_together(shards):
    X = np.concatenate([X for X, _ in shards]).astype(np.float64)
    y = X[:, 20] * 2 + 1
    parts = [(X[a : a + 400], y[a : a + 400]) for a in range(0, len(X), 400)]
    regressor = fit(MLPRegressor(hidden_layer_sizes=(4,), standardize=True, random_state=0, max_iter=2), parts)
    alone = MLPRegressor(hidden_layer_sizes=(4,), standardize=True, random_state=0, max_iter=2).fit(X, y)
    for ours, theirs in zip(
        (regressor._architecture.scaling.offsets, regressor._architecture.scaling.scales),
        (alone._architecture.scaling.offsets, alone._architecture.scaling.scales),
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_a_validation_part_is_judged_after_each_round_and_can_end_the_fit(shards, classifier):
    X, y = shards[-1]
    found = fit(
        classifier(max_iter=60, early_stopping=True, n_iter_no_change=2, learning_rate_init=0.05),
        shards[:-1],
        X_val=X,
        y_val=y,
    )
    assert found.n_iter_ < 60
    assert found.best_validation_score_ == max(found.validation_scores_) == found.score(X, y)


def test_a_network_of_shards_is_worth_about_as_much(shards, digits):
    found = fit(MLPClassifier((32,), batch_size=16, max_iter=30, learning_rate_init=0.01, random_state=0), shards)
    assert found.score(*digits) > 0.97
