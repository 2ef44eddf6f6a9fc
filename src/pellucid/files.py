"""Files that are whole or not there: written beside their place, flushed to the disk, then renamed.

A process that is killed, or a disk that fills up, leaves the old file untouched and at most a ``.partial`` beside it.
"""

from __future__ import annotations

import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pellucid.errors import StorageError

PARTIAL_SUFFIX = ".partial"


@contextmanager
def replacing(path: Path, keep_as: Path | None = None) -> Iterator[BinaryIO]:
    """Open a binary file that takes the place of ``path`` if, and only if, the block ends without an error.

    What was there before is then found at ``keep_as``, where that is given. A link stays one: the file that it leads to is
    replaced. Who may read a file is as before. Raises ``StorageError`` where the disk is full, the folder may not be
    written, or ``path`` is a pipe or a device; it is then as it was.
    """
    if path.is_dir() or not path.name:
        raise StorageError(f"{path} could not be written: it is a folder", advice="Name a file in it.")
    if path.exists() and not path.is_file():
        raise StorageError(f"{path} could not be written: it is a pipe or a device", advice="Name a file.")
    path = Path(os.path.realpath(path)) if path.is_symlink() else path  # resolve() would raise for links in a circle
    partial = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}{PARTIAL_SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("xb") as stream:
            if path.exists():
                partial.chmod(stat.S_IMODE(path.stat().st_mode))
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        if keep_as is not None and path.exists():
            path.replace(keep_as)
        partial.replace(path)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise _storage_error(path, error) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    _flush_folder(path.parent)


def write_bytes(path: Path, content: bytes, keep_as: Path | None = None) -> None:
    """Write ``content`` to ``path``, whole or not at all; what was there before is kept as ``keep_as``, if that is given.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_bytes(Path(folder) / "new" / "a.bin", b"whole")
    ...     (Path(folder) / "new" / "a.bin").read_bytes()
    b'whole'
    """
    with replacing(path, keep_as) as stream:
        stream.write(content)


def write_text(path: Path, content: str) -> None:
    """Write ``content`` to ``path`` as UTF-8, whole or not at all."""
    write_bytes(path, content.encode())


def remove_partial_files(folder: Path, older_than_seconds: float = 0.0) -> None:
    """Remove what killed processes left in ``folder``; the age spares files that another process is writing."""
    with suppress(OSError):
        for partial in folder.glob(f".*{PARTIAL_SUFFIX}"):
            if time.time() - partial.stat().st_mtime >= older_than_seconds:
                partial.unlink(missing_ok=True)


def _storage_error(path: Path, error: OSError) -> StorageError:
    reason = (error.strerror or str(error)).lower()
    return StorageError(f"{path} could not be written: {reason}", advice="What was there before is untouched.")


def _flush_folder(folder: Path) -> None:
    # Without this a power cut may forget the rename itself. Windows cannot open folders; it needs no such call.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
