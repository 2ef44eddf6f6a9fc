"""Is what an explanation says true? Of its numbers, of what is printed, of the order of its steps."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.equations.activations import ACTIVATIONS
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.initialization import initialize
from pellucid.equations.losses import (
    AbsoluteError,
    BinaryCrossEntropy,
    ClassSquaredError,
    CrossEntropy,
    Huber,
    Poisson,
    Quantile,
    SquaredError,
)
from pellucid.equations.network import backward, forward, loss_and_gradients
from pellucid.equations.notation import EQUATIONS
from pellucid.equations.optimizers import SGD
from pellucid.equations.scaling import Scaling
from pellucid.explain import explain
from pellucid.explain.arithmetic import reckoned, value_of
from pellucid.explain.checking import MOST_WORK_OF_PROBES, PASSES_A_PROBE, PROBES
from pellucid.explain.explanation import ALL_SHOWN
from pellucid.explain.formula import Number, Operator, text

LOSSES = [
    CrossEntropy(), CrossEntropy(0.1), ClassSquaredError(), BinaryCrossEntropy(), SquaredError(), AbsoluteError(), Huber(),
    Quantile(0.3), Poisson(),
]  # fmt: skip


def written(numeral: str) -> str:
    """Write a numeral as Python reads it: 3·10⁻¹² as 3e-12."""
    return numeral.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹−", "-0123456789-")).replace("·10", "e")


def sides(line):
    """What stands left and right of the last = or ≈ of a line, and which it is."""
    places = [i for i, sign in enumerate(line.formula) if isinstance(sign, Operator) and sign.sign in ("=", "≈", "←")]
    last = places[-1]
    before = places[-2] if len(places) > 1 else -1
    return line.formula[before + 1 : last], line.formula[last].sign, line.formula[last + 1 :]


def lines_of(explanation):
    return [line for step in explanation.steps for line in step.lines]


def test_a_wide_network_is_checked_at_fewer_places_and_says_at_how_many():
    architecture = Architecture((100,), (Hidden(3000), Hidden(1000)), 3)
    layers = initialize(architecture, 0)
    explanation = explain(architecture, layers, np.linspace(0, 1, 100), 1, learning_rate=0.1)
    check = explanation.step("∂L/∂W₂").check
    affordable = MOST_WORK_OF_PROBES // (PASSES_A_PROBE * architecture.n_parameters)
    assert 0 < affordable < PROBES
    assert 2 <= check.probes + check.left_out <= affordable + 2
    assert float(written(check.apart)) < 1e-4


def test_the_worked_example_says_every_number_of_its_page(tiny):
    said = {line.text for line in lines_of(tiny)}
    assert {
        "z₁[0] = 0.5 · 1 + (−0.2) · 0 + 0.4 · 0.5 + 0.1 · (−1) + 0.1 = 0.7",
        "a₁[1] = max(0, −0.8) = 0",
        "z₃[1] = (−0.5) · 0.34 + 0.6 · 0 + (−0.5) · 0.58 + (−0.05) = −0.51",
        "p[1] = exp(−0.51) / 2.826 ≈ 0.2125",
        "L = −log p[1] = −log 0.2125 ≈ 1.549",
        "∂L/∂z₃[1] = 0.2125 − 1 = −0.7875",
        "∂L/∂a₂[2] = 1 · 0.7875 + (−0.5) · (−0.7875) ≈ 1.181",
        "∂L/∂z₂[1] = (−0.7875) · 0 = 0",
        "∂L/∂W₁[0,3] = 0.945 · (−1) = −0.945",
        "b₃[0] ← 0.05 − 0.1 · 0.7875 = −0.02875",
        "L after ≈ 0.7833",
        "the change = 0.7833 − 1.549 ≈ −0.7656",
    } <= said
    for step in tiny.steps:
        if step.phase != "update" and step.symbol not in ("L", "L after"):
            assert len(step.lines) >= step.array.size, step.symbol


def test_the_steps_go_forwards_and_come_back_in_exact_reverse(tiny, large):
    for explanation in (tiny, large):
        assert [step.symbol for step in explanation.steps] == [
            "x", "z₁", "a₁", "z₂", "a₂", "z₃", "p", "L",
            "∂L/∂z₃", "∂L/∂W₃", "∂L/∂b₃", "∂L/∂a₂", "∂L/∂z₂", "∂L/∂W₂", "∂L/∂b₂", "∂L/∂a₁", "∂L/∂z₁", "∂L/∂W₁", "∂L/∂b₁",
            "W₃ ←", "b₃ ←", "W₂ ←", "b₂ ←", "W₁ ←", "b₁ ←", "L after",
        ]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_its_arrays_are_those_of_the_equations(problem, dtype):
    architecture, layers, x, y = problem(dtype=dtype)
    explanation = explain(architecture, layers, x, y, learning_rate=0.05)
    wide = tuple(type(layer)(layer.W.astype(float), layer.b.astype(float)) for layer in layers)
    X, Y = x[np.newaxis], np.array([y])
    trace = forward(architecture, wide, X)
    gradients = backward(architecture, wide, trace, Y)
    after, _ = SGD().step(wide, gradients, (), t=1, learning_rate=0.05)
    for k, low in enumerate("₁₂₃"):
        assert explanation.step(f"z{low}").array.tolist() == trace.layers[k].z[0].tolist()
        assert explanation.step(f"∂L/∂W{low}").array.tolist() == gradients[k].W.tolist()
        assert explanation.step(f"∂L/∂b{low}").array.tolist() == gradients[k].b.tolist()
        assert explanation.step(f"W{low} ←").array.tolist() == after[k].W.tolist()
    assert explanation.loss == architecture.loss.of_batch(trace.logits, Y)
    assert explanation.loss_after == loss_and_gradients(architecture, after, X, Y)[0]
    one_hot = np.arange(5) == y
    assert explanation.step("∂L/∂z₃").array.tolist() == (trace.p[0] - one_hot).tolist()


@given(
    seed=st.integers(0, 10**6),
    widths=st.sampled_from([(4, 3, 3, 2), (3, 2), (30, 20, 5), (2, 40, 3), (5, 1, 2), (4, 3, 14)]),
    loss=st.sampled_from(LOSSES),
)
@settings(max_examples=80)
def test_every_line_is_true_as_it_is_printed(problem, seed, widths, loss):
    explanation = explain(*problem(seed, widths, loss=loss), learning_rate=0.1)
    for line in lines_of(explanation):
        left, sign, right = sides(line)
        exact = reckoned(left)
        if exact is None:
            assert sign != "=" or len(line.formula) <= 4 or line.formula[0].is_gradient, line.text
            continue
        (number,) = right
        shown = value_of(number.numeral)
        if sign == "=":
            assert exact == shown, line.text
        else:  # rounded factors and terms, each by 1/2000 of itself at most, and the result
            size = sum(abs(value_of(each.numeral)) for each in left if isinstance(each, Number)) + abs(shown)
            assert abs(exact - shown) <= Fraction(1, 400) * (1 + size) ** 2, line.text


@given(
    seed=st.integers(0, 10**6),
    widths=st.sampled_from([(784, 16, 10), (30, 20, 14, 5), (6, 13, 2), (30, 14)]),
    loss=st.sampled_from(LOSSES),
)
@settings(max_examples=60)
def test_every_column_adds_up_as_it_is_printed(problem, seed, widths, loss):
    explanation = explain(*problem(seed, widths, loss=loss), learning_rate=0.1)
    columns = [each for step in explanation.steps for each in step.sums]
    assert columns
    for each in columns:
        assert sum(value_of(part.numeral) for part in each.parts) == value_of(each.total), text(each.makes)


def test_a_long_sum_shows_its_largest_terms_first_and_one_remainder(large):
    (column,) = large.step("z₁").sums
    shown = [abs(value_of(part.numeral)) for part in column.parts[:5]]
    assert shown == sorted(shown, reverse=True)
    assert [text(part.what) for part in column.parts[5:]] == ["the other 25 terms", "b₁[" + place_of(column) + "]"]


def place_of(column):
    return text(column.makes).partition("[")[2].rstrip("]")


def test_the_neurons_that_are_followed_hang_together(large):
    made = [place_of(large.step(f"z{low}").sums[0]) for low in "₁₂₃"]
    assert made[2] == str(large.label)
    assert text(large.step("z₃").sums[0].parts[0].what).startswith(f"W₃[{made[2]},{made[1]}] · a₂[{made[1]}]")
    assert text(large.step("z₂").sums[0].parts[0].what).startswith(f"W₂[{made[1]},{made[0]}] · a₁[{made[0]}]")
    assert large.step("∂L/∂W₂").lines[0].text.startswith(f"∂L/∂W₂[{made[1]},{made[0]}] = ")
    assert large.step("W₂ ←").lines[0].text.startswith(f"W₂[{made[1]},{made[0]}] ← ")


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_any_network_is_explained_and_its_gradients_checked(problem, activation, loss):
    explanation = explain(*problem(3, (6, 13, 4, 3), activation, loss), learning_rate=0.01)
    assert {step.tag for step in explanation.steps} <= EQUATIONS.keys()
    checks = [step.check for step in explanation.steps if step.phase == "backward"]
    assert all(checks)
    assert all(step.check is None for step in explanation.steps if step.phase != "backward")
    for check in checks:
        assert check.probes > 0
        # Where every slope is tiny, rounding of the loss by 1e-16 over a step of 1e-5 is what differs.
        assert float(written(check.apart)) <= 1e-6, check
    assert np.isfinite(explanation.loss_after)
    assert str(explanation)
    assert explanation.to_html()
    assert explanation.to_markdown()


def test_a_check_tells_of_probes_at_corners_and_of_none(problem):
    architecture, layers, x, y = problem(widths=(3, 2, 2))
    still = tuple(type(layer)(np.zeros_like(layer.W), np.zeros_like(layer.b)) for layer in layers)
    check = explain(architecture, still, x, y, learning_rate=0.1).step("∂L/∂b₁").check
    assert (check.probes, check.left_out, check.difference) == (0, 2, "")
    assert check.words == "check: every probe crosses a corner, where there is no slope to be measured"


def test_a_rate_too_high_is_seen_in_the_loss(problem):
    architecture, layers, x, y = problem(1, loss=SquaredError())
    careful, wild = (explain(architecture, layers, x, y, learning_rate=rate) for rate in (0.0001, 50.0))
    assert careful.loss_after < careful.loss
    gained, predicted = (value_of(careful.steps[-1].lines[i].formula[-1].numeral) for i in (2, 3))
    assert abs(gained - predicted) <= abs(predicted) / 20
    assert wild.loss_after > wild.loss


@pytest.mark.parametrize("rate", [1e155, 1e300])
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_a_rate_beyond_all_measure_is_explained_without_warnings(problem, rate, loss):
    assert "L after" in str(explain(*problem(1, loss=loss), learning_rate=rate))  # warnings are errors here


def test_small_arrays_are_shown_whole_and_large_ones_described(large):
    for step in large.steps:
        assert bool(step.numbers.rows) == (step.array.size <= ALL_SHOWN), step.symbol


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_logits_too_large_or_too_small_for_exp_are_explained_with_the_largest_taken_away(problem, size):
    architecture, layers, x, y = problem(widths=(3, 2))
    loud = (type(layers[0])(layers[0].W * 1e-3, layers[0].b * 0 + size * np.array([1, 1.1])),)
    explanation = explain(architecture, loud, x, y, learning_rate=0.1)
    (total, *shares), (surprise,) = explanation.step("p").lines, explanation.step("L").lines
    largest = "11000" if size > 0 else "(−10000)"
    assert total.text in (f"Σ exp(z₁[i] − {largest}) = 0 + 1 = 1", f"Σ exp(z₁[i] − {largest}) = 1 + 0 = 1")
    assert all(f" − {largest}) / 1 " in line.text for line in shares), [line.text for line in shares]
    assert "is taken away first" in explanation.step("p").note
    assert "log 0" not in surprise.text or explanation.loss < 1e-12


@pytest.mark.parametrize("outputs", [1, 2, 14])
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_what_the_network_puts_out_its_loss_and_the_slope_are_printed_in_every_dress(problem, loss, outputs):
    if loss.of_classes and outputs == 1:
        return
    explanation = explain(*problem(4, (3, 2, outputs), "tanh", loss), learning_rate=0.1)
    shown = [str(explanation), explanation.to_html(), explanation.to_markdown().replace("-", "−")]
    for symbol in ("p", "L", "∂L/∂z₂"):
        step = explanation.step(symbol)
        assert step.lines or step.sums, symbol
        heads = step.lines[0].formula[-1].numeral if step.lines else step.sums[0].total
        assert all(heads.partition("·")[0] in dress for dress in shown), symbol
    total = explanation.step("L").sums[0].total if outputs > 1 and loss != CrossEntropy() else None
    assert total is None or float(written(total)) == pytest.approx(explanation.loss, rel=2e-3)


def test_the_parts_of_a_loss_are_what_its_outputs_add(problem):
    architecture, layers, x, y = problem(4, (3, 2, 3), "tanh", CrossEntropy(0.1))
    explanation = explain(architecture, layers, x, y, learning_rate=0.1)
    p = explanation.step("p").array
    smoothed = np.full(3, 0.1 / 3) + 0.9 * (np.arange(3) == y)
    (column,) = explanation.step("L").sums
    amounts = [float(written(part.numeral)) for part in column.parts[:3]]
    assert amounts == pytest.approx(-smoothed * np.log(p), abs=1e-3)
    assert "smoothed by 0.1" in explanation.step("L").note


def test_a_smooth_function_has_no_corner_at_0(problem):
    architecture, layers, x, y = problem(widths=(3, 3, 2), activation="tanh")
    still = tuple(type(layer)(layer.W, np.zeros_like(layer.b)) for layer in layers)
    check = explain(architecture, still, x * 0 + 2, y, learning_rate=0.1).step("∂L/∂b₁").check
    assert (check.probes, check.left_out) == (3, 0)
    assert float(written(check.apart)) < 1e-8


def test_inputs_near_what_is_taken_from_them_are_written_with_the_digits_that_differ():
    architecture = Architecture((1,), (), 2, scaling=Scaling((1012.8,), (5.2,)))
    explanation = explain(architecture, initialize(architecture, 0), np.array([1013.25]), 0, learning_rate=0.1)
    assert explanation.step("x").lines[0].text == "x[0] = (1013.25 − 1012.8) / 5.2 ≈ 0.08654"
