"""Data sets from public mirrors into a folder: each file whole and with the published checksum, or not at all."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import BinaryIO
from urllib.parse import urlsplit

from pellucid.datasets.catalogue import Entry, File
from pellucid.datasets.wording import unreadable
from pellucid.errors import DataUnavailableError
from pellucid.files import remove_partial_files, replacing

Progress = Callable[[int, int, str], None]
"""What is told how a download goes: the bytes that have come, the bytes in all, the name of the file."""

PATIENCE = 3.0
"""Seconds that a mirror has, from the name look-up to the first connection; all mirrors are asked at the same time."""

SILENCE = 30.0
"""Seconds without a byte after which a mirror that had answered is given up."""


A_DAY = 86_400.0


class _MirrorFailedError(Exception):
    """Says in few words why one mirror did not give a file."""


def cache_folder() -> Path:
    """Give the user's folder for downloaded data sets; it need not exist."""
    from platformdirs import user_cache_path

    return user_cache_path("pellucid", appauthor=False) / "datasets"


def fetch(entry: Entry, folder: Path, progress: Progress | None = None) -> Path:
    """Download the files of ``entry`` into ``folder`` from the first mirror that has them, and return ``folder``.

    A file that is there with the right checksum is kept; one with a wrong checksum is replaced, but only once the right one
    has come whole. Raises ``DataUnavailableError`` that says what went wrong with each mirror, within a few seconds where
    there is no network, and ``StorageError`` where ``folder`` cannot be written.
    """
    remove_partial_files(folder, older_than_seconds=A_DAY)  # left by a process that was killed
    missing = [file for file in entry.files if not is_good(folder / file.name, file)]
    if not missing:
        return folder
    doors = {mirror: _Door(mirror) for mirror in entry.mirrors}
    for file in missing:
        failures = []
        for mirror, door in doors.items():
            try:
                _fetch_file(mirror, door, file, folder / file.name, progress)
                break
            except _MirrorFailedError as failure:
                failures.append(f"{urlsplit(mirror).hostname}: {failure}")
        else:
            raise DataUnavailableError(
                f"{file.name} of {entry.name} could not be downloaded ({'; '.join(failures)})",
                advice=f"Put its {len(entry.files)} files into {folder}, "
                f"or set PELLUCID_DATA to a folder that holds {entry.folder}/.",
            )
    return folder


def is_good(path: Path, file: File) -> bool:
    """Tell whether ``path`` is there and has the published checksum. Raises ``DataError`` where it cannot be read."""
    return path.is_file() and path.stat().st_size == file.size and sha256(path) == file.sha256


def sha256(path: Path) -> str:
    """Give a file's SHA-256 in hexadecimal. Raises ``DataError`` where it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(path, error) from error


def _fetch_file(mirror: str, door: _Door, file: File, path: Path, progress: Progress | None) -> None:
    import pooch
    import requests

    if not door.is_open():
        raise _MirrorFailedError("no connection")
    # Unasked, some servers pack what is packed already, and requests would then unpack it twice.
    headers = {"Accept-Encoding": "identity"}
    download = pooch.HTTPDownloader(chunk_size=2**16, timeout=(PATIENCE, SILENCE), headers=headers)
    with replacing(path) as stream:
        sink = _Sink(stream, file, progress)
        # requests' errors are OSErrors, which ``replacing`` would take for the disk's: they are renamed in here.
        try:
            download(mirror + file.name, sink, None)
        except requests.HTTPError as error:
            status = error.response.status_code if error.response is not None else "error"
            raise _MirrorFailedError(f"HTTP {status}") from error
        except requests.ConnectTimeout as error:
            door.shut()
            raise _MirrorFailedError("no connection") from error
        except requests.ConnectionError as error:
            door.shut()
            raise _MirrorFailedError("connection lost" if sink.n_bytes else "no connection") from error
        except requests.Timeout as error:
            door.shut()
            raise _MirrorFailedError(f"silent for {SILENCE:.0f} seconds") from error
        except requests.RequestException as error:
            raise _MirrorFailedError("cut off" if sink.n_bytes else type(error).__name__) from error
        sink.check()


class _Sink:
    """A file being written: it counts, hashes and tells how far it is, and stops a mirror that sends too much."""

    def __init__(self, stream: BinaryIO, file: File, progress: Progress | None) -> None:
        self.stream, self.file, self.progress = stream, file, progress
        self.n_bytes = 0
        self.digest = hashlib.sha256()

    def write(self, chunk: bytes) -> None:
        self.n_bytes += len(chunk)
        if self.n_bytes > self.file.size:
            raise _MirrorFailedError("another file: too long")
        self.digest.update(chunk)
        self.stream.write(chunk)
        if self.progress:
            self.progress(self.n_bytes, self.file.size, self.file.name)

    def flush(self) -> None:
        """Do nothing: pooch asks after each chunk, and the file is flushed once, when it is whole."""

    def check(self) -> None:
        if self.digest.hexdigest() != self.file.sha256:
            raise _MirrorFailedError("wrong checksum")


class _Door:
    """A mirror's door: is anyone there? Asked once, in the background, and never again once nobody answered.

    Name look-ups have no time-out of their own, and a server with eight addresses has eight times the time-out: a thread
    that can be left waiting is what keeps the promise of ``PATIENCE``.
    """

    def __init__(self, url: str) -> None:
        self._open = False
        self._deadline = time.monotonic() + PATIENCE
        self._thread = Thread(target=self._knock, args=(url,), daemon=True)
        self._thread.start()

    def is_open(self) -> bool:
        self._thread.join(max(0.0, self._deadline - time.monotonic()))
        return self._open

    def shut(self) -> None:
        self._open = False

    def _knock(self, url: str) -> None:
        from requests.utils import get_environ_proxies, select_proxy

        target = urlsplit(select_proxy(url, get_environ_proxies(url)) or url)
        port = target.port or (443 if target.scheme == "https" else 80)
        # Half the patience for one address: a machine whose IPv6 leads nowhere still gets to try IPv4.
        with suppress(OSError, UnicodeError), socket.create_connection((target.hostname, port), timeout=PATIENCE / 2):
            self._open = True
