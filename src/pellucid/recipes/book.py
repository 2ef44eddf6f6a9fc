"""The book of recipes: all of them by name."""

from __future__ import annotations

import difflib

from pellucid.errors import SettingError
from pellucid.recipes.literature import LITERATURE
from pellucid.recipes.ours import OURS
from pellucid.recipes.recipe import Recipe

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (*OURS, *LITERATURE)}
"""Ours first, then the literature's by year."""


def find(name: str) -> Recipe:
    """Give the recipe of a name. Raises ``SettingError`` for an unknown one.

    >>> find("seed").options["learning_rate"]
    0.2
    """
    if name in RECIPES:
        return RECIPES[name]
    near = difflib.get_close_matches(name, RECIPES, n=1)
    hint = f"Did you mean {near[0]}?" if near else ""
    raise SettingError(f"there is no recipe {name!r}", "one of " + ", ".join(RECIPES), hint)
