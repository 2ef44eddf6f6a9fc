"""Kernels and equations name each other by their tags."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pellucid.equations.notation import EQUATIONS

KERNELS = Path(__file__).parents[2] / "cpp" / "kernels"
# What has a twin in C++: one step of training, from the units of the data to the update.
ELSEWHERE = {
    "average",
    "class-shares",
    "slant",
    "deslant",
    "round",
    "outer",
}  # between epochs, before the first, after the last
ROOMS = ("scaling", "affine", "relu", "softmax_cross_entropy", "optimizers", "bfloat16", "beyond")


def cited():
    comments = (line.partition("//")[2] for file in KERNELS.glob("*.h") for line in file.read_text().splitlines())
    return {tag for comment in comments for tag in re.findall(r"(?<!\w)\[([A-Za-z][\w-]*)\]", comment)}


def test_every_tag_that_a_kernel_cites_is_an_equations():
    assert cited() <= EQUATIONS.keys()


@pytest.mark.parametrize(
    "tag",
    [tag for tag, equation in EQUATIONS.items() if equation.function.split(".")[2] in ROOMS and tag not in ELSEWHERE],
)
def test_every_equation_of_a_step_is_cited_by_its_kernel(tag):
    assert tag in cited()
