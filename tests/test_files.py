from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pellucid.errors import StorageError
from pellucid.files import replacing, write_bytes, write_text


class PowerCutError(Exception):
    """Something that fails in the middle of writing."""


def write_half(path, failure):
    with replacing(path) as stream:
        stream.write(b"half of the n")
        raise failure


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_whole(tmp_path):
    write_bytes(tmp_path / "a.bin", b"\0whole\n")
    assert (tmp_path / "a.bin").read_bytes() == b"\0whole\n"
    assert names(tmp_path) == ["a.bin"]


def test_a_text_is_written_in_utf_8_as_it_is(tmp_path):
    write_text(tmp_path / "a.txt", "∂L/∂W\r\n→\n")
    assert (tmp_path / "a.txt").read_bytes() == "∂L/∂W\r\n→\n".encode()


def test_the_folders_above_are_made(tmp_path):
    write_bytes(tmp_path / "new" / "newer" / "a.bin", b"x")
    assert (tmp_path / "new" / "newer" / "a.bin").read_bytes() == b"x"


def test_the_old_content_is_there_until_the_block_has_ended(tmp_path):
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")
    with replacing(path) as stream:
        stream.write(b"new")
        stream.flush()
        assert path.read_bytes() == b"old"
        assert len(names(tmp_path)) == 2
        assert [name for name in names(tmp_path) if name.endswith(".partial")] != []
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("failure", [PowerCutError, KeyboardInterrupt, ValueError, SystemExit])
def test_a_block_that_fails_leaves_the_old_content_and_nothing_else(tmp_path, failure):
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")
    with pytest.raises(failure):
        write_half(path, failure)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def test_a_link_stays_one_and_who_may_read_a_file_stays_as_it_was(tmp_path):
    path, link = tmp_path / "a.bin", tmp_path / "link"
    write_bytes(path, b"old")
    path.chmod(0o600)
    link.symlink_to("a.bin")
    write_bytes(link, b"new")
    assert (link.is_symlink(), path.read_bytes(), path.stat().st_mode & 0o777) == (True, b"new", 0o600)
    assert names(tmp_path) == ["a.bin", "link"]


def test_a_link_that_leads_round_in_a_circle_gives_way(tmp_path):
    (tmp_path / "one").symlink_to("other")
    (tmp_path / "other").symlink_to("one")
    write_bytes(tmp_path / "one", b"new")
    assert (tmp_path / "one").read_bytes() == b"new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StorageError, match="pipe could not be written: it is a pipe or a device"):
        write_bytes(tmp_path / "pipe", b"new")
    assert (tmp_path / "pipe").is_fifo()


def test_a_block_that_fails_where_nothing_was_leaves_nothing(tmp_path):
    with pytest.raises(PowerCutError):
        write_half(tmp_path / "a.bin", PowerCutError)
    assert names(tmp_path) == []


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_is_a_storage_error_that_names_the_file_and_leaves_it(tmp_path, monkeypatch, call):
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")

    def no_room(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(f"os.{call}", no_room)
    if call == "replace":
        monkeypatch.setattr("pathlib.Path.replace", no_room)
    expected = f"{path} could not be written: no space left on device. What was there before is untouched."
    with pytest.raises(StorageError, match=f"^{re.escape(expected)}$"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 64 kB, where one may be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    command = [mount, "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]
    if not mount or not unmount or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only the administrator of a Linux machine can mount a disk of 64 kB")
    yield disk
    subprocess.run([unmount, disk], check=True)


def test_a_disk_that_is_really_full_is_a_storage_error(small_disk):
    write_bytes(small_disk / "a.bin", b"old")
    with pytest.raises(StorageError, match=re.escape(f"{small_disk}/a.bin could not be written: no space left")):
        write_bytes(small_disk / "a.bin", bytes(1_000_000))
    assert (small_disk / "a.bin").read_bytes() == b"old"
    assert names(small_disk) == ["a.bin"]


def test_the_cause_of_a_storage_error_is_kept(tmp_path):
    (tmp_path / "a file").write_bytes(b"")
    with pytest.raises(StorageError) as caught:
        write_bytes(tmp_path / "a file" / "a.bin", b"x")
    assert isinstance(caught.value.__cause__, OSError)
    assert str(tmp_path / "a file" / "a.bin") in str(caught.value)


def test_a_folder_is_not_replaced_by_a_file(tmp_path):
    (tmp_path / "a.bin").mkdir()
    with pytest.raises(StorageError, match=r"a\.bin could not be written: it is a folder"):
        write_bytes(tmp_path / "a.bin", b"x")
    assert names(tmp_path) == ["a.bin"]


def test_a_folder_that_may_not_be_written_is_a_storage_error(tmp_path):
    tmp_path.chmod(0o555)
    try:
        if os.access(tmp_path, os.W_OK):
            pytest.skip("the administrator may write everywhere")
        with pytest.raises(StorageError, match=r"a\.bin could not be written: permission denied"):
            write_bytes(tmp_path / "a.bin", b"x")
    finally:
        tmp_path.chmod(0o755)


def test_a_storage_error_from_within_is_passed_on_as_it_is(tmp_path):
    inner = StorageError("the other disk is full")
    with pytest.raises(StorageError) as caught, replacing(tmp_path / "a.bin"):
        raise inner
    assert caught.value is inner
    assert names(tmp_path) == []


def test_two_writers_of_one_file_do_not_disturb_each_other(tmp_path):
    path = tmp_path / "a.bin"
    with replacing(path) as first, replacing(path) as second:
        first.write(b"first")
        second.write(b"second")
    assert path.read_bytes() == b"first"  # its block ended last
    assert names(tmp_path) == ["a.bin"]


def test_a_new_file_may_be_read_by_whom_the_system_allows(tmp_path):
    (tmp_path / "usual").write_bytes(b"")
    write_bytes(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("place", [".", "..", "/"])
def test_a_folder_is_no_file_to_write_to(place) -> None:
    with pytest.raises(StorageError, match=r"could not be written: it is a folder\. Name a file in it\."):
        write_bytes(Path(place), b"")
