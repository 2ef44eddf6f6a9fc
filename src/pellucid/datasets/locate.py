"""Where a data set that is known by name is looked for, and in which order."""

from __future__ import annotations

import os
from pathlib import Path

from pellucid.datasets.catalogue import IDX_STEMS, Entry
from pellucid.datasets.download import Progress, cache_folder, fetch
from pellucid.datasets.idx_folder import idx_files
from pellucid.errors import DataUnavailableError


def data_folders() -> tuple[Path, ...]:
    """List the folders in which data sets are looked for: ``$PELLUCID_DATA`` if it is set, ``./data``, the user's cache.

    >>> data_folders()[-1] == cache_folder()
    True
    """
    named = os.environ.get("PELLUCID_DATA")
    return (*([Path(named).expanduser()] if named else []), Path("data"), cache_folder())


def find_folder(entry: Entry, folder: Path | None = None) -> Path | None:
    """Find the folder that holds files of ``entry``, all or some, or None. Nothing is downloaded.

    ``folder`` or, failing that, each of ``data_folders()`` may hold a subfolder called as the data set; it may also be that
    folder. Raises ``DataError`` for a folder that may not be read.
    """
    if folder is None:
        candidates = [base if base.name == entry.folder else base / entry.folder for base in data_folders()]
    else:
        candidates = [folder / entry.folder, folder]
    return next((candidate for candidate in candidates if idx_files(candidate)), None)


def find_or_fetch(entry: Entry, folder: Path | None = None, progress: Progress | None = None) -> Path:
    """Find the folder with the files of ``entry``, or download them to the user's cache.

    A ``folder`` that is given is the only one looked in. Files that are incomplete are for the reader to complain about,
    never a reason to look elsewhere; only in the cache are they the beginning of a download, which is then completed.
    Raises ``DataUnavailableError`` where the data set is neither here nor to be had.
    """
    found = find_folder(entry, folder)
    cache = cache_folder() / entry.folder
    if found is not None and (found != cache or len(idx_files(found)) == len(IDX_STEMS)):
        return found
    if folder is not None:
        raise DataUnavailableError(
            f"{folder} does not hold {entry.name}", f"its {len(entry.files)} files there, or in {folder / entry.folder}"
        )
    return fetch(entry, cache, progress)
