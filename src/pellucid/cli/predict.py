"""``pellucid predict``: labels and probabilities for files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pellucid.cli.output import Json, Output, escape, percent
from pellucid.cli.threads import EngineName, Threads, threads_in_use


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model file, or the folder of a run.")],
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE…", help="Pictures, IDX, NPY, NPZ, CSV or Parquet: without labels, or with."),
    ],
    engine: EngineName = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Say what each example in the files is, and how sure the model is of it."""
    from pellucid.cli.evaluate import what_it_knows
    from pellucid.datasets.for_a_network import examples_to_predict
    from pellucid.engines import choose
    from pellucid.network import load

    output = Output(json)
    network = load(model, engine=choose(engine, threads=threads).engine)
    predictions: list[dict[str, Any]] = []
    for file in files:
        X = examples_to_predict(file, what_it_knows(network))
        with threads_in_use(network.engine, threads):
            p = network.predict_proba(X)
        ranked = (-p).argsort(axis=1, kind="stable")
        for row, (probabilities, order) in enumerate(zip(p, ranked, strict=True)):
            first, second = int(order[0]), int(order[1])
            label, other = network.classes[first], network.classes[second]
            place = str(file) if len(p) == 1 else f"{file} row {row + 1}"
            output.say(
                f"{escape(place)}  [bold]{escape(str(label))}[/bold]  {percent(float(probabilities[first]))}  "
                f"[dim]then {escape(str(other))} {percent(float(probabilities[second]))}[/dim]"
            )
            if json:
                predictions.append(
                    {"file": str(file), "row": row, "label": label, "probabilities": probabilities.tolist()}
                )
    output.result({"classes": list(network.classes), "predictions": predictions})
