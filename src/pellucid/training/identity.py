"""What must be the same for a stopped training to go on to the bit, and in words what is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pellucid import __version__
from pellucid.engines import Engine
from pellucid.equations.architecture import Architecture
from pellucid.errors import RunFolderError
from pellucid.formats.records import architecture_to_record


def identity(
    data: Mapping[str, Any],
    architecture: Architecture,
    engine: Engine,
    settings: Mapping[str, Any],
    threads: int | None = None,
) -> dict[str, Any]:
    """Write it all down as a JSON record. ``threads`` counts where an engine has no threads of its own."""
    computed_by: dict[str, Any] = {"name": engine.name, "target": engine.target}
    if engine.threads is None and threads is not None:  # the number of an engine's own threads changes no bit
        computed_by["threads"] = threads
    return {
        "version": __version__,
        "data": dict(data),
        "architecture": architecture_to_record(architecture),
        "engine": computed_by,
        "settings": dict(settings),
    }


def check_same(path: Path, theirs: Mapping[str, Any], ours: Mapping[str, Any], *, kind: str, anew: str) -> None:
    """Raise ``RunFolderError`` where the ``kind`` of training in ``path`` is not ours: what differs, and what to do.

    ``anew`` says how a new one is begun. What another version wrote is looked at first, for it may mean other things.
    """
    check_version(path, theirs.get("version"), kind=kind, anew=anew)
    try:
        found = list(_differences(theirs, ours))
        if found:
            what = "data" if theirs["data"] != ours["data"] else "settings"
            raise RunFolderError(
                f"{path} holds another {kind}: {'; '.join(found)}",
                advice=f"Go on with the {what} of the {kind}, or {anew}.",
            )
    except (KeyError, TypeError, AttributeError) as error:
        raise RunFolderError(f"what {path} says of its {kind} is spoiled ({error!r})", advice=f"{anew}.") from error


def check_version(path: Path, version: Any, *, kind: str, anew: str) -> None:
    """Raise ``RunFolderError`` where the ``kind`` of training in ``path`` was begun by another version than this one."""
    if version != __version__:
        raise RunFolderError(
            f"{path} holds a {kind} of Pellucid {version}, and this is {__version__}, which may not give the same bits",
            advice=f"Go on with that version (pip install pellucid=={version}), or {anew}.",
        )


def _differences(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> Iterator[str]:
    """Say in words where one record differs from another, the data first: most else may follow from it."""
    if theirs["data"] != ours["data"]:
        yield f"the data is not the same: it was {_data(theirs['data'])}, is {_data(ours['data'])}"
        return
    if theirs["architecture"] != ours["architecture"]:
        yield _difference_of_networks(theirs["architecture"], ours["architecture"])
    for part, keys in (("engine", ours["engine"]), ("settings", {**theirs["settings"], **ours["settings"]})):
        for key in keys:
            if theirs[part].get(key) != ours[part].get(key):
                yield f"{part}.{key} was {theirs[part].get(key)}, is {ours[part].get(key)}"


def _difference_of_networks(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    for what, words in (("network is", _network), ("loss was", _loss)):
        its, this = words(theirs), words(ours)
        if its != this:
            return f"its {what} {its}, this one {this}"
    return "its network scales its inputs otherwise"


def _data(record: Mapping[str, Any]) -> str:
    """Name the data, and the beginning of its SHA-256, which tells two of one name apart."""
    return f"{record['name']} ({record['sha256'][:12]}…)"


def _network(architecture: Mapping[str, Any]) -> str:
    layers = (f"{layer['width']} {layer['activation']}" for layer in architecture["hidden"])
    return ", ".join([*layers, f"{architecture['outputs']} {architecture['output']} by {architecture['loss']}"])


def _loss(architecture: Mapping[str, Any]) -> str:
    """Name the loss with its settings, of which a record holds those that are not the usual ones."""
    settings = ", ".join(f"{name} {value}" for name, value in architecture.get("loss_settings", {}).items())
    return f"{architecture['loss']} with {settings}" if settings else str(architecture["loss"])
