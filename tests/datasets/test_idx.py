from __future__ import annotations

import gzip
import struct
import tracemalloc
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pellucid.datasets import idx, read_idx, write_idx
from pellucid.datasets.idx import CODES
from pellucid.errors import DataError, StorageError

IMAGE = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)


def header(code: int = 8, *shape: int) -> bytes:
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, code, len(shape), *shape)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("idx")


def refused(path: Path, content: bytes, message: str) -> None:
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_idx(path)


@given(
    array=hnp.arrays(st.sampled_from(list(CODES)), hnp.array_shapes(max_dims=4, max_side=4)),
    suffix=st.sampled_from(["", ".gz"]),
)
def test_what_was_written_is_read(folder: Path, array: np.ndarray, suffix: str) -> None:
    path = folder / f"a{suffix}"
    write_idx(path, array)
    back = read_idx(path)
    assert back.dtype == array.dtype
    assert back.dtype.isnative
    assert back.flags.writeable
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


@given(cut=st.integers(0, 10_000), suffix=st.sampled_from(["", ".gz"]))
def test_a_file_cut_anywhere_is_refused(folder: Path, cut: int, suffix: str) -> None:
    whole = folder / f"whole{suffix}"
    write_idx(whole, IMAGE)
    content = whole.read_bytes()
    refused(folder / "cut", content[: cut % len(content)], "cut")


@settings(max_examples=200)
@given(bit=st.integers(0, 10**6), suffix=st.sampled_from(["", ".gz"]))
def test_a_flipped_bit_gives_an_array_or_a_sentence(folder: Path, bit: int, suffix: str) -> None:
    whole = folder / f"whole{suffix}"
    write_idx(whole, IMAGE)
    content = bytearray(whole.read_bytes())
    bit %= 8 * len(content)
    content[bit // 8] ^= 1 << bit % 8
    spoiled = folder / "spoiled"
    spoiled.write_bytes(content)
    with suppress(DataError):
        array = read_idx(spoiled)
        # A gzip file has a checksum: only its header's decoration may change. Without one, only the values may, or how
        # their bytes are read.
        assert array.nbytes == IMAGE.nbytes
        if suffix:
            np.testing.assert_array_equal(array, IMAGE)


@settings(max_examples=200)
@given(content=st.binary(max_size=40))
def test_random_bytes_give_an_array_or_a_sentence(folder: Path, content: bytes) -> None:
    for start in (b"", b"\0\0", b"\x1f\x8b", gzip.compress(b"\0\0\x08\x01")[:-8]):
        path = folder / "random"
        path.write_bytes(start + content)
        with suppress(DataError):
            read_idx(path)


def test_the_first_bytes_tell_gzip_not_the_name(tmp_path: Path) -> None:
    write_idx(tmp_path / "a.gz", IMAGE)
    (tmp_path / "a.gz").rename(tmp_path / "plain")
    write_idx(tmp_path / "b", IMAGE)
    (tmp_path / "b").rename(tmp_path / "b.gz")
    np.testing.assert_array_equal(read_idx(tmp_path / "plain"), IMAGE)
    np.testing.assert_array_equal(read_idx(tmp_path / "b.gz"), IMAGE)


def test_the_same_array_gives_the_same_bytes_under_any_name(tmp_path: Path) -> None:
    write_idx(tmp_path / "a.gz", IMAGE)
    write_idx(tmp_path / "other.gz", IMAGE)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "other.gz").read_bytes()


def test_an_array_of_the_other_byte_order_or_with_gaps_is_written_right(tmp_path: Path) -> None:
    array = IMAGE.astype(">i2")[:, ::2]
    write_idx(tmp_path / "a", array)
    np.testing.assert_array_equal(read_idx(tmp_path / "a"), array)


def test_a_file_that_is_no_idx_says_how_it_begins(tmp_path: Path) -> None:
    refused(tmp_path / "a", b"\x89PNG....", "no IDX file: it begins with the bytes 89 50 4e 47")


def test_an_unknown_type_lists_the_known_ones(tmp_path: Path) -> None:
    refused(tmp_path / "a", header(0x0A, 1) + b"\0", "type code 0a.*08 \\(uint8\\)")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / "a", b"", "ends after 0 bytes")


def test_a_header_cut_short_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / "a", header(8, 1, 1)[:-1], "ends inside its header, after 11 of 12 bytes")


def test_a_body_cut_short_says_how_much_is_there(tmp_path: Path) -> None:
    refused(tmp_path / "a", header(8, 60_000, 28, 28) + bytes(1218), "ends after 1,234 of 47,040,016 bytes.*60000 × 28")


def test_a_file_that_goes_on_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / "a", header(8, 2) + bytes(3), "goes on after its 2 values")
    refused(tmp_path / "a", gzip.compress(header(8, 2) + bytes(3)), "goes on after its 2 values")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (header(8), "declares 0 dimensions"),
        (header(8, 3, 0), "holds no value"),
        (header(8, *[1] * 33), "declares 33 dimensions"),
        (header(8, 2**32 - 1, 2**32 - 1), "declares 18,446,744,065,119,617,025 bytes"),
    ],
)
def test_absurd_dimensions_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    refused(tmp_path / "a", content, message)


def test_nothing_is_allocated_because_a_header_says_so(tmp_path: Path) -> None:
    bomb = gzip.compress(header(8, 10) + bytes(50 * 2**20))
    assert len(bomb) < 10**5
    tracemalloc.start()
    refused(tmp_path / "a", header(8, 2**30, 8) + bytes(10), "ends after")
    refused(tmp_path / "b", bomb, "goes on after")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 2**20


def test_a_gzip_cut_short_is_refused_in_a_sentence(tmp_path: Path) -> None:
    refused(
        tmp_path / "a.gz", gzip.compress(header(8, 4) + b"abcd")[:-9], "a.gz is a gzip file that was cut short. Copy"
    )


def test_a_gzip_with_a_bad_checksum_is_refused_in_a_sentence(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(header(8, 4) + b"abcd"))
    content[-8] ^= 1
    refused(tmp_path / "a.gz", bytes(content), "spoiled gzip file.*CRC")


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="could not be read: no such file"):
        read_idx(tmp_path / "absent")
    with pytest.raises(DataError, match="could not be read: is a directory"):
        read_idx(tmp_path)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(3, np.int64), "type int64 cannot be written.*uint8, int8, int16, int32, float32, float64"),
        (np.zeros((0, 3), np.uint8), "shape \\(0, 3\\)"),
        (np.uint8(1) * np.ones((), np.uint8), "shape \\(\\)"),
    ],
)
def test_what_idx_cannot_hold_is_not_written(tmp_path: Path, array: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        write_idx(tmp_path / "a", np.asarray(array))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="could not be written"):
        write_idx(tmp_path / "file" / "a", IMAGE)


def test_mnist_is_read(mnist_folder: Path) -> None:
    images = read_idx(mnist_folder / "t10k-images-idx3-ubyte.gz")
    labels = read_idx(mnist_folder / "t10k-labels-idx1-ubyte.gz")
    assert (images.shape, images.dtype, labels.shape) == ((10_000, 28, 28), np.uint8, (10_000,))
    assert labels[:5].tolist() == [7, 2, 1, 0, 4]


def test_a_gzip_file_is_not_unpacked_beyond_what_its_size_can_hold(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(header(8, 1000, 1000) + bytes(1000)))
    with pytest.raises(
        DataError, match=r"bomb\.gz declares 1,000,000 bytes of values, more than a gzip file of its size"
    ):
        read_idx(path)
    path.write_bytes(gzip.compress(header(8, 1000, 1000) + bytes(10**6)))
    assert not read_idx(path).any()  # as much as gzip can pack
    monkeypatch.setattr(idx, "MOST_UNPACKED", 10**5)
    with pytest.raises(DataError, match=r"bomb\.gz declares 1,000,000 bytes of values, gzipped.*Unpack it first"):
        read_idx(path)
