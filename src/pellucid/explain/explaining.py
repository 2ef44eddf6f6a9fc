"""From a network, an example and a label to an explanation: the equations, one after the other, with their numbers.

In a small network every number is shown. In a large one a path is followed that hangs together: from the true class down to
the neuron that speaks loudest for it or against it, to the loudest below that, to the loudest input.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.equations.activations import ACTIVATIONS
from pellucid.equations.architecture import Architecture
from pellucid.equations.finite_differences import relative_difference, slope_at
from pellucid.equations.losses import CrossEntropy
from pellucid.equations.network import BackwardStep, Trace, backward_steps, forward, loss_and_gradients
from pellucid.equations.optimizers import SGD
from pellucid.equations.parameters import Array, Layers
from pellucid.explain.arithmetic import ending
from pellucid.explain.explanation import ALL_SHOWN, Check, Explanation, Line, Step
from pellucid.explain.formula import Formula, Fraction, Number, Operator, Symbol, Word, text
from pellucid.explain.neuron import in_float64
from pellucid.explain.numerals import in_a_product, numeral, rough, share
from pellucid.explain.worked import EQUALS, GETS, MINUS, PLUS, TIMES, applied, between, column_of, line_of, products

PROBES = 24
MOST_WORK_OF_PROBES = 100_000_000
"""Multiplications spent on the probes of one check: in a very wide network fewer numbers are probed; it says how many."""

PASSES_A_PROBE = 3

_TAG_OF_ACTIVATION = {"relu": "a", **{name: name.replace("_", "-") for name in ACTIVATIONS if name != "relu"}}
_TAG_OF_OUTPUT = {
    "softmax": "p",
    "logistic": "logistic",
    "identity": "identity",
    "exp": "poisson",
    "scaled_tanh": "scaled-tanh",
}
_TAG_OF_LOSS = {
    "cross_entropy": "loss",
    "class_squared_error": "class-squared",
    "binary_cross_entropy": "binary-loss",
    "squared_error": "squared",
    "absolute_error": "absolute",
    "huber": "huber",
    "quantile": "quantile",
    "poisson": "poisson",
}
ETA = Symbol("η")


def explain(
    architecture: Architecture,
    layers: Layers,
    x: ArrayLike,
    y: Any,
    *,
    learning_rate: float,
    label: Any = None,
    says: Any = None,
    example: str = "the example",
) -> Explanation:
    """Explain one step of training by [sgd] on one example.

    ``x`` (d,), or in the shape of a picture, is in the units of the data; ``y`` is a class index where the loss is of
    classes, else the numbers (k,). ``label`` and ``says`` are how people call what it is and what the network takes it for;
    ``example`` is what they call the example.

    >>> from pellucid.equations.worked_example import ARCHITECTURE, LAYERS, X, Y
    >>> explanation = explain(ARCHITECTURE, LAYERS, X, 1, learning_rate=0.1)
    >>> round(explanation.loss, 4), round(explanation.loss_after, 4)
    (1.5489, 0.7833)
    """
    one = _OneStep(architecture, layers, np.asarray(x).reshape(1, -1), y, learning_rate)
    k = int(one.trace.logits[0].argmax())
    return Explanation(
        network=str(architecture),
        parameters=architecture.n_parameters,
        example=example,
        label=y if label is None else label,
        says=says if says is not None else (k if architecture.loss.of_classes else one.trace.p[0].tolist()),
        picture=np.asarray(x).reshape(architecture.input_shape),
        learning_rate=float(learning_rate),
        loss=one.loss,
        loss_after=one.loss_after,
        steps=tuple(one.steps()),
    )


class _OneStep:
    """All that is computed, once; and the steps that show it."""

    def __init__(
        self, architecture: Architecture, layers: Layers, X: NDArray[Any], y: Any, learning_rate: float
    ) -> None:
        self.architecture, self.X, self.learning_rate = architecture, X, learning_rate
        self.layers: Layers = in_float64(layers)
        self.y: Any = np.array([y]) if architecture.loss.of_classes else np.array(y, np.float64).reshape(1, -1)
        self.trace: Trace = forward(architecture, self.layers, X)
        self.back: list[BackwardStep] = [*backward_steps(architecture, self.layers, self.trace, self.y)][::-1]
        self.gradients = tuple(step.gradient for step in self.back)
        self.after, _ = SGD().step(self.layers, self.gradients, (), t=1, learning_rate=learning_rate)
        self.loss = architecture.loss.of_batch(self.trace.logits, self.y)
        self.loss_after, _ = loss_and_gradients(architecture, self.after, X, self.y)
        self.L = len(layers)
        self.path = self._path()

    def _path(self) -> list[int]:
        """Choose the elements that a large network shows: of x, a₁, …, and of the outputs."""
        place = int(self.y[0]) if self.architecture.loss.of_classes else 0
        path = [place]
        for (W, _), seen in zip(self.layers[::-1], self.trace.layers[::-1], strict=True):
            place = int(np.abs(W[place] * seen.inputs[0]).argmax())
            path.append(place)
        return path[::-1]

    def places(self, k: int) -> list[int]:
        """The elements of layer k (0: the inputs) that are shown with their numbers."""
        width = self.architecture.widths[k]
        return [*range(width)] if self.is_small(k) else [self.path[k]]

    def is_small(self, k: int) -> bool:
        """Say whether all of layer k is shown: where its matrix, too, fits on a screen."""
        widths = self.architecture.widths
        return max(widths[k], widths[k] * widths[max(k - 1, 0)] if k else widths[k]) <= ALL_SHOWN

    def below(self, k: int) -> Symbol:
        """The symbol of what layer k sees."""
        return Symbol("a", k - 1) if k > 1 else Symbol("x")

    def steps(self) -> Iterator[Step]:
        yield self.input()
        for k in range(1, self.L + 1):
            yield self.affine(k)
            if k < self.L:
                yield self.activation(k)
        yield self.output()
        yield self.measure()
        yield self.gradient_of_logits()
        for k in range(self.L, 0, -1):
            yield self.gradient_of_weights(k)
            yield self.gradient_of_biases(k)
            if k > 1:
                yield self.gradient_below(k)
                yield self.gradient_through(k - 1)
        for k in range(self.L, 0, -1):
            yield self.update(k, "W")
            yield self.update(k, "b")
        yield self.what_it_was_worth()

    # ---- Forwards --------------------------------------------------------------------------------------------------------

    def input(self) -> Step:
        x, d = self.trace.x[0], self.architecture.inputs
        scaling = self.architecture.scaling
        lines = []
        for i in self.places(0):
            offset, scale = (float(np.broadcast_to(each, d)[i]) for each in (scaling.offset, scaling.scale))
            above: Formula = (Number(numeral(float(self.X[0, i]))),)
            if offset:
                above = (*above, MINUS, Number(in_a_product(offset)))
            made: Formula = (Fraction(above, (Number(numeral(scale)),)),) if scale != 1 else above
            lines.append(line_of(Symbol("x", None, str(i)), made, x[i]))
        picture = (
            f"The picture of {'×'.join(map(str, self.architecture.input_shape))} pixels is laid out as one long vector."
            if len(self.architecture.input_shape) > 1
            else ""
        )
        formula: Formula = (
            Symbol("x"), EQUALS, Fraction((Symbol("X"), MINUS, Word("offset")), (Word("scale"),)),
        )  # fmt: skip
        return Step("x", "input", "x", "What the network sees", formula, f"{d} = {d}", x, tuple(lines), (), picture)

    def affine(self, k: int) -> Step:
        (W, b), seen = self.layers[k - 1], self.trace.layers[k - 1]
        fan_out, fan_in = W.shape
        lines, sums = [], []
        for j in self.places(k):
            made = Symbol("z", k, str(j))
            weights, inputs = W[j], seen.inputs[0]
            if fan_in <= 4:
                lines.append(
                    line_of(made, (*products(weights, inputs), PLUS, Number(in_a_product(b[j]))), seen.z[0, j])
                )
            else:
                bias = float(b[j]), Symbol("b", k, str(j))
                sums.append(
                    column_of(made, Symbol("W", k, f"{j},"), self.below(k), weights, inputs, seen.z[0, j], bias)
                )
        title = "Output layer: the logits" if k == self.L else f"Hidden layer {k}: weigh and add"
        formula: Formula = (Symbol("z", k), EQUALS, Symbol("W", k), self.below(k), PLUS, Symbol("b", k))
        shapes = f"{fan_out} = {fan_out}×{fan_in} · {fan_in} + {fan_out}"
        note = "" if self.is_small(k) else f"Followed here: neuron {self.path[k]}, {self._why(k)}."
        return Step(f"z{_low(k)}", "forward", "z", title, formula, shapes, seen.z[0], tuple(lines), tuple(sums), note)

    def _why(self, k: int) -> str:
        if k == self.L:
            return "the true class" if self.architecture.loss.of_classes else "the first output"
        return f"which adds most, or takes most away, above: |{text((Symbol('W', k + 1),))} a| is largest there"

    def activation(self, k: int) -> Step:
        seen, name = self.trace.layers[k - 1], self.architecture.hidden[k - 1].activation
        lines = tuple(
            line_of(Symbol("a", k, str(j)), applied(name, Number(numeral(seen.z[0, j]))), seen.a[0, j])
            for j in self.places(k)
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
            f"a{_low(k)}", "forward", _TAG_OF_ACTIVATION[name], title, formula, shapes, seen.a[0], lines, (), note
        )

    def output(self) -> Step:
        z, p, loss = self.trace.logits[0], self.trace.p[0], self.architecture.loss
        k = len(p)
        lines: list[Line] = []
        if loss.output == "softmax":
            with np.errstate(over="ignore"):
                powers = np.exp(z)
            if np.isfinite(powers.sum()):
                total = Number(numeral(powers.sum()))
                if k <= ALL_SHOWN:
                    made = between(PLUS, [(Number(numeral(power)),) for power in powers])
                    lines.append(Line((Operator("Σ"), *self._power("i"), EQUALS, *ending(made, float(powers.sum())))))
                for j in self._classes_shown():
                    above: Formula = (Operator("exp"), Operator("("), Number(numeral(z[j])), Operator(")"))
                    lines.append(
                        line_of(Symbol("p", None, str(j)), (Fraction(above, (total,)),), p[j], written=share(p[j]))
                    )
            sum_of_powers: Formula = (Operator("Σ"), *self._power("i"))
            formula: Formula = (Symbol("p", None, "j"), EQUALS, Fraction(self._power("j"), sum_of_powers))
        else:
            formula = (Symbol("p"), EQUALS, Operator(loss.output), Operator("("), Symbol("z", self.L), Operator(")"))
        title = {"softmax": "Softmax: from logits to probabilities"}.get(loss.output, "What the network puts out")
        return Step(
            "p", "loss", _TAG_OF_OUTPUT[loss.output], title, formula, f"{k} = {k}", p, tuple(lines), write=share
        )

    def _power(self, place: str) -> Formula:
        return (Operator("exp"), Operator("("), Symbol("z", self.L, place), Operator(")"))

    def _classes_shown(self) -> list[int]:
        if self.is_small(self.L):
            return [*range(self.architecture.outputs)]
        return [*dict.fromkeys([int(self.y[0]), int(self.trace.logits[0].argmax())])]

    def measure(self) -> Step:
        loss, value = self.architecture.loss, np.array([self.loss])
        if loss == CrossEntropy():
            p, y = self.trace.p[0], int(self.y[0])
            formula: Formula = (
                Symbol("L"), EQUALS, MINUS, Operator("Σ"), Symbol("y", None, "i"), Operator("log"), Symbol("p", None, "i"),
            )  # fmt: skip
            surprise: Formula = (Symbol("L"), EQUALS, MINUS, Operator("log"), Symbol("p", None, str(y)), EQUALS)
            line = Line((*surprise, *ending((MINUS, Operator("log"), Number(share(p[y]))), self.loss)))
            note = (
                "y is 1 for the true class, 0 for all others: one term of the sum is left, how surprising the truth is."
            )
            return Step(
                "L",
                "loss",
                "loss",
                "Cross-entropy: how wrong that is",
                formula,
                f"1 = {len(p)}",
                value,
                (line,),
                (),
                note,
            )
        formula = (
            Symbol("L"),
            EQUALS,
            Word(loss.name.replace("_", " ")),
            Operator("("),
            Symbol("p"),
            Operator(","),
            Symbol("y"),
            Operator(")"),
        )
        tag = _TAG_OF_LOSS[loss.name]
        return Step("L", "loss", tag, "The loss: how wrong that is", formula, f"1 = {self.architecture.outputs}", value)

    # ---- Backwards -------------------------------------------------------------------------------------------------------

    def gradient_of_logits(self) -> Step:
        dz, loss = self.back[-1].dz[0], self.architecture.loss
        made = Symbol("z", self.L, "", True)
        lines: list[Line] = []
        if loss == CrossEntropy():
            p = self.trace.p[0]
            formula: Formula = (made, EQUALS, Symbol("p"), MINUS, Symbol("y"))
            for j in self._classes_shown():
                wanted = Number("1" if j == int(self.y[0]) else "0")
                lines.append(line_of(made._replace(place=str(j)), (Number(share(p[j])), MINUS, wanted), dz[j]))
            note = (
                "It holds for every class: the text says so of the correct one. The true class is pulled up, each other "
                "pushed down by its own probability, and together they cancel."
            )
        else:
            formula = (made, EQUALS, Word("the slope of the loss at z"))
            note = ""
        shapes = f"{len(dz)} = {len(dz)} − {len(dz)}"
        check = self._check(("z", self.L), self.back[-1].dz)
        return Step(
            _text(made), "backward", "dz_out", "Back to the logits", formula, shapes, dz, tuple(lines), (), note, check
        )

    def gradient_of_weights(self, k: int) -> Step:
        dW, dz, inputs = self.back[k - 1].gradient.W, self.back[k - 1].dz[0], self.trace.layers[k - 1].inputs[0]
        made = Symbol("W", k, "", True)
        formula: Formula = (made, EQUALS, Symbol("z", k, "", True), self.below(k)._replace(is_transposed=True))
        lines = tuple(
            line_of(made._replace(place=f"{j},{i}"), products(dz[[j]], inputs[[i]]), dW[j, i])
            for j, i in self._weights_shown(k)
        )
        fan_out, fan_in = dW.shape
        note = (
            "The text uses this gradient and does not give it: each weight's is the gradient above it times what came in "
            "below it."
        )
        check = self._check(("W", k), dW)
        return Step(_text(made), "backward", "dW", f"Layer {k}: gradient of the weights", formula,
                    f"{fan_out}×{fan_in} = {fan_out} · {fan_in}", dW, lines, (), note, check)  # fmt: skip

    def _weights_shown(self, k: int) -> list[tuple[int, int]]:
        if self.is_small(k):
            return [(j, i) for j in self.places(k) for i in range(self.architecture.widths[k - 1])]
        return [(self.path[k], self.path[k - 1])]

    def gradient_of_biases(self, k: int) -> Step:
        db = self.back[k - 1].gradient.b
        made, dz = Symbol("b", k, "", True), Symbol("z", k, "", True)
        lines = tuple(
            Line((made._replace(place=str(j)), EQUALS, dz._replace(place=str(j)), EQUALS, Number(numeral(db[j]))))
            for j in self.places(k)
        )
        check = self._check(("b", k), db)
        return Step(_text(made), "backward", "db", f"Layer {k}: gradient of the biases", (made, EQUALS, dz),
                    f"{len(db)} = {len(db)}", db, lines, (), "", check)  # fmt: skip

    def gradient_below(self, k: int) -> Step:
        """∂L/∂a of layer k − 1, through the weights of layer k."""
        da, W, dz = self.back[k - 1].da, self.layers[k - 1].W, self.back[k - 1].dz[0]
        assert da is not None
        made, above = Symbol("a", k - 1, "", True), Symbol("z", k, "", True)
        formula: Formula = (made, EQUALS, Symbol("W", k, "", False, True), above)
        lines, sums = [], []
        for i in self.places(k - 1):
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
        check = self._check(("a", k - 1), da)
        return Step(_text(made), "backward", "da", f"Back through the weights of layer {k}", formula,
                    f"{fan_in} = {fan_in}×{fan_out} · {fan_out}", da[0], tuple(lines), tuple(sums), note, check)  # fmt: skip

    def gradient_through(self, k: int) -> Step:
        """∂L/∂z of layer k, through its activation."""
        name, z, dz, da = (
            self.architecture.hidden[k - 1].activation,
            self.trace.layers[k - 1].z,
            self.back[k - 1].dz,
            self.back[k].da,
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
            line_of(made._replace(place=str(j)), products(da[0, [j]], slope[[j]]), dz[0, j]) for j in self.places(k)
        )
        tag = "dz" if name == "relu" else _TAG_OF_ACTIVATION[name]
        width = z.shape[1]
        check = self._check(("z", k), dz)
        formula: Formula = (made, EQUALS, above, Operator("⊙"), *bend)
        return Step(_text(made), "backward", tag, f"Back through the bend of layer {k}", formula,
                    f"{width} = {width} ⊙ {width}", dz[0], lines, (), "", check)  # fmt: skip

    # ---- The update ------------------------------------------------------------------------------------------------------

    def update(self, k: int, letter: str) -> Step:
        before, gradient, after = (getattr(some[k - 1], letter) for some in (self.layers, self.gradients, self.after))
        made = Symbol(letter, k)
        places: list[tuple[int, ...]] = [*self._weights_shown(k)] if letter == "W" else [(j,) for j in self.places(k)]
        lines = tuple(
            line_of(
                made._replace(place=",".join(map(str, place))),
                (Number(numeral(before[place])), MINUS, *self._eta_times(gradient[place])),
                after[place],
                GETS,
            )
            for place in places
        )
        shape = "×".join(map(str, before.shape))
        title = f"Layer {k}: move the {'weights' if letter == 'W' else 'biases'} downhill"
        note = "" if letter == "W" or k < self.L else "The text gives the update for W only; b moves in the same way."
        formula: Formula = (made, GETS, made, MINUS, ETA, made._replace(is_gradient=True))
        return Step(
            f"{_text(made)} ←", "update", "sgd", title, formula, f"{shape} = {shape} − {shape}", after, lines, (), note
        )

    def what_it_was_worth(self) -> Step:
        square = sum(float((tensor**2).sum()) for layer in self.gradients for tensor in layer)
        after, predicted = self.loss_after, -self.learning_rate * square
        formula: Formula = (Symbol("L"), Word("after"), Operator("≈"), Symbol("L"), MINUS, ETA, Word("‖g‖²"))
        lines = (
            Line((Symbol("L"), Word("before"), EQUALS, Number(numeral(self.loss)))),
            Line((Symbol("L"), Word("after"), EQUALS, Number(numeral(after)))),
            Line((Word("the change"), EQUALS, Number(numeral(after - self.loss)))),
            Line((Word("predicted"), EQUALS, *ending((MINUS, *self._eta_times(square)), predicted))),
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

    def _eta_times(self, gradient: float) -> Formula:
        return (Number(numeral(self.learning_rate)), TIMES, Number(in_a_product(float(gradient))))

    # ---- Checks ----------------------------------------------------------------------------------------------------------

    def _check(self, quantity: tuple[str, int], gradient: Array) -> Check:
        """Hold some elements of a gradient against differences: the one that is followed, and others, evenly spaced."""
        letter, k = quantity
        of_batch = letter in "za"
        first = {"W": self._weights_shown(k)[-1], "b": (self.path[k],), "z": (0, self.path[k]), "a": (0, self.path[k])}[
            letter
        ]
        affordable = MOST_WORK_OF_PROBES // (PASSES_A_PROBE * self.architecture.n_parameters)
        stride = max(1, gradient.size // max(1, min(PROBES, affordable)))
        spaced = [tuple(int(i) for i in np.unravel_index(n, gradient.shape)) for n in range(0, gradient.size, stride)]
        places = [*dict.fromkeys([first, *spaced])]
        estimates = {
            place: slope_at(self.architecture, self.layers, self.X, self.y, quantity, place) for place in places
        }
        kept = [place for place in places if estimates[place] is not None]
        ours, theirs = (np.array([float(some[place]) for place in kept]) for some in (gradient, estimates))  # type: ignore[arg-type]
        element = Symbol(letter, k, ",".join(str(i) for i in (first[1:] if of_batch else first)), True)
        shown = estimates[first]
        return Check(
            (element,),
            numeral(float(gradient[first])),
            "" if shown is None else numeral(shown),
            rough(relative_difference(ours, theirs)) if len(kept) else "",
            len(kept),
            len(places) - len(kept),
        )


def _low(k: int) -> str:
    return str(k).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def _text(symbol: Symbol) -> str:
    return text((symbol,))
