"""Nothing that a file can hold makes the reader do anything but read a model or say what is wrong."""

from __future__ import annotations

import json
import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.errors import ModelFileError
from pellucid.formats.container import read_container
from pellucid.formats.model_file import Model, read_model

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, 2**64, 10**400, -1])
    | st.floats()
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=3,
)
PNG = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010806000000") + bytes(100)


@pytest.fixture
def refused(tmp_path):
    """Read bytes as a model and give the message with which they are refused."""

    def message(content):
        path = tmp_path / "m.safetensors"
        path.write_bytes(content)
        with pytest.raises(ModelFileError) as caught:
            read_model(path)
        assert str(path) in str(caught.value)
        return str(caught.value).replace(str(path), "FILE")

    return message


@pytest.fixture(scope="session")
def read_or_refused(tmp_path_factory):
    """Read bytes as a model: the model, or None where they are refused as they should be."""
    path = tmp_path_factory.mktemp("damaged") / "m.safetensors"

    def attempt(content):
        path.write_bytes(content)
        try:
            return read_model(path)
        except ModelFileError:
            return None

    return attempt


def header_length(content):
    return int.from_bytes(content[:8], "little")


def test_a_file_cut_at_any_byte_is_refused(read_or_refused, example_bytes):
    read = [length for length in range(len(example_bytes)) if read_or_refused(example_bytes[:length])]
    assert read == []


def one_bit_of(place):
    return [place % 8]


@pytest.mark.parametrize("bits_of", [one_bit_of, pytest.param(lambda _: range(8), marks=pytest.mark.slow, id="all")])
def test_a_file_with_a_bit_of_its_header_turned_is_refused_or_holds_a_sound_model(
    read_or_refused, example_bytes, bits_of
):
    turned = read = 0
    for place in range(8 + header_length(example_bytes)):
        for bit in bits_of(place):
            damaged = bytearray(example_bytes)
            damaged[place] ^= 1 << bit
            model = read_or_refused(bytes(damaged))
            turned += 1
            if model is not None:
                assert_sound(model)
                read += 1
    assert 0 < read < turned / 10  # a letter of a name may change unnoticed; little else can


def test_a_file_with_a_bit_of_its_numbers_turned_differs_in_one_number(read_or_refused, example, example_bytes):
    rng = np.random.default_rng(0)
    start = 8 + header_length(example_bytes)
    before = np.concatenate([tensor.ravel() for layer in example.layers for tensor in layer])
    read = 0
    for place, bit in zip(rng.integers(start, len(example_bytes), 300), rng.integers(0, 8, 300), strict=True):
        damaged = bytearray(example_bytes)
        damaged[place] ^= 1 << bit
        model = read_or_refused(bytes(damaged))
        if model is not None:
            assert_sound(model)
            after = np.concatenate([tensor.ravel() for layer in model.layers for tensor in layer])
            assert (before.view(np.uint64) != after.view(np.uint64)).sum() == 1
            assert (model.classes, model.training) == (example.classes, example.training)
            read += 1
    assert read > 200


def assert_sound(model):
    assert isinstance(model, Model)
    assert str(model.architecture) == "4-3-3-2"
    model.architecture.check_layers(model.layers)
    assert all(np.isfinite(tensor).all() for layer in model.layers for tensor in layer)
    assert len(set(model.classes)) == len(model.classes) == 2


@given(content=st.binary(max_size=200))
def test_any_bytes_are_refused(read_or_refused, content):
    assert read_or_refused(content) is None


@settings(max_examples=25)
@given(
    header=st.dictionaries(st.text(max_size=2) | st.just("__metadata__"), JSON, max_size=3), body=st.binary(max_size=9)
)
def test_any_json_for_a_header_is_refused(read_or_refused, raw_file, header, body):
    assert read_or_refused(raw_file(header, body)) is None


@given(
    field=st.sampled_from(["dtype", "shape", "data_offsets"]),
    name=st.sampled_from(["layers.0.bias", "layers.2.weight"]),
    value=JSON,
)
def test_any_json_for_a_field_of_an_array_is_refused(read_or_refused, raw_file, example_file, field, name, value):
    start = 8 + header_length(example_file)
    header = json.loads(example_file[8:start])
    header[name][field] = value
    assert read_or_refused(raw_file(header, example_file[start:])) is None


PLACES = [
    ("architecture",),
    ("architecture", "input_shape"),
    ("architecture", "input_shape", 0),
    ("architecture", "hidden"),
    ("architecture", "hidden", 1),
    ("architecture", "hidden", 1, "width"),
    ("architecture", "hidden", 1, "activation"),
    ("architecture", "outputs"),
    ("architecture", "output"),
    ("architecture", "loss"),
    ("architecture", "scaling"),
    ("architecture", "scaling", "offset"),
    ("architecture", "scaling", "scale", 0),
    ("classes",),
    ("classes", 0),
    ("feature_names",),
    ("columns",),
    ("columns", 2, "categories"),
    ("training",),
    ("test_accuracy",),
]


@pytest.fixture(scope="session")
def example_file(tmp_path_factory, example):
    from pellucid.formats.model_file import write_model

    path = tmp_path_factory.mktemp("example") / "m.safetensors"
    write_model(path, example)
    return path.read_bytes()


@settings(max_examples=200)
@given(place=st.sampled_from(PLACES), value=JSON)
def test_any_json_in_any_place_of_the_record_is_refused_or_makes_a_sound_model(
    read_or_refused, raw_file, example_file, place, value
):
    start = 8 + header_length(example_file)
    header = json.loads(example_file[8:start])
    record = json.loads(header["__metadata__"]["pellucid"])
    *above, last = place
    inner = record
    for step in above:
        inner = inner[step]
    inner[last] = value
    header["__metadata__"]["pellucid"] = json.dumps(record)
    model = read_or_refused(raw_file(header, example_file[start:]))
    if model is not None:
        assert_sound(model)


def test_an_empty_file_is_refused(refused):
    assert refused(b"") == "FILE has 0 bytes; expected a model file: it begins with the 8-byte size of its header."


def test_a_picture_is_refused(refused):
    assert re.fullmatch(
        r"FILE declares a header of [\d,]+ bytes but has 129 in all; expected a model file \(safetensors\)\. "
        r"It is cut short, or no model\.",
        refused(PNG),
    )


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(ModelFileError, match=re.escape(f"{tmp_path} could not be read: is a directory.")):
        read_model(tmp_path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ModelFileError, match=re.escape(f"there is no file {tmp_path / 'nowhere'}.")):
        read_model(tmp_path / "nowhere")


def test_a_file_that_goes_on_after_its_last_array_is_refused(refused, example_bytes):
    assert refused(example_bytes + b"\0") == (
        "FILE goes on after its last array: 281 bytes of numbers; expected 280. Copy it anew."
    )


def test_a_file_that_ends_before_its_last_array_is_refused(refused, example_bytes):
    assert refused(example_bytes[:-1]) == (
        "FILE ends before its last array: 279 bytes of numbers; expected 280. Copy it anew."
    )


@pytest.mark.parametrize("declared", [2**63 - 1, 2**64 - 1, 10**15])
def test_a_huge_header_is_refused_before_memory_is_asked_for(refused, raw_file, declared):
    tracemalloc.start()
    try:
        message = refused(raw_file(b"{}", declared=declared))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert message.startswith(f"FILE declares a header of {declared:,} bytes but has 10 in all")
    assert most < 10_000_000


def test_a_huge_array_is_refused_before_memory_is_asked_for(refused, raw_file):
    entry = {"dtype": "F64", "shape": [2**20, 2**20], "data_offsets": [0, 2**43]}
    tracemalloc.start()
    try:
        message = refused(raw_file({"layers.0.weight": entry}))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert message.startswith("FILE ends before its last array: 0 bytes of numbers; expected 8,796,093,022,208.")
    assert most < 10_000_000


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"[1, 2]", id="a list"),
        pytest.param(b'"text"', id="a text"),
        pytest.param(b"null", id="null"),
        pytest.param(b"{'a': 1}", id="Python"),
        pytest.param(b"\xff\xfe\x00", id="no UTF-8"),
        pytest.param(b"", id="empty"),
        pytest.param(b"[" * 100_000, id="deep lists"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, id="deep objects"),
        pytest.param(b'{"a":' + b"9" * 5000 + b"}", id="a number of 5000 digits"),
    ],
)
def test_a_header_that_is_no_json_object_is_refused(refused, raw_file, header):
    assert refused(raw_file(header)) == "the header of FILE is no JSON; expected a model file (safetensors)."


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"__metadata__": {"format": "pt"}}, id="another program's"),
        pytest.param({"__metadata__": {"pellucid": "no JSON"}}, id="no JSON"),
        pytest.param({"__metadata__": {"pellucid": "[1]"}}, id="no object"),
        pytest.param({"__metadata__": {"pellucid": "[" * 100_000}}, id="deep lists"),
        pytest.param({"__metadata__": {"pellucid": '{"a":' + "9" * 5000 + "}"}}, id="a number of 5000 digits"),
    ],
)
def test_a_safetensors_file_without_a_record_is_refused(refused, raw_file, metadata):
    assert refused(raw_file(metadata)) == (
        "FILE is a safetensors file without Pellucid's record; expected a model that Pellucid wrote."
    )


@pytest.mark.parametrize("metadata", [{"__metadata__": {"pellucid": 1}}, {"__metadata__": [1]}, {"__metadata__": None}])
def test_a_record_that_is_no_text_is_refused(refused, raw_file, metadata):
    assert "FILE is" in refused(raw_file(metadata))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers.0.weight": np.zeros((4, 3))}, r"does not fit together: the weights of layer 1 have shape \(4, 3\)"),
        ({"layers.2.bias": np.zeros(3)}, r"does not fit together: the biases of layer 3 have shape \(3,\)"),
        ({"layers.1.bias": np.zeros((1, 3))}, r"the biases of layer 2 have shape \(1, 3\); expected \(3,\)"),
        ({"layers.1.bias": None}, r"FILE lacks 'layers\.1\.bias'; expected a model of schema 1\."),
        ({"layers.3.bias": np.zeros(2)}, r"FILE holds arrays that no layer uses: layers\.3\.bias\."),
        ({"layers.0.bias": np.zeros(3, np.float16)}, r"the array layers\.0\.bias has type 'F16'; expected F32 or F64"),
        ({"layers.0.bias": np.zeros(3, np.int64)}, r"the array layers\.0\.bias has type 'I64'; expected F32 or F64"),
        ({"layers.0.bias": np.zeros(3, np.float32)}, r"FILE mixes types of numbers; expected one type for all arrays"),
        ({"layers.0.bias": np.array([0, np.nan, 0])}, r"spoiled: the array layers\.0\.bias holds .* infinite or NaN"),
        ({"layers.2.bias": np.array([0, np.inf])}, r"spoiled: the array layers\.2\.bias holds .* infinite or NaN"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(refused, by_hand, example_arrays, example_record, change, message):
    arrays = {name: array for name, array in (example_arrays | change).items() if array is not None}
    assert re.search(message, refused(by_hand(arrays, example_record)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, r"FILE has schema 2; expected schema 1\. A newer version of Pellucid may have written it"),
        ({"schema": None}, r"FILE has schema None; expected schema 1\."),
        ({"schema": True}, r"FILE has schema True; expected schema 1\."),
        ({"classes": ["cat"]}, r"FILE names 1 different classes; expected 2, one an output\."),
        ({"classes": ["cat", "cat"]}, r"FILE names 1 different classes; expected 2, one an output\."),
        ({"classes": ["a", "b", "c"]}, r"FILE names 3 different classes; expected 2, one an output\."),
        ({"classes": ["cat", "dog", "dog"]}, r"classes"),
        ({"classes": ["cat", 1]}, r"FILE is spoiled \(classes are numbers, or words, but not both\)"),
        ({"classes": [0.0, 1]}, r"classes are numbers, or words, but not both"),
        ({"classes": [True, 0]}, r"classes are numbers, or words, but not both"),
        ({"classes": "ab"}, r"classes"),
        ({"classes": None}, r"the record of FILE is spoiled"),
        ({"feature_names": ["a", "b"]}, r"FILE names 2 inputs; expected 4\."),
        ({"feature_names": "abcd"}, r"the record of FILE is spoiled"),
        ({"columns": [["a", None]]}, r"the record of FILE is spoiled"),
        ({"columns": [{"name": "a"}]}, r"FILE lacks 'categories'; expected a model of schema 1\."),
        ({"columns": [{"name": "a", "categories": None}]}, r"the columns of FILE make 1 inputs; expected 4\."),
        ({"training": 7}, r"the record of FILE is spoiled"),
        ({"test_accuracy": 2.0}, r"FILE gives its test accuracy as 2\.0; expected a number from 0 to 1\."),
        ({"test_accuracy": -0.5}, r"FILE gives its test accuracy as -0\.5; expected a number from 0 to 1\."),
        ({"test_accuracy": float("nan")}, r"FILE gives its test accuracy as nan; expected a number from 0 to 1\."),
        ({"test_accuracy": 10**400}, r"FILE"),
        ({"test_accuracy": "good"}, r"the record of FILE is spoiled"),
        ({"test_accuracy": "0.5"}, r"FILE"),
    ],
)
def test_a_record_that_cannot_be_is_refused(refused, by_hand, example_arrays, example_record, change, message):
    assert re.search(message, refused(by_hand(example_arrays, example_record | change)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": [{"width": 3, "activation": "rleu"}] * 2}, r"does not fit together: unknown activation 'rleu'"),
        ({"hidden": [{"width": 3, "activation": []}] * 2}, r"the record of FILE is spoiled"),
        ({"hidden": [{"width": 0, "activation": "relu"}]}, r"does not fit together: a layer has width 0"),
        ({"hidden": [{"width": 10**4, "activation": "relu"}] * 2}, r"the weights of layer 1 have shape \(3, 4\)"),
        ({"hidden": [{"width": 10**12, "activation": "relu"}] * 2}, r"a layer of 4-1\S+-2 has too many weights"),
        ({"hidden": []}, r"does not fit together: the weights of layer 1 have shape \(3, 4\)"),
        ({"hidden": None}, r"the record of FILE is spoiled"),
        ({"outputs": 3}, r"does not fit together: the weights of layer 3 have shape \(2, 3\)"),
        ({"scaling": {"offset": [0], "scale": [0]}}, r"does not fit together: the scaling has"),
        ({"scaling": {"offset": [10**400], "scale": [1]}}, r"FILE"),
        ({"scaling": {"offset": [0]}}, r"FILE lacks 'scale'"),
        ({"loss": "hinge"}, r"does not fit together: unknown output and loss"),
    ],
)
def test_an_architecture_that_cannot_be_is_refused(refused, by_hand, example_arrays, example_record, change, message):
    record = example_record | {"architecture": example_record["architecture"] | change}
    assert re.search(message, refused(by_hand(example_arrays, record)))


@pytest.mark.parametrize("field", ["architecture", "classes", "feature_names", "columns", "training", "version"])
def test_a_record_that_lacks_a_field_is_refused(refused, by_hand, example_arrays, example_record, field):
    del example_record[field]
    message = f"FILE lacks '{field}'; expected a model of schema 1."
    assert refused(by_hand(example_arrays, example_record)) == message


@pytest.mark.parametrize("place", [[0, 8, 16], [0], "0-8", None, [0.0, 16.0], [True, 16]])
def test_an_array_without_a_place_is_refused(refused, raw_file, place):
    entry = {"dtype": "F64", "shape": [2], "data_offsets": place}
    assert refused(raw_file({"x": entry}, bytes(16))) == "FILE is spoiled: the array x has no place in the file."


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param({"x": ([2], [0, 16]), "y": ([2], [8, 24])}, id="arrays that overlap"),
        pytest.param({"x": ([1], [0, 8]), "y": ([1], [16, 24])}, id="a gap"),
        pytest.param({"x": ([3], [24, 0])}, id="the end before the beginning"),
        pytest.param({"x": ([4], [-8, 24])}, id="a place before the body"),
        pytest.param({"x": ([2], [0, 24])}, id="more bytes than the shape"),
        pytest.param({"x": ([-3], [0, 24])}, id="a negative shape"),
        pytest.param({"x": ([2**63, 2**63], [0, 24])}, id="a shape that overflows"),
    ],
)
def test_arrays_in_impossible_places_are_refused(refused, raw_file, entries):
    header = {name: {"dtype": "F64", "shape": shape, "data_offsets": place} for name, (shape, place) in entries.items()}
    assert refused(raw_file(header, bytes(24))).startswith("FILE ")


def test_the_container_alone_refuses_too(tmp_path, raw_file):
    (tmp_path / "c").write_bytes(raw_file({}))
    with pytest.raises(ModelFileError, match="without Pellucid's record"):
        read_container(tmp_path / "c")
