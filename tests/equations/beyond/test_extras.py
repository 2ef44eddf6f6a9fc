from __future__ import annotations

import math

import numpy as np
import pytest

from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.beyond.clipping import clipped, gradient_norm
from pellucid.equations.beyond.dropout import dropout_mask
from pellucid.equations.beyond.extras import PLAIN, Extras
from pellucid.equations.beyond.l2 import l2_gradient, l2_penalty
from pellucid.equations.random_streams import Streams
from pellucid.equations.worked_example import LAYERS
from pellucid.errors import SettingError

NETWORK = Architecture((4,), (Hidden(3), Hidden(5)), 2)
ROWS = np.array([9, 2, 7])


def test_a_plain_step_adds_nothing():
    assert not PLAIN.drops
    assert PLAIN.masks(NETWORK, Streams(0, 1), ROWS, np.float64) == (None, None, None)
    assert PLAIN.penalty(LAYERS, 3.0) == 0
    assert PLAIN.gradient(LAYERS, LAYERS, 3.0) is LAYERS
    assert PLAIN.within_bounds(LAYERS) is LAYERS


def test_the_inputs_have_a_rate_of_their_own():
    extras = Extras(input_dropout=0.2, dropout=0.5)
    masks = extras.masks(NETWORK, Streams(seed=6, epoch=4), ROWS, np.float32)
    for layer, (mask, width, rate) in enumerate(zip(masks, (4, 3, 5), (0.2, 0.5, 0.5), strict=True)):
        assert mask.tolist() == dropout_mask(6, 4, ROWS, layer, width, rate, np.float32).tolist()
        assert mask.dtype == np.float32
    only_hidden = Extras(dropout=0.5).masks(NETWORK, Streams(seed=6, epoch=4), ROWS, np.float32)
    assert [mask is None for mask in only_hidden] == [True, False, False]
    only_inputs = Extras(input_dropout=0.5)
    assert only_inputs.drops
    assert [mask is None for mask in only_inputs.masks(NETWORK, Streams(0, 0), ROWS, np.float32)] == [False, True, True]


def test_the_price_and_the_bound_are_those_of_the_equations():
    extras = Extras(l2=0.3, clip=0.5)
    assert extras.penalty(LAYERS, 4.0) == l2_penalty(LAYERS, 0.3, 4.0) > 0
    for found, wanted in (
        (extras.gradient(LAYERS, LAYERS, 4.0), l2_gradient(LAYERS, LAYERS, 0.3, 4.0)),
        (extras.within_bounds(LAYERS), clipped(LAYERS, 0.5)),
    ):
        assert [t.tolist() for layer in found for t in layer] == [t.tolist() for layer in wanted for t in layer]
    assert gradient_norm(extras.within_bounds(LAYERS)) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dropout": 1.0}, "dropout is 1.0; expected at least 0 and below 1."),
        ({"input_dropout": -0.1}, "input_dropout is -0.1; expected at least 0 and below 1."),
        ({"l2": math.inf}, "l2 is inf; expected at least 0, and finite."),
        ({"l2": -1}, "l2 is -1; expected at least 0, and finite."),
        ({"clip": 0}, "clip is 0; expected a positive number."),
        ({"clip": math.nan}, "clip is nan; expected a positive number."),
        ({"dropout": "0.1"}, "dropout is '0.1'; expected at least 0 and below 1."),
        ({"l2": None}, "l2 is None; expected at least 0, and finite."),
        ({"max_norm": 10**400}, "max_norm is 10+; expected a positive number."),
        ({"augmentation": [1]}, r"augmentation is \[1\]; expected an Augmentation, or None."),
        ({"teacher": "mnist"}, "teacher is 'mnist'; expected a Teacher, or None."),
    ],
)
def test_a_setting_out_of_range_is_refused(settings, message):
    with pytest.raises(SettingError, match=f"^{message}$"):
        Extras(**settings)
