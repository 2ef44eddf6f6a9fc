"""The answer to one row: our estimators beside scikit-learn's, with the same parameters.

    python -m benchmarks.one_row [--rounds 200] [--threads 1]

A server, or a loop over examples, asks for one row at a time; then the time goes into looking at the row. A network
784-128-64-10, and those with one output for two classes and for a number, are asked by turns, ten calls a turn; what is
shown are the medians of a call's time, and the median of the rounds' ratios. The answers are compared before.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.neural_network import MLPRegressor as TheirRegressor

import pellucid
from benchmarks import machine

CALLS_OF_A_ROUND = 10
EXAMPLES, COLUMNS = 200, 784


def pairs(dtype: Any, threads: int) -> list[tuple[str, Any, Any, Any]]:
    """Fit both sides, and put our parameters into theirs: (what is asked, X, ours, theirs)."""
    rng = np.random.default_rng(0)
    X: Any = rng.normal(size=(EXAMPLES, COLUMNS)).astype(dtype)
    digits = np.arange(EXAMPLES) % 10
    parameters: dict[str, Any] = {"hidden_layer_sizes": (128, 64), "max_iter": 2, "random_state": 0}
    made = []
    for name, y, ours, theirs in (
        ("ten classes", digits, pellucid.MLPClassifier, TheirClassifier),
        ("two classes", digits > 4, pellucid.MLPClassifier, TheirClassifier),
        ("a number", digits / 10, pellucid.MLPRegressor, TheirRegressor),
    ):
        our_side: Any = ours(n_threads=threads, **parameters)
        their_side: Any = theirs(**parameters)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there were too few epochs
            our_side.fit(X, y)
            their_side.fit(X, y)
        their_side.coefs_ = [W.copy() for W in our_side.coefs_]
        their_side.intercepts_ = [b.copy() for b in our_side.intercepts_]
        made.append((name, X, our_side, their_side))
    return made


def seconds_of(ask: Callable[[Any], Any], row: Any) -> float:
    """Give the mean time of a call."""
    began = time.perf_counter()
    for _ in range(CALLS_OF_A_ROUND):
        ask(row)
    return (time.perf_counter() - began) / CALLS_OF_A_ROUND


def line_of(name: str, question: str, X: Any, ours: Any, theirs: Any, rounds: int) -> str:
    """Let both sides answer by turns, and write the times as a row of a table."""
    sides = getattr(ours, question), getattr(theirs, question)
    answer, wanted = (ask(X).astype(float) for ask in sides)
    np.testing.assert_allclose(answer, wanted, rtol=1e-3, atol=1e-5)
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        row = X[number % len(X)][np.newaxis]
        for side in (0, 1) if number % 2 else (1, 0):
            seconds[side].append(seconds_of(sides[side], row))
    ratio = statistics.median(a / b for a, b in zip(*seconds, strict=True))
    medians = [f"{statistics.median(each) * 1e6:.1f} µs" for each in seconds]
    return "| " + " | ".join((f"{name}, {X.dtype}", question, *medians, f"{ratio:.3f}")) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1, help="for both sides (default: 1)")
    arguments = parser.parse_args()
    engine = pellucid.MLPRegressor(max_iter=1).partial_fit([[0.0]], [0.0]).network_.engine
    print(f"pellucid {pellucid.__version__} ({engine.name}, {engine.target}), scikit-learn {sklearn.__version__}")
    print(machine.description(), "\n")
    print("| network | question | Pellucid | scikit-learn | ratio |\n| --- | --- | --- | --- | --- |")
    with machine.limited(arguments.threads):
        for dtype in (np.float32, np.float64):
            for name, X, ours, theirs in pairs(dtype, arguments.threads):
                for question in ("predict", "predict_proba"):
                    if hasattr(theirs, question):
                        print(line_of(name, question, X, ours, theirs, arguments.rounds), flush=True)


if __name__ == "__main__":
    main()
