"""Our estimators beside scikit-learn's, with the same parameters on the same real data: test score and time to fit.

    python -m benchmarks.estimators [iris wine …] [--seeds 10] [--threads 1]

Of each data set a quarter is the test part, drawn by the seed, divided by class where there are classes; MNIST has its own.
The columns are standardised on the rest (pixels divided by their largest value). Both sides get the same parts, seed and
parameters, and take turns. A difference of scores counts as noise where it is below two standard errors of its mean over
the seeds. What is printed goes to benchmarks/results/estimators.json, too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.neural_network import MLPRegressor as TheirRegressor
from sklearn.preprocessing import StandardScaler

import pellucid
from benchmarks import machine

RESULTS = Path(__file__).parent / "results" / "estimators.json"
Parts = tuple[Any, Any, Any, Any]  # X to train, X to test, y to train, y to test


@dataclass(frozen=True)
class Contest:
    """A data set and the parameters for both sides."""

    name: str
    parts: Callable[[int], Parts]
    parameters: dict[str, Any]
    classifies: bool = True


@dataclass(frozen=True)
class Result:
    """One contest over several seeds; scores are accuracies or R²."""

    name: str
    parameters: dict[str, Any]
    ours: list[float]
    theirs: list[float]
    our_seconds: list[float]
    their_seconds: list[float]

    @property
    def difference(self) -> tuple[float, float]:
        """Ours less theirs, paired by seed: the mean, and its standard error."""
        pairs = [a - b for a, b in zip(self.ours, self.theirs, strict=True)]
        error = statistics.stdev(pairs) / sqrt(len(pairs)) if len(pairs) > 1 else 0.0
        return statistics.mean(pairs), error

    @property
    def verdict(self) -> str:
        """Whether that is more than noise."""
        mean, error = self.difference
        return "alike" if abs(mean) <= 2 * error or mean == 0 else "better" if mean > 0 else "worse"

    @property
    def times_as_fast(self) -> float:
        """How many times our time theirs is: the median of the seeds' ratios."""
        return statistics.median(b / a for a, b in zip(self.our_seconds, self.their_seconds, strict=True))


def _small(load: Callable[..., Any], *, classifies: bool) -> Callable[[int], Parts]:
    def parts(seed: int) -> Parts:
        X, y = load(return_X_y=True)
        if y.ndim == 2:
            y = StandardScaler().fit_transform(y)
        X, X_test, y, y_test = train_test_split(X, y, random_state=seed, stratify=y if classifies else None)
        scaler = StandardScaler().fit(X)
        return scaler.transform(X), scaler.transform(X_test), y, y_test

    return parts


def _mnist(_seed: int) -> Parts:
    data = pellucid.datasets.load("mnist")
    X, X_test = (part.astype(np.float32) / 255 for part in (data.X_train, data.X_test))
    return X, X_test, data.y_train, data.y_test


CONTESTS = (
    Contest("iris", _small(datasets.load_iris, classifies=True), {"max_iter": 500}),
    Contest("wine", _small(datasets.load_wine, classifies=True), {}),
    Contest("breast cancer", _small(datasets.load_breast_cancer, classifies=True), {}),
    Contest("breast cancer, L-BFGS", _small(datasets.load_breast_cancer, classifies=True), {"solver": "lbfgs"}),
    Contest("digits", _small(datasets.load_digits, classifies=True), {}),
    Contest(
        "digits, SGD", _small(datasets.load_digits, classifies=True), {"solver": "sgd", "learning_rate_init": 0.01}
    ),
    Contest("digits, early stopping", _small(datasets.load_digits, classifies=True), {"early_stopping": True}),
    Contest("diabetes", _small(datasets.load_diabetes, classifies=False), {"max_iter": 1000}, classifies=False),
    Contest(
        "diabetes, L-BFGS",
        _small(datasets.load_diabetes, classifies=False),
        {"hidden_layer_sizes": (10,), "solver": "lbfgs", "alpha": 300.0, "max_iter": 500},
        classifies=False,
    ),
    Contest(  # 20 examples: too few to predict from, enough to compare
        "Linnerud",
        _small(datasets.load_linnerud, classifies=False),
        {"hidden_layer_sizes": (5,), "alpha": 10.0, "max_iter": 1000},
        classifies=False,
    ),
    Contest("MNIST", _mnist, {"hidden_layer_sizes": (128, 64), "max_iter": 5}),
)


def measure(contest: Contest, seeds: int, threads: int) -> Result:
    """Let both sides fit for each seed, in turns."""
    result = Result(contest.name, contest.parameters, [], [], [], [])
    for seed in range(seeds):
        X, X_test, y, y_test = contest.parts(seed)
        theirs: Any = (TheirClassifier if contest.classifies else TheirRegressor)(
            random_state=seed, **contest.parameters
        )
        kind = pellucid.MLPClassifier if contest.classifies else pellucid.MLPRegressor
        ours: Any = kind(random_state=seed, n_threads=threads, **contest.parameters)
        sides = [(theirs, result.theirs, result.their_seconds), (ours, result.ours, result.our_seconds)]
        for estimator, scores, seconds in sides if seed % 2 else reversed(sides):
            began = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that there were too few epochs: there are as many for both
                estimator.fit(X, y)
            seconds.append(time.perf_counter() - began)
            scores.append(float(estimator.score(X_test, y_test)))
    return result


def line_of(result: Result) -> str:
    """Write a result as a row of a table."""
    sides = [
        f"{statistics.mean(scores):.4f} ± {statistics.stdev(scores) if len(scores) > 1 else 0:.4f}"
        for scores in (result.ours, result.theirs)
    ]
    mean, error = result.difference
    cells = (result.name, *sides, f"{mean:+.4f} ± {error:.4f}", result.verdict, f"{result.times_as_fast:.1f}")
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [contest.name for contest in CONTESTS]
    parser.add_argument("contests", nargs="*", metavar="DATA", help=f"of: {', '.join(names)}")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1, help="for both sides (default: 1)")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.contests) - set(names)):
        parser.error(f"unknown data {', '.join(unknown)}; known: {', '.join(names)}")
    results = []
    print("| data | Pellucid | scikit-learn | difference | | times as fast |\n| --- | --- | --- | --- | --- | --- |")
    with machine.limited(arguments.threads):
        for contest in CONTESTS:
            if not arguments.contests or contest.name in arguments.contests:
                results.append(measure(contest, arguments.seeds, arguments.threads))
                print(line_of(results[-1]), flush=True)
    if not arguments.contests:
        record = {
            "machine": machine.description(),
            "threads": arguments.threads,
            "versions": {"pellucid": pellucid.__version__, "scikit-learn": sklearn.__version__},
            "results": [asdict(result) for result in results],
        }
        RESULTS.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
