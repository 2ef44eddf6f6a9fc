"""IDX, the file format of MNIST: a short header, then the values, big end first.

::

    byte 0, 1   always 0
    byte 2      the type of a value: 08 uint8, 09 int8, 0B int16, 0C int32, 0D float32, 0E float64
    byte 3      r, the number of dimensions
    4 r bytes   the size of each dimension, as 32-bit integers
    then        the values, the last dimension fastest

A header is a promise that a spoiled or wicked file does not keep: nothing here is allocated because a header says so, only
because the bytes have come.

Source: http://yann.lecun.com/exdb/mnist/, "The IDX file format".
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets.wording import unreadable
from pellucid.errors import DataError
from pellucid.files import replacing

TYPES = {
    code: np.dtype(name) for code, name in {8: "u1", 9: "i1", 0xB: ">i2", 0xC: ">i4", 0xD: ">f4", 0xE: ">f8"}.items()
}
CODES = {dtype.newbyteorder("="): code for code, dtype in TYPES.items()}
GZIP_MAGIC = b"\x1f\x8b"
MOST_DIMENSIONS = 32
MOST_BYTES = 16 * 2**30
MOST_UNPACKED = 2**32
BEST_OF_GZIP = 1032
"""No byte of a gzip file unpacks to more: a header that declares more than that cannot be true."""
CHUNK = 2**20


def read_idx(path: str | PathLike[str]) -> NDArray[Any]:
    """Read an IDX file, gzipped or not (its first bytes tell, not its name).

    Returns an array of the file's shape and type in this machine's byte order, which the caller may change. Raises
    ``DataError`` for a file that cannot be read, is cut short, too long or spoiled, or is no IDX file.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_idx(f"{folder}/a.gz", np.array([[1, 2], [3, 4]], np.int16))
    ...     read_idx(f"{folder}/a.gz")
    array([[1, 2],
           [3, 4]], dtype=int16)
    """
    path = Path(path)
    try:
        with ExitStack() as stack:
            stream: BinaryIO = stack.enter_context(path.open("rb"))
            gzipped = stream.read(2) == GZIP_MAGIC
            stream.seek(0)
            if gzipped:
                stream = cast(BinaryIO, stack.enter_context(gzip.GzipFile(fileobj=stream)))
            return _read(stream, path, BEST_OF_GZIP * path.stat().st_size if gzipped else None)
    except EOFError as error:
        raise DataError(f"{path} is a gzip file that was cut short", advice=FETCH_AGAIN) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is a spoiled gzip file ({error})", advice=FETCH_AGAIN) from error
    except OSError as error:
        raise unreadable(path, error) from error


FETCH_AGAIN = "Copy or download it again."


def _read(stream: BinaryIO, path: Path, unpacked: int | None) -> NDArray[Any]:
    dtype, shape = read_idx_header(stream, path)
    promised = math.prod(shape) * dtype.itemsize
    if promised > MOST_BYTES:
        raise DataError(f"{path} declares {promised:,} bytes of values", f"at most {MOST_BYTES:,}", "Is it spoiled?")
    if unpacked is not None and promised > unpacked:
        got = f"{path} declares {promised:,} bytes of values, more than a gzip file of its size can hold"
        raise DataError(got, f"at most {unpacked:,}", "Is it spoiled?")
    if unpacked is not None and promised > MOST_UNPACKED:
        got = f"{path} declares {promised:,} bytes of values, gzipped"
        raise DataError(
            got, f"at most {MOST_UNPACKED:,}", "Unpack it first (gunzip): then it can be read block by block."
        )
    body = bytearray()
    while len(body) < promised and (chunk := stream.read(min(CHUNK, promised - len(body)))):
        body += chunk
    if len(body) < promised:
        header = 4 + 4 * len(shape)
        raise DataError(
            f"{path} ends after {header + len(body):,} of {header + promised:,} bytes",
            f"{' × '.join(map(str, shape))} values of type {dtype.newbyteorder('=')}, as its header says",
            FETCH_AGAIN,
        )
    # In a gzipped file this read also reaches the checksum at the end, and has it verified.
    if stream.read(1):
        raise DataError(
            f"{path} goes on after its {' × '.join(map(str, shape))} values", "the file to end there", FETCH_AGAIN
        )
    values = np.frombuffer(body, dtype).reshape(shape)
    return values.astype(dtype.newbyteorder("="), copy=False)


def read_idx_header(stream: BinaryIO, path: Path) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Read the type and the shape that a file declares. Raises ``DataError`` for a file that is no IDX file."""
    magic = stream.read(4)
    if len(magic) < 4:
        raise DataError(
            f"{path} ends after {len(magic)} bytes", "an IDX file, with a header of at least 8", FETCH_AGAIN
        )
    if magic[:2] != b"\0\0":
        raise DataError(
            f"{path} is no IDX file: it begins with the bytes {magic.hex(' ')}", "two bytes 00 at its start"
        )
    _, _, code, n_dimensions = magic
    if code not in TYPES:
        known = ", ".join(f"{known:02x} ({dtype.newbyteorder('=')})" for known, dtype in TYPES.items())
        raise DataError(f"{path} has the type code {code:02x}, which IDX does not know", f"one of {known}")
    if not 1 <= n_dimensions <= MOST_DIMENSIONS:
        raise DataError(f"{path} declares {n_dimensions} dimensions", f"1 to {MOST_DIMENSIONS}", "Is it spoiled?")
    sizes = stream.read(4 * n_dimensions)
    if len(sizes) < 4 * n_dimensions:
        raise DataError(
            f"{path} ends inside its header, after {4 + len(sizes)} of {4 + 4 * n_dimensions} bytes", advice=FETCH_AGAIN
        )
    shape = struct.unpack(f">{n_dimensions}I", sizes)
    if 0 in shape:
        raise DataError(f"{path} declares the shape {shape}, which holds no value", "at least 1 in each dimension")
    return TYPES[code], shape


def write_idx(path: str | PathLike[str], array: NDArray[Any]) -> None:
    """Write an IDX file, whole or not at all; gzipped if its name ends in ``.gz``.

    The same array gives the same bytes: no clock and no name goes into the gzip header. Raises ``DataError`` for an array
    whose type IDX does not know, or that holds no value, and ``StorageError`` where the file cannot be written.
    """
    path = Path(path)
    native = array.dtype.newbyteorder("=")
    if native not in CODES:
        known = ", ".join(map(str, CODES))
        raise DataError(f"an array of type {native} cannot be written as IDX", f"one of {known}", "Convert it first.")
    if not 1 <= array.ndim <= MOST_DIMENSIONS or not 1 <= min(array.shape) <= max(array.shape) < 2**32:
        raise DataError(
            f"an array of shape {array.shape} cannot be written as IDX",
            f"1 to {MOST_DIMENSIONS} dimensions, each at least 1 and below 2³²",
        )
    code = CODES[native]
    values = np.ascontiguousarray(array, TYPES[code])
    with replacing(path) as stream, ExitStack() as stack:
        if path.suffix == ".gz":
            packed = gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0, compresslevel=6)
            stream = cast(BinaryIO, stack.enter_context(packed))
        stream.write(struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape))
        stream.write(values.view(np.uint8).data)
