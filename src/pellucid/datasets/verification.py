"""Are the files of a data set here, and are they what their publisher published?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pellucid.datasets.catalogue import Entry, File
from pellucid.datasets.download import cache_folder, is_good, sha256
from pellucid.datasets.idx import read_idx
from pellucid.datasets.idx_folder import idx_files
from pellucid.datasets.locate import find_folder
from pellucid.errors import DataError

State = Literal[
    "good", "good, unpacked (no published checksum for the unpacked file)", "wrong checksum", "spoiled", "missing"
]


@dataclass(frozen=True)
class FileCheck:
    """What became of checking one file: the ``file`` by its published name, the ``path`` that was looked at, the ``state``.

    ``detail`` says what the file holds, or what is wrong with it.
    """

    file: str
    path: Path | None
    state: State
    detail: str

    @property
    def is_good(self) -> bool:
        """Tell whether nothing was found wrong."""
        return self.state.startswith("good")


def verify_files(entry: Entry, folder: Path | None = None) -> tuple[FileCheck, ...]:
    """Hold each file of ``entry`` against its published checksum, and read it; nothing is downloaded.

    They are looked for as by ``find_folder``. An unpacked file is held against the checksum of the unpacked content where it
    is known, and else only read. A set that comes with a package gives one record, without a path.
    """
    if not entry.files:
        return (FileCheck(entry.name, None, "good", "comes with an installed package"),)
    found = find_folder(entry, folder)
    files = idx_files(found) if found is not None else {}
    home = found or folder or cache_folder() / entry.folder
    return tuple(_check(file, files.get(file.name.removesuffix(".gz")), home) for file in entry.files)


def _check(file: File, path: Path | None, home: Path) -> FileCheck:
    if path is None:
        return FileCheck(file.name, home / file.name, "missing", "not there")
    try:
        array = read_idx(path)
        detail = f"{' × '.join(map(str, array.shape))} of {array.dtype}"
        readable = True
    except DataError as error:
        detail, readable = str(error), False
    state: State
    if path.suffix == ".gz":
        state = "good" if is_good(path, file) else "wrong checksum"
    elif file.unpacked_sha256 is not None:
        state = "good" if sha256(path) == file.unpacked_sha256 else "wrong checksum"
    else:
        state = "good, unpacked (no published checksum for the unpacked file)" if readable else "spoiled"
    return FileCheck(file.name, path, state, detail)
