"""A Dask cluster as a host: plain tasks, which the scheduler gives to whom it likes, and to another when one is lost.

No worker is pinned, none waits for another, and nothing is left on one between two rounds but the shards. What is sent to
all, θ above all, is a task of its own, so that the scheduler can make it again: data that is only scattered is gone with the
last worker that holds it. Where something is gone for good, the round is handed in anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from pellucid.distributed.averaging import Contribution, added, all_added, groups_of
from pellucid.distributed.computing import Able, able
from pellucid.engines import State
from pellucid.errors import MissingExtraError, SettingError, TrainingError

try:
    import dask
    import distributed
    from dask.delayed import Delayed
except ImportError as error:
    raise MissingExtraError("Training on a Dask cluster", "distributed", "dask") from error

if TYPE_CHECKING:
    from distributed import Client

SECONDS_TO_CONNECT = 6.0
"""After which who asked knows within ten, however long the rest takes."""
TRIES = 4
MOST_BYTES_OF_A_TASK = 8 * 2**20
"""What is larger goes straight to the workers: a scheduler is no place for it."""


@dataclass
class DaskShards:
    """Futures, and how they are made again when they are gone."""

    make: Callable[[], list[Any]]
    parent: DaskShards | None = None
    futures: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.futures = self.make()

    def __len__(self) -> int:
        return len(self.futures)

    def __getitem__(self, number: int) -> Any:
        return self.futures[number]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.futures)

    def renew(self) -> None:
        """Make those anew that are gone, and those from which they come."""
        if self.parent is not None:
            self.parent.renew()
        self.futures = self.make()


def connect(address: str, seconds: float = SECONDS_TO_CONNECT) -> Client:
    """Connect to a scheduler. Raises ``SettingError`` where none answers within so many seconds, or somebody else does."""
    expected = "the address of one that runs, such as tcp://127.0.0.1:8786"
    try:
        who = _who_answers(address, seconds)
        if who == "Scheduler":
            return distributed.Client(address, timeout=seconds, set_as_default=False)
    except Exception as error:  # a stranger's answer, such as a page's, is taken for sizes: all may come of that
        raise SettingError(
            f"no Dask scheduler answers at {address!r}",
            expected,
            "Start one with: dask scheduler; and workers with: dask worker ADDRESS.",
        ) from error
    raise SettingError(f"a Dask {who.lower()} answers at {address!r}, and no scheduler", expected)


def _who_answers(address: str, seconds: float) -> str:
    """Ask before there is a client: one that cannot connect tries on after its time, and closes as slowly."""

    async def ask() -> str:
        arguments = distributed.Security().get_connection_args("client")
        async with distributed.rpc(address, timeout=seconds, connection_args=arguments) as server:
            return str((await server.identity())["type"])

    if address.startswith("inproc:") or dask.config.get("distributed.client.security-loader", None):
        return "Scheduler"  # as far as can be said: only a client reaches it
    with ThreadPoolExecutor(1, "pellucid-asks") as thread:  # a loop of its own: the caller's may be running
        return thread.submit(asyncio.run, asyncio.wait_for(ask(), seconds)).result()


def active_client() -> Client | None:
    """Give the client that is active in this process, or None."""
    try:
        client: Client = distributed.get_client()
    except ValueError:
        return None
    return client


class DaskHost:
    """The workers of a cluster: those that are there, and those that come and go."""

    def __init__(self, client: Client) -> None:
        self._client, self._name, self._numbers = client, f"pellucid-{uuid4().hex[:8]}", count()

    def able(self) -> tuple[Able, ...]:
        """Ask all that are there; where nobody is there yet, the first that comes."""
        found = self._client.run(able, on_error="return")
        for address, answer in found.items():
            if not isinstance(answer, Able):
                raise SettingError(
                    f"the worker {address} cannot load Pellucid ({answer})", "the same installation on all workers"
                )
        if found:
            return tuple(found.values())
        return tuple(self._gathered(lambda: [self._submit("able", able)]))

    def placed(self, sources: Sequence[Any]) -> DaskShards:
        """Bring shards to the workers, evenly; what is lazy is computed there, and can be computed again."""
        return DaskShards(lambda: [self._place(number, source) for number, source in enumerate(sources)])

    def kept(self, function: Callable[..., Any], shards: DaskShards, *common: Any) -> DaskShards:
        """Hand in a task for each, and hold on to the results where they are."""
        return DaskShards(lambda: self._tasks(function, shards, common), shards)

    def each(self, function: Callable[..., Any], shards: DaskShards, *common: Any) -> list[Any]:
        """Hand in a task for each."""
        return self._gathered(lambda: self._tasks(function, shards, common), shards)

    def total(
        self,
        function: Callable[..., Contribution | None],
        shards: DaskShards,
        shares: Sequence[float],
        *common: Any,
        own: Sequence[Any] | None = None,
    ) -> Contribution | None:
        """Hand in a task for each shard and one for each group, so that only the groups' sums come here."""

        def submit() -> list[Any]:
            tasks = self._tasks(function, shards, common, own)
            return [
                self._submit("added", added, [tasks[i] for i in group], [shares[i] for i in group])
                for group in groups_of(len(tasks))
            ]

        return all_added(self._gathered(submit, shards))

    def _tasks(
        self,
        function: Callable[..., Any],
        shards: DaskShards,
        common: tuple[Any, ...],
        own: Sequence[Any] | None = None,
    ) -> list[Any]:
        """Hand in a task for each shard; None for one that is left out."""
        name = function.__name__
        shared = self._shared(name, common)
        return [
            None
            if own is not None and own[i] is None
            else self._submit(f"{name}-shard-{i}", _called, function, i, shard, shared, *_its(own, i))
            for i, shard in enumerate(shards)
        ]

    # -- tasks -------------------------------------------------------------------------------------------------------

    def _submit(self, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Hand in a task under a name of its own: two fits at once have nothing in common."""
        try:
            return self._client.submit(
                function, *arguments, key=f"{self._name}-{next(self._numbers)}-{name}", pure=False
            )
        except Exception as error:
            self._check_connected(error)
            raise

    def _shared(self, name: str, common: tuple[Any, ...]) -> Any:
        """Bring what all tasks need to the cluster, once."""
        if _bytes_of(common) > MOST_BYTES_OF_A_TASK:
            return self._scattered(common)
        return self._submit(f"common-of-{name}", _itself, common)

    def _place(self, number: int, source: Any) -> Any:
        if isinstance(source, distributed.Future):
            return source
        if isinstance(source, Delayed):
            return self._client.compute(source)
        if isinstance(source, list):
            return self._submit(f"pieces-of-shard-{number}", _listed, *(self._place(number, each) for each in source))
        if callable(source):
            return self._submit(f"load-shard-{number}", source)
        return self._scattered(source)

    def _scattered(self, value: Any) -> Any:
        """Bring something large to one of the workers; to another, where that one is lost meanwhile."""
        for _ in range(TRIES - 1):
            try:
                return self._client.scatter([value], hash=False)[0]
            except (KeyError, OSError, TimeoutError) as error:  # a scheduler stumbles over a worker that is just gone
                self._check_connected(error)
        return self._client.scatter([value], hash=False)[0]

    def _gathered(self, submit: Callable[[], list[Any]], shards: DaskShards | None = None) -> list[Any]:
        """Hand tasks in and wait for what they give; anew where something that they need is gone.

        Raises ``TrainingError`` where that does not help, and what the tasks raise.
        """
        for attempt in range(TRIES):
            futures: list[Any] = []
            try:
                futures = submit()
                return list(self._client.gather(futures))
            except distributed.KilledWorker as error:
                raise TrainingError(
                    f"the task {error.task} was begun on several workers, and each of them was lost",
                    "workers that have the memory for a shard",
                    "Try more and smaller shards, or fewer threads a worker.",
                ) from error
            except (CancelledError, distributed.CancelledError, TimeoutError) as error:
                self._check_connected(error)
                if attempt + 1 == TRIES:
                    raise TrainingError(
                        "a shard is gone with the worker that held it, and nobody can make it again",
                        "shards that can be loaded anew",
                        "Give delayed shards or Dask collections; a fit with checkpoint=DIR then goes on.",
                    ) from error
                if shards is not None:
                    shards.renew()
            except Exception as error:
                self._check_connected(error)
                raise
            finally:
                for future in futures:
                    future.release()
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _check_connected(self, error: BaseException) -> None:
        if self._client.status != "running":
            raise TrainingError(
                f"the connection to the Dask scheduler is lost (it is {self._client.status})",
                advice="A fit with checkpoint=DIR goes on, by the same call with another client, from its last round.",
            ) from error


def _called(function: Callable[..., Any], number: int, shard: Any, common: tuple[Any, ...], *own: Any) -> Any:
    return function(number, shard, *common, *own)


def _itself(common: tuple[Any, ...]) -> tuple[Any, ...]:
    return common


def _listed(*pieces: Any) -> list[Any]:
    return list(pieces)


def _its(own: Sequence[Any] | None, number: int) -> tuple[Any, ...]:
    return () if own is None else (own[number],)


def _bytes_of(common: tuple[Any, ...]) -> int:
    """Count the bytes of parameters and arrays."""
    tensors: list[Any] = [each for each in common if isinstance(each, np.ndarray)]
    for each in common:
        for layers in (
            (each.layers, *each.moments) if isinstance(each, State) else (each,) if isinstance(each, tuple) else ()
        ):
            tensors += [tensor for layer in layers if isinstance(layer, tuple) for tensor in layer]
    return sum(tensor.nbytes for tensor in tensors if isinstance(tensor, np.ndarray))
