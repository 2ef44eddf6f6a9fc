import copy
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import pellucid
from pellucid import Network, load
from pellucid.engines import available, choose
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.initialization import initialize
from pellucid.equations.losses import BinaryCrossEntropy, ClassSquaredError, Poisson, SquaredError
from pellucid.equations.network import forward
from pellucid.equations.parameters import Layer
from pellucid.equations.scaling import Scaling
from pellucid.equations.worked_example import ARCHITECTURE as TINY
from pellucid.equations.worked_example import LAYERS
from pellucid.equations.worked_example import X as TINY_X
from pellucid.errors import ModelFileError, SettingError, ShapeError

ARCHITECTURE = Architecture((4, 3), (Hidden(6),), 3, scaling=Scaling((0.0,), (255.0,)))
PIXELS = np.random.default_rng(0).integers(0, 256, (5, 12), dtype=np.uint8)


@pytest.fixture(params=available())
def network(request) -> Network:
    engine = choose(request.param, threads=2).engine
    return Network(ARCHITECTURE, initialize(ARCHITECTURE, seed=0), classes=("a", "b", "c"), engine=engine)


def test_pixels_are_the_same_as_bytes_as_floats_as_lists_and_as_pictures(network) -> None:
    expected = network.predict_proba(PIXELS)
    assert expected.shape == (5, 3)
    for X in (PIXELS.astype(np.float32), PIXELS.astype(np.int64), PIXELS.tolist(), PIXELS.reshape(5, 4, 3)):
        np.testing.assert_array_equal(network.predict_proba(X), expected)
        np.testing.assert_array_equal(network.predict_proba(X), expected)  # the first one packs, the second is quick


def test_one_example_gives_one_row_and_one_label(network) -> None:
    np.testing.assert_allclose(network.predict_proba(PIXELS[2]), network.predict_proba(PIXELS)[2], rtol=1e-6)
    assert network.predict_proba(PIXELS[2].reshape(4, 3)).shape == (3,)
    assert network.predict(PIXELS[2]) == network.predict(PIXELS)[2]


def test_labels_are_the_most_probable_classes(network) -> None:
    p = network.predict_proba(PIXELS)
    assert network.predict(PIXELS).tolist() == [("a", "b", "c")[i] for i in p.argmax(axis=1)]


def test_forward_gives_the_equations_own_trace(network) -> None:
    trace = network.forward(PIXELS)
    expected = forward(ARCHITECTURE, network.layers, PIXELS)
    for ours, theirs in zip(trace.layers, expected.layers, strict=True):
        np.testing.assert_array_equal(ours.z, theirs.z)
        np.testing.assert_array_equal(ours.a, theirs.a)


def test_a_saved_network_is_loaded_to_the_bit(network, tmp_path) -> None:
    network.save(tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors", engine=network.engine)
    assert again.classes == ("a", "b", "c")
    assert again.architecture == ARCHITECTURE
    np.testing.assert_array_equal(again.predict_proba(PIXELS), network.predict_proba(PIXELS))


def test_evaluate_counts_what_is_right(network) -> None:
    y = network.predict_proba(PIXELS).argmax(axis=1)
    assert network.evaluate(PIXELS, y).accuracy == 1.0
    assert network.evaluate(PIXELS, (y + 1) % 3).accuracy == 0.0


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((2, 13)), r"X has shape (2, 13); expected (n, 12) or (n, 4, 3). Is the label column still in X?"),
        (np.zeros((2, 3, 4)), "X has shape (2, 3, 4); expected (n, 12) or (n, 4, 3)."),
        (np.zeros(()), "X has shape ()"),
        (np.full((2, 12), np.nan), "X holds nan in row 0, column 0; expected finite numbers."),
        (np.where(np.arange(24).reshape(2, 12) == 17, np.inf, 0), "X holds inf in row 1, column 5"),
        (np.array([["x"] * 12]), "X holds <U1; expected numbers."),
        (np.zeros((2, 12), complex), "X holds complex128; expected numbers."),
    ],
)
def test_examples_that_do_not_fit_are_refused_in_a_sentence(network, X, message) -> None:
    for ask in (network.predict, network.predict_proba, network.forward):
        for _ in range(2):  # before the network is packed, and after
            with pytest.raises(ShapeError) as caught:
                ask(X)
            assert message in str(caught.value)
            network.predict(PIXELS)


def test_parts_that_do_not_fit_are_refused_in_a_sentence() -> None:
    layers = initialize(ARCHITECTURE, seed=0)
    with pytest.raises(ShapeError, match="got 1 layers; expected 2 for 12-6-3"):
        Network(ARCHITECTURE, layers[:1])
    with pytest.raises(ShapeError, match="got 2 different classes; expected 3, one an output"):
        Network(ARCHITECTURE, layers, classes=("a", "b", "b"))
    with pytest.raises(ShapeError, match="there are 5 examples and labels of shape"):
        Network(ARCHITECTURE, layers).evaluate(PIXELS, [0, 1])


def test_load_of_what_is_nowhere_is_a_sentence(tmp_path) -> None:
    with pytest.raises(ModelFileError, match="there is no file"):
        load(tmp_path / "nothing")


def test_a_folder_of_data_is_not_in_the_way_of_a_bundled_model_of_its_name(network, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mnist").mkdir()
    Path("mnist/train-images-idx3-ubyte.gz").touch()
    for name in ("mnist", Path("mnist")):
        assert load(name).architecture.widths == (784, 128, 64, 10)
    with pytest.raises(ModelFileError, match=r"the folder .*mnist holds no model"):
        load(tmp_path / "mnist")
    network.save("mnist/model.safetensors")
    assert load("mnist").classes == ("a", "b", "c")


def test_a_file_goes_before_a_bundled_model_of_its_name(network, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    network.save("model.safetensors")
    Path("model.safetensors").rename("mnist")
    assert load("mnist").classes == ("a", "b", "c")


def test_every_public_name_is_there_and_no_other(network) -> None:
    for name in pellucid.__all__:
        assert getattr(pellucid, name) is not None
    assert dir(pellucid) == sorted(pellucid.__all__)
    with pytest.raises(AttributeError, match="module 'pellucid' has no attribute 'nothing'"):
        _ = pellucid.nothing


@pytest.mark.parametrize("y", [[0, 1, 2, 0, -1], [0, 1, 2, 0, 3], [0.0, 1.0, 2.0, 0.0, 1.0], ["a", "b", "c", "a", "b"]])
def test_labels_that_are_no_class_indices_are_refused_in_a_sentence(network, y) -> None:
    with pytest.raises(ShapeError, match="the labels are no class indices; expected whole numbers from 0 to 2"):
        network.evaluate(PIXELS, y)


def test_numbers_too_large_to_compute_with_are_refused_in_a_sentence(network) -> None:
    X = PIXELS.astype(np.float64)
    X[3] = 1e300
    for ask in (network.predict, network.predict_proba):
        with pytest.raises(ShapeError, match="the numbers in row 3 of X are too large to compute with"):
            ask(X)


def test_parameters_that_no_file_could_hold_are_refused_in_a_sentence() -> None:
    layers = initialize(ARCHITECTURE, seed=0)
    spoiled = (layers[0]._replace(b=np.full(6, np.nan, np.float32)), layers[1])
    with pytest.raises(ShapeError, match="the parameters hold a number that is infinite or NaN"):
        Network(ARCHITECTURE, spoiled)
    mixed = (layers[0]._replace(b=np.zeros(6)), layers[1])
    with pytest.raises(ShapeError, match="the parameters are of float32, float64; expected float32 or float64, one"):
        Network(ARCHITECTURE, mixed)
    with pytest.raises(ShapeError, match="the classes are 'a', 1, 2; expected numbers, or words, but not both"):
        Network(ARCHITECTURE, layers, classes=("a", 1, 2))


def test_columns_in_another_order_than_in_training_are_refused() -> None:
    pandas = pytest.importorskip("pandas", reason="data frames are pandas's")
    network = Network(Architecture((3,), (), 3), (Layer(np.eye(3), np.zeros(3)),), feature_names=("a", "b", "c"))
    frame = pandas.DataFrame(np.eye(3), columns=["a", "b", "c"])
    assert network.predict(frame).tolist() == network.predict(frame.set_axis(range(3), axis=1)).tolist() == [0, 1, 2]
    with pytest.raises(ShapeError, match=r"^column 0 of X is 'c'; expected 'a', as in training"):
        network.predict(frame[["c", "b", "a"]])
    with pytest.raises(ShapeError, match=r"X has shape \(3, 2\)"):
        network.predict(frame[["a", "b"]])


def test_whole_numbers_too_large_for_one_type_stay_apart() -> None:
    layers = (Layer(np.eye(3), np.zeros(3)),)
    network = Network(Architecture((3,), (), 3), layers, classes=(-1, 2**63 + 1, 2**63 + 2))
    assert network.predict(np.eye(3)).tolist() == [-1, 2**63 + 1, 2**63 + 2]


def test_labels_of_numpys_types_can_be_saved(tmp_path) -> None:
    network = Network(ARCHITECTURE, initialize(ARCHITECTURE, seed=0), classes=np.arange(3))
    network.save(tmp_path / "m.safetensors")
    assert load(tmp_path / "m.safetensors").classes == (0, 1, 2)
    assert load(tmp_path / "m.safetensors").model.version == pellucid.__version__


def test_rows_of_different_lengths_are_refused_in_a_sentence(network) -> None:
    with pytest.raises(ShapeError, match="X is no array"):
        network.predict([[1, 2], [1]])


FORMS = {
    "bytes": PIXELS,
    "float32": PIXELS.astype(np.float32),
    "float64": PIXELS.astype(np.float64),
    "big-endian": PIXELS.astype(">f8"),
    "int16": PIXELS.astype(np.int16),
    "float16": PIXELS.astype(np.float16),
    "pictures": PIXELS.reshape(5, 4, 3),
    "column-major": np.asfortranarray(PIXELS),
    "every other one": np.repeat(np.repeat(PIXELS, 2, axis=0), 2, axis=1)[::2, ::2],
    "turned twice": PIXELS[::-1].copy()[::-1],
    "read-only": np.frombuffer(PIXELS.tobytes(), np.uint8).reshape(5, 12),
    "a list": PIXELS.tolist(),
    "a view": PIXELS.view(type("View", (np.ndarray,), {})),
    "off the grid": np.frombuffer(b"?" + PIXELS.astype(np.float32).tobytes(), np.uint8)[1:]
    .view(np.float32)
    .reshape(5, 12),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_quick_way_and_the_long_way_give_the_same_bits(network, form) -> None:
    X = FORMS[form]
    long, long_labels = network.predict_proba(X), Network(ARCHITECTURE, network.layers, network.classes).predict(X)
    quick, labels = network.predict_proba(X), network.predict(X)
    assert (quick.shape, quick.dtype) == ((5, 3), np.float32)
    np.testing.assert_array_equal(quick, long)
    assert labels.tolist() == long_labels.tolist()
    for row in range(5):
        single = network.predict_proba(X[row])
        assert (single.shape, network.predict(X[row])) == ((3,), labels[row])
        if network.engine.name == "native":  # a row's bits do not depend on its neighbours
            np.testing.assert_array_equal(single, quick[row])


def test_no_examples_give_no_answers(network) -> None:
    for _ in range(2):
        assert network.predict_proba(np.zeros((0, 12), np.uint8)).shape == (0, 3)
        assert network.predict(np.zeros((0, 4, 3))).shape == (0,)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_infinite_input_is_refused_even_where_the_answer_would_be_finite(network, value, dtype) -> None:
    W = -np.abs(network.layers[0].W)  # ReLU makes 0 of minus infinity
    network.layers = (network.layers[0]._replace(W=W), network.layers[1])
    X = PIXELS.astype(dtype)
    network.predict(X)
    X[4, 11] = value
    for ask in (network.predict, network.predict_proba):
        with pytest.raises(ShapeError, match=f"X holds {value} in row 4, column 11; expected finite numbers"):
            ask(X)
        with pytest.raises(ShapeError, match=f"X holds {value} in row 0, column 11; expected finite numbers"):
            ask(X[4])


@pytest.mark.parametrize("row", [0, 119, 120, 399, 400, 401, 1199])
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("engine", available())
def test_of_many_rows_too_an_infinite_one_is_refused_wherever_it_is(engine, threads, row) -> None:
    """Each thread looks at the rows of its share, a block at a time."""
    architecture = Architecture((64,), (Hidden(128),), 10)
    (W, b), last = initialize(architecture, seed=0)
    layers = (Layer(-np.abs(W), b), last)  # ReLU makes 0 of minus infinity
    network = Network(architecture, layers, engine=choose(engine, threads=threads).engine)
    X = np.ones((1200, 64), np.float32)
    assert network.predict_proba(X).shape == (1200, 10)
    X[row, 63] = np.inf
    with pytest.raises(ShapeError, match=f"X holds inf in row {row}, column 63; expected finite numbers"):
        network.predict_proba(X)


def test_the_parameters_are_read_only_and_assigning_others_packs_anew(network) -> None:
    ours = initialize(ARCHITECTURE, seed=1)
    before = network.predict_proba(PIXELS)
    np.testing.assert_array_equal(network.predict_proba(PIXELS), before)
    with pytest.raises(ValueError, match="read-only"):
        network.layers[0].W[0, 0] = 1
    network.layers = ours
    expected = Network(ARCHITECTURE, ours, engine=network.engine).predict_proba(PIXELS)
    np.testing.assert_array_equal(network.predict_proba(PIXELS), expected)
    assert not np.array_equal(expected, before)
    ours[0].W[:] = 0  # the caller's own arrays stay the caller's
    np.testing.assert_array_equal(network.predict_proba(PIXELS), expected)
    with pytest.raises(ShapeError, match="got 1 layers; expected 2"):
        network.layers = ours[:1]
    np.testing.assert_array_equal(network.predict_proba(PIXELS), expected)


def test_another_engine_may_be_assigned(network) -> None:
    before = network.predict_proba(PIXELS)
    network.engine = choose("reference").engine
    np.testing.assert_allclose(network.predict_proba(PIXELS), before, rtol=1e-5)


def test_a_network_can_be_copied_and_pickled(network) -> None:
    expected = network.predict_proba(PIXELS)
    for again in (pickle.loads(pickle.dumps(network)), copy.deepcopy(network), copy.copy(network)):
        np.testing.assert_array_equal(again.predict_proba(PIXELS), expected)
        assert again.classes == network.classes


def test_an_expected_count_too_large_for_a_number_is_refused_in_a_sentence() -> None:
    layers = (Layer(np.array([[1000.0]]), np.zeros(1)),)
    network = Network(Architecture((1,), (), 1, loss=Poisson()), layers)
    assert network.predict([[0.001], [0.0]]).tolist() == [np.exp(1.0), 1.0]
    for _ in range(2):  # the long way, then the quick one
        with pytest.raises(ShapeError, match="row 1 of X are too large to compute with"):
            network.predict(np.array([[0.0], [1.0]]))


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        ("x", SettingError, "the label 'x' is none of the classes; expected one of 0, 1"),
        (2, SettingError, "the label 2 is none of the classes"),
    ],
)
def test_a_label_that_is_no_class_is_not_explained(y, error, message) -> None:
    network = Network(TINY, LAYERS)
    with pytest.raises(error, match=message):
        network.explain(TINY_X[0], y)


def test_a_network_explains_one_example_at_a_rate_that_is_one() -> None:
    network = Network(TINY, LAYERS, ("no", "yes"))
    explanation = network.explain(TINY_X[0], "yes")
    assert (explanation.label, explanation.says, round(explanation.loss, 4)) == ("yes", "no", 1.5489)
    assert network.explain(TINY_X, "yes").loss == explanation.loss  # a batch of one is one
    with pytest.raises(ShapeError, match="x holds 2 examples; expected one"):
        network.explain(np.repeat(TINY_X, 2, axis=0), "yes")
    for rate in (0, -1, np.nan, np.inf):
        with pytest.raises(SettingError, match="the learning rate is"):
            network.explain(TINY_X[0], "yes", learning_rate=rate)


def test_networks_of_every_task_are_explained() -> None:
    for loss, y in ((BinaryCrossEntropy(), "yes"), (SquaredError(), 0.25), (ClassSquaredError(), 1)):
        outputs = 2 if loss.of_classes else 1
        architecture = replace(TINY, loss=loss, outputs=outputs)
        layers = (*LAYERS[:2], Layer(LAYERS[2].W[:outputs], LAYERS[2].b[:outputs]))
        network = Network(architecture, layers, ("no", "yes") if loss.name.startswith("binary") else None)
        assert np.isfinite(network.explain(TINY_X[0], y).loss_after)
    with pytest.raises(ShapeError, match="expected 2 numbers, one an output"):
        Network(replace(TINY, loss=SquaredError(), outputs=2), LAYERS).explain(TINY_X[0], 0.5)
    with pytest.raises(ShapeError, match="y is 'many'; expected 2 numbers, one an output"):
        Network(replace(TINY, loss=SquaredError(), outputs=2), LAYERS).explain(TINY_X[0], "many")


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are asked for as Linux has them")
@pytest.mark.parametrize(("rows", "says"), [(240, "no memory"), (4, "")])
def test_predictions_for_which_there_is_no_memory_are_an_error_and_few_rows_need_little(rows, says):
    pytest.importorskip("pellucid.engines.native", reason="this installation has no native engine")
    program = """if True:
        import resource
        from pathlib import Path

        import numpy as np

        from pellucid.engines import native
        from pellucid.equations.architecture import Architecture, Hidden
        from pellucid.equations.parameters import Layer

        width, X = 1_500_000, np.ones((ROWS, 1), np.float32)
        layers = (
            Layer(np.ones((width, 1), np.float32), np.zeros(width, np.float32)),
            Layer(np.ones((2, width), np.float32), np.zeros(2, np.float32)),
        )
        packed = native.NativeEngine(None, threads=2).pack(Architecture((1,), (Hidden(width),), 2), layers)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 400 * 2**20,) * 2)
        try:
            packed.predict(X)
        except MemoryError:
            print("no memory")
    """
    done = subprocess.run(
        [sys.executable, "-c", program.replace("ROWS", str(rows))], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, says), done.stderr
