"""The steps forwards: what the network sees, each layer, the output."""

from __future__ import annotations

import numpy as np

from pellucid.equations.activations import ACTIVATIONS
from pellucid.explain.arithmetic import ending
from pellucid.explain.explanation import ALL_SHOWN, Line, Step
from pellucid.explain.formula import Formula, Fraction, Number, Operator, Symbol, Word, text
from pellucid.explain.numerals import bracketed, in_a_product, numeral, share, told_apart
from pellucid.explain.one_step import OneStep
from pellucid.explain.worked import EQUALS, MINUS, PLUS, applied, between, column_of, line_of, products

TAG_OF_ACTIVATION = {"relu": "a", **{name: name.replace("_", "-") for name in ACTIVATIONS if name != "relu"}}
_TAG_OF_OUTPUT = {
    "softmax": "p",
    "logistic": "logistic",
    "identity": "identity",
    "exp": "poisson",
    "scaled_tanh": "scaled-tanh",
}


def what_it_sees(one: OneStep) -> Step:
    """[x]: the example in the units of the network."""
    x, d = one.trace.x[0], one.architecture.inputs
    scaling = one.architecture.scaling
    lines = []
    for i in one.places(0):
        offset, scale = (float(np.broadcast_to(each, d)[i]) for each in (scaling.offset, scaling.scale))
        seen, off = told_apart(float(one.X[0, i]), offset)
        above: Formula = (Number(seen), MINUS, Number(bracketed(off))) if offset else (Number(seen),)
        made: Formula = (Fraction(above, (Number(numeral(scale)),)),) if scale != 1 else above
        lines.append(line_of(Symbol("x", None, str(i)), made, x[i]))
    picture = (
        f"The picture of {'×'.join(map(str, one.architecture.input_shape))} pixels is laid out as one long vector."
        if len(one.architecture.input_shape) > 1
        else ""
    )
    formula: Formula = (
        Symbol("x"), EQUALS, Fraction((Symbol("X"), MINUS, Word("offset")), (Word("scale"),)),
    )  # fmt: skip
    return Step("x", "input", "x", "What the network sees", formula, f"{d} = {d}", x, tuple(lines), (), picture)


def affine(one: OneStep, k: int) -> Step:
    """[z] of layer k."""
    (W, b), seen = one.layers[k - 1], one.trace.layers[k - 1]
    fan_out, fan_in = W.shape
    lines, sums = [], []
    for j in one.places(k):
        made = Symbol("z", k, str(j))
        weights, inputs = W[j], seen.inputs[0]
        if fan_in <= 4:
            lines.append(line_of(made, (*products(weights, inputs), PLUS, Number(in_a_product(b[j]))), seen.z[0, j]))
        else:
            bias = float(b[j]), Symbol("b", k, str(j))
            sums.append(column_of(made, Symbol("W", k, f"{j},"), one.below(k), weights, inputs, seen.z[0, j], bias))
    title = "Output layer: the logits" if k == one.L else f"Hidden layer {k}: weigh and add"
    formula: Formula = (Symbol("z", k), EQUALS, Symbol("W", k), one.below(k), PLUS, Symbol("b", k))
    shapes = f"{fan_out} = {fan_out}×{fan_in} · {fan_in} + {fan_out}"
    note = "" if one.is_small(k) else f"Followed here: neuron {one.path[k]}, {_why(one, k)}."
    return Step(
        text((Symbol("z", k),)), "forward", "z", title, formula, shapes, seen.z[0], tuple(lines), tuple(sums), note
    )


def _why(one: OneStep, k: int) -> str:
    if k == one.L:
        return "the true class" if one.architecture.loss.of_classes else "the first output"
    return f"which adds most, or takes most away, above: |{text((Symbol('W', k + 1),))} a| is largest there"


def activation(one: OneStep, k: int) -> Step:
    """[a] of layer k, or whatever it bends with."""
    seen, name = one.trace.layers[k - 1], one.architecture.hidden[k - 1].activation
    lines = tuple(
        line_of(Symbol("a", k, str(j)), applied(name, Number(numeral(seen.z[0, j]))), seen.a[0, j])
        for j in one.places(k)
    )
    off = int((seen.a[0] == 0).sum())
    note = ""
    if name == "relu":
        note = (
            f"{off:,} of {seen.a.shape[1]:,} neurons {'is off: it hands' if off == 1 else 'are off: they hand'} on 0, "
            "now and on the way back."
        )
    formula: Formula = (Symbol("a", k), EQUALS, *applied(name, Symbol("z", k)))
    title = f"Hidden layer {k}: bend"
    shapes = f"{seen.a.shape[1]} = {seen.a.shape[1]}"
    return Step(
        text((Symbol("a", k),)), "forward", TAG_OF_ACTIVATION[name], title, formula, shapes, seen.a[0], lines, (), note
    )


def output(one: OneStep) -> Step:
    """[p], or whatever the loss makes of the logits."""
    z, p, loss = one.trace.logits[0], one.trace.p[0], one.architecture.loss
    k = len(p)
    lines: list[Line] = []
    note = ""
    if loss.output == "softmax":
        with np.errstate(over="ignore"):
            largest = 0.0 if 0 < np.exp(z).sum() < np.inf else float(z.max())
        powers = np.exp(z - largest)
        total = Number(numeral(powers.sum()))
        if largest:
            note = (
                f"Such powers are beyond what a computer holds: from each logit the largest, {numeral(largest)}, is taken "
                "away first, above and below, which changes no p."
            )
        if k <= ALL_SHOWN:
            made = between(PLUS, [(Number(numeral(power)),) for power in powers])
            power = _power(Symbol("z", one.L, "i"), largest)
            lines.append(Line((Operator("Σ"), *power, EQUALS, *ending(made, float(powers.sum())))))
        for j in one.classes_shown():
            above = _power(Number(numeral(z[j])), largest)
            lines.append(line_of(Symbol("p", None, str(j)), (Fraction(above, (total,)),), p[j], written=share(p[j])))
        above, below = (_power(Symbol("z", one.L, place)) for place in "ji")
        formula: Formula = (Symbol("p", None, "j"), EQUALS, Fraction(above, (Operator("Σ"), *below)))
    else:
        formula = (Symbol("p"), EQUALS, *applied(loss.output, Symbol("z", one.L)))
        lines = [
            line_of(Symbol("p", None, str(j)), applied(loss.output, Number(numeral(z[j]))), p[j], written=share(p[j]))
            for j in one.places(one.L)
        ]
    title = {"softmax": "Softmax: from logits to probabilities"}.get(loss.output, "What the network puts out")
    return Step(
        "p", "loss", _TAG_OF_OUTPUT[loss.output], title, formula, f"{k} = {k}", p, tuple(lines), (), note, write=share
    )


def _power(of: Symbol | Number, largest: float = 0.0) -> Formula:
    less: Formula = (MINUS, Number(in_a_product(largest))) if largest else ()
    return (Operator("exp"), Operator("("), of, *less, Operator(")"))
