"""What a measurement gave: a table for people, and a record for plots and other programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.problems import Problem, ProcessProblem, TrainingProblem
from benchmarks.turns import Contestant


def record_of(
    name: str, problem: Problem, threads: int, rounds: int, contestants: list[Contestant], absent: Mapping[str, str]
) -> dict[str, Any]:
    """Bring everything into one record; those who took least come first. It names neither the machine nor a path."""
    ranked = sorted(contestants, key=lambda contestant: contestant.median)
    return {
        "problem": name,
        "title": problem.title,
        "data": problem.data.source if isinstance(problem, TrainingProblem) else "mnist",
        "figure": problem.figure if isinstance(problem, ProcessProblem) else "seconds",
        "multiply_adds": problem.multiply_adds if isinstance(problem, TrainingProblem) else None,
        "threads": threads,
        "rounds": rounds,
        "machine": machine.description(),
        "results": [contestant.record() for contestant in ranked],
        "ratios": {ours.name: _ratios(ours, ranked) for ours in ranked if ours.peer == "pellucid"},
        "absent": dict(absent),
    }


def _ratios(ours: Contestant, ranked: list[Contestant]) -> dict[str, float]:
    """How many times ours each peer's figure is; of the ceiling, which share of its rate ours reaches."""
    return {peer.name: peer.ratio_to(ours) for peer in ranked if peer.peer != "pellucid"}


def write(record: Mapping[str, Any], path: Path) -> None:
    """Write a record."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n")


def lines_of(record: Mapping[str, Any]) -> Iterator[str]:
    """Say what the record says, line by line."""
    about = record["machine"]
    yield f"{record['title']} ({record['data']})"
    yield (
        f"{about['processor']}, {about['cores']} cores, {' '.join(about['features'])}; "
        f"{record['threads']} thread(s), {record['rounds']} rounds; Python {about['python']}, NumPy {about['numpy']}"
    )
    for result in record["results"]:
        yield "  " + "  ".join(_columns(record, result))
    for name, reason in record["absent"].items():
        yield f"  {name:34s} {reason}"
    yield from _verdicts(record)


def _columns(record: Mapping[str, Any], result: Mapping[str, Any]) -> Iterator[str]:
    figure = record["figure"]
    low, high = (written(bound(result["figures"]), figure) for bound in (min, max))
    yield f"{result['name']:34s} {written(result['median'], figure):>9s} ({low} to {high})"
    if "accuracy" in result:
        yield f"accuracy {100 * result['accuracy']:.2f} %"
    if "losses" in result:
        yield f"loss {result['losses'][-1]:.6f}"
    if "epochs" in result:
        yield f"epochs {' '.join(map(str, result['epochs']))}"
    if "largest_difference" in result:
        yield f"off by {result['largest_difference']:.1e}"
    if record["multiply_adds"]:
        yield f"{2e-9 * record['multiply_adds'] / result['median']:.0f} GFLOP/s"
    if figure == "seconds" and "epochs" not in result:
        yield f"{result['cores']:.1f} cores busy"
    yield result["version"]
    if "remark" in result:
        yield f"({result['remark']})"


def _verdicts(record: Mapping[str, Any]) -> Iterator[str]:
    """For each of ours: how many times as fast as the fastest peer of its precision, and of any."""
    precision_of = {result["name"]: result["precision"] for result in record["results"]}
    ceilings = [result["name"] for result in record["results"] if result["peer"] == "ceiling"]
    what = "times as fast as" if record["figure"] == "seconds" else "times as little as"
    for ours, all_ratios in record["ratios"].items():
        ratios = {peer: ratio for peer, ratio in all_ratios.items() if peer not in ceilings}
        alike = {peer: ratio for peer, ratio in ratios.items() if precision_of[peer] == precision_of[ours]}
        for of_what, group in ((precision_of[ours], alike), ("any precision", ratios)):
            if group:
                best = min(group, key=lambda peer: group[peer])
                yield f"  {ours}: {group[best]:.2f} {what} the best peer in {of_what}, {best}"
        for limit in ceilings:
            yield f"  {ours}: {100 * all_ratios[limit]:.0f} % of the rate of {limit}"


def written(value: float, figure: str) -> str:
    """Write a figure with its unit, three digits of it.

    >>> [written(value, "seconds") for value in (1.2345, 0.0123456, 0.00001)]
    ['1.23 s', '12.3 ms', '10.0 µs']
    """
    if figure != "seconds":
        return f"{value:.0f} MB"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size or unit == "µs":
            digits = 2 if value < 10 * size else 1 if value < 100 * size else 0
            return f"{value / size:.{digits}f} {unit}"
    raise AssertionError
