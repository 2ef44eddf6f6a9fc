"""Where a network fails: the confusion matrix, a gallery of mistakes, how sure it is against how often right."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.datasets.for_a_network import Labelled
from pellucid.errors import PellucidError
from pellucid.explain.numerals import numeral, percent
from pellucid.report.charts import reliability
from pellucid.report.png import SOON, dark_on_light, data_uri
from pellucid.training.evaluation import Evaluation
from pellucid.web.guard import RefusalError
from pellucid.web.session import Session, Subject

MISTAKES_A_PAGE = 48


def evaluation(session: Session) -> dict[str, Any]:
    """Hold the network against its labelled examples: → the numbers of the page, or the sentence that stands in their place.

    Who looks at the page where there are no examples has asked for nothing wrong: the answer is no refusal.
    """
    try:
        subject, examples, found = session.found()
    except (RefusalError, PellucidError) as reason:
        return {"version": session.now.version, "why_not": str(reason), "found": None}
    return {"version": subject.version, "why_not": "", "found": _numbers(subject, examples, found)}


def _numbers(subject: Subject, examples: Labelled, found: Evaluation) -> dict[str, Any]:
    error, bins = found.calibration
    precision, recall = found.precision_and_recall
    return {
        "network": str(subject.network.architecture),
        "what": examples.what,
        "examples": len(examples.y),
        "wrong": found.n - int(found.confusion.trace()),
        "unanswered": found.unanswered,
        "accuracy": percent(found.accuracy),
        "loss": numeral(found.loss),
        "calibration_error": percent(error),
        "classes": [str(name) for name in subject.network.classes],
        "confusion": found.confusion.tolist(),
        "precision": [percent(share, 1) for share in precision],
        "recall": [percent(share, 1) for share in recall],
        "reliability": reliability(bins),
        "bins": [
            {"examples": each.examples, "sure": percent(each.confidence, 1), "right": percent(each.accuracy, 1)}
            for each in bins
        ],
    }


def gallery(session: Session, true: int | None, taken_for: int | None, first: int) -> dict[str, Any]:
    """List mistakes, the surest first: all of them, or those of one cell of the confusion matrix."""
    subject, examples, found = session.found()
    classes, taken = subject.network.classes, found.taken_for
    for which, place in (("true", true), ("taken", taken_for)):
        if place is not None and not 0 <= place < len(classes):
            raise RefusalError(422, "number", f"{which} is {place}; expected from 0 to {len(classes) - 1}.")
    rows, sure = found.mistakes
    kept = np.ones(len(rows), bool)
    if true is not None:
        kept &= examples.y[rows] == true
    if taken_for is not None:
        kept &= taken[rows] == taken_for
    rows, sure = rows[kept], sure[kept]
    shape = subject.network.architecture.input_shape
    return {
        "version": subject.version,
        "from": first,
        "of": len(rows),
        "mistakes": [
            {
                "index": int(row),
                "is": str(classes[int(examples.y[row])]),
                "said": str(classes[int(taken[row])]),
                "sure": percent(share, 1),
                "picture": data_uri(dark_on_light(examples.X[row].reshape(shape)), SOON) if len(shape) == 2 else None,
            }
            for row, share in zip(
                rows[first : first + MISTAKES_A_PAGE], sure[first : first + MISTAKES_A_PAGE], strict=True
            )
        ],
    }
