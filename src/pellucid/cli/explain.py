"""``pellucid explain``: one step of training on one example, every equation with its numbers."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli.output import Json, Output, escape
from pellucid.cli.predict import Normalise

if TYPE_CHECKING:
    from pellucid.explain import Explanation
    from pellucid.network import Network


def explain(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="[MODEL]", help="A model file, the folder of a run, or a bundled name. (default: mnist)"
        ),
    ] = None,
    index: Annotated[
        int | None, typer.Option(metavar="N", help="Example N of the test part, from 0. (default: 0)")
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="NAME|PATH", help="Labelled data. (default: what the model was trained on)")
    ] = None,
    image: Annotated[
        Path | None, typer.Option(metavar="FILE", help="An example of your own: a picture, or a file with one example.")
    ] = None,
    normalise: Normalise = None,
    label: Annotated[
        str | None, typer.Option(help="What the example is. (default: its label; of a file, what the network says)")
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(help="The rate of the step. (default: 0.1)")] = None,
    tiny: Annotated[bool, typer.Option("--tiny", help="A network of 4-3-3-2, of which every number is shown.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page of HTML.")] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write Markdown, with formulas in LaTeX.")
    ] = None,
    json: Json = False,
) -> None:
    """Show one step of training with all its numbers: forwards, loss, backwards, update, each gradient with its check."""
    from pellucid.errors import SettingError
    from pellucid.files import write_text

    output = Output(json)
    rate = 0.1 if learning_rate is None else learning_rate
    if not 0 < rate < float("inf"):
        raise SettingError(f"--learning-rate is {rate}", "a positive number")
    if tiny:
        others = {
            "MODEL": model,
            "--index": index,
            "--data": data,
            "--image": image,
            "--label": label,
            "--normalise": normalise,
        }
        given = [name for name, value in others.items() if value is not None]
        if given:
            raise SettingError(f"--tiny is given with {given[0]}", "one of them", "--tiny brings its own network.")
        explanation = _tiny(rate)
    else:
        explanation = _of_network(model or Path("mnist"), index, data, image, normalise, label, rate)
    if html is not None:
        write_text(html, explanation.to_html())
        output.say(f"Wrote {escape(str(html))}")
    if markdown is not None:
        write_text(markdown, explanation.to_markdown())
        output.say(f"Wrote {escape(str(markdown))}")
    if html is None and markdown is None:
        _say(explanation, output)
    output.result(explanation.to_record())


def _tiny(rate: float) -> Explanation:
    from pellucid.equations.worked_example import ARCHITECTURE, LAYERS, X, Y
    from pellucid.explain import explain as explain_step

    return explain_step(ARCHITECTURE, LAYERS, X, int(Y[0]), learning_rate=rate, example="The worked example")


def _of_network(
    model: Path,
    index: int | None,
    data: str | None,
    image: Path | None,
    normalise: str | None,
    label: str | None,
    rate: float,
) -> Explanation:
    from pellucid.errors import SettingError
    from pellucid.loading import load

    if image is not None and (index is not None or data is not None):
        raise SettingError(f"--image is given with {'--index' if index is not None else '--data'}", "one of them")
    if normalise is not None and image is None:
        raise SettingError("--normalise is given without --image", "both")
    network = load(model)
    if image is not None:
        x, what, known = _of_file(network, image, normalise)
    else:
        x, what, known = _of_data(network, model, index or 0, data)
    y = known if label is None else _label_named(network, label)
    return network.explain(x, y, learning_rate=rate, example=what)


def _of_file(network: Network, image: Path, normalise: str | None) -> tuple[Any, str, Any]:
    from pellucid.datasets.for_a_network import examples_to_predict
    from pellucid.errors import ShapeError
    from pellucid.labelled import what_it_knows

    X = examples_to_predict(image, what_it_knows(network), normalise)
    if len(X) != 1:
        raise ShapeError(f"{image} holds {len(X):,} examples", "one")
    return X[0], str(image), network.predict(X[0])


def _of_data(network: Network, model: Path, index: int, data: str | None) -> tuple[Any, str, Any]:
    from pellucid.answers import Task
    from pellucid.errors import SettingError
    from pellucid.labelled import examples_for

    if network.task not in (Task.ONE_OF_SEVERAL, Task.YES_OR_NO):
        got = f"this network gives {network.task.value}, which data of classes do not say"
        raise SettingError(got, "an example of its own", "Try --image FILE, or Network.explain.")
    examples = examples_for(network, model, data)
    if not 0 <= index < len(examples.y):
        raise SettingError(f"--index is {index}", f"from 0 to {len(examples.y) - 1:,}, the rows of {examples.what}")
    return examples.X[index], f"Example {index:,} of {examples.what}", network.classes[int(examples.y[index])]


def _label_named(network: Network, label: str) -> Any:
    """Find the class that a word names."""
    from pellucid.errors import SettingError

    for known in network.classes:
        if str(known) == label:
            return known
    expected = (
        f"one of {', '.join(map(str, network.classes[:20]))}" if network.classes else "no label: it gives numbers"
    )
    raise SettingError(f"--label is {label!r}", expected)


def _say(explanation: Explanation, output: Output) -> None:
    """Print what ``str(explanation)`` is, with headings that stand out; in a terminal, what goes on in the next line is
    indented, and no number is broken.
    """
    from pellucid.explain.text import PHASES

    headings = {step.title for step in explanation.steps}
    width = output.console.width if output.console.is_terminal else None
    for line in str(explanation).splitlines():
        is_heading = line in PHASES.values() or line.partition("  [")[0] in headings
        for part in [line] if width is None else _wrapped(line, width):
            output.say(f"[bold]{escape(part)}[/bold]" if is_heading else escape(part))


def _wrapped(line: str, width: int) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip()))
    more = indent + "    " if indent else ""
    return textwrap.wrap(
        line, max(width, 40), subsequent_indent=more, break_long_words=False, break_on_hyphens=False
    ) or [""]
