"""One step of training for the page: the explanation's own words and numbers, its formulas as MathML, arrays on demand."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.explain import Explanation, Step, loss_along
from pellucid.explain.numerals import numeral
from pellucid.report.png import SOON, Pixels, dark_on_light, data_uri, mosaic, png, signed
from pellucid.web.digits import grid, line_record, sum_record
from pellucid.web.guard import RefusalError
from pellucid.web.session import Subject

LEAST_KEPT, MOST_KEPT, MOST_PARAMETERS_KEPT = 4, 64, 8_000_000
"""A class at the page looks at many steps; each keeps two numbers for each parameter of the network."""

NUMBERS_A_PAGE = 196
TILES_AT_MOST = 256
RATES_ALONG = 33


@dataclass(frozen=True, eq=False)
class Shown:
    """An explanation that the page shows: of a step of ``subject`` on an example x (d,), its targets (1,) or (1, k)."""

    number: int
    subject: Subject
    x: NDArray[Any]
    targets: NDArray[Any]
    explanation: Explanation


class Explanations:
    """The last few explanations, by number."""

    def __init__(self) -> None:
        self._lock, self._numbers = threading.Lock(), itertools.count(1)
        self._kept: OrderedDict[int, Shown] = OrderedDict()

    def explain(self, subject: Subject, x: NDArray[Any], label: Any, rate: float, example: str) -> Shown:
        """Explain a step on one example, and keep it."""
        explanation = subject.network.explain(x, label, learning_rate=rate, example=example)
        with self._lock:
            wanted = subject.network.wanted(label)
            of_classes = subject.network.architecture.loss.of_classes
            targets = np.array([wanted]) if of_classes else np.atleast_2d(np.asarray(wanted, np.float64))
            shown = Shown(next(self._numbers), subject, x, targets, explanation)
            self._kept[shown.number] = shown
            room = MOST_PARAMETERS_KEPT // subject.network.architecture.n_parameters
            while len(self._kept) > min(max(room, LEAST_KEPT), MOST_KEPT):
                self._kept.popitem(last=False)
        return shown

    def find(self, number: int) -> Shown:
        """Find one that is still kept. Raises ``RefusalError``."""
        with self._lock:
            if number not in self._kept:
                raise RefusalError(404, "gone", "That step is no longer kept. Look at the step again.")
            return self._kept[number]


def to_record(shown: Shown) -> dict[str, Any]:
    """Write an explanation for the page."""
    explanation, subject = shown.explanation, shown.subject
    record = explanation.to_record(exact=False)
    return {
        **record,
        "label": str(explanation.label),
        "says": str(explanation.says),
        "id": shown.number,
        "version": subject.version,
        "picture": _picture_of_example(explanation),
        "steps": [_step_record(step) for step in explanation.steps],
        "loss_numeral": numeral(explanation.loss),
        "loss_after_numeral": numeral(explanation.loss_after),
    }


def _step_record(step: Step) -> dict[str, Any]:
    return {
        **step.to_record(exact=False),
        "formula": line_record(step.formula),
        "lines": [line_record(line.formula) for line in step.lines],
        "sums": [sum_record(each) for each in step.sums],
        "shape": list(step.array.shape),
    }


def _picture_of_example(explanation: Explanation) -> str | None:
    return data_uri(dark_on_light(explanation.picture), SOON) if explanation.picture.ndim == 2 else None


_one_at_a_time = threading.Lock()


def step_of(shown: Shown, place: int) -> Step:
    """Find a step by its place. Raises ``RefusalError``."""
    if not 0 <= place < len(shown.explanation.steps):
        raise RefusalError(
            404, "gone", f"There is no step {place}; expected from 0 to {len(shown.explanation.steps) - 1}."
        )
    return shown.explanation.steps[place]


def picture(shown: Shown, place: int) -> bytes:
    """Draw all numbers of what a step makes: a PNG. Weights of pixels are drawn as pictures, a tile a neuron."""
    return png(_drawn(shown.subject.network.architecture.input_shape, step_of(shown, place).array), SOON)


def _drawn(input_shape: tuple[int, ...], array: NDArray[Any]) -> Pixels:
    numbers = np.nan_to_num(array)
    if numbers.ndim == 2:
        fits = len(input_shape) == 2 and numbers.shape[1] == int(np.prod(input_shape)) and len(numbers) <= TILES_AT_MOST
        return mosaic(numbers, (input_shape[0], input_shape[1])) if fits else signed(numbers)
    if len(input_shape) == 2 and numbers.size == int(np.prod(input_shape)):
        return signed(numbers.reshape(input_shape))
    rows, columns = grid(numbers.size)
    sheet = np.zeros(rows * columns)
    sheet[: numbers.size] = numbers.reshape(-1)
    return signed(sheet.reshape(rows, columns))


def numbers(shown: Shown, place: int, first: int) -> dict[str, Any]:
    """Write some of the numbers of what a step makes, each as it is printed and as it is."""
    step = step_of(shown, place)
    flat = step.array.reshape(-1)
    if not 0 <= first < flat.size:
        raise RefusalError(422, "number", f"from is {first:,}; expected from 0 to {flat.size - 1:,}.")
    places = range(first, min(first + NUMBERS_A_PAGE, flat.size))
    return {
        "from": first,
        "of": int(flat.size),
        "numbers": [
            {
                "place": ",".join(str(int(i)) for i in np.unravel_index(each, step.array.shape)),
                "numeral": step.write(float(flat[each])),
                "exact": repr(float(flat[each])),
            }
            for each in places
        ],
    }


def along(shown: Shown, most: float) -> dict[str, Any]:
    """Give the loss along the step, from no step to one with the rate ``most``."""
    subject, rates = shown.subject, np.linspace(0, most, RATES_ALONG)
    with _one_at_a_time:  # each holds a copy of all parameters
        found = loss_along(subject.network.architecture, subject.layers64, shown.x.reshape(1, -1), shown.targets, rates)
    return {
        "points": [
            {
                "rate": numeral(float(rate)),
                "loss": numeral(float(loss)),
                "predicted": numeral(float(predicted)),
                "at": [float(rate), _plain(loss), _plain(predicted)],
            }
            for rate, loss, predicted in zip(*found, strict=True)
        ]
    }


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
