"""A search by L-BFGS that is killed and goes on: each loss and gradient that it has asked for, in order.

What SciPy remembers of a search is its own. But it draws nothing: from the same start, answered the same, it asks for the
same points again. So what is kept is the answers, and who goes on walks the way again over them, without a look at the
examples. Each answer is kept with a digest of the point that it belongs to, and counts for that point alone: should
another SciPy, or another number of threads, ask for another point, the search goes on from there as if nothing had been
kept.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import StorageError
from pellucid.training.history import EpochRecord, from_records, to_json_lines
from pellucid.training.journal import Journal

SEARCH = "search.journal"
Answer = tuple[float, NDArray[np.float64]]


class KeptSearch:
    """Answers from a journal as long as it has them, from then on from who computes them; without one nothing is kept."""

    def __init__(self, journal: Journal | None, say: Callable[[str], None]) -> None:
        self._journal, self._say = journal, say
        self._walks_again = journal is not None
        self._evaluations = 0

    def begin(self, ours: Mapping[str, Any], check: Callable[[Mapping[str, Any], Mapping[str, Any]], None]) -> None:
        """Hold what the journal is of against ``ours``, or begin it. ``check`` is handed both, and may refuse."""

        def same(content: bytes) -> bool | None:
            try:
                theirs = json.loads(content)
            except (ValueError, RecursionError):
                return None
            if not isinstance(theirs, dict):
                return None
            check(theirs, ours)
            return True

        if self._taken(same) is None:
            self._add(json.dumps(ours).encode())

    def evaluation(self, theta: NDArray[np.float64], compute: Callable[[], Answer], dtype: Any) -> Answer:
        """Give loss and gradient at ``theta``, kept in the ``dtype`` that the engine gives them in."""
        at = hashlib.sha256(np.ascontiguousarray(theta).data).digest()

        def kept(content: bytes) -> Answer | None:
            head = b"e" + at
            if len(content) != len(head) + 8 + theta.size * np.dtype(dtype).itemsize or not content.startswith(head):
                return None
            (loss,) = struct.unpack_from("<d", content, len(head))
            with np.errstate(invalid="ignore"):  # a search that diverges has asked for NaN, too
                return loss, np.frombuffer(content, dtype, offset=len(head) + 8).astype(np.float64)

        answer: Answer | None = self._taken(kept)
        if answer is None:
            answer = compute()
            self._add(b"e" + at + struct.pack("<d", answer[0]) + answer[1].astype(dtype).tobytes())
        self._evaluations += 1
        return answer

    def iteration(self, judge: Callable[[], EpochRecord]) -> tuple[EpochRecord, bool]:
        """Give the record of an iteration, and whether it is one that nobody has been told of."""

        def kept(content: bytes) -> EpochRecord | None:
            try:
                return from_records([json.loads(content[1:])])[0] if content.startswith(b"i") else None
            except (ValueError, TypeError, RecursionError):
                return None

        record = self._taken(kept)
        if record is not None:
            return record, False
        record = judge()
        self._add(b"i" + to_json_lines([record]).encode())
        return record, True

    def close(self) -> None:
        """Bring to the disk what is kept."""
        if self._journal is not None:
            self._journal.close()

    def _taken(self, accept: Callable[[bytes], Any]) -> Any:
        """Take the next frame, if it is the one that is asked for; if it is not, say so, and be told anew from there on."""
        if self._journal is None or not self._walks_again:
            return None
        refused = False

        def asked(content: bytes) -> Any:
            nonlocal refused
            taken = accept(content)
            refused = taken is None
            return taken

        taken = self._journal.take(asked)
        if taken is None:
            self._walks_again = False
            begun = f"after {self._evaluations} evaluations" if self._evaluations else "from its beginning"
            if self._journal.is_spoiled:
                self._say(f"{self._journal.path} is spoiled. The fit goes on {begun}, to the same end.")
            elif refused:
                self._say(
                    f"{self._journal.path} holds another way than the search takes now {begun}, as of another SciPy or "
                    "number of threads. The fit goes on from there as it would have without."
                )
        return taken

    def _add(self, content: bytes) -> None:
        if self._journal is None:
            return
        try:
            self._journal.add(content)
        except (StorageError, MemoryError) as failure:
            got = failure.got if isinstance(failure, StorageError) else "there was no memory to save from"
            self._journal = None
            self._say(
                f"{got}. The fit goes on in memory; were it killed, it would go on after "
                f"{self._evaluations} evaluations, which are kept."
            )
