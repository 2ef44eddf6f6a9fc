"""What must hold for every file of the heart: it depends on nothing, and every function is a page of a textbook."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import pellucid.equations

ROOM = Path(pellucid.equations.__file__).parent
FILES = sorted(ROOM.rglob("*.py"))
TREES = {file.relative_to(ROOM).as_posix(): ast.parse(file.read_text(encoding="utf-8")) for file in FILES}
FUNCTIONS = {
    f"{name}:{node.name}": ast.get_docstring(node) or ""
    for name, tree in TREES.items()
    for node in tree.body
    if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
}
# Helpers that compute no equation: they need no source.
HELPERS = {
    "schedules.py:rates",
    "parameters.py:zeros_like",
    "finite.py:is_finite_number",
    "beyond/augmentation.py:are_pictures",
}
DOORS = {"open", "print", "input", "exec", "eval", "compile", "__import__"}
NONDETERMINISTIC = {"random", "secrets", "time", "datetime", "uuid"}


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module


def allowed(module):
    if module.startswith("pellucid"):
        return module == "pellucid.errors" or module == "pellucid.equations" or module.startswith("pellucid.equations.")
    return module.partition(".")[0] in {"numpy", *sys.stdlib_module_names}


def test_the_room_was_found():
    assert {"affine.py", "relu.py", "network.py", "optimizers.py"} <= set(TREES)
    assert len(FUNCTIONS) > 30


@pytest.mark.parametrize("name", TREES)
def test_a_file_imports_nothing_but_numpy_the_standard_library_and_its_neighbours(name):
    assert [module for module in imported(TREES[name]) if not allowed(module)] == []


@pytest.mark.parametrize("name", TREES)
def test_a_file_neither_reads_nor_writes_nor_rolls_dice(name):
    called = {node.func.id for node in ast.walk(TREES[name]) if isinstance(node, ast.Call) and hasattr(node.func, "id")}
    assert called & DOORS == set()
    assert {module.partition(".")[0] for module in imported(TREES[name])} & NONDETERMINISTIC == set()
    attributes = {ast.unparse(node) for node in ast.walk(TREES[name]) if isinstance(node, ast.Attribute)}
    assert [each for each in attributes if each.startswith(("np.random", "numpy.random", "np.save", "np.load"))] == []


@pytest.mark.parametrize("name", TREES)
def test_a_file_says_what_it_is_about(name):
    assert ast.get_docstring(TREES[name])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_shows_an_example_and_says_what_it_gives_back(name):
    assert ">>>" in FUNCTIONS[name]
    assert "Shapes:" in FUNCTIONS[name] or "Returns" in FUNCTIONS[name] or name in HELPERS


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in HELPERS])
def test_a_function_names_its_source(name):
    assert "Source:" in FUNCTIONS[name]


def test_the_list_of_helpers_is_not_out_of_date():
    assert set(FUNCTIONS) >= HELPERS
    assert [name for name in HELPERS if "Source:" in FUNCTIONS[name]] == []


def test_a_function_hides_no_global_state():
    hidden = [ast.unparse(node) for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.Global)]
    assert hidden == []
