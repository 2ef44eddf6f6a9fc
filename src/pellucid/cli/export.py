"""``pellucid export``: a model in another system's form."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli.output import Json, Output, escape

if TYPE_CHECKING:
    from pellucid.datasets.for_a_network import Labelled
    from pellucid.network import Network

ENDINGS = {".onnx": "onnx", ".pt": "torch", ".pth": "torch", ".h": "c"}


def export(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model file, or the folder of a run.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write. What was there is replaced.")],
    to: Annotated[
        str | None,
        typer.Option(metavar="onnx|torch|c|c-int8", help="The form. (default: by the ending of OUT: .onnx, .pt, .h)"),
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="NAME|PATH", help="Labelled data: c-int8 states its accuracy on them.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="The column, or key, that holds the label.")] = None,
    json: Json = False,
) -> None:
    """Write a model in another system's form. All of them take inputs in the units of the training data.

    onnx: labels and probabilities as plain tensors, for onnxruntime and others.

    torch: a state_dict, for torch.load(OUT, weights_only=True): no pickled objects. Its names, 0.weight and so on, are those
    of an nn.Sequential of Linear layers and activations whose last layer gives the logits; where the network scales its
    inputs, scaling.offset and scaling.scale come first.

    c: one C99 header that needs only math.h. c-int8: the same with 8-bit weights, a quarter of the bytes.
    """
    from pellucid.errors import SettingError
    from pellucid.loading import load

    output = Output(json)
    if to is None and (to := ENDINGS.get(out.suffix.lower())) is None:
        raise SettingError(f"the ending of {out} names no form", "one of " + ", ".join(ENDINGS), "Try --to onnx.")
    if out.is_dir() or not out.parent.is_dir():
        raise SettingError(
            f"{out} is a folder" if out.is_dir() else f"there is no folder {out.parent}", "a file to write"
        )
    if data is None and label is not None:
        raise SettingError("--label is given without --data", "the data that it belongs to")
    network = load(model)
    examples = None if data is None else _examples(network, data, label)
    network.export(out, to, test=None if examples is None else (examples.X, examples.y))
    n_bytes = out.stat().st_size
    output.say(f"Wrote [bold]{escape(str(out))}[/bold]: {to}, {network.architecture}, {n_bytes:,} bytes")
    if examples is not None:
        output.say(f"Its first lines state how good it is on {escape(examples.what)}.")
    output.result({"path": str(out), "bytes": n_bytes, "to": to})


def _examples(network: Network, data: str, label: str | None) -> Labelled:
    from pellucid.answers import Task
    from pellucid.datasets.for_a_network import labelled_examples
    from pellucid.errors import SettingError
    from pellucid.labelled import what_it_knows

    if network.task not in (Task.ONE_OF_SEVERAL, Task.YES_OR_NO):
        raise SettingError(f"the network tells {network.task.value}, and --data is for classes", "no --data")
    return labelled_examples(data, what_it_knows(network), label)
