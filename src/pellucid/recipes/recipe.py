"""What a recipe is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

MNIST = "mnist"


class Published(NamedTuple):
    """A result of the literature: the error on the test images in per cent, and where it is printed.

    ``checked`` tells whether the number was read in the paper, or in another that cites it.
    """

    error: float
    source: str
    checked: bool


@dataclass(frozen=True)
class Recipe:
    """A network and its training, by name: options of ``pellucid train``, each with its reason in a line.

    ``published`` is the result that the recipe is held beside, ``differs`` what it does otherwise than the paper. ``seeds``
    is how many runs a reproduction makes unless told otherwise: one where it takes longer than 20 minutes on two cores.
    ``data`` is what it is trained on, by name.
    """

    name: str
    title: str
    options: Mapping[str, Any]
    reasons: Mapping[str, str]
    published: Published | None = None
    differs: tuple[str, ...] = ()
    seeds: int = 5
    data: str = MNIST

    def __post_init__(self) -> None:
        assert self.options.keys() == self.reasons.keys(), f"{self.name}: every option has its reason, and no other"
