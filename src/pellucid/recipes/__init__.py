"""Recipes: networks and their trainings by name, ours and those of the literature, and what comes of them."""

from pellucid.recipes.book import RECIPES, find
from pellucid.recipes.recipe import Published, Recipe

__all__ = ["RECIPES", "Published", "Recipe", "find"]
