"""The steps backwards from the logits: through each layer the gradients of its weights, biases and inputs."""

from __future__ import annotations

import numpy as np

from pellucid.equations.activations import ACTIVATIONS
from pellucid.explain.arithmetic import equals
from pellucid.explain.checking import checked
from pellucid.explain.explanation import Line, Step
from pellucid.explain.formula import Formula, Number, Operator, Symbol, text
from pellucid.explain.forwards import TAG_OF_ACTIVATION
from pellucid.explain.numerals import numeral
from pellucid.explain.one_step import OneStep
from pellucid.explain.worked import EQUALS, column_of, line_of, products


def gradient_of_weights(one: OneStep, k: int) -> Step:
    """[dW] of layer k."""
    dW, dz, inputs = one.back[k - 1].gradient.W, one.back[k - 1].dz[0], one.trace.layers[k - 1].inputs[0]
    made = Symbol("W", k, "", True)
    formula: Formula = (made, EQUALS, Symbol("z", k, "", True), one.below(k)._replace(is_transposed=True))
    lines = tuple(
        line_of(made._replace(place=f"{j},{i}"), products(dz[[j]], inputs[[i]]), dW[j, i])
        for j, i in one.weights_shown(k)
    )
    fan_out, fan_in = dW.shape
    note = (
        "The text uses this gradient and does not give it: each weight's is the gradient above it times what came in "
        "below it."
    )
    check = checked(one, ("W", k), dW)
    return Step(text((made,)), "backward", "dW", f"Layer {k}: gradient of the weights", formula,
                f"{fan_out}×{fan_in} = {fan_out} · {fan_in}", dW, lines, (), note, check)  # fmt: skip


def gradient_of_biases(one: OneStep, k: int) -> Step:
    """[db] of layer k."""
    db = one.back[k - 1].gradient.b
    made, dz = Symbol("b", k, "", True), Symbol("z", k, "", True)
    lines = tuple(
        Line((made._replace(place=str(j)), EQUALS, dz._replace(place=str(j)), equals(db[j]), Number(numeral(db[j]))))
        for j in one.places(k)
    )
    check = checked(one, ("b", k), db)
    return Step(text((made,)), "backward", "db", f"Layer {k}: gradient of the biases", (made, EQUALS, dz),
                f"{len(db)} = {len(db)}", db, lines, (), "", check)  # fmt: skip


def gradient_below(one: OneStep, k: int) -> Step:
    """∂L/∂a of layer k − 1, through the weights of layer k."""
    da, W, dz = one.back[k - 1].da, one.layers[k - 1].W, one.back[k - 1].dz[0]
    assert da is not None
    made, above = Symbol("a", k - 1, "", True), Symbol("z", k, "", True)
    formula: Formula = (made, EQUALS, Symbol("W", k, "", False, True), above)
    lines, sums = [], []
    for i in one.places(k - 1):
        here = made._replace(place=str(i))
        if W.shape[0] <= 4:
            lines.append(line_of(here, products(W[:, i], dz), da[0, i]))
        else:
            sums.append(column_of(here, Symbol("W", k, f",{i}"), above, W[:, i], dz, da[0, i], None))
    fan_out, fan_in = W.shape
    note = (
        "The text writes ∂L/∂a for the product that holds f′(z) already; that is ∂L/∂z, the next step. Its one * stands "
        "for a matrix times a vector here, and for a product element by element there."
    )
    check = checked(one, ("a", k - 1), da)
    return Step(text((made,)), "backward", "da", f"Back through the weights of layer {k}", formula,
                f"{fan_in} = {fan_in}×{fan_out} · {fan_out}", da[0], tuple(lines), tuple(sums), note, check)  # fmt: skip


def gradient_through(one: OneStep, k: int) -> Step:
    """∂L/∂z of layer k, through its activation."""
    name, z, dz, da = (
        one.architecture.hidden[k - 1].activation,
        one.trace.layers[k - 1].z,
        one.back[k - 1].dz,
        one.back[k].da,
    )
    assert da is not None
    slope = ACTIVATIONS[name].backward(np.ones_like(z), z)[0]
    made, above = Symbol("z", k, "", True), Symbol("a", k, "", True)
    bend: Formula = (
        (Operator("["), Symbol("z", k), Operator(">"), Number("0"), Operator("]"))
        if name == "relu"
        else (Operator("f′"), Operator("("), Symbol("z", k), Operator(")"))
    )
    lines = tuple(
        line_of(made._replace(place=str(j)), products(da[0, [j]], slope[[j]]), dz[0, j]) for j in one.places(k)
    )
    tag = "dz" if name == "relu" else TAG_OF_ACTIVATION[name]
    width = z.shape[1]
    check = checked(one, ("z", k), dz)
    formula: Formula = (made, EQUALS, above, Operator("⊙"), *bend)
    return Step(text((made,)), "backward", tag, f"Back through the bend of layer {k}", formula,
                f"{width} = {width} ⊙ {width}", dz[0], lines, (), "", check)  # fmt: skip
