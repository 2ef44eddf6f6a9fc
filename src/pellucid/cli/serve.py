"""``pellucid serve``: the page."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli.output import EXIT_INTERRUPTED, Json, Output, escape
from pellucid.cli.threads import EngineName

if TYPE_CHECKING:
    from pellucid.engines import Engine


def serve(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A model file, the folder of a run, or a model that ships.")
    ] = Path("mnist"),
    data: Annotated[
        str | None,
        typer.Option(metavar="NAME|PATH", help="Labelled data, to look at and to train on. (default: the model's own)"),
    ] = None,
    label: Annotated[str | None, typer.Option(help="The column, or key, that holds the label.")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="The port. (default: the first free one from 8765 on)")
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="A name by which others reach this machine; with --host, once for each name."
        ),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Let nobody train or change the network: for a class.")
    ] = False,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
    engine: EngineName = None,
    json: Json = False,
) -> int:
    """Show a page: draw a digit and watch it being read, number by number; take a step of training; train; see mistakes.

    It runs on this machine, for this machine alone, and needs no network.
    """
    from pellucid.engines import choose
    from pellucid.errors import MissingExtraError, SettingError
    from pellucid.labelled import examples_for
    from pellucid.loading import load

    try:
        from pellucid.web.runs import Trainer
        from pellucid.web.server import LOOPBACK, open_socket, serve
        from pellucid.web.session import Session
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("starlette", "uvicorn", "anyio", "h11"):
            raise MissingExtraError("The page", error.name or "starlette", "web") from error
        raise
    output = Output(json)
    names = allow_host or []
    if host not in LOOPBACK and not names:
        raise SettingError(
            f"--host is {host!r}, which others can reach", "the name that they will use, too",
            "Try --allow-host NAME, and --read-only.",
        )  # fmt: skip
    if data is None and label is not None:
        raise SettingError("--label is given without --data", "the data that it belongs to")
    network = load(model, engine=choose(engine).engine)
    session = Session(network, str(model), lambda: examples_for(network, model, data, label), read_only=read_only)
    trainer = Trainer(session, lambda: _engine_for_training(engine), data, label)
    listening = open_socket(host, port)
    shown = names[0] if names else "[::1]" if host == "::1" else host
    key = secrets.token_urlsafe(16) if names and not read_only else None
    address = f"http://{shown}:{listening.getsockname()[1]}/" + (f"?key={key}" if key else "")

    def when_ready() -> None:
        output.say(f"[bold]{network.architecture}[/bold], {network.architecture.n_parameters:,} parameters")
        output.say(f"The page is at [bold]{escape(address)}[/bold]; Ctrl-C ends it.")
        if names:
            output.warn(
                "Whoever reaches this machine by that name can use the page, and change nothing."
                if key is None
                else "Whoever has this address can train and change the network; it is as secret as your network (plain "
                "HTTP). For a class: --read-only."
            )
        output.result({"address": address, "model": str(model), "read_only": read_only, "process": os.getpid()})
        if browser and not json and output.console.is_terminal:
            import webbrowser

            webbrowser.open(address)

    with suppress(KeyboardInterrupt):
        serve(session, trainer, listening, allowed=names, key=key, when_ready=when_ready)
    output.say("Ended.")
    return EXIT_INTERRUPTED


def _engine_for_training(engine: str | None) -> Engine:
    """Choose an engine that leaves one core to the page."""
    from pellucid.engines import choose

    return choose(
        engine, threads=max(1, len(os.sched_getaffinity(0)) - 1) if hasattr(os, "sched_getaffinity") else 1
    ).engine
