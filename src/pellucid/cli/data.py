"""``pellucid data list|fetch|verify|show``: the data sets that Pellucid knows, and pictures as an epoch sees them."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli.output import Json, Output, escape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pellucid.datasets import Progress

data_app = typer.Typer(help="List, fetch, verify and show data sets.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A data set; see pellucid data list.")]
Folder = Annotated[
    Path | None, typer.Option("--folder", metavar="DIR", help="Look or put it here. (default: the usual folders)")
]


@data_app.command("list")
def list_(json: Json = False) -> None:
    """List the data sets that are known by name, whose they are, and which are on this machine."""
    from pellucid.datasets import available
    from pellucid.datasets.locate import find_folder

    output = Output(json)
    records: list[dict[str, Any]] = []
    for entry in available():
        here = not entry.files or find_folder(entry) is not None
        output.say(f"[bold]{entry.name}[/bold]  {'on this machine' if here else 'not on this machine'}")
        checksums = (
            "" if not entry.files else ("; checksums tried" if entry.tried else "; checksums as published, not tried")
        )
        output.say(f"    {escape(entry.description)}")
        output.say(f"    [dim]licence: {escape(entry.licence)}{checksums}[/dim]")
        output.say(f"    [dim]{escape(entry.citation)}; {entry.page}[/dim]")
        records.append(
            {
                "name": entry.name,
                "description": entry.description,
                "licence": entry.licence,
                "citation": entry.citation,
                "page": entry.page,
                "here": here,
                "mirrors": list(entry.mirrors),
                "checksums_tried": entry.tried,
            }
        )
    output.result({"datasets": records})


@data_app.command()
def fetch(name: Name, folder: Folder = None, json: Json = False) -> None:
    """Download a data set, checking every file against its published checksum."""
    from pellucid.datasets import available
    from pellucid.datasets import fetch as fetch_dataset

    output = Output(json)
    if any(entry.name == name and not entry.files for entry in available()):
        output.say(f"{name} comes with an installed package: there is nothing to fetch.")
        output.result({"name": name, "folder": None})
        return
    with _download_bar(output) as progress:
        place = fetch_dataset(name, folder, progress)
    output.say(f"{name} is in {escape(str(place))}")
    output.result({"name": name, "folder": str(place)})


@data_app.command()
def verify(name: Name, folder: Folder = None, json: Json = False) -> int:
    """Check the files of a data set: is each there, whole, and what its publisher published?"""
    from pellucid.datasets import verify as verify_dataset
    from pellucid.errors import DataError

    output = Output(json)
    checks = verify_dataset(name, folder)
    for check in checks:
        colour = "green" if check.is_good else "red"
        path = escape(str(check.path or check.file))
        output.say(f"[{colour}]{check.state:<14}[/{colour}] {path}  [dim]{escape(check.detail)}[/dim]")
    bad = [check for check in checks if not check.is_good]
    if bad:
        raise DataError(
            f"{len(bad)} of {len(checks)} files of {name} are not as published: "
            + ", ".join(f"{check.file} ({check.state})" for check in bad),
            advice=f"Try: pellucid data fetch {name}",
        )
    output.result(
        {"name": name, "files": [{"file": c.file, "path": c.path and str(c.path), "state": c.state} for c in checks]}
    )
    return 0


@data_app.command()
def show(
    data: Annotated[str, typer.Argument(metavar="[NAME|PATH]", help="Pictures, as train --data takes them.")] = "mnist",
    label: Annotated[str | None, typer.Option(help="The column, or key, that holds the label.")] = None,
    augment: Annotated[
        str | None,
        typer.Option(
            metavar="STRENGTHS", help="Show them distorted, too: affine, elastic, both, or numbers, as train."
        ),
    ] = None,
    count: Annotated[int, typer.Option(metavar="N", help="How many pictures.")] = 5,
    epochs: Annotated[
        int | None, typer.Option(metavar="N", help="With --augment: as so many epochs see them. (default: 3)")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="With --augment: the seed of the training. (default: 0)")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Write a PNG file. (default: letters on the screen)")
    ] = None,
    json: Json = False,
) -> None:
    """Show the first training pictures, and what the epochs of a training with --augment see of them."""
    from pellucid import datasets
    from pellucid.errors import SettingError
    from pellucid.recipes.options import augmentation
    from pellucid.recipes.pictures import seen
    from pellucid.report.pictures import draw_pictures, in_letters

    by = None if augment is None else augmentation(augment)
    for name, value in (("--epochs", epochs), ("--seed", seed)):
        if by is None and value is not None:
            raise SettingError(
                f"{name} is {value}, but nothing is distorted", "--augment beside it, such as --augment both"
            )
    epochs, seed = 3 if epochs is None else epochs, seed or 0
    for name, value in (("--count", count), ("--epochs", epochs)):
        if not 1 <= value <= 100:
            raise SettingError(f"{name} is {value}", "a whole number from 1 to 100")
    if not 0 <= seed < 2**64:
        raise SettingError(f"--seed is {seed}", "a whole number from 0 to 18,446,744,073,709,551,615")
    if out is not None and out.suffix.lower() != ".png":
        raise SettingError(f"--out is {out}", "the name of a PNG file", f"Try: --out {out.with_suffix('.png')}")
    output = Output(json)
    dataset = datasets.load(data, label)
    rows = seen(dataset, by, count, epochs, seed)
    if out is None:
        for row in rows:
            output.say(f"[dim]{escape(row.name)}[/dim]")
            for line in in_letters(row.pictures):
                output.say(escape(line))
    else:
        draw_pictures(rows, out)
        output.say(f"Wrote {escape(str(out))}")
    labels = [dataset.classes[y] for y in dataset.y_train[:count]]
    written = None if out is None else str(out)
    pictures = [{"name": row.name, "pictures": row.pictures.tolist()} for row in rows]
    output.result({"data": dataset.name, "labels": labels, "file": written, "rows": pictures})


@contextmanager
def _download_bar(output: Output) -> Iterator[Progress]:
    """Show a bar for each file on a terminal, nothing elsewhere."""
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Bar(*columns, console=output.console, transient=True, disable=not output.console.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def progress(done: int, total: int, file: str) -> None:
            if file not in tasks:
                tasks[file] = bar.add_task(file, total=total)
            bar.update(tasks[file], completed=done)

        yield progress
