from __future__ import annotations

import builtins
import copy
import inspect
import pickle
import re

import pytest

from pellucid import errors
from pellucid.errors import (
    DataError,
    InputError,
    MissingExtraError,
    PellucidError,
    SettingError,
    StorageError,
    TrainingError,
)

CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, PellucidError)]


def example_of(cls):
    if cls is MissingExtraError:
        return cls("drawing", "pillow", "images")
    return cls("got this", "that", "Try it.")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (("got", "what was wanted", "Try this."), "got; expected what was wanted. Try this."),
        (("got", "what was wanted"), "got; expected what was wanted."),
        (("got", "", "Try this."), "got. Try this."),
        (("got",), "got."),
        (("Is it?",), "Is it?"),
        (("Stop!", "", "Try this?"), "Stop! Try this?"),
        (("A sentence.",), "A sentence."),
    ],
)
def test_a_message_is_what_was_got_what_was_expected_and_what_to_try(parts, message):
    error = PellucidError(*parts)
    assert str(error) == message
    assert (error.got, error.expected, error.advice) == (*parts, "", "")[:3]


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_speaks_in_three_parts(cls):
    error = example_of(cls)
    assert str(error).startswith(error.got)
    assert str(error).endswith(error.advice)
    assert (f"; expected {error.expected}." in str(error)) == bool(error.expected)


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("again", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_an_error_says_the_same_after_a_journey_to_another_process(cls, again):
    error = example_of(cls)
    twin = again(error)
    assert type(twin) is cls
    assert str(twin) == str(error)
    assert (twin.got, twin.expected, twin.advice) == (error.got, error.expected, error.advice)


def test_a_missing_extra_says_how_to_get_it():
    message = 'drawing needs the package pillow, which is not installed. Try: pip install "pellucid[images]"'
    assert str(MissingExtraError("drawing", "pillow", "images")) == message


def test_every_kind_of_error_has_a_name_of_its_own():
    kinds = [cls.kind for cls in CLASSES if cls is not PellucidError]
    assert len(set(kinds)) == len(kinds)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", kind) for kind in kinds)


def drawn_tree():
    """Read the tree of the docstring: name → (parent, the built-in error in brackets)."""
    tree, path = {}, []
    for line in errors.__doc__.splitlines():
        found = re.match(r"    ([│├└─ ]*)(\w*Error)\b(?: \((\w+)\))?", line)
        if not found:
            continue
        depth = len(found[1]) // 4
        path = [*path[:depth], found[2]]
        tree[found[2]] = (path[depth - 1] if depth else None, found[3])
    return tree


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes():
    def entry(cls):
        if cls is PellucidError:
            return None, None
        parent, *others = cls.__bases__
        return parent.__name__, others[0].__name__ if others else None

    assert drawn_tree() == {cls.__name__: entry(cls) for cls in CLASSES}


@pytest.mark.parametrize("name", [name for name, (_, builtin) in drawn_tree().items() if builtin])
def test_the_built_in_errors_of_the_tree_catch_ours(name):
    builtin = getattr(builtins, drawn_tree()[name][1])
    with pytest.raises(builtin):
        raise example_of(getattr(errors, name))


def test_wrong_use_and_failed_work_and_storage_are_three_branches():
    assert issubclass(DataError, InputError)
    assert issubclass(SettingError, ValueError)
    assert not issubclass(TrainingError, InputError)
    assert not issubclass(StorageError, (InputError, TrainingError))


def test_a_storage_error_does_not_pass_its_sentences_off_as_an_error_number():
    # Whoever catches OSError looks at errno: a number, or None where there is none.
    error = StorageError("the disk is full", "some room", "Delete something.")
    assert error.errno is None or isinstance(error.errno, int)
    assert error.filename != "Delete something."
