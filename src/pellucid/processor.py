"""What the system tells of the processor."""

from __future__ import annotations

import platform
from pathlib import Path

TELLING_FEATURES = ("sse2", "avx", "avx2", "fma", "f16c", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16", "asimd")


def cpu_name() -> str:
    """Give the processor's name as the system tells it."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def cpu_features() -> list[str]:
    """List the instruction sets that matter for this kind of arithmetic; empty where the system does not tell."""
    flags = set((_cpuinfo("flags") or _cpuinfo("Features")).split())
    return [feature for feature in TELLING_FEATURES if feature in flags]


def _cpuinfo(key: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == key), "")
