"""A plan computed: what a round over W workers moves and costs, from constants that were measured on this project's machine.

    python -m benchmarks.rounds_simulator          # prints the tables of docs/outgrowing.md

What was measured is in ``results/rounds-overhead.json`` (``python -m benchmarks.rounds overhead``): what a round and a task
cost the scheduler, what a byte costs that is packed, sent and summed on one machine, and what an example costs for each
parameter of the network. What is assumed is ``Assumed``: the links between machines. One shard a worker, float32, SGD.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import ceil, log2
from pathlib import Path

from pellucid.distributed.averaging import SHARDS_OF_A_GROUP

RESULTS = Path(__file__).parent / "results" / "rounds-overhead.json"
WORKERS = (4, 16, 64, 256, 1024)
PARAMETERS = (0.1e6, 1e6, 10e6, 100e6)
EXAMPLES_OF_A_SHARD = 1_000_000


@dataclass(frozen=True)
class Measured:
    """Seconds, as they were measured."""

    seconds_of_a_round: float
    seconds_of_a_task: float
    seconds_of_a_byte: float
    seconds_of_an_example_and_parameter: float


@dataclass(frozen=True)
class Assumed:
    """Bytes a second: of each machine's link, and of what one worker reads from object storage."""

    link: float = 1.25e9  # 10 Gbit/s
    storage: float = 100e6


@dataclass(frozen=True)
class Round:
    """The seconds of a round by what they go to, and the bytes that cross links in all."""

    work: float
    dispatch: float
    out: float
    back: float
    bytes_moved: float

    @property
    def seconds(self) -> float:
        return self.work + self.dispatch + self.out + self.back

    @property
    def efficiency(self) -> float:
        """The share of the time in which workers train."""
        return self.work / self.seconds


def measured() -> Measured:
    return Measured(**json.loads(RESULTS.read_text())["constants"])


def simulate(workers: int, parameters: float, examples: float, measured: Measured, assumed: Assumed) -> Round:
    """Follow one round.

    θ (4 bytes a parameter) goes from the client to one worker, and from workers that have it to others: twice as many have
    it after each hop. Each group of 16 adds up on one of its workers, which fetches 15 networks over its link; the sums, of
    8 bytes a parameter, come to the client over its one link. Packing and adding costs what it was measured to cost for a
    byte, where it is done: by the worker of a group for its 16, by the client for the groups.
    """
    theta, groups = 4 * parameters, ceil(workers / SHARDS_OF_A_GROUP)
    of_group = min(workers, SHARDS_OF_A_GROUP)
    hops = 2 + ceil(log2(workers + 1))
    out = theta * (hops / assumed.link + measured.seconds_of_a_byte)
    back = theta * (of_group - 1) / assumed.link + theta * of_group * measured.seconds_of_a_byte
    back += 2 * theta * groups * (1 / assumed.link + measured.seconds_of_a_byte)
    return Round(
        work=examples * parameters * measured.seconds_of_an_example_and_parameter,
        dispatch=measured.seconds_of_a_round + measured.seconds_of_a_task * (workers + groups + 1),
        out=out,
        back=back,
        bytes_moved=theta * (workers + 1) + theta * (workers - groups) + 2 * theta * groups,
    )


def examples_for(efficiency: float, workers: int, parameters: float, measured: Measured, assumed: Assumed) -> float:
    """Say how many examples each worker must train on in a round for so large a share of the time to be training."""
    overhead = simulate(workers, parameters, 0, measured, assumed).seconds
    return efficiency / (1 - efficiency) * overhead / (parameters * measured.seconds_of_an_example_and_parameter)


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def of_seconds(seconds: float) -> str:
    return (
        f"{seconds:.2g} s"
        if seconds < 99.5
        else f"{seconds / 60:,.0f} min"
        if seconds < 6000
        else f"{seconds / 3600:,.0f} h"
    )


def of_bytes(count: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count / 1e3:.3g} kB"


def name(parameters: float) -> str:
    return f"{parameters / 1e6:g} M"


def constants_table(measured: Measured, assumed: Assumed) -> str:
    rows = [
        ["a round, before any task", f"{1e3 * measured.seconds_of_a_round:.3g} ms", "measured"],
        ["a task", f"{1e3 * measured.seconds_of_a_task:.3g} ms", "measured"],
        ["a byte of θ, packed, sent and added up here", f"{1e9 * measured.seconds_of_a_byte:.3g} ns", "measured"],
        ["an example, for each parameter", f"{1e12 * measured.seconds_of_an_example_and_parameter:.3g} ps", "measured"],
        ["a link", f"{8 * assumed.link / 1e9:g} Gbit/s", "assumed"],
        ["object storage, for each worker", f"{assumed.storage / 1e6:g} MB/s", "assumed"],
    ]
    return table(["what", "costs", ""], rows)


def cost_table(measured: Measured, assumed: Assumed) -> str:
    rows = []
    for parameters in PARAMETERS:
        for workers in WORKERS:
            found = simulate(workers, parameters, EXAMPLES_OF_A_SHARD, measured, assumed)
            parts = [of_seconds(each) for each in (found.work, found.dispatch, found.out, found.back)]
            rows.append(
                [
                    name(parameters),
                    f"{workers:,}",
                    of_bytes(found.bytes_moved),
                    *parts,
                    f"{100 * found.efficiency:.0f} %",
                ]
            )
    return table(
        ["parameters", "workers", "moved", "training", "dispatch", "θ out", "sums back", "training's share"], rows
    )


def examples_table(measured: Measured, assumed: Assumed) -> str:
    rows = [
        [
            name(parameters),
            *(f"{examples_for(0.9, workers, parameters, measured, assumed):,.0f}" for workers in WORKERS),
        ]
        for parameters in PARAMETERS
    ]
    return table(["parameters", *(f"{workers:,} workers" for workers in WORKERS)], rows)


def storage_table(measured: Measured, assumed: Assumed) -> str:
    rows = []
    for columns, bytes_of_each, what in ((784, 1, "pixels"), (100, 8, "float64"), (1000, 4, "float32")):
        size = EXAMPLES_OF_A_SHARD * columns * bytes_of_each
        rows.append([f"{columns:,} {what}", of_bytes(size), of_seconds(size / assumed.storage)])
    return table(["an example", "a shard of a million", "read once"], rows)


def tables() -> list[str]:
    constants, assumed = measured(), Assumed()
    return [make(constants, assumed) for make in (constants_table, cost_table, examples_table, storage_table)]


if __name__ == "__main__":
    print("\n\n".join(tables()))
