"""``pellucid predict``: labels and probabilities for files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli.output import Json, Output, escape, percent
from pellucid.cli.threads import EngineName, Threads, threads_in_use

if TYPE_CHECKING:
    from pellucid.network import Network


Normalise = Annotated[
    str | None,
    typer.Option(
        metavar="mnist", help="The files are photos or scans of one digit each, of any size: make them as MNIST's are."
    ),
]


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model file, or the folder of a run.")],
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE…", help="Pictures, IDX, NPY, NPZ, CSV or Parquet: without labels, or with."),
    ],
    normalise: Normalise = None,
    engine: EngineName = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Say what each example in the files is, and how sure the model is of it."""
    from pellucid.datasets.for_a_network import examples_to_predict
    from pellucid.engines import choose
    from pellucid.labelled import what_it_knows
    from pellucid.loading import load

    output = Output(json)
    network = load(model, engine=choose(engine, threads=threads).engine)
    predictions: list[dict[str, Any]] = []
    for file in files:
        X = examples_to_predict(file, what_it_knows(network), normalise)
        with threads_in_use(network.engine, threads):
            said = list(_said(network, X))
        for row, (words, found) in enumerate(said):
            output.say(f"{escape(str(file) if len(said) == 1 else f'{file} row {row + 1}')}  {words}")
            if json:
                predictions.append({"file": str(file), "row": row, **found})
    output.result({"classes": list(network.classes), "predictions": predictions})


def _said(network: Network, X: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Say of each example what the network says, in words and as a record."""
    from pellucid.answers import Task

    if network.task is Task.NUMBERS:
        for numbers in network.predict(X).reshape(len(X), -1):
            words = ", ".join(f"{number:.6g}" for number in numbers)
            yield f"[bold]{words}[/bold]", {"numbers": numbers.tolist()}
        return
    for p, said in zip(network.predict_proba(X), network.predict(X), strict=True):
        order = (-p).argsort(kind="stable")
        if network.task is Task.SEVERAL_LABELS:
            labels = [network.classes[i] for i in order if said[i]]
            words = ", ".join(f"{escape(str(network.classes[i]))} {percent(float(p[i]))}" for i in order if said[i])
            yield f"[bold]{words or 'none'}[/bold]", {"labels": labels, "probabilities": p.tolist()}
            continue
        first = network.classes.index(said)
        second = next(int(i) for i in order if i != first)
        label, other = network.classes[first], network.classes[second]
        yield (
            f"[bold]{escape(str(label))}[/bold]  {percent(float(p[first]))}  "
            f"[dim]then {escape(str(other))} {percent(float(p[second]))}[/dim]",
            {"label": label, "probabilities": p.tolist()},
        )
