"""Which engine computes: the one that is named, or the best there is.

An engine's name is ``reference`` or ``native``; ``native:avx2`` names the kernels of one target, too. The native engine's
module is loaded here, when it is asked for, and nowhere else.
"""

from __future__ import annotations

import os
from types import ModuleType
from typing import NamedTuple

from pellucid.engines.engine import Engine, check_threads
from pellucid.engines.reference import ReferenceEngine
from pellucid.errors import SettingError

ENVIRONMENT_VARIABLE = "PELLUCID_ENGINE"


class Choice(NamedTuple):
    """An engine, and why it was chosen."""

    engine: Engine
    reason: str


class Candidate(NamedTuple):
    """An engine by its name: what it needs, and whether this processor has that."""

    name: str
    needs: str
    runs_here: bool


def candidates() -> tuple[Candidate, ...]:
    """List all engines and targets of this installation, the best one first, whether or not this processor runs them."""
    native, _ = _native_engine()
    found = native.targets() if native is not None else ()
    return (
        *(Candidate(f"native:{target.name}", target.needs, target.runs_here) for target in found),
        Candidate("reference", "NumPy", True),
    )


def available() -> tuple[str, ...]:
    """List the engines that run here, the best one first.

    >>> available()[-1]
    'reference'
    """
    return tuple(candidate.name for candidate in candidates() if candidate.runs_here)


def why_no_native_engine() -> str | None:
    """Say why the native engine is not there; None where it is."""
    return _native_engine()[1]


def choose(name: str | None = None, *, threads: int | None = None) -> Choice:
    """Choose an engine: the one named, else the one that PELLUCID_ENGINE names, else the best there is.

    ``threads`` is for an engine that has threads of its own, which else takes as many as the process may use. Raises
    ``SettingError`` for a name that is not there or does not run here, listing those that do, and saying why.

    >>> choose("reference").reason
    'it was asked for'
    """
    check_threads(threads)
    asked, reason, whose = name, "it was asked for", ""
    if asked is None:
        asked, reason = os.environ.get(ENVIRONMENT_VARIABLE) or None, f"{ENVIRONMENT_VARIABLE} names it"
        whose = f", which {ENVIRONMENT_VARIABLE} names"
    if asked is None or asked == "auto":
        asked, reason = available()[0], "it is the best that this installation has"
        if (why := why_no_native_engine()) is not None:
            reason += f": {why}"
    return Choice(_engine(asked, threads, whose), reason)


def _engine(name: str, threads: int | None, whose: str) -> Engine:
    kind, colon, target = name.partition(":")
    if name in ("reference", f"reference:{ReferenceEngine.target}"):
        return ReferenceEngine()
    if kind == "native" and bool(colon) == bool(target):
        native, why_not = _native_engine()
        if native is None:
            raise _not_here(name, f"{whose}: {why_not}")
        known = {each.name: each for each in native.targets()}
        if not target or (target in known and known[target].runs_here):
            engine: Engine = native.NativeEngine(target or None, threads)
            return engine
        if target in known:
            raise _not_here(name, f"{whose}: this processor has not all that it needs, {known[target].needs}")
    raise _not_here(name, whose)


def _not_here(name: str, why: str) -> SettingError:
    there = available()
    native = ("native",) if len(there) > 1 else ()
    advice = (
        "pip install builds it where there is a C++20 compiler." if not native and name.startswith("native") else ""
    )
    return SettingError(
        f"there is no engine {name!r} here{why}", "one of " + ", ".join(("auto", *native, *there)), advice
    )


def _native_engine() -> tuple[ModuleType | None, str | None]:
    """Load the native engine: its module, or the reason why there is none."""
    try:
        from pellucid.engines import native
    except ModuleNotFoundError as error:
        if error.name != "pellucid.engines._native":
            raise
        return None, "the C++ module of the native engine was not built when Pellucid was installed"
    except ImportError as error:
        return None, f"the C++ module of the native engine does not load ({error})"
    return native, None
