"""Other systems' forms by name: what ``pellucid export`` writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pellucid.errors import SettingError
from pellucid.formats.c_int8 import Test, write_c_int8
from pellucid.formats.c_source import write_c
from pellucid.formats.model_file import Model
from pellucid.formats.onnx_file import write_onnx
from pellucid.formats.torch_modules import write_torch

FORMS: dict[str, Callable[[Path, Model], None]] = {
    "onnx": write_onnx,
    "torch": write_torch,
    "c": write_c,
    "c-int8": write_c_int8,
}
"""Each form, and who writes it: a file that is whole or not there."""


def export(path: Path, model: Model, to: str, test: Test | None = None) -> None:
    """Write a network in another system's form; ``test`` are examples for the accuracy that c-int8 states.

    Raises ``SettingError`` for an unknown form or a ``test`` that it has no use for, ``MissingExtraError`` for a package
    that is not installed, ``StorageError`` where the file cannot be written.
    """
    if to not in FORMS:
        raise SettingError(f"the form is {to!r}", "one of " + ", ".join(FORMS))
    if test is None:
        FORMS[to](path, model)
    elif to == "c-int8":
        write_c_int8(path, model, test)
    else:
        raise SettingError(
            f"there are test examples, and the form is {to}", "c-int8, which states its accuracy on them"
        )
