"""One process that reads spoiled files: ``python -m benchmarks.fuzzing.worker READER FIRST LAST FOLDER``.

It prints one JSON object: how many were read, how many refused, what failed, and how much memory it took. Before each file
it writes the file's number into FOLDER, so that whoever started it knows which one a crash was.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import signal
import sys
import time
import warnings
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks.fuzzing.mutate import mutated
from benchmarks.fuzzing.readers import READERS, Reader
from pellucid.errors import PellucidError

SECONDS_OF_A_HANG = 10
MOST_MEMORY = 4 * 2**30
"""What the process may ask for in all: pictures alone may need much, up to Pillow's own bound of 89 million pixels."""
MOST_FAILURES_TOLD = 20


class HangError(BaseException):
    """A file took too long. No reader may catch it, so it is no Exception."""


def main() -> None:
    """Read, count, tell."""
    name, first, last, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    (reader,) = (each for each in READERS if each.name == name)
    print(json.dumps(read_all(reader, first, last, folder)))


def read_all(reader: Reader, first: int, last: int, folder: Path) -> dict[str, Any]:
    """Read the spoiled files of these numbers, the last one excluded."""
    sound, path, said = reader.sound(), folder / f"spoiled{reader.suffix}", Counter[str]()
    failures: list[dict[str, Any]] = []
    for content in sound:  # what is loaded on use is loaded, and takes its memory, before it is measured
        path.write_bytes(content)
        _outcome(reader, path)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.signal(signal.SIGALRM, _too_long)
    slowest = 0.0
    progress = os.open(folder / "number", os.O_WRONLY | os.O_CREAT)
    for number in range(first, last):
        os.pwrite(progress, b"%20d" % number, 0)
        content = (reader.spoil if number % 2 else mutated)(number, sound)
        path.write_bytes(content)
        signal.setitimer(signal.ITIMER_REAL, SECONDS_OF_A_HANG)
        faulthandler.dump_traceback_later(3 * SECONDS_OF_A_HANG, exit=True)  # for a hang that hears no signal
        began = time.process_time()
        try:
            outcome = _outcome(reader, path)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            faulthandler.cancel_dump_traceback_later()
        slowest = max(slowest, time.process_time() - began)
        said[outcome if outcome in ("read", "refused") else "failed"] += 1
        if outcome not in ("read", "refused") and len(failures) < MOST_FAILURES_TOLD:
            failures.append({"number": number, "what": outcome})
    os.close(progress)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "read": said["read"],
        "refused": said["refused"],
        "failed": said["failed"],
        "failures": failures,
        "slowest_processor_seconds": round(slowest, 3),
        "memory_grown_megabytes": round(grown / 1024, 1),
    }


def _outcome(reader: Reader, path: Path) -> str:
    """Say "read", or "refused" as it should be, or what came out instead."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            reader.read(path)
    except PellucidError as error:
        return "refused" if str(error) else "an error without a sentence"
    except HangError:
        return f"took more than {SECONDS_OF_A_HANG} seconds"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:300]
    return "read"


def _too_long(_number: int, _frame: FrameType | None) -> None:
    raise HangError


if __name__ == "__main__":
    main()
