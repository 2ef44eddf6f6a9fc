"""Which targets the other tests have tried: those that this processor runs. The others are named here, once."""

from __future__ import annotations

import pytest

native = pytest.importorskip("pellucid.engines.native", reason="this installation has no native engine")

TARGETS = {target.name: target for target in native.targets()}


@pytest.mark.parametrize("name", TARGETS)
def test_the_target_is_tried_on_this_processor(name):
    if not TARGETS[name].runs_here:
        pytest.skip(
            f"this processor does not run native:{name}, which needs {TARGETS[name].needs}: no test has tried it"
        )
    assert native.NativeEngine(name).target == name


def test_the_last_target_runs_anywhere():
    assert list(TARGETS)[-1] == "scalar"
    assert TARGETS["scalar"].runs_here
