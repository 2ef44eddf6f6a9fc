"""A page about a model: how good it is, where it fails, how sure it is, what it looks for. One file, no script.

Everything is within the page: pictures as data, charts as SVG. It can be mailed, printed, and read in ten years.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from pellucid import __version__
from pellucid.errors import ShapeError
from pellucid.explain import math_font
from pellucid.explain.html import STYLE, body
from pellucid.explain.numerals import loss_in_words, percent, unanswered_in_words
from pellucid.network import Network
from pellucid.report.charts import Curve, curves, reliability
from pellucid.report.png import dark_on_light, data_uri, mosaic
from pellucid.training.evaluation import Evaluation
from pellucid.training.history import History
from pellucid.training.mistakes import Shown
from pellucid.training.tally import Tally

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
NEURONS_SHOWN = 256

OWN_STYLE = """
.report { max-width: 62rem; }
.report dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .6rem 0; }
.report dt { color: var(--quiet); } .report dd { margin: 0; }
.report .figures { display: flex; flex-wrap: wrap; gap: .6rem 2.2rem; margin: .8rem 0; padding: 0; list-style: none; }
.report .figures b { display: block; font-size: 1.7rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.report table.counts td { padding: .15rem .5rem; } .report table.counts th { color: var(--quiet); font-size: .9rem; }
.report table.counts td.right { font-weight: 600; } .report table.counts td.wrong { color: var(--minus); font-weight: 600; }
.report table.counts td.none { color: var(--quiet); }
.report .gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(6.4rem, 1fr)); gap: .7rem; padding: 0;
  list-style: none; }
.report .gallery img { width: 5.6rem; height: auto; image-rendering: pixelated; border: 1px solid var(--line);
  background: #fff; }
.report .gallery li { font-size: .85rem; line-height: 1.35; }
.report img.mosaic { width: 100%; box-sizing: border-box; image-rendering: pixelated; border: 1px solid var(--line); }
.report .head { margin-top: 2.2rem; padding-top: 1.2rem; border-top: 2px solid var(--line); }
.report .head h2 { margin-top: 0; padding-top: 0; border-top: 0; }
.report .charts { display: flex; flex-wrap: wrap; gap: 1rem; }
.report .charts figure { flex: 1 1 22rem; max-width: 32rem; margin: 0; }
.report figcaption { color: var(--quiet); font-size: .9rem; }
.report svg.chart { width: 100%; border: 0; background: none; } .report svg text { fill: var(--quiet); font-size: 12px; }
.report svg .grid { stroke: var(--line); } .report svg .diagonal { stroke: var(--quiet); stroke-dasharray: 4 4; }
.report svg .curve { fill: none; stroke: var(--plus); stroke-width: 2; } .report svg .dashed { stroke-dasharray: 6 4;
  stroke: var(--minus); } .report svg .dot { fill: var(--plus); fill-opacity: .75; }
"""


class Subject(NamedTuple):
    """What a page is about: a network, what was found on examples, and the few of them that are shown.

    ``what`` says in words which examples these are; ``facts`` are lines of name and value (the command, the data, the run);
    ``history`` is there where a training is told of; ``step_command``, with the number of an example behind it, shows the
    step of training on it.
    """

    network: Network
    found: Evaluation | Tally
    shown: Shown
    what: str
    facts: Sequence[tuple[str, str]] = ()
    history: History = ()
    step_command: str = ""


def to_page(subject: Subject) -> str:
    """Write the page: → HTML."""
    title = f"{subject.network.architecture} on {subject.what}"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            f"<title>{escape(title)}</title>",
            "<style>body { margin: 0; } @media (prefers-color-scheme: dark) { body { background: #14191e; } }",
            math_font.style(),
            STYLE,
            OWN_STYLE,
            "</style>",
            "</head>",
            "<body>",
            '<main class="pellucid report">',
            *_head(subject),
            *_curves(subject.history),
            *_classes(subject),
            *_mistakes(subject),
            *_calibration(subject.found),
            *_weights(subject.network),
            *_worked_step(subject),
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def fingerprint(network: Network) -> str:
    """Give the SHA-256 of all parameters, in order: two networks that share it compute the same."""
    digest = hashlib.sha256()
    for tensor in (tensor for layer in network.layers for tensor in layer):
        digest.update(np.ascontiguousarray(tensor).data)
    return digest.hexdigest()


def _head(subject: Subject) -> Iterator[str]:
    network, found = subject.network, subject.found
    error, _ = found.calibration
    yield f"<h1>{escape(str(network.architecture))} on {escape(subject.what)}</h1>"
    yield '<ul class="figures">'
    for number, words in (
        (percent(found.accuracy), "read rightly"),
        (f"{_wrong(found):,}", f"of {found.n:,} wrong"),
        (loss_in_words(found.loss), "loss"),
        (percent(error), "expected calibration error"),
        (f"{network.architecture.n_parameters:,}", "parameters"),
    ):
        yield f"<li><b>{number}</b>{words}</li>"
    yield "</ul>"
    if found.unanswered:
        yield f"<p>{unanswered_in_words(found.unanswered)}</p>"
    yield "<dl>"
    bends = ", ".join(layer.activation for layer in network.architecture.hidden) or "none"
    facts = [*subject.facts, ("activations", bends), ("loss", network.architecture.loss.name)]
    facts += [("parameters, SHA-256", fingerprint(network)), ("written by", f"Pellucid {__version__}")]
    for name, value in facts:
        yield f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>"
    yield "</dl>"


def _wrong(found: Evaluation | Tally) -> int:
    return found.n - int(found.confusion.trace())


def _curves(history: History) -> Iterator[str]:
    if len(history) < 2:
        return
    epochs = [record.epoch for record in history]
    loss = [Curve("training", [record.loss for record in history])]
    wrong = [Curve("training", [100 * (1 - (record.accuracy or 0.0)) for record in history])]
    if all(record.validation_loss is not None for record in history):
        loss.append(Curve("validation", [record.validation_loss or 0.0 for record in history], dashed=True))
        shares = [100 * (1 - (record.validation_accuracy or 0.0)) for record in history]
        wrong.append(Curve("validation", shares, dashed=True))
    yield '<section><h2>Learning</h2><div class="charts">'
    for title, lines in (("Loss", loss), ("Errors, %", wrong)):
        words = "; ".join(f"{line.name} {'dashed' if line.dashed else 'solid'}" for line in lines)
        yield f"<figure>{curves(title, epochs, lines)}<figcaption>{title}: {words}, epoch by epoch.</figcaption></figure>"
    yield "</div></section>"


def _classes(subject: Subject) -> Iterator[str]:
    names = [escape(str(name)) for name in subject.network.classes]
    precision, recall = subject.found.precision_and_recall
    yield "<section><h2>What is taken for what</h2>"
    yield '<div class="scroll"><table class="counts"><thead><tr><th scope="col">is \\ taken for</th>'
    yield from (f'<th scope="col">{name}</th>' for name in names)
    yield '<th scope="col">recall</th></tr></thead><tbody>'
    for true, (name, row) in enumerate(zip(names, subject.found.confusion.tolist(), strict=True)):
        cells = "".join(
            f'<td class="{"right" if taken == true else "wrong" if count else "none"}">{count:,}</td>'
            for taken, count in enumerate(row)
        )
        yield f'<tr><th scope="row">{name}</th>{cells}<td>{percent(recall[true], 1)}</td></tr>'
    cells = "".join(f"<td>{percent(share, 1)}</td>" for share in precision)
    yield f'<tr><th scope="row">precision</th>{cells}<td></td></tr></tbody></table></div></section>'


def _mistakes(subject: Subject) -> Iterator[str]:
    network, shown, mistaken = subject.network, subject.shown, _wrong(subject.found) - subject.found.unanswered
    which = f"; these {shown.mistakes} most surely." if mistaken > shown.mistakes else ", the surest first."
    which = which if mistaken else "."
    yield f"<section><h2>Mistakes</h2><p>{mistaken:,} examples are taken for what they are not{which}</p>"
    if mistaken and subject.step_command:
        command = f"<code>{escape(subject.step_command)} {int(shown.rows[0])}</code>"
        yield f"<p>{command} shows the step of training on the first of them; for another, put its number "
        yield "there.</p>"
    yield '<ul class="gallery">'
    is_picture = len(network.architecture.input_shape) == 2
    for place in range(shown.mistakes):
        is_, said = (escape(str(network.classes[int(index)])) for index in (shown.y[place], shown.taken[place]))
        words = f"no. {int(shown.rows[place]):,}:<br>{is_}, taken for {said},<br>{percent(shown.sure[place], 1)} sure"
        picture = ""
        if is_picture:
            pixels = dark_on_light(shown.X[place].reshape(network.architecture.input_shape))
            picture = f'<img src="{data_uri(pixels)}" alt="">'
        yield f"<li>{picture}<br>{words}</li>"
    yield "</ul></section>"


def _calibration(found: Evaluation | Tally) -> Iterator[str]:
    error, bins = found.calibration
    yield '<section><h2>Does it know when it is right?</h2><div class="charts"><figure>'
    yield reliability(bins)
    yield "<figcaption>Right against how sure: large dots stand for many examples. On the dashed line 90 % sure is right "
    yield f"nine times in ten. Expected calibration error {percent(error)}.</figcaption></figure></div>"
    yield "</section>"


def _weights(network: Network) -> Iterator[str]:
    shape, W = network.architecture.input_shape, network.layers[0].W
    if len(shape) != 2 or len(W) > NEURONS_SHOWN:
        return
    sheet = mosaic(W, (shape[0], shape[1]))
    yield "<section><h2>What the first layer looks for</h2>"
    words = f"The weights of {len(W)} neurons, each as a picture of the inputs"
    yield f'<img class="mosaic" src="{data_uri(sheet)}" alt="{words}">'
    yield f"<p>The weights of {len(W)} neurons, each in the shape of the picture: blue adds where there is ink, brown takes "
    yield f"away; the deepest colour is {float(np.abs(W).max()):.3g}.</p></section>"


def _worked_step(subject: Subject) -> Iterator[str]:
    """Explain the surest mistake, or the first example where there is none."""
    network, shown = subject.network, subject.shown
    label = network.classes[int(shown.y[0])]
    example = f"No. {int(shown.rows[0]):,} of {subject.what}"
    try:
        explanation = network.explain(shown.X[0], label, example=example)
    except ShapeError:  # no example was answered: there is none with a step that can be computed
        yield "<section><h2>A step of training</h2>"
        yield f"<p>{escape(example)} holds numbers that are too large to compute with: no step can be shown.</p></section>"
        return
    yield from body(explanation, "h2")
