"""Pellucid and its peers side by side, taking turns in one process: medians, ratios, accuracy, versions.

    python -m benchmarks.run                                            # the headlines
    python -m benchmarks.run seed-64 seed-512 --threads 2 --rounds 11
    python -m benchmarks.run row --peers pellucid:reference,onnxruntime

Of what is not installed, and of what fails, the table says so. For each problem a record goes to benchmarks/results/, from
which benchmarks/plot.py draws.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import ceiling, contests, machine, processes, report
from benchmarks.peers import PEERS
from benchmarks.problems import HEADLINES, PROBLEMS, ProcessProblem, TrainingProblem
from benchmarks.turns import take_turns

RESULTS = Path(__file__).parent / "results"
KNOWN = (*PEERS, "ceiling")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problems", nargs="*", metavar="PROBLEM", help=f"of: {', '.join(PROBLEMS)}")
    parser.add_argument("--peers", default="", help=f"only these, with commas between; of: {', '.join(KNOWN)}")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1, help="for everybody (default: 1)")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the folder of the records")
    parser.add_argument("--tag", default="", help="goes into the records' names, after the problem's")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.problems) - set(PROBLEMS)):
        parser.error(f"unknown problem {', '.join(unknown)}; known: {', '.join(PROBLEMS)}")
    chosen = [word for word in arguments.peers.split(",") if word]
    if unknown := sorted({word.split(":")[0] for word in chosen} - set(KNOWN)):
        parser.error(f"unknown peer {', '.join(unknown)}; known: {', '.join(KNOWN)}")
    with machine.limited(arguments.threads):
        for name in arguments.problems or HEADLINES:
            path = arguments.out / f"{name}{arguments.tag and '-'}{arguments.tag}.json"
            measure(name, arguments.threads, arguments.rounds, chosen, path)


def measure(name: str, threads: int, rounds: int, chosen: list[str], path: Path) -> None:
    """Measure one problem, print what came of it, write it to ``path``."""
    problem = PROBLEMS[name]()
    if isinstance(problem, ProcessProblem):
        contestants, absent = processes.contestants_of(problem, threads, chosen)
    else:
        contestants, absent = contests.contestants_of(problem, threads, chosen)
    if isinstance(problem, TrainingProblem) and ("ceiling" in chosen or (problem.with_ceiling and not chosen)):
        limits, absent_limits = ceiling.contestants_of(problem, threads)
        contestants, absent = contestants + limits, absent | absent_limits
    absent |= take_turns(contestants, rounds)
    record = report.record_of(name, problem, threads, rounds, contestants, absent)
    report.write(record, path)
    print(*report.lines_of(record), "", sep="\n", flush=True)


if __name__ == "__main__":
    main()
