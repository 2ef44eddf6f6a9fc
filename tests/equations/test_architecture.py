from __future__ import annotations

import re

import numpy as np
import pytest

from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.losses import LOSSES
from pellucid.equations.parameters import Layer
from pellucid.equations.scaling import Scaling
from pellucid.equations.worked_example import ARCHITECTURE, LAYERS
from pellucid.errors import SettingError, ShapeError

GOOD = {"input_shape": (4,), "hidden": (Hidden(3),), "outputs": 2}


def test_the_seeds_network_counts_as_the_text_does():
    seed = Architecture((28, 28), (Hidden(128), Hidden(64)), 10)
    assert str(seed) == "784-128-64-10"
    assert (seed.inputs, seed.widths) == (784, (784, 128, 64, 10))
    assert seed.weight_shapes == ((128, 784), (64, 128), (10, 64))
    assert seed.n_parameters == 128 * 784 + 128 + 64 * 128 + 64 + 10 * 64 + 10


def test_a_network_without_hidden_layers_is_one_affine_layer():
    flat = Architecture((2, 3), (), 4)
    assert (str(flat), flat.weight_shapes, flat.n_parameters) == ("6-4", ((4, 6),), 28)


def test_equal_architectures_are_equal_and_can_be_keys():
    assert Architecture(**GOOD) == Architecture(**GOOD)
    assert len({Architecture(**GOOD), Architecture(**GOOD)}) == 1
    assert Architecture(**GOOD) != Architecture(**(GOOD | {"scaling": Scaling((1.0,), (2.0,))}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": (Hidden(0),)}, "a layer has width 0; expected a whole number of neurons, at least 1. Try --hidden"),
        ({"hidden": (Hidden(3), Hidden(-1))}, "a layer has width -1; expected"),
        ({"hidden": (Hidden(2.5),)}, "a layer has width 2.5; expected"),
        ({"hidden": (Hidden(True),)}, "a layer has width True; expected"),
        ({"hidden": (Hidden("8"),)}, "a layer has width '8'; expected"),
        ({"input_shape": (28, 0)}, "a layer has width 0; expected"),
        (
            {"hidden": (Hidden(10**17),)},
            "-100000000000000000-2 has too many weights; expected at most 4,294,967,296 a layer. Try --hidden 128,64.",
        ),
        ({"outputs": 0}, "a layer has width 0; expected"),
        ({"outputs": 1}, "the data has 1 class; expected at least 2. There is nothing to tell apart."),
        ({"hidden": (Hidden(3, "rleu"),)}, "unknown activation 'rleu'; expected one of relu"),
        ({"loss": "hinge"}, "the loss is 'hinge'; expected a record, such as CrossEntropy"),
        (
            {"scaling": Scaling((0.0,) * 3, (1.0,) * 3)},
            "the scaling has 3 numbers; expected 1, or one for each of 4 inputs.",
        ),
    ],
)
def test_an_architecture_that_cannot_be_is_refused(change, message):
    with pytest.raises(SettingError, match=re.escape(message)):
        Architecture(**(GOOD | change))


@pytest.mark.parametrize("name", [name for name in LOSSES if not LOSSES[name].of_classes])
def test_a_network_that_sorts_into_no_classes_may_have_one_output(name):
    architecture = Architecture(**(GOOD | {"outputs": 1, "loss": LOSSES[name]()}))
    assert architecture.weight_shapes[-1][0] == 1
    assert architecture.output == LOSSES[name].output


def test_an_input_of_no_size_at_all_is_refused():
    with pytest.raises(SettingError, match="input"):
        Architecture(**(GOOD | {"input_shape": ()}))


def test_layers_that_fit_pass():
    ARCHITECTURE.check_layers(LAYERS)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (LAYERS[:2], "got 2 layers; expected 3 for 4-3-3-2."),
        ((*LAYERS, LAYERS[2]), "got 4 layers; expected 3 for 4-3-3-2."),
        (
            (Layer(LAYERS[0].W.T, LAYERS[0].b), *LAYERS[1:]),
            "the weights of layer 1 have shape (4, 3); expected (3, 4) for 4-3-3-2.",
        ),
        (
            (*LAYERS[:2], Layer(LAYERS[2].W, np.zeros(3))),
            "the biases of layer 3 have shape (3,); expected (2,) for 4-3-3-2.",
        ),
        (
            (*LAYERS[:2], Layer(LAYERS[2].W, np.zeros((2, 1)))),
            "the biases of layer 3 have shape (2, 1); expected (2,) for 4-3-3-2.",
        ),
    ],
)
def test_layers_of_another_network_are_refused(layers, message):
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
        ARCHITECTURE.check_layers(layers)
