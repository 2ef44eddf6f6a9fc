"""What a second thread brings: an epoch of each problem with one thread and with two, in turns, on every target.

    python -m benchmarks.second_thread [PROBLEM ...] [--rounds 9] [--threads 2] [--out benchmarks/results]

Printed is how many times the epoch of one thread that of several takes, the median of the rounds' ratios: what is above 1
was slowed down. The process must have the machine to itself; "cores busy" tells.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.machine import description
from benchmarks.peers import pellucid_engines
from benchmarks.problems import PROBLEMS, TrainingProblem
from benchmarks.turns import Contestant, take_turns
from pellucid.files import write_text

USUAL = ("tiny-sgd", "tiny-adam", "seed-64", "seed-512", "table-float32", "table-float64", "wide")


def contestants_of(problem: TrainingProblem, variant: str, threads: int) -> Iterator[Contestant]:
    """One thread, and several."""
    for number in (1, threads):
        trainer = pellucid_engines.trainer(problem, variant, number)
        if trainer is None:
            return

        def turn(round_number: int, trainer: Any = trainer) -> float:
            order = problem.order(round_number)
            return timed(lambda: trainer.epoch(order))

        version = pellucid_engines.version() or ""
        yield Contestant(f"{variant}, {number}", "pellucid", version, trainer.precision, turn, dict)


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes, repeated where it is too short to be timed alone."""
    began, times = perf_counter(), 0
    while not times or perf_counter() - began < 0.2:
        work()
        times += 1
    return (perf_counter() - began) / times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problems", nargs="*", default=USUAL)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    arguments = parser.parse_args()
    rows = []
    for name in arguments.problems:
        problem = PROBLEMS[name]()
        assert isinstance(problem, TrainingProblem), f"{name} is no training"
        for variant in (each for each in pellucid_engines.VARIANTS if each.startswith("native")):
            pair = list(contestants_of(problem, variant, arguments.threads))
            if not pair:
                continue
            take_turns(pair, arguments.rounds)
            one, several = pair
            ratio, cores = several.ratio_to(one), several.record()["cores"]
            print(
                f"{name:14} {variant:24} {1000 * one.median:9.2f} ms with 1, {1000 * several.median:9.2f} ms with "
                f"{arguments.threads}: {ratio:.2f} of it, {cores:.1f} cores busy",
                flush=True,
            )
            rows.append(
                {"problem": name, "variant": variant, "one": one.figures, "several": several.figures, "ratio": ratio}
            )
    slowest = max(rows, key=lambda row: float(row["ratio"]))
    print(f"At worst {slowest['ratio']:.2f}: {slowest['problem']}, {slowest['variant']}")
    record = {
        "title": "an epoch with one thread and with several",
        "threads": arguments.threads,
        "machine": description(),
        "rows": rows,
    }
    write_text(arguments.out / "second-thread.json", json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
