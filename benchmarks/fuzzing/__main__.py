"""Give every reader spoiled and wicked files, and see that it reads them or says what is wrong.

    python -m benchmarks.fuzzing [READER …] [--inputs 200000] [--first 0] [--out FILE]

The files are made from sound ones by seeded mutations; in every second one what would hide the rest (a header's size, a
checksum) is put right again. They are read in processes of their own, so that a crash is seen and counted, under a limit of
memory and of time. What is printed goes to FILE, too. The exit status is 1 where a reader crashed, hung, warned, or raised
anything but Pellucid's own errors.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.fuzzing.readers import READERS, quick_folder
from benchmarks.machine import description
from pellucid import __version__
from pellucid.files import write_text

ROOT = Path(__file__).parents[2]
FILES_OF_A_PROCESS = 10_000


def campaign(reader: str, inputs: int, first: int = 0) -> dict[str, Any]:
    """Read so many spoiled files, and say what came of it."""
    total: dict[str, Any] = {"inputs": inputs, "read": 0, "refused": 0, "failed": 0, "crashed": 0, "failures": []}
    total |= {"slowest_processor_seconds": 0.0, "memory_grown_megabytes": 0.0}
    began, at, end = time.monotonic(), first, first + inputs
    while at < end:
        part, at = _part(reader, at, min(at + FILES_OF_A_PROCESS, end))
        for name in ("read", "refused", "failed", "crashed", "failures"):
            total[name] += part[name]
        for name in ("slowest_processor_seconds", "memory_grown_megabytes"):
            total[name] = max(total[name], part[name])
    return {**total, "seconds": round(time.monotonic() - began, 1)}


def _part(reader: str, first: int, last: int) -> tuple[dict[str, Any], int]:
    """Read in a process: give what it tells and the next number; after a crash, what is known."""
    with tempfile.TemporaryDirectory(dir=quick_folder()) as folder:
        command = [sys.executable, "-m", "benchmarks.fuzzing.worker", reader, str(first), str(last), folder]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return {"crashed": 0, **json.loads(done.stdout)}, last
        number = Path(folder, "number")
        reached = int(number.read_text()) if number.exists() else first
    what = f"the process ended with {done.returncode}: {done.stderr[-300:]}"
    nothing = {
        "slowest_processor_seconds": 0.0,
        "memory_grown_megabytes": 0.0,
        "read": 0,
        "refused": reached - first,
        "failed": 0,
    }
    return {**nothing, "crashed": 1, "failures": [{"number": reached, "what": what}]}, reached + 1


def main() -> int:
    """Read the arguments, run, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzzing")
    parser.add_argument("readers", nargs="*", metavar="READER", help=", ".join(each.name for each in READERS))
    parser.add_argument("--inputs", type=int, default=200_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    found: dict[str, Any] = {}
    for name in arguments.readers or [each.name for each in READERS]:
        found[name] = campaign(name, arguments.inputs, arguments.first)
        told = {key: value for key, value in found[name].items() if key != "failures"}
        print(f"{name:>10}  {json.dumps(told)}", flush=True)
        for failure in found[name]["failures"][:20]:
            print(f"            {failure}", flush=True)
        record = {"pellucid": __version__, "machine": description(), "first": arguments.first, "readers": found}
        if arguments.out is not None:  # after each reader: a campaign is long
            write_text(arguments.out, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    return int(any(each["failed"] or each["crashed"] for each in found.values()))


if __name__ == "__main__":
    sys.exit(main())
