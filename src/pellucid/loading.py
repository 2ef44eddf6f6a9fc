"""Where a trained network lies: in a model file, in the folder of a run, in the package."""

from __future__ import annotations

from pathlib import Path

from pellucid.engines import Engine
from pellucid.errors import ModelFileError
from pellucid.formats.bundled import bundled
from pellucid.formats.model_file import read_model
from pellucid.network import Network
from pellucid.training.run_folder import RunFolder


def load(path: str | Path, *, engine: Engine | None = None) -> Network:
    """Load a network from a model file, from the folder of a run, or, where none has that name, a bundled one: "mnist".

    >>> load("mnist")
    <pellucid.Network 784-128-64-10, 109,386 parameters>

    Everything in the file is checked. Raises ``ModelFileError`` for what is no model.
    """
    return Network.of_model(read_model(model_file(path)), engine)


def model_file(path: str | Path) -> Path:
    """Find the file that is meant: itself, that of a run's folder, or a bundled one.

    Raises ``ModelFileError`` for a folder without a model.
    """
    place = bundled_for(path) or Path(path)
    if not place.is_dir():
        return place
    folder = RunFolder(place)
    if not folder.model.is_file():
        stopped = folder.exists() and folder.read_record()["status"] != "diverged"
        hint = f"Its run was not finished: try pellucid train --resume {place}." if stopped else ""
        raise ModelFileError(f"the folder {place} holds no model.safetensors", "a model file, or a run", hint)
    return folder.model


def bundled_for(path: str | Path) -> Path | None:
    """Find the bundled model that a name means: None where there is none, or a file, a model or a run bears that name.

    A folder without any of these does not: MNIST's own files lie in a folder ``mnist`` as a rule.
    """
    place = Path(path)
    folder = RunFolder(place)
    taken = (folder.exists() or folder.model.is_file()) if place.is_dir() else place.exists()
    return None if taken else bundled(str(path))
