from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from pellucid.datasets import available
from pellucid.datasets.catalogue import CATALOGUE, IDX_STEMS, MNIST, find
from pellucid.errors import DataError

# What the world has known MNIST's files by since 2010.
MD5 = [
    "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "d53e105ee54ea40749a09fcbcd1e9432",
    "9fb629c4189551a2d022fa330f9573f3",
    "ec29112dd5afa0611ce80d1b7f02629c",
]


def test_the_checksums_of_mnist_are_those_of_the_real_files(mnist_folder: Path) -> None:
    for file, md5 in zip(MNIST.files, MD5, strict=True):
        content = (mnist_folder / file.name).read_bytes()
        assert hashlib.md5(content).hexdigest() == md5
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size, file.sha256)
        assert hashlib.sha256(gzip.decompress(content)).hexdigest() == file.unpacked_sha256


@pytest.mark.parametrize("entry", available(), ids=lambda entry: entry.name)
def test_each_entry_says_whose_it_is_and_where_it_comes_from(entry) -> None:
    assert entry.licence
    assert entry.citation
    assert entry.page.startswith("http")
    assert len(entry.classes) == 10
    assert entry.tried == (entry.folder == "mnist")
    if entry.files:
        assert [file.name for file in entry.files] == [f"{stem}.gz" for stem in IDX_STEMS]
        assert all(len(file.sha256) == 64 for file in entry.files)
        assert all(mirror.endswith("/") for mirror in entry.mirrors)


def test_no_two_files_share_a_checksum() -> None:
    checksums = [file.sha256 for entry in CATALOGUE.values() if entry.made_from is None for file in entry.files]
    assert len(set(checksums)) == 12


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(DataError, match=r"'mnits'; expected one of 'mnist', .*Did you mean 'mnist'\?"):
        find("mnits")


def test_importing_the_room_loads_numpy_and_nothing_else() -> None:
    program = """
import sys, pellucid.datasets
print([name for name in ("pandas", "PIL", "pooch", "platformdirs", "requests", "sklearn", "pyarrow") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
