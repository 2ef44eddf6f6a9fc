"""What rounds over shards cost: accuracy beside one machine, and the time of a round beside that of its work.

    python -m benchmarks.rounds accuracy [--rounds 10]     # MNIST in 1 to 16 shards; draws docs/rounds.png, too
    python -m benchmarks.rounds overhead [--repeats 15]     # dispatch and transfer, on two worker processes of this machine

The first trains 784-128-64-10 as ``pellucid train`` does, SGD at rate 0.2, batch 64, a local epoch a round, and reads the
test part after each round. Of one shard it is the training on one machine, to the bit. The second hands in rounds whose work
is one step on one example, for several networks and numbers of shards, and fits

    seconds of a round = a + b · shards + c · shards · bytes of θ

to the least of the repeats: what a round, a task, and a byte cost that is sent out and
summed. Results go to ``benchmarks/results``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import description
from pellucid import __version__, datasets
from pellucid.distributed.averaging import Work, train_shard
from pellucid.distributed.host import ExecutorHost, Host
from pellucid.distributed.rounds import Gathered, Rounds, fit_rounds
from pellucid.engines import State, choose, name_of
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.optimizers import SGD
from pellucid.equations.scaling import Scaling
from pellucid.training.evaluation import Judged, judge
from pellucid.training.examples import Examples
from pellucid.training.rules import UsualRules
from pellucid.training.settings import Settings
from pellucid.training.snapshot import first_snapshot

RESULTS = Path(__file__).parent / "results"
PICTURE = Path(__file__).parents[1] / "docs" / "rounds.png"
SHARDS = (1, 2, 4, 8, 16)
WITH_MOMENTUM = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("accuracy", "overhead"))
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    if arguments.what == "accuracy":
        measure_accuracy(arguments.rounds)
    else:
        measure_overhead(arguments.repeats)


def work_of(architecture: Architecture, settings: Settings, **changes: Any) -> Work:
    return Work(
        **{
            "engine": name_of(choose().engine),
            "version": __version__,
            "precision": "float32",
            "architecture": architecture,
            "optimizer": settings.optimizer,
            "batch_size": settings.batch_size,
            "seed": settings.seed,
            "rounds": settings.epochs,
            "learning_rate": settings.learning_rate,
            **changes,
        }
    )


def network(*widths: int) -> Architecture:
    return Architecture((28, 28), tuple(map(Hidden, widths)), 10, scaling=Scaling((0.0,), (255.0,)))


def measure_accuracy(rounds: int) -> None:
    data = datasets.load("mnist")
    curves = []
    for shards, momentum in (*((n, 0.0) for n in SHARDS), *((n, WITH_MOMENTUM) for n in SHARDS[-2:])):
        began = time.perf_counter()
        accuracies = accuracies_of(data, shards, momentum, rounds)
        curves.append({"shards": shards, "outer_momentum": momentum, "test_accuracy": accuracies})
        print(f"{shards:2} shards, momentum {momentum}: {accuracies[-1]:.4f}  ({time.perf_counter() - began:.1f} s)")
    record = {"machine": description(), "rounds": rounds, "engine": name_of(choose().engine), "curves": curves}
    (RESULTS / "rounds-accuracy.json").write_text(json.dumps(record, indent=1) + "\n")
    draw(curves)


def accuracies_of(data: Any, shards: int, momentum: float, rounds: int) -> list[float]:
    """Train in so many shards of consecutive images: the accuracy on the test part after each round."""
    architecture, settings, engine = network(128, 64), Settings(epochs=rounds), choose(threads=1).engine
    cuts = [len(data.y_train) * i // shards for i in range(shards + 1)]
    parts = [Examples(data.X_train[a:b], data.y_train[a:b]) for a, b in zip(cuts, cuts[1:], strict=False)]  # noqa: RUF007
    rows = [len(part) for part in parts]
    found: list[float] = []

    def look(layers: Any) -> Judged:
        judged = judge(engine, architecture, layers, data.X_test, data.y_test)
        found.append(float(judged.accuracy or 0.0))
        return judged

    with ThreadPoolExecutor(2) as executor:
        fit_rounds(
            ExecutorHost(executor),
            Gathered(parts, rows, list(map(float, rows))),
            Rounds(momentum=momentum, rate=1.0),
            lambda _: work_of(architecture, settings),
            engine,
            UsualRules(settings),
            first_snapshot(architecture, settings),
            judges=look,
        )
    return found


def draw(curves: list[dict[str, Any]]) -> None:
    from matplotlib.figure import Figure

    figure = Figure((7, 4), layout="constrained")
    axes = figure.subplots()
    for number, curve in enumerate(curves):
        plain = curve["outer_momentum"] == 0
        label = f"{curve['shards']} shard{'s' * (curve['shards'] > 1)}" + (
            " (one machine)" if curve["shards"] == 1 else "" if plain else f", momentum {curve['outer_momentum']}"
        )
        colour = f"C{number}" if plain else f"C{SHARDS.index(curve['shards'])}"
        wrong = [100 * (1 - accuracy) for accuracy in curve["test_accuracy"]]
        axes.plot(range(1, len(wrong) + 1), wrong, "-o" if plain else "--s", color=colour, label=label, markersize=3)
    axes.set(xlabel="rounds of a local epoch", ylabel="test images read wrongly (%)", yscale="log")
    axes.set_yticks([2, 3, 5, 10, 20], ["2", "3", "5", "10", "20"])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(PICTURE, dpi=120)


def measure_overhead(repeats: int) -> None:
    from distributed import Client, LocalCluster

    from pellucid.distributed.dask_host import DaskHost

    rows: list[dict[str, Any]] = []
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
        ThreadPoolExecutor(2) as executor,
    ):
        for widths in ((128, 64), (900, 300), (2000, 1000)):
            architecture = network(*widths)
            for shards in (1, 4, 16):
                one = Examples(np.zeros((1, 784), np.uint8), np.zeros(1, np.int64))
                hosts: dict[str, Host] = {"dask": DaskHost(client), "threads": ExecutorHost(executor)}
                seconds = {
                    name: seconds_of_rounds(host, [one] * shards, architecture, repeats) for name, host in hosts.items()
                }
                rows.append({"parameters": architecture.n_parameters, "shards": shards, "seconds": seconds})
                print(rows[-1])
    samples = [(row["shards"], 4 * row["parameters"], row["seconds"]["dask"]) for row in rows]
    matrix = np.array([[1.0, shards, shards * size] for shards, size, _ in samples])
    seconds_of = np.array([seconds for *_, seconds in samples])
    solved = np.linalg.lstsq(matrix / seconds_of[:, None], np.ones(len(samples)), rcond=None)[
        0
    ]  # relative errors alike
    constants = dict(
        zip(("seconds_of_a_round", "seconds_of_a_task", "seconds_of_a_byte"), map(float, solved), strict=True)
    )
    constants["seconds_of_an_example_and_parameter"] = seconds_of_work()
    record = {"machine": description(), "engine": name_of(choose().engine), "rows": rows, "constants": constants}
    (RESULTS / "rounds-overhead.json").write_text(json.dumps(record, indent=1) + "\n")
    print(constants)


def seconds_of_rounds(host: Host, shards: list[Examples], architecture: Architecture, repeats: int) -> float:
    settings = Settings()
    work = work_of(architecture, settings, steps=1)
    state = first_snapshot(architecture, settings).state
    placed = host.placed(list(shards))
    shares = [1 / len(shards)] * len(shards)
    return least_seconds(lambda: host.total(train_shard, placed, shares, work, state, 0), repeats)


def least_seconds(do: Callable[[], Any], repeats: int) -> float:
    do()
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        do()
        seconds.append(time.perf_counter() - began)
    return min(seconds)  # the machine is shared: the least is what is owed to nobody else


def seconds_of_work() -> float:
    """Measure a local epoch of MNIST's shape on one thread: seconds for each example and parameter."""
    architecture = network(128, 64)
    X = np.random.default_rng(0).integers(0, 256, (20_000, 784), dtype=np.uint8)
    y = np.arange(len(X)) % 10
    engine, state = choose(threads=1).engine, State(first_snapshot(architecture, Settings()).state.layers, ())
    order, rates = np.arange(len(X)), np.full(-(-len(X) // 64), 0.1)
    seconds = least_seconds(lambda: engine.run(architecture, SGD(), state, X, y, order, rates, batch_size=64), 5)
    return seconds / len(X) / architecture.n_parameters


if __name__ == "__main__":
    main()
