"""The doors to C++: whatever is handed over, the answer is right or an exception, never a crash."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from binding_calls import ENGINE, REFUSALS, arguments_of, called, native, same, whole_of
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.engines import State
from pellucid.equations.optimizers import Adam
from pellucid.equations.parameters import Layer
from pellucid.errors import ShapeError

_native = pytest.importorskip("pellucid.engines._native", reason="this installation has no native engine")

MISFITS = {
    "y": [None, 3, "labels", -np.ones(20, int), np.full(20, 3), np.zeros(19, int), np.zeros((20, 1), int),
          np.zeros(20) + 0.5],
    "order": [None, np.full(20, -1), np.full(20, 20), np.full(20, 2**62), np.zeros((4, 5), int), np.zeros(20) + 0.5,
              "order"],
    "rates": [None, np.ones(3), np.ones((4, 1)), "rates", np.ones(0)],
    "weights": [np.ones(19), np.ones((20, 1)), "heavy", np.ones(0)],
    "batch_size": [0, -1, None, "six", 2.5],
    "X": [None, np.zeros(7), np.zeros((20, 6)), np.zeros((20, 8)), np.zeros((20, 7, 1)), np.zeros((20, 7), complex),
          np.full((20, 7), "a"), np.zeros((19, 7))],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "number"), [(name, i) for name, values in MISFITS.items() for i in range(len(values))]
)
def test_what_does_not_fit_is_refused_by_the_engine_and_by_the_binding(training, name, number):
    problem, start = whole_of(training)
    value = MISFITS[name][number]
    arguments = {
        "X": problem.X,
        "y": problem.y,
        "order": problem.order,
        "rates": problem.rates,
        "weights": problem.weights,
    }
    arguments |= {"batch_size": 6, name: value}
    with pytest.raises((*REFUSALS, AttributeError)):
        ENGINE.run(problem.architecture, Adam(), start, **arguments)
    with pytest.raises(REFUSALS):
        called("run", arguments_of(problem, start) | {name: value})


@pytest.mark.parametrize("batch_size", [2**31, 2**63, 2**70])
def test_a_batch_larger_than_everything_is_everything(training, bits, batch_size):
    problem, start = whole_of(training)
    whole, larger = (
        problem._replace(batch_size=size, rates=problem.rates[:1]).run(ENGINE, Adam(), start)
        for size in (len(problem.order), batch_size)
    )
    assert bits(whole.state) == bits(larger.state)
    assert whole.losses.tobytes() == larger.losses.tobytes()


def test_a_wrong_label_is_named_also_in_data_that_are_converted(training):
    problem, start = whole_of(training)
    y = problem.y.copy()
    y[problem.order[-1]] = 77
    last = len(problem.order) // problem.batch_size
    for kind in (np.uint8, np.int16):
        with pytest.raises(ShapeError, match="a label is 77; expected class indices from 0 to"):
            problem._replace(y=y).run(ENGINE, Adam(), start, X=problem.X.astype(kind), first_step=last - 1)


def test_a_label_beyond_whole_numbers_is_named_as_it_is(training):
    problem, start = whole_of(training)
    y = problem.y.astype(np.uint64)
    y[3] = 2**63 + 5
    with pytest.raises(ShapeError, match="a label is 9223372036854775813; expected class indices from 0 to"):
        problem._replace(y=y).run(ENGINE, Adam(), start)


def test_a_row_that_no_step_names_is_not_what_a_wrong_label_is_called(training):
    problem, start = whole_of(training)
    y, order = problem.y.copy(), problem.order.copy()
    y[order[0]], order[-1] = 9, 77
    with pytest.raises(ShapeError, match="a label is 9; expected class indices from 0 to"):
        problem._replace(y=y, order=order).run(ENGINE, Adam(), start, n_steps=1)


STRANGE = [
    *(None, True, "avx2", "", -1, 0, 1, 3, 2**31, 2**62, 2**63, 2**64, -(2**63), 0.5, float("nan"), [], [[]], (), {}, b"x"),
    *(np.zeros(20, kind) for kind in ("u1", "i8", "f4", "f8", ">f8", ">i8", "c16", "M8[s]")),
    *(np.zeros(shape, kind) for shape in [(), 0, 1, (0, 7), (20, 7), (7, 20), (6, 7, 1)] for kind in ("u1", "f4", "f8")),
    *(np.array([None]), np.array(["a"])),
    *("squared_error", "poisson", 0.999, np.zeros((20, 3), "f4"), np.full((20, 3), np.nan)),
    *([7, 6, 3], [7, 0, 3], [7, -6, 3], [7], [2**40, 2**40], [7, 6, 6, 3], ["relu"], ["tanh"], ["relu", "relu"]),
    *([(np.zeros((6, 7)), np.zeros(6))], [(np.zeros((6, 7)), np.zeros(6)), (np.zeros((3, 6)), None)]),
    *([(np.zeros((6, 7), "f4"), np.zeros(6)), (np.zeros((3, 6)), np.zeros(3))],),
]  # fmt: skip
CANNOT_BE_BOUNDED = {"threads", "stop"}


FUNCTIONS = ("run", "loss_and_gradients", "Predictor32", "Predictor64")
OF_A_NETWORK = "target widths activations offset scale loss loss_setting layers"
TAKEN = {
    "loss_and_gradients": f"{OF_A_NETWORK} X y weights input_dropout dropout l2 clip max_norm seed epoch threads stop",
    "Predictor32": OF_A_NETWORK,
    "Predictor64": OF_A_NETWORK,
}


def right_arguments(training, function):
    problem, start = whole_of(training, np.float32 if function == "Predictor32" else np.float64)
    arguments = arguments_of(problem, start)
    if function in TAKEN:
        arguments = {name: arguments[name] for name in TAKEN[function].split()}
    if function.startswith("Predictor"):
        arguments |= {"input_shape": [7], "threads": 1}
    return problem, arguments


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_fits_is_answered(training, function):
    problem, arguments = right_arguments(training, function)
    answer = called(function, arguments)
    if function.startswith("Predictor"):
        np.testing.assert_allclose(answer.outputs(problem.X).sum(axis=1), 1, rtol=1e-6)
    else:
        assert answer is not None


@settings(max_examples=400)
@given(data=st.data())
def test_whatever_the_binding_is_handed_it_answers_or_refuses(training, data):
    for function in FUNCTIONS:
        problem, arguments = right_arguments(training, function)
        names = st.sampled_from(sorted(arguments.keys() - CANNOT_BE_BOUNDED))
        for name in data.draw(st.lists(names, min_size=1, max_size=3, unique=True), label=function):
            arguments[name] = data.draw(st.sampled_from(STRANGE), label=name)
        try:
            made = called(function, arguments)
            if function.startswith("Predictor"):
                X = data.draw(st.sampled_from([problem.X, *STRANGE]), label="X")
                for method in (made.quick_logits, made.quick_outputs):
                    method(X)
                made.logits(X)
        except REFUSALS:
            pass


@pytest.mark.parametrize("bound", [{"clip": 0.5}, {"max_norm": 2.0}])
def test_gradients_without_a_step_have_no_bounds(training, bound):
    with pytest.raises(ValueError, match="bounds are for a step"):
        called("loss_and_gradients", right_arguments(training, "loss_and_gradients")[1] | bound)


NUMBERS = [None, 3, np.zeros(20), np.zeros((20, 2)), np.zeros((19, 3)), np.zeros((20, 3, 1)), np.zeros((20, 3), "f4"),
           np.zeros((20, 3), int), np.zeros((3, 20)).T, np.zeros(20, int)]  # fmt: skip


@pytest.mark.parametrize("number", range(len(NUMBERS)))
def test_targets_that_do_not_fit_are_refused_by_the_binding(training, number):
    problem, start = whole_of(training)
    arguments = arguments_of(problem, start) | {"loss": "squared_error"}
    layers, *_ = called("run", arguments | {"y": np.zeros((20, 3))})
    assert np.isfinite(layers[0][0]).all()
    for strange in ({"y": NUMBERS[number]}, {"y": np.zeros((20, 3)), "loss": "cross_entropy"}):
        with pytest.raises(REFUSALS):
            called("run", arguments | strange)


@pytest.mark.parametrize(
    ("name", "value"),
    [("loss", "squares"), ("activations", ["bend"]), ("input_dropout", 1.0), ("dropout", -0.1), ("dropout", np.nan),
     ("l2", -1.0), ("l2", np.inf), ("clip", 0.0), ("clip", np.nan), ("max_norm", 0.0), ("max_norm", np.nan),
     ("seed", -1), ("seed", 2**64), ("epoch", 2**32),
     ("examples", np.zeros(19, int)), ("examples", np.zeros(20)), ("examples", np.zeros((20, 1), int))],
)  # fmt: skip
def test_extras_that_make_no_sense_are_refused_by_the_binding(training, name, value):
    problem, start = whole_of(training)
    with pytest.raises(REFUSALS):
        called("run", arguments_of(problem, start) | {name: value})


@pytest.mark.parametrize("name", ["batch_size", "first_step", "n_steps", "steps_done"])
@pytest.mark.parametrize("number", [np.int64(1), np.int32(1), np.uint8(1)])
def test_numpys_whole_numbers_change_the_type_of_nothing(training, dtype, name, number):
    problem, start = whole_of(training, dtype)
    try:
        layers, *_ = called("run", arguments_of(problem, start) | {name: number})
    except REFUSALS:
        return
    assert {tensor.dtype for layer in layers for tensor in layer} == {dtype}


def test_labels_of_another_type_change_the_type_of_nothing(training, dtype):
    problem, start = whole_of(training, dtype)
    for name in ("y", "order"):
        arguments = arguments_of(problem, start)
        arguments[name] = arguments[name].astype(np.int32)
        try:
            layers, *_ = called("run", arguments)
        except REFUSALS:
            continue
        assert {tensor.dtype for layer in layers for tensor in layer} == {dtype}


def test_huge_batches_and_stretches_are_the_whole_of_the_data(training):
    problem, start = whole_of(training)
    whole = problem._replace(batch_size=20, rates=problem.rates[:1]).run(ENGINE, Adam(), start)
    for batch_size in (21, 2**31, 2**62, 2**63 - 1):
        found = problem._replace(batch_size=batch_size).run(ENGINE, Adam(), start, n_steps=1)
        same(found.state.layers, whole.state.layers, np.float64)
    found = problem.run(ENGINE, Adam(), start, n_steps=2**62)
    same(found.state.layers, problem.run(ENGINE, Adam(), start).state.layers, np.float64)


@pytest.mark.parametrize("name", ["first_step", "n_steps"])
def test_negative_steps_are_refused(training, name):
    problem, start = whole_of(training)
    with pytest.raises(REFUSALS):
        problem.run(ENGINE, Adam(), start, **{name: -1})


def test_parameters_and_moments_that_do_not_fit_are_refused(training):
    problem, start = whole_of(training)
    (first, last), (m, v) = start.layers, start.moments
    spoiled = [
        ((first,), (m, v)),
        ((first, last, last), (m, v)),
        ((last, first), (m, v)),
        ((Layer(first.W.T, first.b), last), (m, v)),
        ((Layer(first.W, first.b[:-1]), last), (m, v)),
        ((Layer(first.W.astype(np.float32), first.b), last), (m, v)),
        ((Layer(first.W.astype(np.float16), first.b), last), (m, v)),
        ((Layer(first.W.astype(int), first.b), last), (m, v)),
        (start.layers, (m,)),
        (start.layers, ()),
        (start.layers, (m, v, v)),
        (start.layers, (m, v[::-1])),
        (start.layers, (m, v[:1])),
    ]
    for layers, moments in spoiled:
        with pytest.raises(REFUSALS):
            problem.run(ENGINE, Adam(), State(layers, moments))
        with pytest.raises(REFUSALS):
            called("run", arguments_of(problem, State(layers, moments)))


@pytest.mark.parametrize("name", ["avx1", "", "SCALAR", "scalar\0"])
def test_an_unknown_target_is_refused(training, name):
    problem, start = whole_of(training)
    with pytest.raises(REFUSALS):
        called("run", arguments_of(problem, start) | {"target": name})


def test_a_target_that_does_not_run_here_is_refused(training):
    problem, start = whole_of(training)
    for target in native.targets():
        if not target.runs_here:
            with pytest.raises(REFUSALS, match="does not run"):
                called("run", arguments_of(problem, start) | {"target": target.name})


@pytest.mark.parametrize("n", [0, 1, 2, 3, 1000, 4097, 100_003])
def test_an_order_is_the_equations_permutation(n):
    from pellucid.equations.random_streams import Purpose, permutation

    for seed in (0, 1, 2**32 + 5, 2**64 - 1):
        found = _native.permutation(seed, int(Purpose.ORDER), n, 3)
        assert found.tolist() == permutation(seed, Purpose.ORDER, n, epoch=3).tolist()


def test_a_permutation_of_less_than_nothing_is_refused():
    for arguments in (
        (0, 2, -1, 0),
        (-1, 2, 3, 0),
        (0, 2, 3, -1),
        (0, 2, 3, 2**32),
        (2**64, 2, 3, 0),
        (0, 2, 2**61, 0),
    ):
        with pytest.raises(REFUSALS):
            _native.permutation(*arguments)


def test_the_kernels_refuse_what_does_not_fit():
    kernels = _native.kernels
    a, W, b = np.zeros((2, 3)), np.zeros((4, 3)), np.zeros(4)
    for arguments in (
        (a, W.T.copy(), b),
        (a, W, b[:3]),
        (a[:, :2].copy(), W, b),
        (a.astype("f4"), W, b),
        (a[:, ::-1], W, b),
    ):
        with pytest.raises(REFUSALS):
            kernels.affine("scalar", *arguments)
    for cuts in ([3], [-1], [2, 1]):
        with pytest.raises(REFUSALS):
            kernels.affine("scalar", a, W, b, row_cuts=cuts)
    for label in (-1, 3):
        with pytest.raises(REFUSALS):
            kernels.loss_of_classes("scalar", "cross_entropy", 0, a, np.array([0, label]), np.ones(2))


# ---- The stub ----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(
    not importlib.util.find_spec("nanobind"), reason="nanobind, which writes the stub, is not installed"
)
def test_the_stub_is_what_the_module_says_of_itself(tmp_path):
    golden = Path(native.__file__).with_name("_native.pyi")
    patterns = Path(__file__).parents[2] / "cpp" / "stub.patterns"
    written = tmp_path / "_native.pyi"
    options = ["--quiet", "--pattern-file", patterns, "--module", "pellucid.engines._native", "--output-file", written]
    subprocess.run([sys.executable, "-m", "nanobind.stubgen", *options], check=True, capture_output=True)
    assert written.read_text() == golden.read_text(), "try: make stub"
