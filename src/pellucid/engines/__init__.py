"""Who computes: engines that all speak the protocol of ``engine.py``, chosen by name."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from pellucid.engines.engine import Engine, Outcome, State, steps_of_an_epoch
from pellucid.engines.reference import ReferenceEngine
from pellucid.errors import SettingError

__all__ = ["Choice", "Engine", "Outcome", "ReferenceEngine", "State", "available", "choose", "steps_of_an_epoch"]

ENVIRONMENT_VARIABLE = "PELLUCID_ENGINE"

_ENGINES: dict[str, Callable[[], Engine]] = {"reference": ReferenceEngine}


def available() -> tuple[str, ...]:
    """List the engines that this installation has, the best one first.

    >>> available()
    ('reference',)
    """
    return tuple(_ENGINES)


class Choice(NamedTuple):
    """An engine, and why it was chosen."""

    engine: Engine
    reason: str


def choose(name: str | None = None) -> Choice:
    """Choose an engine: the one named, else the one that PELLUCID_ENGINE names, else the best there is.

    Raises ``SettingError`` for a name that is not there, listing those that are.

    >>> choose("reference").reason
    'it was asked for'
    """
    asked, reason = name, "it was asked for"
    if asked is None:
        asked, reason = os.environ.get(ENVIRONMENT_VARIABLE) or None, f"{ENVIRONMENT_VARIABLE} names it"
    if asked is None or asked == "auto":
        asked, reason = available()[0], "it is the best that this installation has"
    if asked not in _ENGINES:
        raise SettingError(f"there is no engine {asked!r} here", "one of " + ", ".join(("auto", *available())))
    return Choice(_ENGINES[asked](), reason)
