"""The doors to C++: whatever is handed over, the answer is right or an exception, never a crash."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.engines import ReferenceEngine, State
from pellucid.equations.network import forward
from pellucid.equations.optimizers import Adam, Momentum
from pellucid.equations.parameters import Layer
from pellucid.errors import PellucidError

_native = pytest.importorskip("pellucid.engines._native", reason="this installation has no native engine")
native = pytest.importorskip("pellucid.engines.native")

REFUSALS = (ValueError, TypeError, OverflowError, MemoryError, PellucidError)
ENGINE = native.NativeEngine(threads=2)


def whole_of(training, dtype=np.float64):
    problem = training((7, 6, 3), n=20, batch_size=6)
    return problem, problem.start(Adam(), dtype)


def arguments_of(problem, state, optimizer=None):
    """What native.py hands to C++."""
    pairs = [tuple(layer) for layer in state.layers]
    rule = optimizer or Adam()
    return {
        "target": "scalar",
        "widths": list(problem.architecture.widths),
        "activations": [hidden.activation for hidden in problem.architecture.hidden],
        "offset": problem.architecture.scaling.offsets,
        "scale": problem.architecture.scaling.scales,
        "loss": problem.architecture.loss.name,
        "loss_setting": problem.architecture.loss.setting,
        "optimizer": rule.name,
        "mu": 0.0,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 1e-8,
        "weight_decay": 0.0,
        "layers": pairs,
        "moments": [[tuple(layer) for layer in moment] for moment in state.moments],
        "steps_done": 0,
        "X": problem.X,
        "y": problem.y,
        "order": problem.order,
        "rates": problem.rates,
        "batch_size": problem.batch_size,
        "first_step": 0,
        "n_steps": 4,
        "weights": problem.weights,
        "input_dropout": 0.0,
        "dropout": 0.0,
        "l2": 0.0,
        "clip": float("inf"),
        "max_norm": float("inf"),
        "teacher": None,
        "teacher_weight": 0.0,
        "temperature": 1.0,
        "augmentation": None,
        "seed": 0,
        "epoch": 0,
        "examples": None,
        "threads": 2,
        "stop": None,
    }


def same(layers, expected, dtype):
    tolerance = 1e5 * np.finfo(dtype).eps
    for pair, wanted in zip(layers, expected, strict=True):
        for tensor, reference in zip(pair, wanted, strict=True):
            assert tensor.dtype == reference.dtype
            np.testing.assert_allclose(tensor, reference, rtol=tolerance, atol=tolerance)


# ---- Arrays of every make ----------------------------------------------------------------------------------------------


def unaligned(array):
    memory = np.zeros(array.nbytes + 1, np.uint8)
    memory[1:] = np.frombuffer(array.tobytes(), np.uint8)
    return memory[1:].view(array.dtype).reshape(array.shape)


def in_a_record(array):
    """A column of a structured array: rows lie an odd number of bytes apart."""
    record = np.zeros(len(array), [("a", "u1"), ("rest", array.dtype, array.shape[1:])])
    record["rest"] = array
    return record["rest"]


def read_only(array):
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def strided(array):
    wide = np.zeros([2 * n for n in array.shape], array.dtype)
    part = tuple(slice(None, None, 2) for _ in array.shape)
    wide[part] = array
    return wide[part]


FORMS = {
    "Fortran": np.asfortranarray,
    "read-only": read_only,
    "strided": strided,
    "backwards": lambda array: array[::-1].copy()[::-1],
    "all backwards": lambda array: np.flip(np.flip(array).copy()),
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "unaligned": unaligned,
    "in a record": in_a_record,
    "a subclass": lambda array: array.view(np.ma.MaskedArray),
    "wide rows": lambda array: np.concatenate([array, array], axis=-1)[..., : array.shape[-1]],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("of", [np.uint8, np.int16, np.float32, np.float64])
def test_examples_of_every_make_are_read_rightly(training, form, of):
    problem, start = whole_of(training)
    X = FORMS[form](problem.X.astype(of))
    found = problem.run(ENGINE, Adam(), start, X=X)
    expected = problem.run(ENGINE, Adam(), start, X=problem.X.astype(of))
    same(found.state.layers, expected.state.layers, np.float64)
    trace = forward(problem.architecture, start.layers, problem.X)
    np.testing.assert_allclose(ENGINE.logits(problem.architecture, start.layers, X), trace.logits, rtol=1e-9, atol=1e-9)
    packed = ENGINE.pack(problem.architecture, start.layers)
    quick = packed.quick_predict(X)
    if quick is not None:
        np.testing.assert_allclose(quick, trace.p, rtol=1e-9, atol=1e-9)
    for row in range(3):
        quick = packed.quick_predict(X[row])
        if quick is not None:
            np.testing.assert_allclose(quick, trace.p[row], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("which", ["y", "order", "rates", "weights"])
def test_labels_order_rates_and_weights_of_every_make_are_read_rightly_or_refused(training, form, which):
    problem, start = whole_of(training)
    other = problem._replace(**{which: FORMS[form](getattr(problem, which))})
    expected = problem.run(ENGINE, Adam(), start)
    try:
        found = other.run(ENGINE, Adam(), start)
    except REFUSALS:
        assert form == "unaligned"
    else:
        same(found.state.layers, expected.state.layers, np.float64)


@pytest.mark.parametrize("form", FORMS)
def test_parameters_and_moments_of_every_make_are_read_rightly_or_refused(training, form):
    problem, start = whole_of(training)
    expected = problem.run(ENGINE, Adam(), start).state.layers
    of_this_make = [
        tuple(Layer(*map(FORMS[form], layer)) for layer in record) for record in (start.layers, *start.moments)
    ]
    try:
        found = problem.run(ENGINE, Adam(), State(of_this_make[0], tuple(of_this_make[1:])))
    except REFUSALS:
        assert form in ("big-endian", "unaligned")
    else:
        same(found.state.layers, expected, np.float64)


def test_rows_that_lie_in_one_place_are_as_many_rows(training):
    problem, start = whole_of(training)
    repeated = np.broadcast_to(problem.X[0], problem.X.shape)
    found = problem.run(ENGINE, Adam(), start, X=repeated)
    same(found.state.layers, problem.run(ReferenceEngine(), Adam(), start, X=repeated.copy()).state.layers, np.float64)
    numbers = np.broadcast_to(np.uint8(3), problem.X.shape)
    found = problem.run(ENGINE, Adam(), start, X=numbers)
    same(found.state.layers, problem.run(ENGINE, Adam(), start, X=numbers.copy()).state.layers, np.float64)


@pytest.mark.parametrize("rows", [2**61, 2**62, 2**62 + 2**61])
def test_more_predictions_than_memory_holds_are_refused(training, rows):
    """Of rows that lie in one place there may be so many that the size of the answer overflows."""
    problem = training((1, 4))
    start = problem.start(Adam())
    X = np.broadcast_to(problem.X[0], (rows, 1))
    for answer in (ENGINE.predict, ENGINE.logits):
        with pytest.raises(MemoryError):
            answer(problem.architecture, start.layers, X)


@pytest.mark.parametrize("make", [np.asfortranarray, lambda X: X.astype(np.int32)], ids=["by columns", "int32"])
def test_data_that_must_be_copied_are_copied_once(training, make):
    problem = training((200, 4), n=30_000, batch_size=500)
    start, X = problem.start(Adam()), make(problem.X.astype(np.float32))
    copy = X.size * (4 if X.dtype == np.float32 else 8)
    tracemalloc.start()
    try:
        found = problem.run(ENGINE, Adam(), start, X=X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert copy <= peak <= 1.25 * copy
    same(found.state.layers, problem.run(ENGINE, Adam(), start).state.layers, np.float32)


def test_arrays_that_overlap_are_read_and_not_written(training):
    problem, _ = whole_of(training)
    memory = np.linspace(-1, 1, 200)
    layers = (Layer(memory[:42].reshape(6, 7), memory[3:9]), Layer(memory[10:28].reshape(3, 6), memory[26:29]))
    moments = tuple(tuple(Layer(np.abs(W), np.abs(b)) for W, b in layers) for _ in range(1))
    X = memory[:140].reshape(20, 7)
    before = memory.copy()
    found, expected = (
        problem.run(engine, Momentum(), State(layers, moments), X=X) for engine in (ENGINE, ReferenceEngine())
    )
    same(found.state.layers, expected.state.layers, np.float64)
    assert memory.tobytes() == before.tobytes()


def test_no_examples_are_no_steps_and_no_predictions(training):
    problem, start = whole_of(training)
    for X in (problem.X[:0], problem.X[:0].astype(np.float32), np.zeros((0, 7), np.int64)):
        assert ENGINE.predict(problem.architecture, start.layers, X).shape == (0, 3)
        empty = problem._replace(
            order=problem.order[:0], rates=problem.rates[:0], y=problem.y[:0], weights=problem.weights[:0]
        )
        outcome = empty.run(ENGINE, Adam(), start, X=X)
        assert (outcome.losses.shape, outcome.correct, outcome.non_finite_step) == ((0,), 0, None)
        with pytest.raises(REFUSALS):
            ENGINE.loss_and_gradients(problem.architecture, start.layers, X, problem.y[:0])


# ---- What does not fit is refused --------------------------------------------------------------------------------------

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
        _native.run(**(arguments_of(problem, start) | {name: value}))


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


@settings(max_examples=120)
@given(data=st.data())
def test_whatever_the_binding_is_handed_it_answers_or_refuses(training, data):
    problem, start = whole_of(training)
    for function in ("run", "loss_and_gradients", "Predictor32", "Predictor64"):
        arguments = arguments_of(problem, start)
        wanted = {
            "loss_and_gradients": "target widths activations offset scale loss loss_setting layers X y weights l2 threads",
            "Predictor32": "target widths activations offset scale loss loss_setting layers",
            "Predictor64": "target widths activations offset scale loss loss_setting layers",
        }.get(function)
        if wanted:
            arguments = {name: arguments[name] for name in wanted.split()}
        if function.startswith("Predictor"):
            arguments |= {"input_shape": [7], "threads": 1}
        names = st.sampled_from(sorted(arguments.keys() - CANNOT_BE_BOUNDED))
        for name in data.draw(st.lists(names, min_size=1, max_size=3, unique=True), label=function):
            arguments[name] = data.draw(st.sampled_from(STRANGE), label=name)
        try:
            made = getattr(_native, function)(**arguments)
            if function.startswith("Predictor"):
                X = data.draw(st.sampled_from([problem.X, *STRANGE]), label="X")
                for method in (made.quick_logits, made.quick_outputs):
                    method(X)
                made.logits(X)
        except REFUSALS:
            pass


NUMBERS = [None, 3, np.zeros(20), np.zeros((20, 2)), np.zeros((19, 3)), np.zeros((20, 3, 1)), np.zeros((20, 3), "f4"),
           np.zeros((20, 3), int), np.zeros((3, 20)).T, np.zeros(20, int)]  # fmt: skip


@pytest.mark.parametrize("number", range(len(NUMBERS)))
def test_targets_that_do_not_fit_are_refused_by_the_binding(training, number):
    problem, start = whole_of(training)
    arguments = arguments_of(problem, start) | {"loss": "squared_error"}
    layers, *_ = _native.run(**(arguments | {"y": np.zeros((20, 3))}))
    assert np.isfinite(layers[0][0]).all()
    for strange in ({"y": NUMBERS[number]}, {"y": np.zeros((20, 3)), "loss": "cross_entropy"}):
        with pytest.raises(REFUSALS):
            _native.run(**(arguments | strange))


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
        _native.run(**(arguments_of(problem, start) | {name: value}))


@pytest.mark.parametrize("name", ["batch_size", "first_step", "n_steps", "steps_done"])
@pytest.mark.parametrize("number", [np.int64(1), np.int32(1), np.uint8(1)])
def test_numpys_whole_numbers_change_the_type_of_nothing(training, dtype, name, number):
    problem, start = whole_of(training, dtype)
    try:
        layers, *_ = _native.run(**(arguments_of(problem, start) | {name: number}))
    except REFUSALS:
        return
    assert {tensor.dtype for layer in layers for tensor in layer} == {dtype}


def test_labels_of_another_type_change_the_type_of_nothing(training, dtype):
    problem, start = whole_of(training, dtype)
    for name in ("y", "order"):
        arguments = arguments_of(problem, start)
        arguments[name] = arguments[name].astype(np.int32)
        try:
            layers, *_ = _native.run(**arguments)
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
            _native.run(**arguments_of(problem, State(layers, moments)))


@pytest.mark.parametrize("name", ["avx1", "", "SCALAR", "scalar\0"])
def test_an_unknown_target_is_refused(training, name):
    problem, start = whole_of(training)
    with pytest.raises(REFUSALS):
        _native.run(**(arguments_of(problem, start) | {"target": name}))


def test_a_target_that_does_not_run_here_is_refused(training):
    problem, start = whole_of(training)
    for target in native.targets():
        if not target.runs_here:
            with pytest.raises(REFUSALS, match="does not run"):
                _native.run(**(arguments_of(problem, start) | {"target": target.name}))


@pytest.mark.parametrize("n", [0, 1, 2, 3, 1000, 4097])
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
