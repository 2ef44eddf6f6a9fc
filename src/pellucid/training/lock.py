"""One process at a time: a lock on a folder, which the system takes from a process that ends, however it ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pellucid.errors import RunFolderError, StorageError

LOCK = ".lock"


@contextmanager
def holding(folder: Path, *, otherwise: str) -> Iterator[None]:
    """Hold a folder, making it where there is none, so that no other process writes there.

    ``otherwise`` names, in the errors' advice, how another folder is chosen. Raises ``RunFolderError`` where another
    process, or this one, holds it already, ``StorageError`` where it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = _opened(folder / LOCK)
    except OSError as error:
        what = "may not be written" if folder.is_dir() else "cannot be made"
        reason = (error.strerror or str(error)).lower()
        raise StorageError(f"the folder {folder} {what}: {reason}", advice=f"Try {otherwise}.") from error
    try:
        try:
            _lock(descriptor)
        except (BlockingIOError, PermissionError) as error:
            raise RunFolderError(
                f"another process is training in {folder}",
                advice=f"Wait for it, or choose another folder with {otherwise}.",
            ) from error
        except OSError:
            pass  # some disks of a network know no locks: better unguarded than not at all
        yield
    finally:
        os.close(descriptor)


def _opened(lock: Path) -> int:
    """Open the lock; in a folder that may only be read, the one that is there: it holds no worse."""
    try:
        return os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:
        try:
            return os.open(lock, os.O_RDONLY)
        except OSError:
            pass
        raise


def _lock(descriptor: int) -> None:
    """Lock an open file, or raise ``OSError`` at once."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        locking, non_blocking = getattr(msvcrt, "locking"), getattr(msvcrt, "LK_NBLCK")  # noqa: B009
        locking(descriptor, non_blocking, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
