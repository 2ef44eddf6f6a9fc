"""The loss, whichever it is, as a sum over the outputs with its numbers; and its slope at the logits."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.equations.activations import ACTIVATIONS
from pellucid.equations.beyond.label_smoothing import smoothed_labels
from pellucid.equations.losses import (
    AbsoluteError,
    BinaryCrossEntropy,
    ClassSquaredError,
    CrossEntropy,
    Huber,
    Poisson,
    Quantile,
)
from pellucid.equations.parameters import Array
from pellucid.equations.softmax_cross_entropy import cross_entropy_of_each
from pellucid.explain.arithmetic import ending
from pellucid.explain.checking import checked
from pellucid.explain.explanation import ALL_SHOWN, Line, Part, Step, Sum
from pellucid.explain.formula import Formula, Number, Operator, Symbol, Word, text
from pellucid.explain.numerals import adding_up, bracketed, in_a_product, numeral, share
from pellucid.explain.one_step import OneStep
from pellucid.explain.worked import EQUALS, MINUS, PLUS, TIMES, line_of

TAGS = {
    "cross_entropy": "loss",
    "class_squared_error": "class-squared",
    "binary_cross_entropy": "binary-loss",
    "squared_error": "squared",
    "absolute_error": "absolute",
    "huber": "huber",
    "quantile": "quantile",
    "poisson": "poisson",
}
OPEN, CLOSE, COMMA, SQUARED, LOG, EXP, SUM, HALF = map(Operator, ("(", ")", ",", "²", "log", "exp", "Σ", "½"))
ONE, ERROR = Number("1"), Symbol("L")


def wanted(one: OneStep) -> Array:
    """Give what each output should be: of classes 1 and 0, or what smoothing or the loss makes of them; else the numbers."""
    loss, k = one.architecture.loss, one.architecture.outputs
    if isinstance(loss, CrossEntropy):
        return smoothed_labels((np.arange(k) == one.y[0]).astype(np.float64), loss.label_smoothing, classes=k)
    if isinstance(loss, ClassSquaredError):
        return np.where(np.arange(k) == one.y[0], 1.0, -1.0)
    y: Array = one.y[0]
    return smoothed_labels(y, loss.label_smoothing, classes=2) if isinstance(loss, BinaryCrossEntropy) else y


def loss(one: OneStep) -> Step:
    """[loss], or whichever it is."""
    of, k = one.architecture.loss, one.architecture.outputs
    value = np.array([one.loss])
    lines: tuple[Line, ...]
    sums: tuple[Sum, ...] = ()
    if of == CrossEntropy():
        lines = (_surprise(one),)
        note = "y is 1 for the true class, 0 for all others: one term of the sum is left, how surprising the truth is."
    else:
        lines, sums = _added_up(one)
        note = _note(one)
    title = "Cross-entropy: how wrong that is" if isinstance(of, CrossEntropy) else "The loss: how wrong that is"
    formula = (ERROR, EQUALS, *_formula(one, "i" if k > 1 else ""))
    return Step("L", "loss", TAGS[of.name], title, formula, f"1 = {k}", value, lines, sums, note)


def _surprise(one: OneStep) -> Line:
    """Write −log p of the true class; where p is too small to be written, with the logarithm taken first."""
    z, p, y = one.trace.logits[0], one.trace.p[0], int(one.y[0])
    if share(p[y]) != "0":
        made: Formula = (MINUS, LOG, Number(share(p[y])))
        return Line((ERROR, EQUALS, MINUS, LOG, Symbol("p", None, str(y)), EQUALS, *ending(made, one.loss)))
    of_all = float(z.max() + np.log(np.exp(z - z.max()).sum()))
    logits = (LOG, SUM, EXP, OPEN, Symbol("z", one.L, "i"), CLOSE, MINUS, Symbol("z", one.L, str(y)), EQUALS)
    return Line(
        (ERROR, EQUALS, *logits, *ending((Number(numeral(of_all)), MINUS, Number(in_a_product(z[y]))), one.loss))
    )


def _formula(one: OneStep, place: str) -> Formula:
    """Write the loss in symbols; the sum over the outputs where there are several."""
    p, y, z = (Symbol(letter, None, place) for letter in ("p", "y", "z"))
    add: Formula = (SUM,) if place else ()
    error: Formula = (OPEN, p, MINUS, y, CLOSE)
    match one.architecture.loss:
        case CrossEntropy():
            return (MINUS, SUM, y, LOG, p)
        case BinaryCrossEntropy():
            no: Formula = (OPEN, ONE, MINUS, y, CLOSE, LOG, OPEN, ONE, MINUS, p, CLOSE)
            return (MINUS, *add, OPEN, y, LOG, p, PLUS, *no, CLOSE)
        case AbsoluteError():
            return (*add, Operator("abs"), *error)
        case Huber():
            c = Symbol("c", None, place)
            return (*add, c, OPEN, Operator("abs"), *error, MINUS, HALF, c, CLOSE)
        case Quantile():
            q = Symbol("q")
            below: Formula = (q, OPEN, y, MINUS, p, CLOSE)
            return (*add, Operator("max"), OPEN, *below, COMMA, OPEN, ONE, MINUS, q, CLOSE, *error, CLOSE)
        case Poisson():
            return (*add, OPEN, p, MINUS, y, z._replace(layer=one.L), PLUS, y, LOG, y, MINUS, y, CLOSE)
        case ClassSquaredError():
            return (HALF, SUM, OPEN, p, MINUS, Symbol("t", None, place), CLOSE, SQUARED)
        case _:
            return (HALF, *add, *error, SQUARED)


def _note(one: OneStep) -> str:
    of, k = one.architecture.loss, one.architecture.outputs
    match of:
        case CrossEntropy(ε):
            of_true, of_others = numeral(1 - ε + ε / k), numeral(ε / k)
            return f"The labels are smoothed by {numeral(ε)}: y is {of_true} for the true class, {of_others} for each other."
        case BinaryCrossEntropy(ε) if ε:
            return (
                f"The labels are smoothed by {numeral(ε)}: y is {numeral(1 - ε / 2)} for yes, {numeral(ε / 2)} for no."
            )
        case ClassSquaredError():
            return "t is 1 for the true class, −1 for each other."
        case Huber(δ):
            return (
                f"c is the error, abs(p − y), or δ = {numeral(δ)} where that is less: squared near 0, straight beyond."
            )
        case Quantile(q):
            return f"q is {numeral(q)}: what is learned lies above that share of what is seen."
        case Poisson():
            return "p is exp z; 0 log 0 is 0."
        case _:
            return ""


def _added_up(one: OneStep) -> tuple[tuple[Line, ...], tuple[Sum, ...]]:
    """Write a line where there is one output; else a column, in which each output has its part."""
    k = one.architecture.outputs
    if k == 1:
        return (line_of(ERROR, _term(one, 0), one.loss),), ()
    shown = [*range(k)] if k <= ALL_SHOWN else _followed(one)
    written, rest, whole = adding_up([_amount(one, j) for j in shown], one.loss)
    what = "class" if one.architecture.loss.of_classes else "output"
    parts = [Part(amount, (Word(f"{what} {j}:"), *_term(one, j))) for amount, j in zip(written, shown, strict=True)]
    others = k - len(shown)
    if rest or others:
        words = "rounding" if not others else f"the other {others:,} {'classes' if what == 'class' else 'outputs'}"
        parts.append(Part(rest or "0", (Word(words),)))
    return (), (Sum((ERROR,), tuple(parts), whole),)


def _followed(one: OneStep) -> list[int]:
    return one.classes_shown() if one.architecture.loss.of_classes else one.places(one.L)


def _amount(one: OneStep, j: int) -> float:
    """Measure what one output adds to the loss."""
    of, z = one.architecture.loss, one.trace.logits
    match of:
        case CrossEntropy():
            return float(wanted(one)[j] * cross_entropy_of_each(z, np.array([j]))[0])
        case ClassSquaredError():
            return float((one.trace.p[0, j] - wanted(one)[j]) ** 2 / 2)
        case _:
            return float(of.of_each(z[:, [j]], one.y[:, [j]])[0])


def _term(one: OneStep, j: int) -> Formula:
    """Write what one output adds to the loss, in numbers."""
    of, z, p, y = one.architecture.loss, float(one.trace.logits[0, j]), float(one.trace.p[0, j]), float(wanted(one)[j])
    made, label = Number(share(p)), Number(in_a_product(y))
    error: Formula = (OPEN, made, MINUS, label, CLOSE)
    match of:
        case CrossEntropy():
            surprise = float(cross_entropy_of_each(one.trace.logits, np.array([j]))[0])
            written: Formula = (MINUS, LOG, made) if share(p) != "0" else (Number(numeral(surprise)),)
            return (label, TIMES, OPEN, *written, CLOSE)
        case BinaryCrossEntropy():
            yes, no = _surprise_of_an_answer(p, z, is_yes=True), _surprise_of_an_answer(p, z, is_yes=False)
            if y in (0, 1):
                return yes if y else no
            return (label, TIMES, OPEN, *yes, CLOSE, PLUS, Number(numeral(1 - y)), TIMES, OPEN, *no, CLOSE)
        case AbsoluteError():
            return (Operator("abs"), *error)
        case Huber(δ):
            c = Number(numeral(min(abs(p - y), δ)))
            return (c, TIMES, OPEN, Operator("abs"), *error, MINUS, Number("0.5"), TIMES, c, CLOSE)
        case Quantile(q):
            below: Formula = (
                Number(numeral(q)),
                TIMES,
                OPEN,
                Number(numeral(y)),
                MINUS,
                Number(bracketed(share(p))),
                CLOSE,
            )
            return (Operator("max"), OPEN, *below, COMMA, Number(numeral(1 - q)), TIMES, *error, CLOSE)
        case Poisson():
            at_best: Formula = (PLUS, label, TIMES, LOG, label, MINUS, label) if y else ()
            return (made, MINUS, label, TIMES, Number(in_a_product(z)), *at_best)
        case _:
            return (Number("0.5"), TIMES, *error, SQUARED)


def _surprise_of_an_answer(p: float, z: float, *, is_yes: bool) -> Formula:
    """Write −log p or −log(1 − p); where p is all but 0 or 1, with the z that made it."""
    if share(p) in ("0", "1"):
        return (LOG, OPEN, ONE, PLUS, EXP, OPEN, Number(numeral(-z if is_yes else z)), CLOSE, CLOSE)
    return (MINUS, LOG, Number(share(p))) if is_yes else (MINUS, LOG, OPEN, ONE, MINUS, Number(share(p)), CLOSE)


def gradient_of_logits(one: OneStep) -> Step:
    """∂L/∂z of the last layer."""
    dz, of, k = one.back[-1].dz[0], one.architecture.loss, one.architecture.outputs
    made = Symbol("z", one.L, "", True)
    formula = (made, EQUALS, *_slope_in_symbols(one))
    shown = _followed(one)
    lines = tuple(line_of(made._replace(place=str(j)), _slope(one, j), dz[j]) for j in shown)
    note = ""
    if of == CrossEntropy():
        note = (
            "It holds for every class: the text says so of the correct one. The true class is pulled up, each other "
            "pushed down by its own probability, and together they cancel."
        )
    shapes = f"{k} = {k}" if isinstance(of, Quantile) else f"{k} = {k} − {k}"
    check = checked(one, ("z", one.L), one.back[-1].dz)
    return Step(text((made,)), "backward", "dz_out", "Back to the logits", formula, shapes, dz, lines, (), note, check)


def _slope_in_symbols(one: OneStep) -> Formula:
    error: Formula = (Symbol("p"), MINUS, Symbol("y"))
    match one.architecture.loss:
        case AbsoluteError():
            return (Operator("sign"), OPEN, *error, CLOSE)
        case Huber():
            δ = Symbol("δ")
            return (Operator("max"), OPEN, MINUS, δ, COMMA, Operator("min"), OPEN, *error, COMMA, δ, CLOSE, CLOSE)
        case Quantile():
            return (Word("1 − q where p > y, −q where p < y"),)
        case ClassSquaredError():
            bend: Formula = (Operator("f′"), OPEN, Symbol("z", one.L), CLOSE)
            return (OPEN, Symbol("p"), MINUS, Symbol("t"), CLOSE, Operator("⊙"), *bend)
        case _:
            return error


def _slope(one: OneStep, j: int) -> Formula:
    """Write the slope at one logit, in numbers."""
    z, p, y = float(one.trace.logits[0, j]), float(one.trace.p[0, j]), float(wanted(one)[j])
    error: Formula = (Number(share(p)), MINUS, Number(in_a_product(y)))
    match one.architecture.loss:
        case AbsoluteError():
            return (Operator("sign"), OPEN, *error, CLOSE)
        case Huber(δ):
            low, high = Number(numeral(-δ)), Number(numeral(δ))
            return (Operator("max"), OPEN, low, COMMA, Operator("min"), OPEN, *error, COMMA, high, CLOSE, CLOSE)
        case Quantile(q):
            above: Formula = (ONE, MINUS, Number(numeral(q)))
            return above if p > y else (Number(numeral(-q if p < y else 0.0)),)
        case ClassSquaredError():
            bend: Any = ACTIVATIONS["scaled_tanh"].backward(np.ones((1, 1)), np.array([[z]]))
            return (OPEN, *error, CLOSE, TIMES, Number(numeral(float(bend[0, 0]))))
        case _:
            return error
