"""Work beside the event loop, in a thread that the end of the server does not wait for: a download, a large sum."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def aside(work: Callable[[], T]) -> T:
    """Do some work in a thread of its own, and give or raise what comes of it.

    The threads of pools, asyncio's and anyio's, are joined when Python ends: Ctrl-C would wait for the slowest answer. How
    many there are is limited by the connections.
    """
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    results: list[T] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:
            errors.append(error)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=run, name="answer", daemon=True).start()
    await done.wait()
    if errors:
        raise errors[0]
    return results[0]
