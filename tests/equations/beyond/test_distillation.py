from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.beyond.distillation import distilled_of_each, distilled_slope, softened
from pellucid.equations.beyond.extras import Extras
from pellucid.equations.beyond.teacher import Teacher
from pellucid.equations.initialization import initialize
from pellucid.equations.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from pellucid.equations.network import backward, forward
from pellucid.equations.parameters import Layer
from pellucid.equations.scaling import Scaling
from pellucid.errors import SettingError, ShapeError

EPS = np.finfo(np.float64).eps
OUTPUTS = ("softmax", "logistic")
SHAPE = (2, 4)
LOGITS = arrays(np.float64, SHAPE, elements=st.floats(-20, 20))
WEIGHTS, TEMPERATURES = st.floats(0, 1), st.floats(0.5, 20)

PUPIL = Architecture((6,), (Hidden(5),), 3, scaling=Scaling((0.0,), (4.0,)))
MASTER = Architecture((2, 3), (Hidden(9, "tanh"), Hidden(4)), 3, scaling=Scaling((1.0,), (2.0,)))
X = np.random.default_rng(0).integers(0, 9, (7, 6))
Y = np.array([0, 2, 1, 1, 0, 2, 2])


def teacher(weight=0.7, temperature=3.0, architecture=MASTER):
    return Teacher(architecture, initialize(architecture, 5, dtype=np.float64), weight, temperature)


def cross_entropy(p, p_of_no, q, output):
    """Of q with p, written as its definition has it."""
    each = -q * np.log(p)
    return (each if output == "softmax" else each - (1 - q) * np.log(p_of_no)).sum(axis=1)


# ---- The equations -----------------------------------------------------------------------------------------------------


def test_the_numbers_of_one_example_worked_out_by_hand():
    # z / 2 = (ln 2, 0), so that p_T = (2/3, 1/3); the teacher's is (3/4, 1/4). The label's loss is ln 5/4, its slope ∓ 1/5.
    z, z_teacher = 2 * np.log([[2.0, 1.0]]), 2 * np.log([[3.0, 1.0]])
    surprise = -0.75 * np.log(2 / 3) - 0.25 * np.log(1 / 3)
    found = distilled_of_each(np.log([1.25]), z, z_teacher, weight=0.5, temperature=2)
    np.testing.assert_allclose(found, 0.5 * np.log(1.25) + 0.5 * 4 * surprise, rtol=4 * EPS)
    slope = distilled_slope(np.array([[-0.2, 0.2]]), z, z_teacher, weight=0.5, temperature=2)
    np.testing.assert_allclose(slope, [[-0.1 - 1 / 12, 0.1 + 1 / 12]], rtol=16 * EPS)


@pytest.mark.parametrize("output", OUTPUTS)
@given(z=LOGITS, z_teacher=LOGITS, weight=WEIGHTS, temperature=TEMPERATURES)
def test_the_loss_is_the_mixture_that_its_definition_says(output, z, z_teacher, weight, temperature):
    p, p_of_no, q = (softened(each, temperature, output) for each in (z, -z, z_teacher))
    of_each = np.array([0.3, 4.0])
    expected = (1 - weight) * of_each + weight * temperature**2 * cross_entropy(p, p_of_no, q, output)
    found = distilled_of_each(of_each, z, z_teacher, weight, temperature, output)
    # Logarithms of up to 80 and weights of up to 1, each to a few roundings, times T².
    np.testing.assert_allclose(found, expected, rtol=16 * EPS, atol=16 * EPS * 80 * temperature**2)


@pytest.mark.parametrize("output", OUTPUTS)
@given(z=LOGITS, z_teacher=LOGITS, weight=WEIGHTS, temperature=TEMPERATURES)
def test_the_slope_is_that_of_finite_differences(output, z, z_teacher, weight, temperature):
    loss = CrossEntropy() if output == "softmax" else BinaryCrossEntropy()
    y = np.array([0, 3]) if output == "softmax" else np.array([[0, 1, 1, 0], [1, 0, 0, 0.0]])

    def of_each(z):
        return distilled_of_each(loss.of_each(z, y), z, z_teacher, weight, temperature, output)

    found = distilled_slope(loss.slope_of_each(loss.outputs(z), y), z, z_teacher, weight, temperature, output)
    h = 1e-5
    for j in range(SHAPE[1]):
        step = h * np.eye(SHAPE[1])[j]
        difference = (of_each(z + step) - of_each(z - step)) / (2 * h)
        # The third derivative, at most 1 / T of λ T² / T³, times h² / 6; and the rounding of losses up to T² · 80, over h.
        bound = h**2 + 100 * EPS * (1 + temperature**2) * 80 / h
        assert (np.abs(found[:, j] - difference) <= bound).all()


@given(z=LOGITS, temperature=TEMPERATURES)
def test_the_hotter_the_more_alike_and_the_order_stays(z, temperature):
    cool, hot = softened(z, temperature), softened(z, 2 * temperature)
    assert (hot.max(axis=1) <= cool.max(axis=1) + 4 * EPS).all()
    np.testing.assert_allclose(hot.sum(axis=1), 1, rtol=8 * EPS)
    assert (np.take_along_axis(hot, z.argmax(axis=1)[:, np.newaxis], 1)[:, 0] == hot.max(axis=1)).all()


@given(z=LOGITS, z_teacher=LOGITS, temperature=TEMPERATURES)
def test_who_agrees_with_the_teacher_has_nothing_to_learn_from_it(z, z_teacher, temperature):
    assert not distilled_slope(np.ones(SHAPE), z, z, 1.0, temperature).any()
    np.testing.assert_array_equal(distilled_slope(z, z, z_teacher, 0.0, temperature), z)


def test_logits_may_be_as_large_as_they_like():
    z = np.array([[1e4, -1e4]])
    for output in OUTPUTS:
        found = distilled_of_each(np.zeros(1), z, -z, 1.0, 1.0, output)
        np.testing.assert_allclose(found, 2e4)


def test_the_type_of_the_logits_is_kept():
    z = np.array([[1.0, 2.0]], np.float32)
    assert softened(z, 3.0).dtype == np.float32
    assert distilled_slope(z, z, z, 0.5, 3.0).dtype == np.float32
    assert distilled_of_each(z[:, 0], z, z, 0.5, 3.0).dtype == np.float32


# ---- A teacher ---------------------------------------------------------------------------------------------------------


def test_a_teacher_scales_what_it_sees_itself():
    master = teacher()
    np.testing.assert_array_equal(master.logits(X, np.float64), forward(MASTER, master.layers, X).logits)
    assert master.logits(X, np.float32).dtype == np.float32


@pytest.mark.parametrize("loss", [CrossEntropy(), CrossEntropy(0.1), BinaryCrossEntropy()], ids=str)
def test_the_gradient_of_the_whole_network_is_that_of_finite_differences(loss):
    rng = np.random.default_rng(1)
    pupil, master = (replace(each, loss=loss) for each in (PUPIL, MASTER))
    y = Y if loss.of_classes else rng.integers(0, 2, (7, 3)).astype(np.float64)
    w, layers = rng.uniform(0.2, 2, 7), initialize(pupil, 1, dtype=np.float64)
    extras = Extras(teacher=teacher(architecture=master))

    def at(layers):
        return extras.loss_and_slope(pupil, forward(pupil, layers, X), X, y, w)

    _, dz = at(layers)
    gradients = backward(pupil, layers, forward(pupil, layers, X), y, w, dz)
    h = 1e-6
    for number, layer in enumerate(layers):
        for tensor, gradient in zip(layer, gradients[number], strict=True):
            place = tuple(rng.integers(0, size) for size in tensor.shape)
            sides = []
            for step in (h, -h):
                moved = tensor.copy()
                moved[place] += step
                changed = Layer(moved, layer.b) if tensor is layer.W else Layer(layer.W, moved)
                sides.append(at((*layers[:number], changed, *layers[number + 1 :]))[0])
            assert (
                abs(gradient[place] - (sides[0] - sides[1]) / (2 * h)) <= 1e-8
            )  # losses of about 10, to 1e-15, over 2e-6


def test_without_a_teacher_the_loss_is_the_labels_own():
    layers = initialize(PUPIL, 1, dtype=np.float64)
    trace = forward(PUPIL, layers, X)
    loss, dz = Extras().loss_and_slope(PUPIL, trace, X, Y, None)
    assert loss == PUPIL.loss.of_batch(trace.logits, Y)
    assert dz.tobytes() == PUPIL.loss.backward(trace.p, Y).tobytes()
    deaf, _ = Extras(teacher=teacher(weight=0)).loss_and_slope(PUPIL, trace, X, Y, None)
    np.testing.assert_allclose(deaf, loss, rtol=8 * EPS)


def test_where_no_example_counts_nothing_is_learned():
    trace = forward(PUPIL, initialize(PUPIL, 1, dtype=np.float64), X)
    loss, dz = Extras(teacher=teacher()).loss_and_slope(PUPIL, trace, X, Y, np.zeros(7))
    assert (loss, dz.any()) == (0.0, False)


def test_a_guess_costs_the_same_whatever_the_teacher_says():
    flat = tuple(Layer(np.zeros_like(W), np.zeros_like(b)) for W, b in initialize(PUPIL, 0))
    master = teacher()
    loss, _ = Extras(teacher=master).loss_and_slope(PUPIL, forward(PUPIL, flat, X), X, Y, None)
    np.testing.assert_allclose(loss, master.factor_of_a_guess * np.log(3), rtol=1e-6)


# ---- What does not fit is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weight": -0.1}, "teacher_weight is -0.1; expected from 0, the labels alone, to 1, the teacher alone"),
        ({"weight": 1.1}, "teacher_weight is 1.1"),
        ({"weight": np.nan}, "teacher_weight is nan"),
        ({"weight": "1"}, "teacher_weight is '1'"),
        ({"temperature": 0}, "temperature is 0; expected a number from 0.000001 to 1,000,000"),
        ({"temperature": np.inf}, "temperature is inf"),
        ({"temperature": 1e200}, r"temperature is 1e\+200; expected a number from"),
        ({"temperature": None}, "temperature is None; expected a number from"),
        ({"architecture": replace(MASTER, loss=SquaredError())}, "the teacher's loss is squared_error"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        teacher(**settings)


def test_parameters_of_another_network_are_refused():
    with pytest.raises(ShapeError, match="got 2 layers; expected 3"):
        Teacher(MASTER, initialize(PUPIL, 0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input_shape": (7,)}, "the teacher takes 6 inputs; expected 7, as the network that learns"),
        ({"outputs": 4}, "the teacher has 3 outputs; expected 4"),
        ({"loss": BinaryCrossEntropy()}, "the teacher's outputs are those of softmax; expected logistic"),
    ],
)
def test_a_pupil_that_cannot_learn_from_it_is_refused(change, message):
    teacher().check_pupil(PUPIL)
    with pytest.raises(SettingError, match=message):
        teacher().check_pupil(replace(PUPIL, **change))
