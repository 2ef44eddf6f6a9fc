"""How much memory a training may take: what somebody asked for, and what this machine has."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from pellucid.errors import SettingError

UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
USUAL_MEMORY = 2**30
"""What a training may take where nobody said, and the data are larger than half of the machine's memory."""

BYTES_BESIDE_A_ROW = 128
"""What a row of a window takes beside its numbers: its class, its number, its place in the order, and the sorting of it."""

LEAST_MEMORY, MOST_MEMORY = 2**25, 2**50


def parse_size(text: str) -> int:
    """Read a number of bytes: K, M, G and T are powers of 1,024.

    Raises ``SettingError`` for what is no size, for less than 32 MiB and for more than 1,024 TiB.

    >>> parse_size("1G"), parse_size("1.5 GiB"), parse_size("250MB")
    (1073741824, 1610612736, 262144000)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:I?B)?\s*", text.upper())
    size = float(match[1]) * UNITS[match[2]] if match else 0.0
    if not LEAST_MEMORY <= size <= MOST_MEMORY:
        raise SettingError(f"--memory is {text!r}", "a number of bytes, from 32M to 1024T", "Try --memory 1G.")
    return int(size)


def size_in_words(size: int) -> str:
    """Write a number of bytes as people do.

    >>> size_in_words(2**30), size_in_words(250 * 2**20), size_in_words(1000)
    ('1 GiB', '250 MiB', '1,000 bytes')
    """
    for unit, name in ((2**30, "GiB"), (2**20, "MiB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size:,} bytes"


def machine_memory() -> int:
    """Give the bytes that this process may hope for: those of the machine, or of the control group that it runs in."""
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # no such group, or one without a limit
            size = min(size, int(Path(path).read_text()))
    return size


def bytes_of_a_window(memory: int) -> int:
    """Say how many bytes a window of shuffled blocks may take. Two of them, one that is trained on and one that is being
    read, take half of the memory; the other half is left to the interpreter, its libraries and the network.
    """
    return memory // 4


def rows_of_a_window(memory: int, bytes_of_a_row: int) -> int:
    """Say how many rows a window holds.

    >>> rows_of_a_window(2**30, 784)
    294337
    """
    return bytes_of_a_window(memory) // (bytes_of_a_row + BYTES_BESIDE_A_ROW)
