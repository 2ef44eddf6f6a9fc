"""What the machine allows: the time an epoch's products would take at the rate of one large product in PyTorch."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from benchmarks.peers import pytorch
from benchmarks.problems import TrainingProblem
from benchmarks.turns import Contestant
from pellucid.processor import cpu_features

SIZE = 2048
PRECISIONS = ("float32", "bfloat16")
BFLOAT16_INSTRUCTIONS = {"avx512_bf16", "amx_bf16"}


def contestants_of(problem: TrainingProblem, threads: int) -> tuple[list[Contestant], dict[str, str]]:
    """Make a contestant of each precision: → those, and who cannot and why."""
    names = {precision: f"one {precision} product" for precision in PRECISIONS}
    found = pytorch.version()
    if found is None:
        return [], dict.fromkeys(names.values(), "not installed")
    absent = {}
    if not BFLOAT16_INSTRUCTIONS & set(cpu_features()):  # a product would take a minute, and limit nothing
        absent[names.pop("bfloat16")] = "this processor has no bfloat16 arithmetic"
    return [_contestant(problem, threads, name, precision, found) for precision, name in names.items()], absent


def _contestant(problem: TrainingProblem, threads: int, name: str, precision: str, found: str) -> Contestant:
    torch = import_module("torch")
    torch.set_num_threads(threads)
    a, b = torch.randn(2, SIZE, SIZE).to(getattr(torch, precision))

    def turn(number: int) -> float:
        began = time.perf_counter()
        torch.mm(a, b)
        return (time.perf_counter() - began) * problem.multiply_adds / SIZE**3

    def about() -> Mapping[str, Any]:
        return {"remark": f"the epoch's products at the rate of {SIZE} × {SIZE} × {SIZE}"}

    return Contestant(name, "ceiling", found, precision, turn, about)
