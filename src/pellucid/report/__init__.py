"""What a person looks at after a training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid.report.displays import plot_confusion, plot_history, plot_weights

__all__ = ["plot_confusion", "plot_history", "plot_weights"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from pellucid.report import displays

        return getattr(displays, name)
    raise AttributeError(f"module 'pellucid.report' has no attribute {name!r}")
