from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pellucid
from pellucid.engines import (
    ReferenceEngine,
    available,
    candidates,
    choose,
    name_of,
    steps_of_an_epoch,
    why_no_native_engine,
)
from pellucid.equations.random_streams import Purpose, permutation
from pellucid.errors import SettingError

BEST = available()[0]
NATIVE = why_no_native_engine() is None
needs_native = pytest.mark.skipif(not NATIVE, reason="the native engine was not built")


@pytest.fixture(autouse=True)
def _no_engine_named(monkeypatch):
    monkeypatch.delenv("PELLUCID_ENGINE", raising=False)


def test_the_reference_engine_is_always_there():
    assert "reference" in available()
    assert isinstance(choose("reference").engine, ReferenceEngine)
    assert choose("reference").reason == "it was asked for"


@pytest.mark.parametrize("name", [None, "auto"])
def test_without_a_name_the_best_is_chosen(name):
    choice = choose(name)
    assert BEST in (choice.engine.name, name_of(choice.engine))
    assert choice.reason.startswith("it is the best that this installation has")


def test_the_environment_names_an_engine(monkeypatch):
    monkeypatch.setenv("PELLUCID_ENGINE", "reference")
    choice = choose()
    assert (choice.engine.name, choice.reason) == ("reference", "PELLUCID_ENGINE names it")


@pytest.mark.parametrize("value", ["", "auto"])
def test_an_environment_that_names_none_leaves_the_choice(monkeypatch, value):
    monkeypatch.setenv("PELLUCID_ENGINE", value)
    assert choose().reason.startswith("it is the best that this installation has")


def test_a_name_given_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("PELLUCID_ENGINE", "no such engine")
    assert choose("reference").reason == "it was asked for"
    assert name_of(choose("auto").engine) == name_of(choose(BEST).engine)


def test_an_unknown_engine_is_refused_with_the_list_of_those_that_are_there():
    listed = ", ".join(("auto", *(["native"] if NATIVE else []), *available()))
    with pytest.raises(SettingError, match=f"^there is no engine 'warp' here; expected one of {listed}"):
        choose("warp")


def test_an_unknown_engine_in_the_environment_is_refused_too(monkeypatch):
    monkeypatch.setenv("PELLUCID_ENGINE", "warp")
    with pytest.raises(SettingError, match="there is no engine 'warp' here, which PELLUCID_ENGINE names; expected"):
        choose()


@pytest.mark.parametrize("name", ["native:", "native:sse", "reference:", "reference:avx2", "Native"])
def test_half_a_name_or_an_unknown_target_is_refused(name):
    with pytest.raises(SettingError, match=f"there is no engine '{name}' here"):
        choose(name)


@pytest.mark.parametrize("name", available())
def test_every_engine_says_what_it_is_and_is_chosen_again_by_its_full_name(name):
    engine = choose(name).engine
    assert name in (engine.name, name_of(engine))
    assert engine.target
    assert "float32" in engine.precisions
    again = choose(name_of(engine)).engine
    assert (again.name, again.target) == (engine.name, engine.target)


@pytest.mark.parametrize("name", available())
@pytest.mark.parametrize("n", [0, 1, 2, 3, 8, 1001, 60_000])
def test_every_engine_shuffles_alike(name, n):
    for seed, epoch in ((0, 0), (2**64 - 1, 7), (12345, 2**32 - 1)):
        order = choose(name).engine.order(seed, n, epoch)
        assert order.dtype == np.int64
        np.testing.assert_array_equal(order, permutation(seed, Purpose.ORDER, n, epoch))


def test_the_number_of_threads_is_the_engines_own_where_it_has_threads():
    assert choose("reference", threads=3).engine.threads is None
    for threads in (0, -1, 1025):
        with pytest.raises(
            SettingError, match=f"the number of threads is {threads}; expected a whole number from 1 to 1,024"
        ):
            choose("reference", threads=threads)


@needs_native
def test_the_native_engine_takes_the_threads_it_is_given_else_the_environments(monkeypatch):
    assert choose("native", threads=3).engine.threads == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert choose("native").engine.threads == 5
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert choose("native").engine.threads >= 1


@needs_native
def test_native_without_a_target_is_its_best_one_that_runs_here():
    assert name_of(choose("native").engine) == BEST
    names = [candidate.name for candidate in candidates()]
    assert names[-2:] == ["native:scalar", "reference"]


@needs_native
def test_a_target_that_this_processor_does_not_run_is_refused_and_says_what_it_needs(monkeypatch):
    from pellucid.engines import native

    def none_but_scalar():
        return (
            native.Target("avx9", "AVX9 + LUCK", False, False),
            native.Target("scalar", "portable C++", True, False),
        )

    monkeypatch.setattr(native, "targets", none_but_scalar)
    message = (
        r"there is no engine 'native:avx9' here: this processor has not all that it needs, AVX9 \+ LUCK; "
        "expected one of auto, native, native:scalar, reference"
    )
    with pytest.raises(SettingError, match=message):
        choose("native:avx9")
    assert choose().engine.target == "scalar"


@pytest.fixture
def without_native(monkeypatch):
    """As where no compiler was there when Pellucid was installed."""
    monkeypatch.setitem(sys.modules, "pellucid.engines._native", None)
    monkeypatch.delitem(sys.modules, "pellucid.engines.native", raising=False)
    monkeypatch.delattr("pellucid.engines.native", raising=False)


@pytest.mark.usefixtures("without_native")
def test_without_the_module_the_reference_engine_is_the_best_and_the_reason_is_told():
    assert available() == ("reference",)
    choice = choose()
    assert choice.engine.name == "reference"
    assert "the C++ module of the native engine was not built when Pellucid was installed" in choice.reason
    for name in ("native", "native:avx2"):
        with pytest.raises(SettingError) as caught:
            choose(name)
        assert f"there is no engine '{name}' here: the C++ module" in str(caught.value)
        assert "expected one of auto, reference. pip install builds it where there is a C++20" in str(caught.value)


@pytest.mark.skipif(shutil.which("c++") is None, reason="there is no C++ compiler")
def test_where_there_is_a_compiler_the_native_engine_was_built():
    assert why_no_native_engine() is None


def test_the_reference_engine_loads_no_module_of_the_native_one():
    code = (
        "import sys\nfrom pellucid.engines import choose\nchoose('reference')\n"
        "print(*(name for name in sys.modules if 'native' in name))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""


def test_only_one_file_knows_the_cpp_module():
    """An import contract; import-linter sees only modules that are written in Python."""
    house = Path(pellucid.__file__).parent
    who = set()
    for path in house.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            if any(name.split(".")[-1] == "_native" for name in names):
                who.add(str(path.relative_to(house)))
    assert who == {"engines/native.py"}


@given(n=st.integers(0, 10**6), batch_size=st.integers(1, 1000))
def test_the_steps_of_an_epoch_reach_every_row_once(n, batch_size):
    steps = steps_of_an_epoch(n, batch_size)
    assert steps * batch_size >= n > (steps - 1) * batch_size or n == steps == 0
