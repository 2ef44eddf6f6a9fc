"""Which engine computes a training on many machines: one that all of them have, for another gives other bits."""

from __future__ import annotations

import os

from pellucid import __version__
from pellucid.distributed.host import Host
from pellucid.engines import Engine, choose, name_of
from pellucid.engines.choice import ENVIRONMENT_VARIABLE, available
from pellucid.errors import SettingError


def engine_of_all(host: Host, asked: str | None, precision: str) -> tuple[str, Engine]:
    """Choose for all workers: the engine that is asked for, else the best that each of those who are there now has.

    Gives the name that tasks carry, and the client's own engine, that name's where the client has it. Raises
    ``SettingError`` where a worker has another version of Pellucid, or lacks the engine.
    """
    there = host.able()
    versions = sorted({each.version for each in there} - {__version__})
    if versions:
        raise SettingError(
            f"a worker has Pellucid {versions[0]}",
            f"{__version__}, as the client has",
            "Install the same version everywhere.",
        )
    engines = [name for name in there[0].engines if all(name in each.engines for each in there)]
    wanted, asked = engines[0], asked or os.environ.get(ENVIRONMENT_VARIABLE)
    if asked is not None and asked != "auto":
        matching = [name for name in engines if asked in (name, name.partition(":")[0])]
        if not matching:
            raise SettingError(f"not all workers have the engine {asked!r}", f"one of {', '.join(engines)}")
        wanted = matching[0]
    own = choose(wanted if wanted in available() else None).engine.at(precision)
    return (name_of(own) if wanted in available() else wanted), own
