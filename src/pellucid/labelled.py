"""The labelled examples that a trained network is held against: the ones that it has not learned from."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from pellucid.datasets import Column, available
from pellucid.datasets.for_a_network import Labelled, LabelledInFiles, Trained, labelled_examples, labelled_within
from pellucid.errors import DataUnavailableError, RunFolderError
from pellucid.network import Network
from pellucid.training.run_folder import RunFolder


def examples_for(network: Network, model: Path, data: str | None = None, label: str | None = None) -> Labelled:
    """Load labelled examples for a network that was loaded from ``model``: of ``data``, or of what it was trained on.

    Raises ``DataUnavailableError`` where nobody knows what that was, and as ``labelled_examples``.
    """
    implied = data is None
    if data is None:
        data, label = trained_on(network, model)
    return labelled_examples(data, what_it_knows(network), label, must_be_the_same=implied)


def examples_within(
    network: Network, model: Path, data: str | None = None, label: str | None = None, memory: int | None = None
) -> Labelled | LabelledInFiles:
    """Load labelled examples as ``examples_for``; those that are too large for ``memory`` are read as they are wanted.

    Raises ``DataUnavailableError`` where nobody knows what that was, and as ``labelled_examples``.
    """
    implied = data is None
    if data is None:
        data, label = trained_on(network, model)
        used = network.model.training.get("memory")
        memory = memory or (used if isinstance(used, int) else None)
    return labelled_within(data, what_it_knows(network), label, memory, must_be_the_same=implied)


def what_it_knows(network: Network) -> Trained:
    """Gather what a network knows of its data."""
    from pellucid.datasets.for_a_network import Trained

    about = network.model
    columns = None if about.columns is None else tuple(Column(*column) for column in about.columns)
    data = about.training.get("data") or {}
    label = data.get("label")
    of_data = (data.get("sha256"), data.get("shards"), label if isinstance(label, str) else None)
    scaling = network.architecture.scaling
    takes_pixels = (
        scaling.offset == (0.0,) and min(scaling.scale) > 1
    )  # bytes are divided by their largest, and no more
    return Trained(network.architecture.input_shape, network.classes, columns, *of_data, takes_pixels)


def trained_on(network: Network, model: Path) -> tuple[str, str | None]:
    """Find the data that a network was trained on: a run tells what was asked for, a model file its name."""

    folder = RunFolder(model)
    request = None
    if folder.exists():
        with suppress(RunFolderError):  # the model may be sound though the run's record is not
            request = folder.read_record()["request"]
    if isinstance(request, dict) and isinstance(request.get("data"), str):
        return request["data"], request.get("label")
    name = (network.model.training.get("data") or {}).get("name")
    if name not in [entry.name for entry in available()]:
        what = (
            f"was trained on {name!r}, which is no data set known by name"
            if name
            else "does not say what it was trained on"
        )
        raise DataUnavailableError(f"{model} {what}", advice="Name the data with --data.")
    return name, None
