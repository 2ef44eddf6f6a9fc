"""The engine of a task: the very one that the round names, on one thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple

from pellucid import __version__
from pellucid.engines import Engine, choose
from pellucid.engines.choice import available
from pellucid.errors import SettingError


class Able(NamedTuple):
    """What a process can compute with: the version of Pellucid, and its engines, the best first."""

    version: str
    engines: tuple[str, ...]


def able() -> Able:
    """Say what this process can compute with."""
    return Able(__version__, available())


@contextmanager
def computing(name: str, precision: str, version: str) -> Iterator[Engine]:
    """Give the engine of that name, on one thread.

    Raises ``SettingError`` where this process has another version of Pellucid or lacks the engine: another would give other
    bits.
    """
    if version != __version__:
        raise SettingError(
            f"a worker has Pellucid {__version__}",
            f"{version}, as the client has",
            "Install the same version everywhere, for another one may give other bits.",
        )
    try:
        engine = choose(name, threads=1).engine.at(precision)
    except SettingError as error:
        raise SettingError(
            f"a worker lacks the engine of this training: {error.got}",
            error.expected,
            "Name an engine that all workers have with engine=…, and begin anew.",
        ) from error
    if engine.threads is not None:
        yield engine
        return
    with _ONE_THREAD:  # of the library beneath NumPy, whose number of threads changes bits
        yield engine


class _OneThread:
    """Keeps the linear algebra beneath NumPy on one thread as long as anybody in the process computes with it.

    The number belongs to the process; so the first of several threads sets it, and the last one gives it back.
    """

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0
        self._limits: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                import_module("numpy")  # its linear algebra must be loaded before it can be limited
                self._limits = import_module("threadpoolctl").threadpool_limits(limits=1, user_api="blas")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._limits.restore_original_limits()


_ONE_THREAD = _OneThread()
