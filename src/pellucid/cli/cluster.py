"""``pellucid train --dask``: the examples are files that the workers of a Dask cluster read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid.distributed.rounds import Rounds
    from pellucid.distributed.sharded_run import ShardedRun

ROUNDS = {
    "epochs_per_round": "epochs",
    "steps_per_round": "steps",
    "exact": "exact",
    "outer_momentum": "momentum",
    "outer_rate": "rate",
}
"""The options that say what a round is, and the fields of ``Rounds`` that they mean."""


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
    how = rounds_of(options)
    with connect(address) as client:
        engine, precision = options.get("engine"), options.get("precision", "float32")
        yield ShardedRun(DaskHost(client), options["data"], options.get("label"), engine, precision, how)


def rounds_of(options: Mapping[str, Any]) -> Rounds:
    """Say what a round is. Raises ``SettingError`` for what cannot be, in the names of the options."""
    from pellucid.distributed.rounds import Rounds
    from pellucid.errors import SettingError

    try:
        return Rounds(**{field: options[name] for name, field in ROUNDS.items() if name in options})
    except SettingError as error:
        raise SettingError(*map(_as_options, (error.got, error.expected, error.advice))) from error


def settings_of_rounds(how: Rounds) -> dict[str, Any]:
    """Write down what a round is, by the names of the options; of what is as usual nothing."""
    usual, ours = vars(type(how)()), vars(how)
    return {name: ours[field] for name, field in ROUNDS.items() if ours[field] != usual[field]}


def refuse_rounds(options: Mapping[str, Any]) -> None:
    """Raise ``SettingError`` for an option of rounds where no cluster is named."""
    from pellucid.errors import SettingError

    for name in ROUNDS:
        if name in options:
            raise SettingError(
                f"{_as_option(name)} belongs to rounds on a cluster, and --dask is not given",
                advice="Try --dask ADDRESS.",
            )


def _as_option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _as_options(text: str) -> str:
    text = text.replace("exact=True", "--exact")
    for name in set(ROUNDS) - {"exact"}:
        text = text.replace(name, _as_option(name))
    return text
