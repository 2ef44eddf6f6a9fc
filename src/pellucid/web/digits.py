"""What becomes of a drawing: each stage as a picture, what every neuron makes of it, how probable each digit is."""

from __future__ import annotations

import base64
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.answers import Task, probabilities
from pellucid.datasets.drawing import Part, Stages, of_strokes_without
from pellucid.equations.network import Trace
from pellucid.errors import DataError
from pellucid.explain.formula import mathml, text
from pellucid.explain.neuron import loudest, neuron
from pellucid.explain.numerals import numeral, percent, share
from pellucid.report.png import SOON, dark_on_light, data_uri, signed
from pellucid.web.guard import RefusalError
from pellucid.web.samples import PAPER
from pellucid.web.session import Subject

WIDEST_GRID = 16
MOST_NEURONS_SHOWN = 1024


def check_reads_drawings(subject: Subject) -> None:
    """Refuse where the network tells no classes of pictures of 28×28 apart."""
    if not subject.reads_drawings:
        got = f"{subject.network.architecture} does not tell classes of 28×28 pictures apart"
        raise RefusalError(422, "no-drawing", f"{got}: it cannot read a drawing.")


def read(subject: Subject, strokes: Sequence[Any], leave_out: Collection[Part]) -> dict[str, Any]:
    """Read a drawing: → the record that the page shows."""
    check_reads_drawings(subject)
    try:
        stages = of_strokes_without(strokes, PAPER, leave_out)
    except DataError as error:
        blank = error.got.startswith("nothing is drawn")
        raise RefusalError(422, "blank" if blank else "strokes", str(error)) from error
    pixels = stages.picture.reshape(1, -1)
    return {
        "version": subject.version,
        "pixels": base64.b64encode(pixels.tobytes()).decode(),
        "stages": _stages(stages, leave_out),
        **answer(subject, subject.trace(pixels)),
    }


def answer(subject: Subject, trace: Trace) -> dict[str, Any]:
    """Say what a network makes of the one example of a trace: its layers, its probabilities, what it takes it for.

    Of a layer that is too wide to be shown neuron by neuron there are no shades.
    """
    network = subject.network
    classes, p = network.classes, probabilities(network.task, network.architecture.loss, trace.p)[0]
    if not np.isfinite(p).all():
        raise RefusalError(
            422, "too-large", "The network’s numbers are too large to compute with; expected finite ones."
        )
    order = np.argsort(-p, kind="stable")
    best, second = (int(place) for place in order[:2])
    return {
        "says": str(classes[best]),
        "share": share(float(p[best])),
        "second": {"class": str(classes[second]), "share": share(float(p[second]))},
        "probabilities": [
            {"class": str(name), "share": share(float(value)), "percent": percent(value, 1), "value": float(value)}
            for name, value in zip(classes, p, strict=True)
        ],
        "layers": [
            {
                "layer": number,
                "width": layer.a.shape[1],
                "off": int((layer.a[0] == 0).sum()),
                "loudest": loudest(trace, number),
                "largest": numeral(float(np.abs(layer.a[0]).max())),
                "shades": _shades(layer.a[0]) if layer.a.shape[1] <= MOST_NEURONS_SHOWN else [],
            }
            for number, layer in enumerate(trace.layers[:-1], start=1)
        ],
    }


def neuron_record(subject: Subject, pixels: NDArray[np.uint8], layer: int, place: int) -> dict[str, Any]:
    """Show one neuron at work on a picture: weights, weights × input, the sum with its numbers."""
    check_reads_drawings(subject)
    trace = subject.trace(pixels.reshape(1, -1))
    one = neuron(subject.network.architecture, subject.layers64, trace, layer, place)
    shape = subject.network.architecture.input_shape if layer == 1 else grid(len(one.weights))
    is_yes = subject.network.task is Task.YES_OR_NO  # one output, which speaks for the second of two classes
    name = f"neuron {place} of layer {layer}"
    if layer == len(trace.layers):
        name = f"output {subject.network.classes[1 if is_yes else place]}"
    pictures = {}
    for what, numbers in (("weights", one.weights), ("inputs", one.inputs), ("contributions", one.contributions)):
        pictures[what] = {"picture": picture_of(numbers, shape), "largest": numeral(float(np.abs(numbers).max()))}
    return {
        "version": subject.version,
        "layer": layer,
        "place": place,
        "name": name,
        **pictures,
        "z": numeral(one.z),
        "sum": sum_record(one.sum),
        "bend": None if one.bend is None else line_record(one.bend.formula),
    }


def picture_of(numbers: NDArray[Any], shape: tuple[int, ...]) -> str:
    """Draw numbers in two colours in a shape, what is left of it pale: → a data address."""
    sheet = np.zeros(int(np.prod(shape)))
    flat = np.nan_to_num(numbers.reshape(-1))
    sheet[: flat.size] = flat
    return data_uri(signed(sheet.reshape(shape)), SOON)


def grid(size: int) -> tuple[int, int]:
    """Lay so many numbers out in rows of at most 16.

    >>> grid(64), grid(10), grid(17)
    ((4, 16), (1, 10), (2, 16))
    """
    columns = min(size, WIDEST_GRID)
    return -(-size // columns), columns


def sum_record(column: Any) -> dict[str, Any]:
    """Write a column that adds up, for the page: text, and MathML of the same."""
    return {
        "makes": line_record(column.makes),
        "parts": [{"amount": part.numeral, "what": line_record(part.what)} for part in column.parts],
        "total": column.total,
    }


def line_record(formula: Any) -> dict[str, str]:
    """Write a formula for the page, as text and as MathML."""
    return {"text": text(formula), "mathml": mathml(formula)}


def _shades(a: NDArray[Any]) -> list[int]:
    """Give each activation as a share of the largest, in percent, below 0 for what is below."""
    largest = float(np.abs(a).max()) or 1.0
    shades: list[int] = np.rint(100 * np.nan_to_num(a) / largest).astype(int).tolist()
    return shades


def _stages(stages: Stages, leave_out: Collection[Part]) -> list[dict[str, str]]:
    size = "as large as it was drawn" if "size" in leave_out else "20×20 around the ink"
    shrunk = "black or white" if "grey" in leave_out else "grey from areas"
    place = "where it was drawn" if "size" in leave_out else "the box in the middle"
    middle = place if "centre" in leave_out else "its mass in the middle"
    pen = "a thin pen" if "pen" in leave_out else "MNIST’s pen"
    return [
        {"name": "Ink", "words": f"{pen}, black and white", "picture": data_uri(dark_on_light(stages.ink), SOON)},
        {"name": "Size", "words": f"{size}, {shrunk}", "picture": data_uri(dark_on_light(stages.fitted), SOON)},
        {"name": "Place", "words": f"28×28, {middle}", "picture": data_uri(dark_on_light(stages.picture), SOON)},
    ]
