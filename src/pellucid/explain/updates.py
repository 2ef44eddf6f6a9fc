"""The steps of the update: each layer moves downhill, and what that was worth."""

from __future__ import annotations

import numpy as np

from pellucid.explain.arithmetic import ending, equals
from pellucid.explain.explanation import Line, Step
from pellucid.explain.formula import Formula, Number, Operator, Symbol, Word, text
from pellucid.explain.numerals import in_a_product, numeral, told_apart
from pellucid.explain.one_step import OneStep
from pellucid.explain.worked import EQUALS, GETS, MINUS, TIMES, line_of

ETA = Symbol("η")


def update(one: OneStep, k: int, letter: str) -> Step:
    """[sgd] of the weights, or of the biases, of layer k."""
    before, gradient, after = (getattr(some[k - 1], letter) for some in (one.layers, one.gradients, one.after))
    made = Symbol(letter, k)
    places: list[tuple[int, ...]] = [*one.weights_shown(k)] if letter == "W" else [(j,) for j in one.places(k)]
    lines = tuple(
        line_of(
            made._replace(place=",".join(map(str, place))),
            (Number(numeral(before[place])), MINUS, *_eta_times(one, gradient[place])),
            after[place],
            GETS,
        )
        for place in places
    )
    shape = "×".join(map(str, before.shape))
    title = f"Layer {k}: move the {'weights' if letter == 'W' else 'biases'} downhill"
    note = "" if letter == "W" or k < one.L else "The text gives the update for W only; b moves in the same way."
    formula: Formula = (made, GETS, made, MINUS, ETA, made._replace(is_gradient=True))
    return Step(
        f"{text((made,))} ←", "update", "sgd", title, formula, f"{shape} = {shape} − {shape}", after, lines, (), note
    )


def what_it_was_worth(one: OneStep) -> Step:
    """The loss before and after, and what the slope predicted."""
    square = sum(float((tensor**2).sum()) for layer in one.gradients for tensor in layer)
    after, predicted = one.loss_after, -one.learning_rate * square
    now, then = told_apart(after, one.loss)
    formula: Formula = (Symbol("L"), Word("after"), Operator("≈"), Symbol("L"), MINUS, ETA, Word("‖g‖²"))
    lines = (
        Line((Symbol("L"), Word("before"), equals(one.loss), Number(numeral(one.loss)))),
        Line((Symbol("L"), Word("after"), equals(after), Number(numeral(after)))),
        Line((Word("the change"), EQUALS, *ending((Number(now), MINUS, Number(then)), after - one.loss))),
        Line((Word("predicted"), EQUALS, *ending((MINUS, *_eta_times(one, square)), predicted))),
    )
    note = (
        "g is all gradients taken together. The slope predicts the change for a small step. Where the two differ, "
        "the step was long enough for the slope to change on the way; where the loss rose, too long."
    )
    return Step(
        "L after",
        "update",
        "sgd",
        "What the step was worth",
        formula,
        "1 = 1 − 1",
        np.array([after]),
        lines,
        (),
        note,
    )


def _eta_times(one: OneStep, gradient: float) -> Formula:
    return (Number(numeral(one.learning_rate)), TIMES, Number(in_a_product(float(gradient))))
