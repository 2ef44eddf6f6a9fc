"""Disks fill up and permissions are lost; what a training has learned is not."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from pellucid.errors import StorageError


class Saver:
    """Writes while a training runs. Where that fails the training goes on in memory, and it is said once."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._said = say, False

    def attempt(self, write: Callable[[], None]) -> StorageError | None:
        """Write: give what hindered it, or None."""
        try:
            write()
        except (StorageError, MemoryError) as failure:
            error = failure if isinstance(failure, StorageError) else StorageError("there was no memory to save from")
            if not self._said:
                self._said = True
                self._say(
                    f"{error.got}. The training goes on in memory, and tries again; make room, "
                    "or what it has learned by then is lost should it be killed."
                )
            return error
        return None


def write_where_possible(path: Path, write: Callable[[Path], None]) -> tuple[Path, StorageError | None]:
    """Write a file to its place, or else among the temporary files: give where it is, and what hindered it.

    Raises ``StorageError`` where it cannot be written there either.
    """
    try:
        write(path)
    except StorageError as error:
        try:
            refuge = Path(tempfile.mkdtemp(prefix="pellucid-"))  # a folder that nobody else can have prepared
        except OSError:
            raise error from None
        try:
            write(refuge / path.name)
        except StorageError:
            refuge.rmdir()
            raise error from None
        return refuge / path.name, error
    return path, None
