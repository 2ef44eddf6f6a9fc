"""A fit on a file that is mapped into memory copies no example: the pages stay the file's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pellucid.engines.memory import rows_in_one_piece

FIT = """
import re, sys, threading, time, warnings
import numpy as np
from pellucid import MLPClassifier

def anonymous():
    return int(re.search(r"RssAnon:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024

X, y = np.load(sys.argv[1], mmap_mode="r"), np.load(sys.argv[2])
warnings.simplefilter("ignore")
MLPClassifier((4,), max_iter=1).fit(X[:100], y[:100])  # whatever is loaded on use is loaded
most, done = [anonymous()], threading.Event()
before = most[0]

def watch():
    while not done.wait(0.002):
        most.append(anonymous())

watcher = threading.Thread(target=watch)
watcher.start()
MLPClassifier((4,), max_iter=1, batch_size=1000).fit(X, y)
done.set()
watcher.join()
print(max(most) - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system tells no anonymous memory")
def test_a_fit_on_a_mapped_file_copies_no_example(tmp_path: Path) -> None:
    n, d = 200_000, 128
    X = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.float32, (n, d))
    X[:] = np.random.default_rng(0).standard_normal((n, d), np.float32)
    X.flush()
    np.save(tmp_path / "y.npy", (X[:, 0] > 0).astype(int))
    of_files = X.nbytes
    del X
    command = [sys.executable, "-c", FIT, str(tmp_path / "X.npy"), str(tmp_path / "y.npy")]
    more = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print(f"{more / 2**20:.0f} of {of_files / 2**20:.0f} MiB")
    assert more < 100 * n < of_files / 4  # labels, their classes, the order and what makes it: some numbers a row


def test_columns_of_a_mapped_file_stay_where_they_are(tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", np.asfortranarray(np.arange(12.0).reshape(4, 3)))
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert mapped.flags.f_contiguous
    for X in (mapped, np.asarray(mapped), np.asarray(mapped)[1:]):
        assert rows_in_one_piece(X) is X
    assert rows_in_one_piece(np.array(mapped, order="F")).flags.c_contiguous
