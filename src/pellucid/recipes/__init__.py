"""Recipes: networks and their trainings by name, ours and those of the literature, and what comes of them."""

from pellucid.recipes.book import RECIPES, find
from pellucid.recipes.recipe import MNIST, Published, Recipe

__all__ = ["MNIST", "RECIPES", "Published", "Recipe", "find"]
