from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.scaling import Scaling
from pellucid.equations.worked_example import ARCHITECTURE, LAYERS
from pellucid.errors import SettingError, ShapeError
from pellucid.formats.container import canonical_json
from pellucid.formats.records import (
    architecture_from_record,
    architecture_to_record,
    layers_from_arrays,
    layers_to_arrays,
)

SIZES = st.integers(1, 100)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(
    shape=st.lists(SIZES, min_size=1, max_size=3).map(tuple),
    hidden=st.lists(SIZES, max_size=4),
    outputs=st.integers(2, 1000),
    offset=FINITE,
    scale=FINITE.filter(bool),
)
def test_an_architecture_survives_json(shape, hidden, outputs, offset, scale):
    architecture = Architecture(shape, tuple(map(Hidden, hidden)), outputs, scaling=Scaling((offset,), (scale,)))
    record = json.loads(json.dumps(architecture_to_record(architecture)))
    assert architecture_from_record(record) == architecture


@pytest.mark.parametrize("field", architecture_to_record(ARCHITECTURE))
def test_a_record_that_lacks_a_field_is_no_architecture(field):
    record = architecture_to_record(ARCHITECTURE)
    del record[field]
    with pytest.raises(KeyError, match=field):
        architecture_from_record(record)


def test_a_record_of_an_impossible_architecture_is_refused():
    with pytest.raises(SettingError, match="a layer has width 0"):
        architecture_from_record(
            architecture_to_record(ARCHITECTURE) | {"hidden": [{"width": 0, "activation": "relu"}]}
        )


@pytest.mark.parametrize("prefix", ["", "m."])
def test_layers_go_by_numbered_names(prefix):
    arrays = layers_to_arrays(LAYERS, prefix)
    assert [*arrays] == [f"{prefix}layers.{i}.{kind}" for i in range(3) for kind in ("weight", "bias")]
    back = layers_from_arrays(arrays, ARCHITECTURE, prefix)
    assert all(a is b for layer, same in zip(back, LAYERS, strict=True) for a, b in zip(layer, same, strict=True))


def test_layers_of_another_shape_are_refused():
    arrays = layers_to_arrays(LAYERS) | {"layers.1.bias": np.zeros(4)}
    with pytest.raises(ShapeError, match=r"the biases of layer 2 have shape \(4,\); expected \(3,\) for 4-3-3-2"):
        layers_from_arrays(arrays, ARCHITECTURE)


def test_a_layer_that_is_missing_is_a_key_error():
    arrays = layers_to_arrays(LAYERS)
    del arrays["layers.2.weight"]
    with pytest.raises(KeyError, match=r"layers\.2\.weight"):
        layers_from_arrays(arrays, ARCHITECTURE)


def test_canonical_json_knows_one_form_only():
    assert canonical_json({"b": [1, 2.5, None, True], "a": {"ü": "→"}}) == '{"a":{"ü":"→"},"b":[1,2.5,null,true]}'
    assert canonical_json({"x": 1, "y": 2}) == canonical_json({"y": 2, "x": 1})


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_canonical_json_writes_no_number_that_json_has_not(number):
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"x": number})
