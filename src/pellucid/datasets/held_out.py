"""Which rows of a data set are its test part, told for any stretch of rows without holding a number for each of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets.dataset import TEST_SPLIT_SEED, check_enough_rows
from pellucid.equations.random_streams import Purpose, random_integers

ROWS_AT_A_TIME = 2**17
BINS = 2**16


class HeldOut:
    """The test part of ``hold_out_a_fifth``, to the row, in a bit a row.

    The shuffle sorts the rows by 64 random bits each, and its last fifth are those with the largest. The least of these is
    found as a number is found in a dictionary, by its first 16 bits and then among those that share them. Raises
    ``DataError`` for fewer than 5 rows.

    >>> np.flatnonzero(HeldOut(10).between(0, 10))
    array([5, 7])
    """

    def __init__(self, n: int) -> None:
        check_enough_rows(n)
        n_test = n // 5
        histogram = np.zeros(BINS, np.int64)
        for _, first_bits, _ in _keys(n):
            histogram += np.bincount(first_bits, minlength=BINS)
        from_above = histogram[::-1].cumsum()
        bin_of_least = BINS - 1 - int((from_above >= n_test).argmax())
        wanted = n_test - int(histogram[bin_of_least + 1 :].sum())
        candidates = [
            (key, first + row)
            for first, first_bits, keys in _keys(n)
            for row in np.flatnonzero(first_bits == bin_of_least).tolist()
            for key in keys[row : row + 1].tolist()
        ]
        chosen = np.array(sorted(row for _, row in sorted(candidates)[-wanted:]), np.int64)
        pieces = []
        for first, first_bits, _ in _keys(n):
            held = first_bits > bin_of_least
            begin, end = np.searchsorted(chosen, (first, first + len(held)))
            held[chosen[begin:end] - first] = True
            pieces.append(np.packbits(held))  # the rows at a time are a multiple of 8
        self._bits = np.concatenate(pieces)

    def between(self, start: int, stop: int) -> NDArray[np.bool_]:
        """Say of each row from ``start`` to before ``stop`` whether it is held out."""
        first = start // 8
        bits = np.unpackbits(self._bits[first : -(-stop // 8)])
        return bits[start - 8 * first :][: stop - start].astype(bool)


def _keys(n: int) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.uint64]]]:
    """Give the random bits of all rows, some rows at a time: the first row, their first 16 bits, all of them."""
    for first in range(0, n, ROWS_AT_A_TIME):
        rows = min(ROWS_AT_A_TIME, n - first)
        keys = random_integers(TEST_SPLIT_SEED, Purpose.TEST_SPLIT, rows, first=first)
        yield first, (keys >> np.uint64(48)).astype(np.int64), keys
