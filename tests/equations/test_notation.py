from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import pellucid.equations
from pellucid.equations.notation import EQUATIONS, SYMBOLS

ROOM = Path(pellucid.equations.__file__).parent


def function_of(tag):
    module, _, name = EQUATIONS[tag].function.rpartition(".")
    return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("tag", EQUATIONS)
def test_the_function_of_a_tag_exists_and_cites_it(tag):
    assert f"[{tag}]" in function_of(tag).__doc__


@pytest.mark.parametrize("tag", EQUATIONS)
def test_the_function_of_a_tag_lives_in_the_heart(tag):
    assert function_of(tag).__module__.startswith("pellucid.equations.")


@pytest.mark.parametrize("tag", EQUATIONS)
def test_the_page_that_leads_through_the_room_names_the_tag(tag):
    assert f"[{tag}]" in (ROOM / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("tag", EQUATIONS)
def test_an_equation_is_complete(tag):
    assert all(EQUATIONS[tag])
    assert EQUATIONS[tag].tag == tag
    assert EQUATIONS[tag].latex.count("{") == EQUATIONS[tag].latex.count("}")


def test_no_symbol_is_defined_twice():
    names = [name for symbol in SYMBOLS for name in symbol.name.split(", ")]
    assert len(set(names)) == len(names)


def test_no_tag_is_defined_twice():
    from pellucid.equations import notation

    assert len(EQUATIONS) == len(notation._HERE) + len(notation._BEYOND)
