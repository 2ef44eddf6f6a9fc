"""Who carries the tasks of a round out: in this process, in a pool of others, or on a cluster.

A host knows nothing of networks. It keeps shards where they are, hands each to a function together with what all have in
common, and gives the results in the order of the shards. The functions are pure, so that a host may call one again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import Any, Protocol

from pellucid.distributed.averaging import Contribution, added, all_added, groups_of
from pellucid.distributed.computing import Able, able
from pellucid.errors import TrainingError

Shards = Any
"""Shards as a host holds them; only the host that made them can read them. Their number can be counted."""


class Host(Protocol):
    """The protocol of all hosts. ``function`` is called as ``function(number of the shard, the shard, *common)``."""

    def able(self) -> tuple[Able, ...]:
        """Say what each of the workers that are there can compute with; at least one."""
        ...

    def placed(self, sources: Sequence[Any]) -> Shards:
        """Bring shards to where they are computed with: as they are, or what a function without arguments gives."""
        ...

    def kept(self, function: Callable[..., Any], shards: Shards, *common: Any) -> Shards:
        """Make other shards of shards, and leave them where they are."""
        ...

    def each(self, function: Callable[..., Any], shards: Shards, *common: Any) -> list[Any]:
        """Give what a function says of each shard."""
        ...

    def total(
        self,
        function: Callable[..., Contribution | None],
        shards: Shards,
        shares: Sequence[float],
        *common: Any,
        own: Sequence[Any] | None = None,
    ) -> Contribution | None:
        """Add up what all shards contribute, in the order of ``averaging``: None where nobody has anything.

        Where there is an ``own``, its entry is the function's last argument, and a shard whose entry is None is left out.
        """
        ...


class ExecutorHost:
    """Any executor of ``concurrent.futures``: threads, processes, or whatever else speaks that protocol.

    Shards lie in this process. Threads share them; to other processes each is sent anew with each task.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def able(self) -> tuple[Able, ...]:
        """Ask one: the processes of a pool are alike."""
        return tuple(self._results([self._submit(able)]))

    def placed(self, sources: Sequence[Any]) -> Shards:
        """Load those that are to be loaded."""
        tasks = {number: self._submit(source) for number, source in enumerate(sources) if callable(source)}
        loaded = dict(zip(tasks, self._results(list(tasks.values())), strict=True))
        return [loaded.get(number, source) for number, source in enumerate(sources)]

    def kept(self, function: Callable[..., Any], shards: Shards, *common: Any) -> Shards:
        """Keep the results in this process."""
        return self.each(function, shards, *common)

    def each(self, function: Callable[..., Any], shards: Shards, *common: Any) -> list[Any]:
        """Hand in a task for each."""
        return self._results([self._submit(function, number, shard, *common) for number, shard in enumerate(shards)])

    def total(
        self,
        function: Callable[..., Contribution | None],
        shards: Shards,
        shares: Sequence[float],
        *common: Any,
        own: Sequence[Any] | None = None,
    ) -> Contribution | None:
        """Hand in a task for each, and add up here, a group as soon as it is there."""
        tasks: list[Future[Any] | None] = [
            None if own is not None and own[i] is None else self._submit(function, i, shard, *common, *_its(own, i))
            for i, shard in enumerate(shards)
        ]
        groups = []
        for group in groups_of(len(shards)):
            found = iter(self._results([task for i in group if (task := tasks[i]) is not None]))
            contributions = [None if tasks[i] is None else next(found) for i in group]
            groups.append(added(contributions, [shares[i] for i in group]))
        return all_added(groups)

    def _submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        try:
            return self._executor.submit(function, *arguments)
        except BrokenExecutor as error:
            raise _lost() from error

    def _results(self, tasks: Sequence[Future[Any]]) -> list[Any]:
        try:
            return [task.result() for task in tasks]
        except BrokenExecutor as error:
            raise _lost() from error
        finally:
            for task in tasks:
                task.cancel()


def _lost() -> TrainingError:
    return TrainingError(
        "a process of the executor was lost, and with it the executor",
        advice="A fit with checkpoint=DIR goes on, by the same call with another executor, from its last round.",
    )


def _its(own: Sequence[Any] | None, number: int) -> tuple[Any, ...]:
    return () if own is None else (own[number],)


def cores() -> int:
    """Count the processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
