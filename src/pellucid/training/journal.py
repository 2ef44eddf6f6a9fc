"""A file that only grows: what was written last may be torn by whatever ends a process, and all before it still holds.

::

    frame     size (8 bytes), seal (32 bytes), content (size bytes)
    seal      SHA-256 of the seal before, and of the content

A frame is good if its seal is right, and only if all before it are: a frame that is cut, spoiled, or of another file is
where the journal ends.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

from pellucid.errors import StorageError
from pellucid.files import write_bytes

SIZE = 8
SEAL = 32
T = TypeVar("T")


class Journal:
    """Frames in a file: first those that are there are taken, one after the other, then others are added.

    ``seconds`` go by at most between two times that the system is made to bring to the disk what it holds for it. A
    process that is killed loses nothing that was added.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for word in (b"one", b"two"):
    ...         with_one_more = Journal(Path(folder) / "words", seconds=60.0)
    ...         while (known := with_one_more.take(bytes.decode)) is not None:
    ...             print("known:", known)
    ...         with_one_more.add(word)
    ...         with_one_more.close()
    known: one
    """

    def __init__(self, path: Path, seconds: float) -> None:
        self.path, self.seconds = path, seconds
        self.is_spoiled = False
        self._at, self._seal = 0, bytes(SEAL)
        self._grows = False
        self._flushed_at = time.monotonic()
        self._stream: BinaryIO | None = None
        if path.exists():
            try:
                self._stream = path.open("rb")
            except OSError as error:
                raise _storage_error("read", path, error) from error

    def take(self, accept: Callable[[bytes], T | None]) -> T | None:
        """Give what ``accept`` makes of the next frame. None where there is no other, or where it does not want this one,
        which then counts as the end. ``is_spoiled`` says whether the file ends in a whole frame with a wrong seal.
        """
        if self._stream is None or self._grows:
            return None
        try:
            content, seal = self._next(self._stream)
        except OSError as error:
            raise _storage_error("read", self.path, error) from error
        taken = None if content is None else accept(content)
        if taken is None or content is None:
            self._stream.seek(self._at)
            return None
        self._at, self._seal = self._at + SIZE + SEAL + len(content), seal
        return taken

    def add(self, content: bytes) -> None:
        """Add a frame after the last one that was taken or added; what came after that is gone. Raises ``StorageError``."""
        frame = framed(self._seal, content)
        try:
            if self._at == 0:
                self.close()
                write_bytes(self.path, frame)
            else:
                stream = self._growing()
                stream.write(frame)
                stream.flush()
                if time.monotonic() - self._flushed_at >= self.seconds:
                    self.flush()
        except OSError as error:
            self.close()
            if isinstance(error, StorageError):
                raise
            raise _storage_error("written", self.path, error) from error
        self._at, self._seal = self._at + len(frame), frame[SIZE : SIZE + SEAL]

    def flush(self) -> None:
        """Bring to the disk what has been added."""
        if self._stream is not None and self._grows:
            os.fsync(self._stream.fileno())
            self._flushed_at = time.monotonic()

    def close(self) -> None:
        """Bring to the disk what can be brought there, and let the file go."""
        if self._stream is not None:
            with suppress(OSError):
                self.flush()
            with suppress(OSError):
                self._stream.close()
        self._stream, self._grows = None, False

    def _next(self, stream: BinaryIO) -> tuple[bytes | None, bytes]:
        head = stream.read(SIZE + SEAL)
        left = os.fstat(stream.fileno()).st_size - self._at - len(head)
        size = int.from_bytes(head[:SIZE], "little")
        if len(head) < SIZE + SEAL or size > left:
            return None, b""
        content = stream.read(size)
        if seal_of(self._seal, content) != head[SIZE:]:
            self.is_spoiled = True
            return None, b""
        return content, head[SIZE:]

    def _growing(self) -> BinaryIO:
        """Open the file for what is added, without what comes after the last frame that counts."""
        if not self._grows or self._stream is None:
            self.close()
            self._stream, self._grows = self.path.open("r+b"), True
            self._stream.truncate(self._at)
            self._stream.seek(self._at)
        return self._stream


def framed(before: bytes, content: bytes) -> bytes:
    """Give the frame of a content that comes after the seal ``before``."""
    return len(content).to_bytes(SIZE, "little") + seal_of(before, content) + content


def seal_of(before: bytes, content: bytes) -> bytes:
    """Give the seal of a content that comes after the seal ``before``: SHA-256 of both."""
    digest = hashlib.sha256(before)
    digest.update(content)
    return digest.digest()


def _storage_error(what: str, path: Path, error: OSError) -> StorageError:
    reason = (error.strerror or str(error)).lower()
    return StorageError(f"{path} could not be {what}: {reason}", advice="Nothing that was there is lost.")
