"""The machine that was measured on, and the number of threads that everybody is given."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from pellucid.processor import cpu_features, cpu_name


def environment(threads: int) -> dict[str, str]:
    """What libraries that count their threads when they are loaded look at.

    ``NPROC`` is what JAX's pool goes by. PyTorch's compiler is kept from a pool of processes, which would wait at the side.
    """
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")
    return {**dict.fromkeys(names, str(threads)), "TORCHINDUCTOR_COMPILE_THREADS": "1", "JAX_PLATFORMS": "cpu"}


@contextmanager
def limited(threads: int) -> Iterator[None]:
    """Give everybody that many threads. To be entered before a peer is loaded; NumPy's BLAS may be loaded already."""
    os.environ.update(environment(threads))
    with threadpool_limits(threads, user_api="blas"):
        yield


def description() -> dict[str, Any]:
    """Say what matters for the speed: neither the name of the machine nor a path."""
    return {
        "processor": cpu_name(),
        "cores": os.cpu_count(),
        "features": cpu_features(),
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
