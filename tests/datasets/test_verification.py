from __future__ import annotations

import gzip
import shutil
from pathlib import Path

from pellucid.datasets import verify
from pellucid.datasets.catalogue import IDX_STEMS


def test_the_real_files_are_good(mnist_folder: Path) -> None:
    checks = verify("mnist", mnist_folder)
    assert [check.state for check in checks] == ["good"] * 4
    assert [check.detail for check in checks][:2] == ["60000 × 28 × 28 of uint8", "60000 of uint8"]
    assert all(check.is_good for check in checks)


def test_unpacked_real_files_are_held_against_the_unpacked_checksum(mnist_folder: Path, tmp_path: Path) -> None:
    for stem in IDX_STEMS[1::2]:
        content = gzip.decompress((mnist_folder / f"{stem}.gz").read_bytes())
        (tmp_path / stem).write_bytes(content)
    states = [check.state for check in verify("mnist", tmp_path)]
    assert states == ["missing", "good", "missing", "good"]
    (tmp_path / IDX_STEMS[1]).write_bytes(content)
    assert verify("mnist", tmp_path)[1].state == "wrong checksum"


def test_other_content_has_a_wrong_checksum_and_says_what_it_holds(tmp_path: Path, write_small_mnist) -> None:
    folder = write_small_mnist(tmp_path / "mnist")
    checks = verify("mnist", tmp_path)
    assert {check.state for check in checks} == {"wrong checksum"}
    assert checks[0].detail == "12 × 2 × 3 of uint8"
    assert checks[0].path == folder / "train-images-idx3-ubyte.gz"
    assert not checks[0].is_good


def test_an_unpacked_file_without_a_checksum_is_read(tmp_path: Path, write_small_mnist) -> None:
    folder = write_small_mnist(tmp_path / "kmnist", "")
    (folder / IDX_STEMS[3]).write_bytes(b"\0\0\x08\x01")
    checks = verify("kmnist", tmp_path)
    assert checks[0].state == "good, unpacked (no published checksum for the unpacked file)"
    assert checks[3].state == "spoiled"
    assert "ends inside its header" in checks[3].detail


def test_a_cut_file_says_so(mnist_folder: Path, tmp_path: Path) -> None:
    shutil.copy(mnist_folder / f"{IDX_STEMS[3]}.gz", tmp_path)
    cut = tmp_path / f"{IDX_STEMS[3]}.gz"
    cut.write_bytes(cut.read_bytes()[:1000])
    check = verify("mnist", tmp_path)[3]
    assert check.state == "wrong checksum"
    assert "cut short" in check.detail


def test_what_is_nowhere_is_missing_from_the_cache(alone: Path) -> None:
    checks = verify("mnist")
    assert {check.state for check in checks} == {"missing"}
    assert checks[0].path == alone / "mnist" / "train-images-idx3-ubyte.gz"


def test_a_set_that_comes_with_a_package_has_one_record(alone: Path) -> None:
    assert [check.state for check in verify("digits")] == ["good"]
