"""A recipe beside options and data that are not its own: what of it holds, and a sentence where it does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pellucid.datasets.dataset import Dataset
from pellucid.datasets.streamed import StreamedDataset
from pellucid.equations.architecture import Architecture
from pellucid.errors import SettingError
from pellucid.recipes.book import find
from pellucid.recipes.options import architecture_of, settings_of
from pellucid.recipes.recipe import MNIST, Recipe
from pellucid.training.settings import Settings


def options_of(recipe: Recipe, given: Mapping[str, Any]) -> dict[str, Any]:
    """Give a recipe's options, and its data where they are not MNIST as it is, beside what is given, which goes first.

    A rate that was chosen for one solver is left out beside another; a warm-up ends at the latest one epoch before the
    training does.

    Raises ``SettingError`` for other data where the recipe is for data of its own.
    """
    options = dict(recipe.options)
    if given.get("solver", options.get("solver", "sgd")) != options.get("solver", "sgd"):
        options.pop("learning_rate", None)
    if "warm_up" in options:
        options["warm_up"] = min(options["warm_up"], max(0, given.get("epochs", options["epochs"]) - 1))
    if recipe.data == MNIST:
        return options
    if given.get("data", recipe.data) != recipe.data:
        got = f"the recipe {recipe.name} is for {recipe.data}, and --data is {given['data']!r}"
        raise SettingError(got, f"{recipe.data}, or no --data", "Try another recipe: pellucid reproduce lists them.")
    return {"data": recipe.data, **options}


def architecture_and_settings(
    dataset: Dataset | StreamedDataset, options: Mapping[str, Any], given: Mapping[str, Any]
) -> tuple[Architecture, Settings]:
    """Read options as ``architecture_of`` and ``settings_of`` do; ``given`` are those among them that are no recipe's.

    Raises as they do. Where an option of the recipe fits neither the data nor what is given beside it, the sentence names
    the recipe, and a way out.
    """
    try:
        return architecture_of(dataset, options), settings_of(dataset, options)
    except SettingError as error:
        if "recipe" not in options:
            raise
        recipe = find(options["recipe"])
        own = {f"--{name.replace('_', '-')}": value for name, value in recipe.options.items() if name not in given}
        if _trouble_of(recipe, dataset) == str(error):
            misfit = f"does not fit {dataset.name}"
        elif error.got.split()[0] in own:
            misfit = "does not fit what is given beside it"
        else:
            raise
        words = ", ".join(f"{name} {value}" for name, value in own.items())
        raise SettingError(
            f"the recipe {recipe.name} {misfit}: {error.got}",
            error.expected,
            f"{error.advice} An option beside --recipe goes before the recipe's own: {words}.".lstrip(),
        ) from error


def _trouble_of(recipe: Recipe, dataset: Dataset | StreamedDataset) -> str:
    """Say what is wrong with a recipe as it stands, for these data; nothing where it fits."""
    try:
        architecture_of(dataset, recipe.options)
        settings_of(dataset, recipe.options)
    except SettingError as error:
        return str(error)
    return ""
