"""``pellucid VERB``: finds the verb, and turns every error into a sentence and an exit code.

0 done · 1 the work failed · 2 wrong use or bad input · 130 Ctrl-C
"""

from __future__ import annotations

import errno
import io
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any

import typer

from pellucid.cli.bench import bench
from pellucid.cli.data import data_app
from pellucid.cli.doctor import doctor
from pellucid.cli.evaluate import evaluate
from pellucid.cli.explain import explain
from pellucid.cli.export import export
from pellucid.cli.info import info
from pellucid.cli.output import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, forget_stdout, print_error
from pellucid.cli.predict import predict
from pellucid.cli.reproduce import reproduce
from pellucid.cli.serve import serve
from pellucid.cli.train import train
from pellucid.errors import InputError, PellucidError

WORK_FAILED = (errno.ENOSPC, errno.EIO, errno.EROFS)

app = typer.Typer(
    name="pellucid",
    help="The multilayer perceptron that you can read, as fast as the CPU permits.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# Newer versions of Typer bring a Click of their own, older ones use the package: either is reached from here.
WRONG_USE: type[Any] = typer.BadParameter.__mro__[1]

for verb in (train, evaluate, predict, explain, serve, info, export, reproduce, bench, doctor):
    app.command()(verb)
app.add_typer(data_app, name="data")


def _version(asked: bool) -> None:
    if asked:
        from pellucid import __version__

        typer.echo(f"pellucid {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """The multilayer perceptron that you can read, as fast as the CPU permits."""


def _wrong_use(error: Any, as_json: bool) -> int:
    message = error.format_message()
    if not message:  # no verb was given, and the help has been shown
        return EXIT_USAGE
    path = error.ctx.command_path if error.ctx is not None else "pellucid"
    sentence = message if message.endswith((".", "?")) else f"{message}."
    print_error("usage", f"{sentence} Try: {path} --help", as_json)
    return EXIT_USAGE


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):  # where a terminal cannot show a letter it shows its number
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(words))


def _is_text(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def run(words: list[str]) -> int:
    """Run the command line: → the exit code."""
    as_json = "--json" in words
    if (odd := next((word for word in words if not _is_text(word)), None)) is not None:  # no record could name it
        print_error("usage", f"{odd!r} is not UTF-8; expected names in UTF-8. Rename the file or the folder.", as_json)
        return EXIT_USAGE
    try:
        code: Any = app(words, prog_name="pellucid", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except WRONG_USE as error:
        return _wrong_use(error, as_json)
    except PellucidError as error:
        print_error(error.kind, str(error), as_json)
        return EXIT_USAGE if isinstance(error, InputError) else EXIT_FAILED
    except (KeyboardInterrupt, typer.Abort):
        print_error("interrupted", "Interrupted.", as_json)
        return EXIT_INTERRUPTED
    except MemoryError:
        print_error("memory", "The memory of this machine does not suffice. Try a smaller network or batch.", as_json)
        return EXIT_FAILED
    except BrokenPipeError:  # whoever read our output has gone; Python would complain again at exit
        forget_stdout()
        return EXIT_FAILED
    except OSError as error:  # a name that is too long, a folder that may not be read
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
        with suppress(OSError):
            print_error("system", f"{what}.", as_json)
        try:
            sys.stdout.flush()
        except OSError:  # it is stdout that is full
            forget_stdout()
        return EXIT_FAILED if error.errno in WORK_FAILED else EXIT_USAGE
