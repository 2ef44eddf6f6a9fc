"""``pellucid info``: what is in a model file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli.output import Json, Output, escape, percent

if TYPE_CHECKING:
    from pellucid.network import Network

MOST_VALUES = 8


def info(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model file, or the folder of a run.")],
    json: Json = False,
) -> None:
    """Show what is in a model file: layers, classes, scaling, how it was trained."""
    from pellucid.loading import load

    output = Output(json)
    network = load(model)
    architecture, about = network.architecture, network.model
    output.say(f"[bold]{architecture}[/bold], {architecture.n_parameters:,} parameters, {network.layers[0].W.dtype}")
    output.say(
        f"inputs   {' × '.join(map(str, architecture.input_shape))}; x = (X − offset) / scale, {_scaling(network)}"
    )
    output.say(f"classes  {escape(', '.join(map(str, network.classes))) or 'none: it gives numbers'}")
    if architecture.loss.name != "cross_entropy":
        output.say(f"loss     {architecture.loss.name}")
    if about.test_accuracy is not None:
        output.say(f"test accuracy {percent(about.test_accuracy)}")
    output.say(f"written by Pellucid {escape(about.version)}")
    activations = [*(layer.activation for layer in architecture.hidden), architecture.output]
    layers = list(zip(network.layers, activations, strict=True))
    output.say()
    output.table(
        ("layer", "W", "b", "parameters", "activation", "largest |W|"),
        (
            (
                str(number),
                "×".join(map(str, W.shape)),
                str(b.size),
                f"{W.size + b.size:,}",
                activation,
                f"{abs(W).max():.3g}",
            )
            for number, ((W, b), activation) in enumerate(layers, start=1)
        ),
    )
    output.say()
    for name, value in _flat(about.training):
        output.say(f"[dim]{escape(name):<20}[/dim] {escape(_short(value))}")
    output.result(
        {
            "layers": list(architecture.widths),
            "parameters": architecture.n_parameters,
            "precision": str(network.layers[0].W.dtype),
            "activations": activations,
            "input_shape": list(architecture.input_shape),
            "scaling": {"offset": list(architecture.scaling.offset), "scale": list(architecture.scaling.scale)},
            "classes": list(network.classes),
            "loss": architecture.loss.name,
            "feature_names": about.feature_names,
            "training": dict(about.training),
            "test_accuracy": about.test_accuracy,
            "version": about.version,
        }
    )


def _flat(record: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Walk through a record of records: "data.name", "mnist" … What was not set is left out."""
    for key, value in record.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        elif value is not None:
            yield before + key, value


def _scaling(network: Network) -> str:
    scaling = network.architecture.scaling
    if len(scaling.scale) > 1:
        return "an offset and a scale for each input"
    return f"offset {scaling.offset[0]:g}, scale {scaling.scale[0]:g}"


def _short(value: Any) -> str:
    """Write a value on part of a line."""
    if isinstance(value, list) and len(value) > MOST_VALUES:
        return f"{', '.join(f'{each}' for each in value[:2])}, … {value[-1]} ({len(value)} values)"
    return str(value)
