"""``pellucid evaluate``: how good a model is, class by class."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli.output import Json, Output, escape, loss_in_words, percent
from pellucid.cli.page import write_page
from pellucid.cli.threads import EngineName, Threads, threads_in_use

if TYPE_CHECKING:
    from pellucid.training.evaluation import Evaluation
    from pellucid.training.tally import Tally


def evaluate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model file, or the folder of a run.")],
    data: Annotated[
        str | None, typer.Option(metavar="NAME|PATH", help="Labelled data. (default: what the model was trained on)")
    ] = None,
    label: Annotated[str | None, typer.Option(help="The column, or key, that holds the label.")] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page: mistakes, calibration, weights.")
    ] = None,
    memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Read a file larger than half of this part by part, such as 1G.")
    ] = None,
    engine: EngineName = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Measure a model on labelled data: accuracy, loss, precision and recall, confusion, calibration.

    Of data with a test part, or that the model was trained on, the test part is used; of other data, all of it.
    """
    from pellucid.answers import Task
    from pellucid.datasets import parse_size
    from pellucid.datasets.for_a_network import Labelled
    from pellucid.engines import choose
    from pellucid.errors import SettingError
    from pellucid.labelled import examples_within
    from pellucid.loading import load
    from pellucid.training.mistakes import MOST_SHOWN, shown_of
    from pellucid.training.tally import tally

    output = Output(json)
    network = load(model, engine=choose(engine, threads=threads).engine)
    if network.task not in (Task.ONE_OF_SEVERAL, Task.YES_OR_NO):
        raise SettingError(f"this network gives {network.task.value}", "one that tells classes apart")
    if data is None and label is not None:
        raise SettingError("--label is given without --data", "the data that it belongs to")
    examples = examples_within(network, model, data, label, None if memory is None else parse_size(memory))
    result: Evaluation | Tally
    with threads_in_use(network.engine, threads):
        if isinstance(examples, Labelled):
            result = of_all = network.evaluate(examples.X, examples.y)
            shown = shown_of(of_all, examples.X, examples.y)
        else:
            of_network, most = (network.engine, network.architecture, network.layers), examples.rows_of_a_portion
            result = by_portions = tally(*of_network, examples.portions(), min(MOST_SHOWN, most))
            shown = by_portions.shown
    n = result.n
    wrong = round((1 - result.accuracy) * n)
    loss, (error, _) = loss_in_words(result.loss), result.calibration
    output.say(f"[bold]{network.architecture}[/bold] on {escape(examples.what)}, {n:,} examples")
    output.say(
        f"Accuracy [bold green]{percent(result.accuracy)}[/bold green] ({wrong:,} wrong), loss {loss}, "
        f"expected calibration error {percent(error)}"
    )
    output.warn_of_unanswered(result)
    output.say()
    names = [str(name) for name in network.classes]
    _say_classes(output, names, result)
    output.say()
    _say_confusion(output, names, result)
    if html is not None:
        write_page(html, network, model, result, shown, examples.what, data, label)
        output.say(f"Wrote {escape(str(html))}")
    output.result(_summary(network.classes, examples.what, n, result))


def _say_classes(output: Output, names: list[str], result: Evaluation | Tally) -> None:
    precision, recall = result.precision_and_recall
    examples = result.confusion.sum(axis=1)
    output.table(
        ("class", "examples", "precision", "recall"),
        (
            (name, f"{count:,}", percent(p), percent(r))
            for name, count, p, r in zip(names, examples, precision, recall, strict=True)
        ),
    )


def _say_confusion(output: Output, names: list[str], result: Evaluation | Tally) -> None:
    output.table(
        ("true \\ taken for", *names),
        (
            (name, *(f"{count:,}" if count else "·" for count in row))
            for name, row in zip(names, result.confusion.tolist(), strict=True)
        ),
    )


def _summary(classes: Any, what: str, n: int, result: Evaluation | Tally) -> dict[str, Any]:
    precision, recall = result.precision_and_recall
    error, bins = result.calibration
    return {
        "data": what,
        "examples": n,
        "accuracy": result.accuracy,
        "loss": result.loss,
        "classes": list(classes),
        "precision": precision.tolist(),
        "recall": recall.tolist(),
        "confusion": result.confusion.tolist(),
        "calibration_error": error,
        "calibration": [each._asdict() for each in bins],
    }
