"""Who computes, and on how many threads.

The native engine has threads of its own. Beneath the reference engine it is NumPy's linear algebra that has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pellucid.engines import Engine

EngineName = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="NAME",
        help="Who computes: native, native:avx2, reference; see pellucid doctor. (default: the best)",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(metavar="N", help="Threads for the arithmetic. (default: all cores where they pay; reference 1)"),
]


@contextmanager
def threads_in_use(engine: Engine, asked: int | None) -> Iterator[int]:
    """Let the linear algebra beneath NumPy use as many threads as were asked for, or one: yields the number in use.

    Where the engine has threads of its own, theirs is the number, and what little is left to NumPy stays on one thread.
    """
    import_module("numpy")  # its linear algebra must be loaded before it can be counted
    from threadpoolctl import threadpool_info, threadpool_limits

    limit = 1 if engine.threads is not None or asked is None else asked
    with threadpool_limits(limits=limit, user_api="blas"):
        pools = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
        yield engine.threads or max(pools, default=1)
