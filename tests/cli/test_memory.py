"""``pellucid train --memory``: files that are larger than what may be held."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

QUICK = ("--hidden", "8", "--batch-size", "256", "--epochs", "2", "--threads", "1")


@pytest.fixture
def pictures(tmp_path: Path, save_pictures: Callable[..., Path]) -> list[str]:
    """18 MB, where 16 may be held."""
    return ["--data", str(save_pictures(tmp_path, 70_000)), "--label", "X-labels.npy", "--memory", "32M"]


def test_a_file_larger_than_half_of_the_memory_is_trained_block_by_block(cli, pictures: list[str]) -> None:
    found = cli("train", *pictures, *QUICK, "--validation", "2000", "--out", "run", "--json")
    assert found.code == 0
    assert "X.npy takes 17.1 MiB: it is read through twice, and then block by block." in found.err
    assert "Of the 32 MiB of memory, half holds two windows of 21,845 rows." in found.err
    assert "(54,000 training, 2,000 validation, 14,000 test rows)" in found.err
    assert found.json["test_accuracy"] == found.json["validation_accuracy"] == 1
    record = json.loads(Path("run/run.json").read_text())
    assert record["settings"]["memory"] == 2**25
    assert record["rows"] == {"train": 56_000, "test": 14_000}
    again = cli("train", "--resume", "run", "--json")
    assert (again.code, again.json["test_accuracy"]) == (0, 1)
    other = cli("train", "--resume", "run", "--memory", "33M", "--json")
    assert "settings.memory was 33554432, is 34603008" in other.error["message"]


def test_the_same_file_is_read_at_once_where_it_fits(cli, pictures: list[str]) -> None:
    found = cli("train", *pictures[:-1], "40M", *QUICK, "--out", "run", "--json")
    assert found.code == 0
    assert "block by block" not in found.err
    assert "memory" not in json.loads(Path("run/run.json").read_text())["settings"]


def test_a_model_is_evaluated_on_what_is_larger_than_memory(cli, pictures: list[str]) -> None:
    assert cli("train", *pictures, *QUICK, "--out", "run").code == 0
    implied = cli("evaluate", "run", "--json")
    assert (implied.json["data"], implied.json["examples"]) == ("the test part of X", 14_000)
    at_once = cli("evaluate", "run", *pictures[:-2], "--json")
    block_by_block = cli("evaluate", "run", *pictures, "--json")
    assert at_once.json["confusion"] == block_by_block.json["confusion"] == implied.json["confusion"]
    n = 14_000
    assert at_once.json["loss"] == pytest.approx(implied.json["loss"], rel=n * float(np.finfo(np.float32).eps))
    Path("run/model.safetensors").rename("model.safetensors")
    other = np.load("X.npy")[:-1]
    np.save("Z.npy", other)
    np.save("Z-labels.npy", np.load("X-labels.npy")[:-1])
    options = ["--data", "Z.npy", "--label", "Z-labels.npy", "--memory", "32M", "--json"]
    found = cli("evaluate", "model.safetensors", *options)
    assert (found.json["data"], found.json["examples"]) == ("all of Z", 69_999)


def test_a_page_shows_the_same_mistakes_of_data_that_are_read_block_by_block(cli, pictures: list[str]) -> None:
    labels = np.load("X-labels.npy")
    labels[::50] = 1 - labels[::50]  # mistakes to be shown
    np.save("X-labels.npy", labels)
    assert cli("train", *pictures, *QUICK, "--out", "run", "--report").code == 0
    report = Path("run/report.html").read_text()
    assert cli("evaluate", "run", "--html", "blocks.html").code == 0
    assert cli("evaluate", "run", "--memory", "64M", "--html", "at-once.html").code == 0
    blocks, at_once = (Path(name).read_text() for name in ("blocks.html", "at-once.html"))
    pattern = r"<li>.*?</li>|<tr>.*?</tr>|<svg.*?</svg>"
    shown = [re.findall(pattern, page, re.DOTALL) for page in (report, blocks, at_once)]
    assert len(re.findall(r"no\. [\d,]+:", blocks)) == 60
    assert shown[1] == shown[2]
    assert set(shown[1]) <= set(shown[0])
    assert "<math>" in blocks
    assert "<code>pellucid explain run --index" in at_once
    assert "<code>pellucid explain" not in blocks  # which would have to read them at once
    Path("run/report.html").unlink()
    assert cli("train", "--resume", "run", "--report").code == 0  # it is finished: the test part is read again
    assert re.findall(pattern, Path("run/report.html").read_text(), re.DOTALL) == shown[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--memory", "plenty"], "--memory is 'plenty'; expected a number of bytes, from 32M to 1024T. Try --memory 1G."),
        (["--memory", "1M"], "--memory is '1M'; expected a number of bytes, from 32M to 1024T."),
        (["--memory", "9" * 400], "99'; expected a number of bytes, from 32M to 1024T. Try --memory 1G."),
        (["--batch-size", "20000"], "--memory 32 MiB is too small: a quarter of it holds 21,845 rows; expected room for"),
        (["--validation", "56000"], "--validation is 56,000; expected less than the 56,000 training rows"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(cli, pictures: list[str], options: list[str], message: str) -> None:
    found = cli("train", *pictures, *QUICK, *options, "--out", "run", "--json")
    assert found.code == 2
    assert message in found.error["message"]
    assert not Path("run").exists()


def peak_of_anonymous_memory(command: list[str]) -> tuple[int, str]:
    """Run a command: give the most anonymous memory that it held, in bytes, looked at every 5 ms, and what it printed."""
    peak = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            found = re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
            peak = max(peak, int(found[1]) * 1024 if found else 0)  # a process that has ended has none
            time.sleep(0.005)
        out, err = process.stdout.read(), process.stderr.read()
    assert process.returncode == 0, err
    return peak, out


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system tells no anonymous memory")
def test_six_hundred_million_bytes_are_trained_in_less_memory_than_was_allowed(
    tmp_path: Path, save_pictures: Callable[..., Path]
) -> None:
    path = save_pictures(tmp_path, 780_000, side=28)
    assert path.stat().st_size > 600e6
    options: list[Any] = ["--data", path, "--label", "X-labels.npy", "--validation", "10000", "--epochs", "1"]
    command = [sys.executable, "-m", "pellucid", "train", *options, "--memory", "240M", "--json"]
    peak, out = peak_of_anonymous_memory([str(word) for word in command])
    print(f"{peak / 2**20:.0f} MiB")
    assert json.loads(out)["test_accuracy"] > 0.99
    assert 120 * 2**20 < peak < 240 * 2**20  # two windows; all that was allowed
