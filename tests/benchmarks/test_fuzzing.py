"""Every reader reads a spoiled file or says what is wrong, in a short campaign; and the campaign sees what it looks for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.fuzzing.__main__ import campaign
from benchmarks.fuzzing.mutate import mutated
from benchmarks.fuzzing.readers import READERS

ROOT = Path(__file__).parents[2]
NAMES = [reader.name for reader in READERS]


@pytest.mark.parametrize("inputs", [200, pytest.param(5_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("reader", NAMES)
def test_spoiled_files_are_read_or_refused(reader: str, inputs: int) -> None:
    if reader in ("csv", "image"):
        pytest.importorskip({"csv": "pandas", "image": "PIL"}[reader])
    found = campaign(reader, inputs, first=10**9)  # numbers that the long campaign has not seen
    assert found["failures"] == []
    assert (found["failed"], found["crashed"]) == (0, 0)
    assert found["read"] + found["refused"] == inputs
    assert found["read"] > 0, "the files are spoiled beyond what a reader looks at"
    # Of pictures Pillow's bound is 89 million pixels, of up to four bytes, and some copies.
    assert found["memory_grown_megabytes"] < (2000 if reader == "image" else 50)


def test_the_same_number_makes_the_same_file_and_another_one_another() -> None:
    sound = READERS[0].sound()
    assert [mutated(number, sound) for number in range(50)] == [mutated(number, sound) for number in range(50)]
    assert len({mutated(number, sound) for number in range(50)}) > 40


BAD = """
import json, os, sys, time, warnings
from pathlib import Path
from benchmarks.fuzzing import worker
from benchmarks.fuzzing.readers import Reader
worker.SECONDS_OF_A_HANG = 0.5
def read(path):
    content = path.read_bytes()
    if content == b"sound":
        return
    kind = len(content) % 3
    if kind == 0:
        raise KeyError("what no reader should raise")
    if kind == 1:
        warnings.warn("what no reader should say")
    if not hung:
        hung.append(1)
        time.sleep(5)
hung = []
print(json.dumps(worker.read_all(Reader("bad", "", lambda: [b"sound"], read), 0, 40, Path(sys.argv[1]))))
"""


def test_the_campaign_sees_other_errors_warnings_and_hangs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BAD, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    what = " ".join(failure["what"] for failure in found["failures"])
    for word in ("KeyError: 'what no reader should raise'", "UserWarning: what no reader should say", "took more than"):
        assert word in what


def test_the_campaign_sees_a_process_that_ends() -> None:
    found = campaign("no reader of that name", 3)
    assert found["crashed"] == 3
    assert "the process ended with 1" in found["failures"][0]["what"]
