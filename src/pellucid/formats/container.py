"""Named arrays and one JSON record in a safetensors file: the container of model files and checkpoints.

::

    8 bytes   length of the header, little-endian
    header    JSON: name, type, shape and place of each array; the record under the key "pellucid"
    body      the arrays, one after the other, little-endian

The record is one string of canonical JSON (sorted keys, no spaces), so the same content gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ModelFileError
from pellucid.files import write_bytes

RECORD_KEY = "pellucid"
MOST_HEADER_BYTES = 100_000_000
"""What the safetensors format allows; whoever declares more is not believed."""
_TYPES = {"F32": np.dtype(np.float32), "F64": np.dtype(np.float64)}


def write_container(
    path: Path, arrays: Mapping[str, NDArray[Any]], record: Mapping[str, Any], keep_as: Path | None = None
) -> None:
    """Write arrays and record, whole or not at all, keeping the file before as ``keep_as``. Raises ``StorageError``."""
    write_bytes(path, container_to_bytes(arrays, record), keep_as)


def container_to_bytes(arrays: Mapping[str, NDArray[Any]], record: Mapping[str, Any]) -> bytes:
    """Give the bytes of the file that holds arrays and record."""
    from safetensors.numpy import save

    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    content: bytes = save(contiguous, metadata={RECORD_KEY: canonical_json(record)})
    return content


def read_container(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read arrays and record, believing nothing: sizes, places, types and values are all checked.

    Raises ``ModelFileError`` for a file that is missing, cut short, too long, of another kind, or that holds a number
    that is infinite or NaN.
    """
    content = _read(path)
    header = _header(path, content)
    _check_places(path, content, header)
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays: dict[str, NDArray[Any]] = load(content)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(f"{path} is spoiled ({error})", advice="Copy it anew from where it came from.") from error
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ModelFileError(f"{path} is spoiled: the array {name} holds a number that is infinite or NaN")
    return arrays, _record(path, header)


def canonical_json(record: Mapping[str, Any]) -> str:
    """Write a record as JSON in one way only.

    >>> canonical_json({"b": [1, 2.5], "a": None})
    '{"a":null,"b":[1,2.5]}'
    """
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelFileError(f"there is no file {path}") from None
    except OSError as error:
        raise ModelFileError(f"{path} could not be read: {(error.strerror or str(error)).lower()}") from error


def _check_places(path: Path, content: bytes, header: Mapping[str, Any]) -> None:
    """Check the sizes that the file declares against the size that it has, before anyone allocates for them."""
    body = len(content) - 8 - int.from_bytes(content[:8], "little")
    ends = [0]
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if not isinstance(entry, dict) or entry.get("dtype") not in [*_TYPES]:
            found = entry.get("dtype") if isinstance(entry, dict) else entry
            raise ModelFileError(f"{path}: the array {name} has type {found!r}", " or ".join(_TYPES))
        offsets = entry.get("data_offsets")
        if not isinstance(offsets, list) or len(offsets) != 2 or not all(type(offset) is int for offset in offsets):
            raise ModelFileError(f"{path} is spoiled: the array {name} has no place in the file")
        ends.append(offsets[1])
    if max(ends) != body:
        state = "ends before its last array" if max(ends) > body else "goes on after its last array"
        raise ModelFileError(f"{path} {state}: {body:,} bytes of numbers", f"{max(ends):,}", "Copy it anew.")


def _header(path: Path, content: bytes) -> dict[str, Any]:
    if len(content) < 8:
        raise ModelFileError(
            f"{path} has {len(content)} bytes", "a model file: it begins with the 8-byte size of its header"
        )
    declared = int.from_bytes(content[:8], "little")
    if declared > min(MOST_HEADER_BYTES, len(content) - 8):
        raise ModelFileError(
            f"{path} declares a header of {declared:,} bytes but has {len(content):,} in all",
            "a model file (safetensors)",
            "It is cut short, or no model.",
        )
    try:
        header = json.loads(content[8 : 8 + declared])
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise ModelFileError(f"the header of {path} is no JSON", "a model file (safetensors)")
    return header


def _record(path: Path, header: Mapping[str, Any]) -> dict[str, Any]:
    metadata = header.get("__metadata__")
    text = metadata.get(RECORD_KEY) if isinstance(metadata, dict) else None
    try:
        record = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise ModelFileError(f"{path} is a safetensors file without Pellucid's record", "a model that Pellucid wrote")
    return record
