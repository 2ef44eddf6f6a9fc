"""``pellucid doctor``: what this installation is made of, and what it would use."""

from __future__ import annotations

import os
import platform
import re
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli.output import EXIT_USAGE, Json, Output, escape

if TYPE_CHECKING:
    from pellucid.engines import Candidate, Choice, Engine

REQUIRED = ("numpy", "scikit-learn", "safetensors", "typer", "rich", "pooch", "platformdirs")
OPTIONAL = {"pillow": "images", "matplotlib": "plots", "pandas": "tables", "pyarrow": "tables"}


def doctor(
    engine: Annotated[
        str | None, typer.Option(metavar="NAME", help="Ask about this engine instead of the one that would be chosen.")
    ] = None,
    json: Json = False,
) -> int:
    """Show CPU, engines and which would be chosen and why, versions, and the folders that are searched for data."""
    from pellucid import __version__
    from pellucid.cli.threads import threads_in_use
    from pellucid.datasets import cache_folder, data_folders
    from pellucid.engines import candidates, name_of, why_no_native_engine
    from pellucid.processor import cpu_features, cpu_name

    output = Output(json)
    choice, trouble = _choice(engine)
    with threads_in_use(choice.engine, None) as threads:
        pass
    engines, why_no_native = candidates(), why_no_native_engine()
    cpu, features = cpu_name(), cpu_features()
    packages = {name: _version(name) for name in (*REQUIRED, *OPTIONAL)}
    folders = [(str(folder), folder.is_dir()) for folder in data_folders()]
    rows = [
        ("pellucid", __version__),
        ("python", f"{platform.python_version()} ({sys.executable})"),
        ("system", platform.platform()),
        ("processor", f"{cpu}, {os.cpu_count()} cores"),
        ("features", " ".join(features) or "not known on this system"),
        *(("engine", _engine_line(each)) for each in engines),
        *((("engine", f"native: not here, as {why_no_native}"),) if why_no_native else ()),
        ("chosen", f"none, as {trouble}" if trouble else f"{name_of(choice.engine)}, because {choice.reason}"),
        ("precisions", ", ".join(_told(name, choice.engine) for name in choice.engine.precisions)),
        ("threads", f"{threads}{_where_from(choice.engine.threads)}"),
        *(
            (name, found or f'not installed; pip install "pellucid[{OPTIONAL[name]}]"')
            for name, found in packages.items()
        ),
        *(("data in", f"{folder}{'' if there else ' (not there)'}") for folder, there in folders),
        ("downloads to", str(cache_folder())),
    ]
    for name, value in rows:
        output.say(f"[dim]{name:<13}[/dim] {escape(value)}")
    output.result(
        {
            "pellucid": __version__,
            "python": platform.python_version(),
            "system": platform.platform(),
            "processor": cpu,
            "cores": os.cpu_count(),
            "features": features,
            "engines": [each.name for each in engines if each.runs_here],
            "targets": [each._asdict() for each in engines],
            "why_no_native_engine": why_no_native,
            "engine": None if trouble else choice.engine.name,
            "target": None if trouble else choice.engine.target,
            "reason": trouble or choice.reason,
            "precisions": list(choice.engine.precisions),
            "threads": threads,
            "packages": packages,
            "data_folders": [{"path": folder, "exists": there} for folder, there in folders],
            "cache": str(cache_folder()),
        }
    )
    return EXIT_USAGE if trouble else 0


def _choice(engine: str | None) -> tuple[Choice, str]:
    """Choose an engine. Where the environment names one that is not here, take the best, and say what is wrong."""
    from pellucid.engines import choose
    from pellucid.errors import SettingError

    try:
        return choose(engine), ""
    except SettingError as error:
        if engine is not None:
            raise
        return choose("auto"), str(error)


def _engine_line(candidate: Candidate) -> str:
    state = "runs here" if candidate.runs_here else "not here, as this processor has not all that it needs"
    return f"{candidate.name}: {state} ({candidate.needs})"


def _where_from(own_threads: int | None) -> str:
    if own_threads is None:
        return ", unless --threads says otherwise"
    by_variable = re.match(r"\s*\+?0*[1-9]", os.environ.get("OMP_NUM_THREADS", ""))  # others are passed over
    return ", where they pay" + " (OMP_NUM_THREADS)" * bool(by_variable)


def _told(precision: str, engine: Engine) -> str:
    return precision + " (slowly: this processor has no instructions for it)" * (precision in engine.slow_precisions)


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None
