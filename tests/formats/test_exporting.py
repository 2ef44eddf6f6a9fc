from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pellucid.errors import SettingError
from pellucid.formats.exporting import FORMS


def test_an_unknown_form_is_refused_with_those_that_are_known(traveller, tmp_path):
    with pytest.raises(SettingError, match="the form is 'pmml'; expected one of onnx, torch, c, c-int8"):
        traveller().network.export(tmp_path / "m", "pmml")


def test_test_examples_are_for_the_form_that_states_its_accuracy(traveller, tmp_path):
    network, X = traveller()
    for form in FORMS:
        if form != "c-int8":
            with pytest.raises(SettingError, match=f"there are test examples, and the form is {form}; expected c-int8"):
                network.export(tmp_path / "m", form, test=(X, [0] * len(X)))
    assert list(tmp_path.iterdir()) == []


def test_a_form_loads_no_package_but_its_own(traveller, tmp_path):
    traveller().network.save(tmp_path / "model.safetensors")
    program = (
        "import sys; from pellucid import load; network = load(sys.argv[1])\n"
        "network.export(sys.argv[2], 'c'); network.export(sys.argv[2], 'c-int8')\n"
        "print({name.partition('.')[0] for name in sys.modules} & {'onnx', 'torch', 'sklearn', 'skl2onnx', 'scipy'})"
    )
    command = [sys.executable, "-c", program, tmp_path / "model.safetensors", tmp_path / "net.h"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, check=True, env=environment, capture_output=True, text=True)
    assert done.stdout == "set()\n"
