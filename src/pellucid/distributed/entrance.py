"""``fit``: an estimator and shards in, the estimator fitted out; wherever the shards are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeVar

from pellucid.distributed.collections import is_lazy, sources_of
from pellucid.distributed.fitting import RoundsFitting, Wanted
from pellucid.distributed.host import ExecutorHost, Host, cores
from pellucid.distributed.rounds import Rounds
from pellucid.errors import SettingError
from pellucid.estimators.resuming import place_of
from pellucid.training.keeper import SECONDS_BETWEEN_CHECKPOINTS

if TYPE_CHECKING:
    from pellucid.estimators.base import BaseMLP

AnyEstimator = TypeVar("AnyEstimator", bound="BaseMLP")


def fit(
    estimator: AnyEstimator,
    X: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    client: Any = None,
    classes: Sequence[Any] | None = None,
    shards: int | None = None,
    epochs_per_round: int = 1,
    steps_per_round: int | None = None,
    outer_momentum: float = 0.0,
    outer_rate: float = 1.0,
    exact: bool = False,
    X_val: Any = None,
    y_val: Any = None,
    sample_weight_val: Any = None,
    checkpoint: str | PathLike[str] | None = None,
    checkpoint_seconds: float = SECONDS_BETWEEN_CHECKPOINTS,
) -> AnyEstimator:
    """Fit an estimator on shards, in ``max_iter`` rounds: each shard trains from θ, and their weighted mean is the next θ.

    Equations [round], [outer]. **X, y**: Dask arrays or data frames, a partition being a shard; or lists of arrays, frames
    or delayed values; or X is a list of pairs (X, y) or of what gives one, delayed, a future or a function. ``shards`` joins
    neighbours until there are so many. **client**: a Dask client, the address of a scheduler, an executor of
    ``concurrent.futures``; None for the active Dask client where X is Dask's, else threads of this process.

    The number of shards is part of the result; that of the workers, their order and their losses are not: the same shards,
    parameters and ``random_state`` give the same bits, and one shard those of ``estimator.fit``.

    A round is ``epochs_per_round`` passes of each shard over itself, or ``steps_per_round`` steps. With ``exact`` it is one
    batch, drawn from all shards as one machine would, and its step that of the batch's gradient; ``max_iter`` then counts
    epochs. ``outer_momentum`` and ``outer_rate`` are μ and ρ of [outer]. ``classes`` names all classes, and whoever holds
    another is refused. ``X_val``, ``y_val`` are arrays in memory, judged on after each round.

    ``checkpoint`` names a folder: after each round it holds ``model.safetensors``, an ordinary model file, and what the same
    call needs to go on, to the bit, should this process, the client or the scheduler be lost. Where
    ``random_state`` is None, the seed is drawn once and kept there.

    >>> import numpy as np
    >>> from pellucid import MLPRegressor
    >>> X = np.linspace(-1, 1, 80).reshape(80, 1)
    >>> shards = [(X[i::4], X[i::4, 0] ** 2) for i in range(4)]
    >>> regressor = MLPRegressor(hidden_layer_sizes=(16,), learning_rate_init=0.02, max_iter=300, random_state=0)
    >>> fit(regressor, shards, steps_per_round=4).score(X, X[:, 0] ** 2) > 0.95
    True

    Raises ``DataError`` for shards that are spoiled or do not fit together (which shard, which row), ``SettingError``
    for what cannot be, ``RunFolderError`` for a folder of another fit, ``TrainingError`` where the cluster is lost; the
    estimator is then as it was.
    """
    how = Rounds(epochs_per_round, steps_per_round, exact, outer_momentum, outer_rate)
    place = place_of(checkpoint, checkpoint_seconds)
    wanted = Wanted(how, classes, (X_val, y_val, sample_weight_val), place)
    sources = sources_of(X, y, sample_weight, shards)
    with _host(client, sources) as host:
        return estimator._wholly(lambda: RoundsFitting(estimator, host, wanted).run_over(sources))


@contextmanager
def _host(client: Any, sources: Sequence[Any]) -> Iterator[Host]:
    """Give the host that a client means. Raises ``SettingError`` for one that is none or does not suit the shards."""
    pieces = [piece for source in sources for piece in (source if isinstance(source, list) else [source])]
    lazy = any(is_lazy(piece) for piece in pieces)
    if isinstance(client, Executor):
        if lazy:
            raise SettingError(
                "client is an executor, and the shards are Dask's", "a Dask client", "Leave client out, or give arrays."
            )
        yield ExecutorHost(client)
        return
    if client is None and not lazy:
        with ThreadPoolExecutor(cores(), "pellucid") as executor:
            yield ExecutorHost(executor)
        return
    if not (client is None or isinstance(client, str) or type(client).__module__.startswith("distributed.")):
        raise SettingError(
            f"client is a {type(client).__name__}",
            "a Dask client, an address, an executor of concurrent.futures, or None",
        )
    from pellucid.distributed import dask_host

    if isinstance(client, str):
        with dask_host.connect(client) as connected:
            yield dask_host.DaskHost(connected)
        return
    found = dask_host.active_client() if client is None else client
    if found is None:
        raise SettingError(
            "the shards are Dask's, and no Dask client is active", "client=…", "Try client=distributed.Client()."
        )
    yield dask_host.DaskHost(found)
