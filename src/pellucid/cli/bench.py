"""``pellucid bench``: how fast this machine's engines are, beside each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli.output import Json, Output, percent

if TYPE_CHECKING:
    from pellucid.measuring import Contestant, Problem, Result

HEADINGS = (
    "engine",
    "precision",
    "threads",
    "epoch",
    "ratio",
    "one row",
    "ratio",
    "all rows",
    "ratio",
    "loss",
    "accuracy",
)


def bench(
    rounds: Annotated[
        int, typer.Option(metavar="N", help="How often each takes its turn, as long as time permits.")
    ] = 3,
    json: Json = False,
) -> None:
    """Measure the engines of this machine: an epoch of 784-128-64-10, one prediction, and 10,000.

    Times are medians; a ratio says how many times as fast as the reference engine in the same precision. It takes less
    than a minute. Other libraries are measured by make peers.
    """
    from pellucid.cli.threads import threads_in_use
    from pellucid.engines import choose
    from pellucid.errors import SettingError
    from pellucid.measuring import ARCHITECTURE, contestants, measure

    if rounds < 1:
        raise SettingError(f"--rounds is {rounds}", "at least 1")
    output = Output(json)
    problem = _problem(output)
    everyone = contestants()
    output.say(
        f"[bold]{ARCHITECTURE}[/bold], plain SGD, batch 64: an epoch of {len(problem.y_train):,} rows; one prediction; "
        f"{len(problem.y_test):,} predictions"
    )
    with threads_in_use(choose("reference").engine, 1), _progress(output) as progress:
        results = measure(problem, everyone, rounds=rounds, progress=progress)
    output.table(HEADINGS, (_line(result) for result in results))
    output.result(
        {
            "layers": list(ARCHITECTURE.widths),
            "data": "mnist" if problem.is_real else "made up",
            "rows": {"epoch": len(problem.y_train), "all_rows": len(problem.y_test)},
            "results": [asdict(result) for result in results],
        }
    )


def _problem(output: Output) -> Problem:
    """Take MNIST if it is on this machine; nothing is downloaded for a measurement."""
    from pellucid import datasets
    from pellucid.datasets.locate import find_folder
    from pellucid.measuring import Problem, made_up_problem

    mnist = next(entry for entry in datasets.available() if entry.name == "mnist")
    if find_folder(mnist) is None:
        output.warn("MNIST is not on this machine: the pixels are made up, as many of them 0, and no accuracy is told.")
        return made_up_problem()
    data = datasets.load("mnist")
    return Problem(data.X_train, data.y_train, data.X_test, data.y_test)


def _line(result: Result) -> tuple[str, ...]:
    return (
        result.engine,
        result.precision,
        str(result.threads),
        f"{result.epoch_seconds:.3f} s",
        f"{result.epoch_ratio:.2f}",
        f"{1e6 * result.one_row_seconds:.1f} µs",
        f"{result.one_row_ratio:.1f}",
        f"{1e3 * result.all_rows_seconds:.1f} ms",
        f"{result.all_rows_ratio:.2f}",
        f"{result.loss:.4f}",
        "–" if result.accuracy is None else percent(result.accuracy),
    )


@contextmanager
def _progress(output: Output) -> Iterator[Callable[[Contestant, int, int], None]]:
    """Show a bar on a terminal, and nothing elsewhere: the table comes soon."""
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24))
    with Progress(*columns, console=output.console, transient=True, disable=not output.console.is_terminal) as bar:
        task = bar.add_task("measuring", total=None)

        def progress(contestant: Contestant, done: int, turns: int) -> None:
            bar.update(task, description=" ".join(map(str, contestant)), completed=done, total=turns)

        yield progress
