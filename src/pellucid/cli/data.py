"""``pellucid data list|fetch|verify``: the data sets that Pellucid knows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pellucid.cli.output import EXIT_USAGE, Json, Output, escape

data_app = typer.Typer(help="The data sets that Pellucid knows.", no_args_is_help=True)
