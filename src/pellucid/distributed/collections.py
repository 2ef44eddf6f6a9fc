"""Dask arrays, data frames and delayed values: taken apart into shards, and predicted for, as lazily as they came."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from pellucid.errors import DataError, SettingError

# Dask is asked for nowhere here but in the functions that are given something of its own.


def is_collection(value: Any) -> bool:
    """Say whether something is a Dask array, data frame or series, without loading Dask."""
    return hasattr(value, "__dask_graph__") and hasattr(value, "to_delayed")


def is_lazy(value: Any) -> bool:
    """Say whether something is a Dask collection, a delayed value or a future on a cluster."""
    return hasattr(value, "__dask_graph__") or type(value).__module__.startswith("distributed.")


def sources_of(X: Any, y: Any, sample_weight: Any, shards: int | None) -> list[Any]:
    """Take the examples apart into shards, each as a host takes it.

    X is a Dask array or data frame, with y and the weights alike: a partition, along the rows, is a shard. Or X is a list of
    shards: of arrays or frames, with a list for y; or of pairs (X, y), or of what gives such a pair (delayed, a future, a
    function without arguments), and y is None. ``shards`` joins neighbours until there are so many.

    Raises ``DataError`` for what is none of these or does not fit together, ``SettingError`` for a number that cannot be.
    """
    if is_collection(X):
        sources = _of_collections(X, y, sample_weight)
    elif isinstance(X, list | tuple):
        sources = _of_lists(list(X), y, sample_weight)
    else:
        raise DataError(
            f"X is a {type(X).__name__}",
            "a Dask array or data frame, or a list of shards",
            "What fits into memory as one array needs no shards: estimator.fit(X, y). Else try [(X1, y1), (X2, y2)].",
        )
    return sources if shards is None else _joined(sources, shards)


def _of_collections(X: Any, y: Any, sample_weight: Any) -> list[Any]:
    from dask.delayed import delayed

    columns = [
        _partitions(name, each)
        for name, each in (("X", X), ("y", y), ("sample_weight", sample_weight))
        if each is not None
    ]
    if y is None:
        raise DataError("y is missing", "a Dask array or series with the partitions of X")
    names = ("X", "y", "sample_weight")
    for name, partitions in zip(names[1:], columns[1:], strict=False):
        if len(partitions) != len(columns[0]):
            raise DataError(
                f"X has {len(columns[0])} partitions of rows and {name} has {len(partitions)}",
                "the same ones",
                f"Try {name} = {name}.rechunk({{0: X.chunks[0]}}), or .repartition of a data frame.",
            )
    together = delayed(_tupled, pure=True)
    return [together(*parts) for parts in zip(*columns, strict=True)]


def _tupled(*parts: Any) -> tuple[Any, ...]:
    return parts


def _partitions(name: str, collection: Any) -> list[Any]:
    if not is_collection(collection):
        raise DataError(f"X is a Dask collection and {name} is a {type(collection).__name__}", "one, too")
    if hasattr(collection, "chunks") and len(collection.chunks) == 2:
        collection = collection.rechunk({1: -1})
    return list(np.ravel(collection.to_delayed()))


def _of_lists(X: list[Any], y: Any, sample_weight: Any) -> list[Any]:
    if not X:
        raise DataError("the list of shards is empty", "at least one shard")
    if y is None:
        if sample_weight is not None:
            raise DataError("sample_weight is given beside pairs (X, y)", "triples (X, y, weights)")
        return X
    columns = [X, list(y)] + ([] if sample_weight is None else [list(sample_weight)])
    if len({len(column) for column in columns}) > 1:
        raise DataError(f"X has {len(X)} shards, and y or sample_weight has {len(columns[-1])}", "one for each shard")
    shards = list(zip(*columns, strict=True))
    if not any(is_lazy(each) for shard in shards for each in shard):
        return shards
    from dask.delayed import delayed

    return [delayed(_tupled, pure=True)(*shard) for shard in shards]


def _joined(sources: list[Any], shards: int) -> list[Any]:
    if type(shards) is not int or not 1 <= shards <= len(sources):
        raise SettingError(
            f"shards is {shards!r}", f"a whole number from 1 to the {len(sources)} partitions that there are"
        )
    cuts = [len(sources) * i // shards for i in range(shards + 1)]
    return [_joint(sources[begin:end]) for begin, end in pairwise(cuts)]


def _joint(pieces: Sequence[Any]) -> Any:
    """Give neighbours as one shard, a list of pieces."""
    if any(callable(piece) and not is_lazy(piece) for piece in pieces):
        return partial(_loaded, list(pieces))
    return list(pieces)


def _loaded(pieces: list[Any]) -> list[Any]:
    return [piece() if callable(piece) else piece for piece in pieces]


def mapped(ask: Callable[[Any], Any], X: Any, dtype: Any, columns: int | None) -> Any:
    """Ask for each partition of a Dask collection, lazily: → a Dask array (n,), or (n, columns)."""
    meta = np.empty((0,) if columns is None else (0, columns), dtype)
    if not hasattr(X, "chunks"):  # a data frame: the rows of its partitions are not known yet
        answers = X.map_partitions(partial(_of_frame, ask), meta=_frame_like(meta)).to_dask_array()
        return answers[:, 0] if columns is None else answers
    X = X.rechunk({1: -1})
    if columns is None:
        return X.map_blocks(partial(_of_block, ask, meta), drop_axis=1, dtype=dtype, meta=meta)
    return X.map_blocks(partial(_of_block, ask, meta), chunks=(X.chunks[0], (columns,)), dtype=dtype, meta=meta)


def _of_block(ask: Callable[[Any], Any], meta: Any, block: Any) -> Any:
    return ask(block) if len(block) else meta


def _frame_like(meta: Any) -> Any:
    import pandas as pd

    return pd.DataFrame(meta.reshape(0, meta.shape[1] if meta.ndim == 2 else 1))


def _of_frame(ask: Callable[[Any], Any], frame: Any) -> Any:
    import pandas as pd

    if not len(frame):
        return None
    answers = ask(frame)
    return pd.DataFrame(answers.reshape(len(frame), -1))
