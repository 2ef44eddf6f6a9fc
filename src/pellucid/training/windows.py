"""Examples in files: an epoch of them, window by window, while a thread reads the next one.

The order of an epoch, of which the batches are cut::

    blocks  = permutation(seed, BLOCKS, number of blocks, epoch)
    windows = as many of these blocks, one after the other, as fit into a window
    order   = for each window w:  its rows[permutation(seed, WINDOW, its rows, epoch, w)]

It is addressed by seed and epoch alone, so that a training that is resumed within an epoch finds its place without reading
what lies before. The rows of a window that fill no batch go on to the next one: no batch but an epoch's last is smaller.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets.memory import size_in_words
from pellucid.datasets.streamed import StreamedDataset, StreamedPart
from pellucid.engines import Engine, steps_of_an_epoch
from pellucid.equations.architecture import Architecture
from pellucid.equations.parameters import Indices, Layers
from pellucid.equations.random_streams import Purpose, Streams, permutation
from pellucid.errors import SettingError
from pellucid.training.evaluation import Judged, judge
from pellucid.training.examples import Sample, Window
from pellucid.training.rules import Rules

BLOCKS_OF_A_SAMPLE = 32


class _Planned(NamedTuple):
    """A window before it is read: its number, its blocks, its rows, and the rows of the epoch before it."""

    number: int
    blocks: list[int]
    rows: int
    before: int


class _Buffer(NamedTuple):
    """Room for a window, behind the rows that may come over from the one before."""

    X: NDArray[Any]
    y: Indices
    numbers: Indices


class ExamplesInFiles:
    """A part of a data set that is larger than memory.

    Raises ``SettingError`` where a window would not hold a batch and a block.
    """

    def __init__(self, dataset: StreamedDataset, part: StreamedPart, batch_size: int) -> None:
        self._part, self._rows_of_a_portion = part, dataset.rows_of_a_portion
        self._room = dataset.rows_of_a_window  # for a window and what comes over
        self._capacity = self._room - (batch_size - 1)
        largest = max(int(part.sizes.max(initial=0)), batch_size)
        if len(part) and self._capacity < largest:
            raise SettingError(
                f"--memory {size_in_words(dataset.memory)} is too small: a quarter of it holds {self._room:,} rows",
                f"room for {largest + batch_size - 1:,}, a batch and a block of the file",
                "Allow more memory, or take smaller batches.",
            )
        self._sample: Sample | None = None

    def __len__(self) -> int:
        return len(self._part)

    def windows(self, engine: Engine, rules: Rules, epoch: int, batch_size: int, first_step: int) -> Generator[Window]:
        """Read the rest of an epoch, from ``first_step`` on; the next window is read while one is used."""
        streams = rules.streams(epoch)
        n, position = len(self), first_step * batch_size
        plan = [window for window in self._plan(streams) if window.before + window.rows > position]
        buffers = [self._buffer() for _ in plan[:2]]
        carried, step, cancelled = self._nothing(), first_step, Event()
        with ThreadPoolExecutor(1, thread_name_prefix="reader") as reader:
            try:
                coming = reader.submit(self._fill, plan[0], buffers[0], cancelled) if plan else None
                for turn, window in enumerate(plan):
                    assert coming is not None
                    coming.result()
                    buffer = buffers[turn % 2]
                    if turn + 1 < len(plan):
                        coming = reader.submit(self._fill, plan[turn + 1], buffers[(turn + 1) % 2], cancelled)
                    order = permutation(streams.seed, Purpose.WINDOW, window.rows, streams.epoch, window.number)
                    found = self._joined(carried, buffer, order[max(0, position - window.before) :], window.rows)
                    here = steps_of_an_epoch(len(found.order), batch_size)
                    if window.before + window.rows < n:
                        here = len(found.order) // batch_size
                    rest = found.order[here * batch_size :]
                    assert found.numbers is not None
                    carried = _Buffer(found.X[rest], found.y[rest], found.numbers[rest])
                    if here:
                        order = found.order[: here * batch_size]
                        yield found._replace(first_step=step, last_step=step + here, order=order)
                    step += here
            finally:
                cancelled.set()

    def _plan(self, streams: Streams) -> Iterator[_Planned]:
        """Shuffle the blocks, and take as many together as fit."""
        sizes = self._part.sizes
        order = permutation(streams.seed, Purpose.BLOCKS, len(sizes), streams.epoch)
        begin, before, number = 0, 0, 0
        ends = np.cumsum(sizes[order])
        while before < len(self):
            end = int(np.searchsorted(ends, before + self._capacity, side="right"))
            rows = int(ends[end - 1]) - before
            yield _Planned(number, order[begin:end].tolist(), rows, before)
            begin, before, number = end, before + rows, number + 1

    def _buffer(self) -> _Buffer:
        rows, dtype = self._part.rows, self._part.rows.dtype
        n = min(self._room, len(self) + self._room - self._capacity)
        return _Buffer(np.empty((n, rows.width), dtype), np.empty(n, np.int64), np.empty(n, np.int64))

    def _nothing(self) -> _Buffer:
        none = np.empty(0, np.int64)
        return _Buffer(np.empty((0, self._part.rows.width), self._part.rows.dtype), none, none)

    def _fill(self, window: _Planned, buffer: _Buffer, cancelled: Event) -> None:
        """Read a window into a buffer; in a thread of its own."""
        at = self._room - self._capacity
        for block in window.blocks:
            for X, y, first in self._part.read(block):
                if cancelled.is_set():
                    return
                end = at + len(y)
                buffer.X[at:end], buffer.y[at:end] = X, y
                buffer.numbers[at:end] = np.arange(first, first + len(y))
                at = end

    def _joined(self, carried: _Buffer, buffer: _Buffer, order: Indices, rows: int) -> Window:
        """Put what came over before the window: the arrays, and the order of both."""
        room, more = self._room - self._capacity, len(carried.y)
        for whole, part in zip(buffer, carried, strict=True):
            whole[room - more : room] = part
        X, y, numbers = (whole[room - more : room + rows] for whole in buffer)
        return Window(0, 0, X, y, np.concatenate([np.arange(more), order + more]), numbers=numbers)

    def sample(self, rows: int) -> Sample:
        """Give about so many examples, evenly spaced over some blocks that are; read once."""
        if self._sample is None:
            there = np.flatnonzero(self._part.sizes)
            chosen = np.unique(there[np.linspace(0, len(there) - 1, BLOCKS_OF_A_SAMPLE).astype(int)]).tolist()
            stride = max(1, int(self._part.sizes[chosen].sum()) // rows)
            found = [
                (X[-first % stride :: stride].copy(), y[-first % stride :: stride].copy())
                for block in chosen
                for X, y, first in self._part.read(block)
            ]
            self._sample = Sample(np.concatenate([X for X, _ in found]), np.concatenate([y for _, y in found]))
        return self._sample

    def judge(self, engine: Engine, architecture: Architecture, layers: Layers) -> Judged:
        """Hold a network against all of them: the mean of what is found portion by portion."""
        found = [
            (len(y), judge(engine, architecture, layers, X, y)) for X, y in self._part.portions(self._rows_of_a_portion)
        ]
        n = len(self)
        right = sum(round((each.accuracy or 0.0) * rows) for rows, each in found)
        loss = sum(each.loss * (rows / n) for rows, each in found)
        return Judged(loss, right / n if architecture.loss.decides else None)
