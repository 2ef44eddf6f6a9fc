"""Models to write, and files made by hand: sound ones, and ones that no writer would write."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.parameters import Layer
from pellucid.equations.scaling import Scaling
from pellucid.equations.worked_example import ARCHITECTURE, LAYERS
from pellucid.formats.model_file import Model, write_model

_TYPES = {np.dtype(np.float16): "F16", np.dtype(np.float32): "F32", np.dtype(np.float64): "F64"}
_TYPES |= {np.dtype(np.int64): "I64"}


@pytest.fixture(scope="session")
def example():
    """The worked network as a model with all that a model may hold."""
    return Model(
        ARCHITECTURE,
        LAYERS,
        ("cat", "dog"),
        feature_names=("a", "b", "c=x", "c=y"),
        columns=(("a", None), ("b", None), ("c", ("x", "y"))),
        training={"seed": 0, "epochs": 3, "solver": "sgd"},
        test_accuracy=0.875,
        version="0.0.1",
    )


@pytest.fixture(scope="session")
def random_model():
    """Draw a model of given widths and type."""

    def draw(widths, dtype, seed, **about):
        rng = np.random.default_rng(seed)
        scaling = Scaling(tuple(rng.normal(size=widths[0]).tolist()), tuple(rng.uniform(1, 9, widths[0]).tolist()))
        architecture = Architecture((widths[0],), tuple(map(Hidden, widths[1:-1])), widths[-1], scaling=scaling)
        layers = tuple(
            Layer(rng.normal(size=shape).astype(dtype), rng.normal(size=shape[0]).astype(dtype))
            for shape in architecture.weight_shapes
        )
        return Model(architecture, layers, about.pop("classes", tuple(range(widths[-1]))), **about)

    return draw


@pytest.fixture(scope="session")
def raw_file():
    """Put a safetensors file together by hand: the header given as bytes or as a dictionary, and what follows it."""

    def assemble(header, body=b"", declared=None):
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return (len(text) if declared is None else declared).to_bytes(8, "little") + text + body

    return assemble


@pytest.fixture(scope="session")
def by_hand(raw_file):
    """Put a container together by hand from any arrays and any text of a record."""

    def assemble(arrays, record):
        entries, body = {}, b""
        for name, array in arrays.items():
            content = np.ascontiguousarray(array).tobytes()
            place = [len(body), len(body) + len(content)]
            entries[name] = {"dtype": _TYPES[array.dtype], "shape": list(array.shape), "data_offsets": place}
            body += content
        metadata = {"pellucid": record if isinstance(record, str) else json.dumps(record)}
        return raw_file({"__metadata__": metadata} | entries, body)

    return assemble


@pytest.fixture
def example_bytes(tmp_path, example):
    """The bytes of the example's file."""
    write_model(tmp_path / "example.safetensors", example)
    return (tmp_path / "example.safetensors").read_bytes()


@pytest.fixture
def example_arrays():
    """The example's arrays by their names, to be spoiled."""
    return {
        f"layers.{i}.{kind}": array.copy()
        for i, layer in enumerate(LAYERS)
        for kind, array in (("weight", layer.W), ("bias", layer.b))
    }


@pytest.fixture
def example_record(example_bytes):
    """The example's record, to be spoiled."""
    length = int.from_bytes(example_bytes[:8], "little")
    return json.loads(json.loads(example_bytes[8 : 8 + length])["__metadata__"]["pellucid"])
