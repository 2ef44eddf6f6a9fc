"""The number of threads that the linear algebra beneath NumPy uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from pellucid.errors import SettingError


@contextmanager
def limited_threads(asked: int | None) -> Iterator[int]:
    """Use that many threads, or as many as the machine would: yields the number in use.

    Raises ``SettingError`` for fewer than 1.
    """
    import_module("numpy")  # its linear algebra must be loaded before it can be counted
    from threadpoolctl import threadpool_info, threadpool_limits

    if asked is not None and asked < 1:
        raise SettingError(f"--threads is {asked}", "at least 1")
    with threadpool_limits(limits=asked, user_api="blas"):
        pools = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
        yield max(pools, default=1)
