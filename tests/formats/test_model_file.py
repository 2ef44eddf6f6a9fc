from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.equations.parameters import Layer
from pellucid.errors import StorageError
from pellucid.formats.model_file import Model, read_model, write_model

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
WIDTHS = st.builds(
    lambda inputs, hidden, classes: (inputs, *hidden, classes),
    st.integers(1, 9),
    st.lists(st.integers(1, 9), max_size=3),
    st.integers(2, 6),
)


def content(model):
    tensors = [(tensor.dtype.str, tensor.shape, tensor.tobytes()) for layer in model.layers for tensor in layer]
    rest = vars(model) | {"layers": None, "training": dict(model.training)}
    return tensors, rest


@given(
    widths=WIDTHS,
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 2**32),
    in_words=st.booleans(),
    data=st.data(),
)
def test_what_is_written_is_read_to_the_last_bit(tmp_path_factory, random_model, widths, dtype, seed, in_words, data):
    label = WORDS if in_words else st.integers(-(2**40), 2**40)
    classes = data.draw(st.lists(label, min_size=widths[-1], max_size=widths[-1], unique=True))
    names = data.draw(st.none() | st.lists(WORDS, min_size=widths[0], max_size=widths[0]).map(tuple))
    words_of_one = data.draw(st.integers(0, widths[0]))  # one column of words, the other inputs numbers, or no table
    columns = (*((name, None) for name in range(widths[0] - words_of_one)), ("words", tuple(range(words_of_one))))
    columns = tuple((str(name), words and tuple(map(str, words))) for name, words in columns)
    model = random_model(
        widths,
        dtype,
        seed,
        classes=tuple(classes),
        feature_names=names,
        columns=data.draw(st.sampled_from([None, columns])),
        training=data.draw(
            st.dictionaries(WORDS, st.integers() | st.floats(-1e9, 1e9) | WORDS | st.none(), max_size=4)
        ),
        test_accuracy=data.draw(st.none() | st.floats(0, 1)),
        version=data.draw(WORDS),
    )
    path = tmp_path_factory.mktemp("models") / "m.safetensors"
    write_model(path, model)
    assert content(read_model(path)) == content(model)


def test_the_example_comes_back_whole(tmp_path, example):
    write_model(tmp_path / "m.safetensors", example)
    assert content(read_model(tmp_path / "m.safetensors")) == content(example)


def test_a_model_that_says_little_comes_back_with_its_defaults(tmp_path, example):
    sparse = Model(example.architecture, example.layers, (0, 1))
    write_model(tmp_path / "m.safetensors", sparse)
    assert content(read_model(tmp_path / "m.safetensors")) == content(sparse)


def test_the_order_of_the_weights_in_memory_does_not_change_the_file(tmp_path, example, example_bytes):
    columns_first = tuple(Layer(np.asfortranarray(W), b[::-1].copy()[::-1]) for W, b in example.layers)
    write_model(tmp_path / "m.safetensors", Model(**(vars(example) | {"layers": columns_first})))
    assert (tmp_path / "m.safetensors").read_bytes() == example_bytes


def test_big_endian_weights_give_the_same_file(tmp_path, example, example_bytes):
    turned = tuple(Layer(W.astype(">f8"), b.astype(">f8")) for W, b in example.layers)
    write_model(tmp_path / "m.safetensors", Model(**(vars(example) | {"layers": turned})))
    assert (tmp_path / "m.safetensors").read_bytes() == example_bytes


def test_the_same_model_gives_the_same_bytes_twice_and_whatever_the_order_of_its_settings(
    tmp_path, example, example_bytes
):
    turned = dict(reversed(example.training.items()))
    write_model(tmp_path / "m.safetensors", Model(**(vars(example) | {"training": turned})))
    assert (tmp_path / "m.safetensors").read_bytes() == example_bytes


def test_the_same_model_gives_the_same_bytes_in_another_process(tmp_path, example_bytes):
    (tmp_path / "first.safetensors").write_bytes(example_bytes)
    program = (
        "import sys; from pathlib import Path; from pellucid.formats.model_file import read_model, write_model; "
        "write_model(Path(sys.argv[2]), read_model(Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", program, tmp_path / "first.safetensors", tmp_path / "second.safetensors"]
    environment = os.environ | {"PYTHONHASHSEED": "12345", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(command, check=True, env=environment)
    assert (tmp_path / "second.safetensors").read_bytes() == example_bytes


def test_the_file_says_nothing_of_where_or_when_it_was_written(tmp_path, example, example_bytes):
    (tmp_path / "elsewhere").mkdir()
    write_model(tmp_path / "elsewhere" / "other name.safetensors", example)
    assert (tmp_path / "elsewhere" / "other name.safetensors").read_bytes() == example_bytes
    assert str(tmp_path).encode() not in example_bytes


def test_other_readers_of_safetensors_find_the_documented_names_and_shapes(tmp_path, example, example_bytes):
    from safetensors import safe_open
    from safetensors.numpy import load_file

    path = tmp_path / "m.safetensors"
    path.write_bytes(example_bytes)
    arrays = load_file(path)
    assert {name: array.shape for name, array in arrays.items()} == {
        "layers.0.weight": (3, 4),
        "layers.0.bias": (3,),
        "layers.1.weight": (3, 3),
        "layers.1.bias": (3,),
        "layers.2.weight": (2, 3),
        "layers.2.bias": (2,),
    }
    for i, layer in enumerate(example.layers):
        assert arrays[f"layers.{i}.weight"].tolist() == layer.W.tolist()
        assert arrays[f"layers.{i}.bias"].tolist() == layer.b.tolist()
    with safe_open(path, framework="numpy") as opened:
        record = json.loads(opened.metadata()["pellucid"])
    assert set(record) == {
        "schema",
        "architecture",
        "classes",
        "feature_names",
        "columns",
        "training",
        "test_accuracy",
        "version",
    }
    assert record["schema"] == 1


def test_a_file_that_another_writer_of_safetensors_wrote_is_read(tmp_path, example, example_arrays, example_record):
    from safetensors.numpy import save_file

    save_file(example_arrays, tmp_path / "m.safetensors", metadata={"pellucid": json.dumps(example_record, indent=2)})
    assert content(read_model(tmp_path / "m.safetensors")) == content(example)


def test_a_model_is_written_whole_or_not_at_all(tmp_path, example, example_bytes, monkeypatch):
    path = tmp_path / "m.safetensors"
    path.write_bytes(example_bytes)

    def no_room(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_room)
    with pytest.raises(StorageError, match=r"m\.safetensors could not be written: no space left on device"):
        write_model(path, Model(**(vars(example) | {"version": "9"})))
    assert path.read_bytes() == example_bytes
