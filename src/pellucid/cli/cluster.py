"""``pellucid train --dask``: the examples are files that the workers of a Dask cluster read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid.distributed.sharded_run import ShardedRun


@contextmanager
def on_cluster(
    address: str, options: Mapping[str, Any], given: Mapping[str, Any], *, report: bool
) -> Iterator[ShardedRun]:
    """Open the shards that ``--data`` names on the cluster at ``address``, for as long as the run takes.

    Raises ``SettingError`` where no scheduler answers within ten seconds, and as ``ShardedRun``.
    """
    from pellucid.distributed.dask_host import DaskHost, connect
    from pellucid.distributed.sharded_run import ShardedRun, check_options

    check_options({**options, **given}, report)
    with connect(address) as client:
        engine, precision = options.get("engine"), options.get("precision", "float32")
        yield ShardedRun(DaskHost(client), options["data"], options.get("label"), engine, precision)
