"""``pellucid reproduce``: results of the literature, and ours, by one command."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli.output import EXIT_INTERRUPTED, Json, Output, escape, print_error
from pellucid.cli.threads import EngineName, Threads, threads_in_use

if TYPE_CHECKING:
    from pellucid.recipes import Recipe
    from pellucid.recipes.reproduction import Outcome, Reproduction

REPRODUCTIONS = Path("reproductions")


def reproduce(
    row: Annotated[
        str | None, typer.Argument(metavar="[ROW]", help="A recipe. (default: list them, with what has come of them)")
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(metavar="N", help="Runs, with the seeds 0 to N − 1. (default: 5; 1 where a run is long)"),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(metavar="M", help="Stop after so long; the same command goes on from there.")
    ] = None,
    engine: EngineName = None,
    precision: Annotated[str | None, typer.Option(help="float32, float64 or bfloat16. (default: float32)")] = None,
    threads: Threads = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="The folder of all reproductions: runs, table, picture.")
    ] = REPRODUCTIONS,
    json: Json = False,
) -> int:
    """Carry out a recipe on MNIST for several seeds, and show what was published beside what came of it.

    What was stopped, by Ctrl-C or after --minutes, is gone on with; what is finished is not done again. The table of all
    rows is written into the folder, in Markdown and JSON, with a picture.
    """
    from pellucid.errors import SettingError
    from pellucid.recipes import find

    output = Output(json)
    if row is None:
        others = {
            "--seeds": seeds,
            "--minutes": minutes,
            "--engine": engine,
            "--precision": precision,
            "--threads": threads,
        }
        given_alone = [name for name, value in others.items() if value is not None]
        if given_alone:
            raise SettingError(
                f"{given_alone[0]} is given without ROW", "the name of a recipe", "Without ROW all are listed."
            )
        return _list(output, out)
    recipe = find(row)
    if seeds is not None and seeds < 1:
        raise SettingError(f"--seeds is {seeds}", "at least 1")
    if minutes is not None and not minutes > 0:
        raise SettingError(f"--minutes is {minutes:g}", "a positive number")
    given: dict[str, Any] = {"seeds": seeds, "engine": engine, "precision": precision, "threads": threads}
    given["out"] = None if out == REPRODUCTIONS else out
    reproducing = _Reproducing(recipe, out, output, given)
    try:
        return reproducing.run(seeds or recipe.seeds, minutes, engine, precision, threads)
    except KeyboardInterrupt:  # the second Ctrl-C, or one before the first run began
        print_error("interrupted", f"Interrupted. {reproducing.how_to_go_on()}", json)
        return EXIT_INTERRUPTED


class _Reproducing:
    """One row: what is said of it while it is under way, and afterwards."""

    def __init__(self, recipe: Recipe, out: Path, output: Output, given: Mapping[str, Any]) -> None:
        self.recipe, self.out, self.output, self.given = recipe, out, output, given

    def how_to_go_on(self) -> str:
        """Name the command that goes on from what there is: with all options that a run is known by."""
        options = [
            word for name, value in self.given.items() if value is not None for word in (f"--{name}", str(value))
        ]
        return f"Go on with: {shlex.join(['pellucid', 'reproduce', self.recipe.name, *options])}"

    def run(
        self, seeds: int, minutes: float | None, engine: str | None, precision: str | None, threads: int | None
    ) -> int:
        from pellucid.cli.progress import ProgressDisplay
        from pellucid.engines import choose
        from pellucid.engines.engine import check_precision
        from pellucid.errors import DivergedError, PellucidError
        from pellucid.recipes.reproduction import RECORD, reproduce
        from pellucid.recipes.table import read_records, write_table

        read_records(self.out)  # what cannot be put beside the others is refused before anything is trained
        chosen = choose(engine, threads=threads).engine
        check_precision(chosen, precision or "float32")
        self._introduce()
        try:
            with threads_in_use(chosen, threads) as in_use, ProgressDisplay(self.output, lines=False) as display:
                found = reproduce(
                    self.recipe,
                    self.out / self.recipe.name,
                    chosen,
                    threads=in_use,
                    seeds=seeds,
                    precision=precision,
                    minutes=minutes,
                    callbacks=lambda seed, epochs: [display.of(epochs, f"seed {seed}")],
                    on_outcome=self._say_outcome,
                )
        except (KeyboardInterrupt, DivergedError):
            if (self.out / self.recipe.name / RECORD).exists():  # else nothing was begun
                with suppress(PellucidError):  # what ended it matters more
                    write_table(self.out)
            raise
        records = write_table(self.out)
        self._conclude(found)
        self._draw(records)
        self.output.result(found.to_record())
        return 0 if len(found.errors) == found.wanted else EXIT_INTERRUPTED

    def _introduce(self) -> None:
        say, recipe = self.output.say, self.recipe
        say(f"[bold]{escape(recipe.name)}[/bold]: {escape(recipe.title)}")
        for name, value in recipe.options.items():
            option = f"--{name.replace('_', '-')} {value}"
            say(f"  {escape(option):<44} [dim]{escape(recipe.reasons[name])}[/dim]")
        if recipe.published is not None:
            cited = "" if recipe.published.checked else ", as cited elsewhere"
            say(f"  [dim]published: {recipe.published.error:.2f} %{cited}; {escape(recipe.published.source)}[/dim]")
        if recipe.differs:
            say(f"  [dim]differs: {escape('; '.join(recipe.differs))}[/dim]")

    def _say_outcome(self, outcome: Outcome) -> None:
        from pellucid.recipes.table import duration

        if outcome.error is None:
            self.output.say(f"seed {outcome.seed}  stopped after {outcome.epochs} epochs, {duration(outcome.seconds)}")
        else:
            self.output.say(
                f"seed {outcome.seed}  test error [bold]{outcome.error:.2f} %[/bold]  [dim]{duration(outcome.seconds)}[/dim]"
            )

    def _conclude(self, found: Reproduction) -> None:
        from pellucid.recipes.table import duration, ours, run_on

        published = self.recipe.published
        theirs = "" if published is None else f", published {published.error:.2f} %"
        result = f"no run has ended yet{theirs}"
        if found.errors:
            result = (
                f"test error [bold green]{ours(found.to_record())}[/bold green]{theirs}; {len(found.errors)} of "
                f"{found.wanted} runs ended, {duration(found.seconds)} of training a run"
            )
        self.output.say(f"[bold]{escape(self.recipe.name)}[/bold]: {result}; {escape(run_on(found.to_record()))}")
        if len(found.errors) < found.wanted:
            self.output.say(escape(self.how_to_go_on()))
        self.output.say(f"Wrote {escape(str(self.out / 'table.md'))} and table.json")

    def _draw(self, records: Any) -> None:
        from pellucid.errors import MissingExtraError, StorageError
        from pellucid.report.reproductions import draw_reproductions

        try:
            draw_reproductions(records, self.out / "table.png")
        except (MissingExtraError, StorageError) as error:
            self.output.warn(str(error))


def _list(output: Output, out: Path) -> int:
    from pellucid.recipes import RECIPES
    from pellucid.recipes.table import cells_of, read_records

    records = {record["recipe"]: record for record in read_records(out)}
    lines = []
    for recipe in RECIPES.values():
        published = "–" if recipe.published is None else f"{recipe.published.error:.2f} %"
        ours = cells_of(records[recipe.name])[3] if recipe.name in records else "–"
        lines.append((recipe.name, published, ours, recipe.title))
    output.table(("recipe", "published", "ours", "network and training"), lines)
    output.result({"rows": [_row(recipe, records.get(recipe.name)) for recipe in RECIPES.values()]})
    return 0


def _row(recipe: Recipe, record: Any) -> dict[str, Any]:
    return {
        "recipe": recipe.name,
        "title": recipe.title,
        "options": dict(recipe.options),
        "reasons": dict(recipe.reasons),
        "published": recipe.published and recipe.published._asdict(),
        "differs": list(recipe.differs),
        "reproduction": record,
    }
