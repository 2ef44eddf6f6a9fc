"""Small turns of phrase that the readers' messages share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

from pellucid.errors import DataError

MOST_LISTED = 20


def listed(things: Iterable[object]) -> str:
    """List things in a sentence, strings in quotes, at most 20 of them.

    >>> listed(["a", "b"]), listed(range(3)), listed([])
    ("'a', 'b'", '0, 1, 2', 'none')
    >>> listed(range(100))
    '0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19 and 80 more'
    """
    words = [repr(thing) for thing in things]
    rest = len(words) - MOST_LISTED
    return ", ".join(words[:MOST_LISTED]) + (f" and {rest} more" if rest > 0 else "") or "none"


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Ask for the closest known name, or say nothing where none is close.

    >>> did_you_mean("fasion-mnist", ["mnist", "fashion-mnist"]), did_you_mean("iris", ["mnist"])
    ("Did you mean 'fashion-mnist'?", '')
    """
    close = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean {close[0]!r}?" if close else ""


def unreadable(path: Path, error: OSError) -> DataError:
    """Turn the system's refusal to read ``path`` into a sentence.

    >>> print(unreadable(Path("a.csv"), FileNotFoundError(2, "No such file or directory")))
    a.csv could not be read: no such file or directory.
    """
    return DataError(f"{path} could not be read: {(error.strerror or str(error)).lower()}")
