"""What people read and what programs read: text for the one, with ``--json`` one object on stdout for the other."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pellucid.training.evaluation import Evaluation
    from pellucid.training.tally import Tally

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and text for people on stderr.")]


class Output:
    """Text for people goes to stdout, or to stderr where stdout is for the JSON object."""

    def __init__(self, as_json: bool) -> None:
        from rich.console import Console as RichConsole

        class Console(RichConsole):
            """When whoever read our text has gone, be quiet and go on working."""

            def on_broken_pipe(self) -> None:
                self.quiet = True
                forget_stdout()

        self.as_json = as_json
        # A class "a:b:c" and a folder ":x:" are what they are, and no pictures.
        self.console: RichConsole = Console(stderr=as_json, highlight=False, soft_wrap=True, emoji=False)

    def say(self, text: str = "") -> None:
        """Print a line for people; ``[bold]`` and the like are marks, not text."""
        self.console.print(text)

    def warn(self, sentence: str) -> None:
        """Print a sentence that nobody should miss."""
        self.console.print(f"[yellow]Note:[/yellow] {escape(sentence)}")

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table, whole however narrow the terminal: all columns but the first are aligned to the right."""
        lines = [list(headings), *(list(row) for row in rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
        for number, line in enumerate(lines):
            cells = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
            text = escape("  ".join([line[0].ljust(widths[0]), *cells[1:]]))
            self.say(f"[dim]{text}[/dim]" if number == 0 else text)

    def warn_of_unanswered(self, found: Evaluation | Tally) -> None:
        """Say how many examples the network gave no finite numbers for."""
        from pellucid.explain.numerals import unanswered_in_words

        if n := found.unanswered:
            self.warn(unanswered_in_words(n))

    def result(self, record: Mapping[str, Any]) -> None:
        """Print the JSON object, if one was asked for."""
        if self.as_json:
            print_json(record)


def print_json(record: Mapping[str, Any]) -> None:
    """Print one JSON object on stdout. What JSON cannot say (NaN, ∞) becomes null."""
    sys.stdout.write(json.dumps(_finite(record), ensure_ascii=False, allow_nan=False) + "\n")
    sys.stdout.flush()


def print_error(kind: str, message: str, as_json: bool) -> None:
    """Print an error: a sentence on stderr, or the JSON object on stdout and the sentence on stderr."""
    typer.secho("error: ", fg="red", bold=True, err=True, nl=False)
    typer.echo(message, err=True)
    if as_json:
        print_json({"error": {"kind": kind, "message": message}})


def forget_stdout() -> None:
    """Send what would go to stdout nowhere: nobody reads it, and Python would complain again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def escape(text: str) -> str:
    """Protect text from being read as marks."""
    from rich.markup import escape as rich_escape

    return rich_escape(text)


def percent(share: float) -> str:
    """Write a share of 1 as a percentage, as everywhere.

    >>> percent(0.97654)
    '97.65 %'
    """
    from pellucid.explain.numerals import percent as written  # it brings NumPy along, which help does not need

    return written(share)


def loss_in_words(loss: float | None) -> str:
    """Write a mean loss, which may have no finite value, as everywhere.

    >>> loss_in_words(0.08734), loss_in_words(None)
    ('0.0873', 'not finite')
    """
    from pellucid.explain.numerals import loss_in_words as written

    return written(loss)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not isfinite(value) else value
