"""What PyTorch has no module for: the scaling, and the scaled tanh. Whoever imports this file loads PyTorch."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pellucid.equations.beyond.scaled_tanh import AMPLITUDE, SLOPE
from pellucid.equations.scaling import Scaling

torch: Any = import_module("torch")


class ScalingModule(torch.nn.Module):  # type: ignore[misc]
    """x = (X − offset) / scale, computed in float64 and rounded once, as Pellucid does it.

    ``offset`` and ``scale`` are buffers: they are in the state_dict, and no optimiser moves them.
    """

    def __init__(self, scaling: Scaling, dtype: Any) -> None:
        super().__init__()
        self.dtype = dtype
        self.register_buffer("offset", torch.tensor(scaling.offset, dtype=torch.float64))
        self.register_buffer("scale", torch.tensor(scaling.scale, dtype=torch.float64))

    def forward(self, X: Any) -> Any:
        """Scale a batch: X (n, d) of any type → x (n, d)."""
        return ((X.double() - self.offset.double()) / self.scale.double()).to(self.dtype)


class ScaledTanh(torch.nn.Module):  # type: ignore[misc]
    """a = 1.7159 tanh(2z/3)."""

    def forward(self, z: Any) -> Any:
        """Bend each number: z → a, alike in shape."""
        return AMPLITUDE * torch.tanh(SLOPE * z)
