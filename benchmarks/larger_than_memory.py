"""Train on files that are larger than what may be held, and look at what is held.

    python -m benchmarks.larger_than_memory npy --folder FOLDER      an 8.6 GB file of MNIST's pictures, over and over
    python -m benchmarks.larger_than_memory parquet --folder FOLDER  8.6 GB of tables, 64 columns of float32
    python -m benchmarks.larger_than_memory sorted --folder FOLDER   what shuffling in windows costs: MNIST sorted by class

The first two write the data into FOLDER, run ``pellucid train --memory 1G`` for an epoch in a process of its own, read the
anonymous memory of that process every 5 ms from /proc (the pages that could only be swapped out, VmRSS less the pages of
files), and take the data away again. The result goes into benchmarks/results/larger-than-memory.json, a record for each.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import description
from pellucid import datasets
from pellucid.datasets.memory import parse_size
from pellucid.files import write_text

RESULTS = Path(__file__).parent / "results" / "larger-than-memory.json"
BYTES = 8 * 2**30
COLUMNS, ROWS_OF_A_SHARD, ROWS_OF_A_GROUP = 64, 1_000_000, 100_000
SEEDS, EPOCHS = 3, 5


def write_pictures(folder: Path, size: int) -> list[str]:
    mnist = datasets.load("mnist")
    n, whole = size // 784, len(mnist.y_train)
    X = np.lib.format.open_memmap(folder / "X.npy", "w+", np.uint8, (n, 28, 28))
    y = np.lib.format.open_memmap(folder / "y.npy", "w+", np.uint8, (n,))
    for begin in range(0, n, whole):
        rows = min(whole, n - begin)
        X[begin : begin + rows] = mnist.X_train[:rows].reshape(-1, 28, 28)
        y[begin : begin + rows] = mnist.y_train[:rows]
    X.flush()
    y.flush()
    return ["--data", str(folder / "X.npy"), "--label", "y.npy"]


def write_tables(folder: Path, size: int) -> list[str]:
    import pandas as pd

    random = np.random.default_rng(0)
    X = random.standard_normal((ROWS_OF_A_SHARD, COLUMNS), np.float32)
    table = pd.DataFrame(X, columns=[f"x{number}" for number in range(COLUMNS)])
    table["label"] = (X[:, :4] @ random.standard_normal((4, 3))).argmax(axis=1)
    table.to_parquet(folder / "0.parquet", row_group_size=ROWS_OF_A_GROUP)
    for number in range(1, -(-size // (4 * COLUMNS * ROWS_OF_A_SHARD))):
        shutil.copyfile(folder / "0.parquet", folder / f"{number}.parquet")
    return ["--data", f"{folder}/*.parquet"]


def watched(command: list[str]) -> dict[str, Any]:
    """Run a training: what it prints as JSON, the seconds it took, and the most memory of each kind that it held."""
    most: dict[str, int] = {}
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            for name, kilobytes in re.findall(r"Rss(\w+):\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text()):
                most[name] = max(most.get(name, 0), int(kilobytes) * 1024)
            time.sleep(0.005)
        assert process.stdout is not None
        out = process.stdout.read()
    if process.returncode:
        raise SystemExit(process.returncode)
    return {"said": json.loads(out), "seconds": time.monotonic() - began, "most": most}


def trained(kind: str, folder: Path, size: int, memory: str) -> dict[str, Any]:
    data = (write_pictures if kind == "npy" else write_tables)(folder, size)
    there = sum(path.stat().st_size for path in folder.iterdir())
    options = ["--epochs", "1", "--validation", "10000", "--memory", memory, "--out", str(folder / "run"), "--json"]
    found = watched([sys.executable, "-m", "pellucid", "train", *data, *options])
    said = found["said"]
    record = json.loads((folder / "run" / "run.json").read_text())
    return {
        "bytes_of_data": there,
        "rows": record["rows"],
        "memory_allowed": parse_size(memory),
        "most_anonymous_memory": found["most"]["Anon"],
        "most_pages_of_files": found["most"]["File"],
        "seconds": found["seconds"],
        "seconds_of_the_epoch": said["epoch_seconds"][0],
        **{key: said[key] for key in ("layers", "parameters", "test_accuracy", "target", "precision", "threads")},
    }


def sorted_classes(folder: Path) -> dict[str, Any]:
    """Train on MNIST sorted by class: at once, in windows of many blocks, and in windows of two."""
    import pandas as pd

    mnist = datasets.load("mnist")
    by_class = np.argsort(mnist.y_train, kind="stable")
    X, y = mnist.X_train[by_class], mnist.y_train[by_class]
    np.save(folder / "X.npy", X)
    np.save(folder / "y.npy", y)
    table = pd.DataFrame(X, columns=[f"p{number}" for number in range(784)]).astype(np.uint8).assign(label=y)
    table.to_parquet(folder / "t.parquet", row_group_size=2500)
    pictures = ["--data", str(folder / "X.npy"), "--label", "y.npy"]
    ways = {
        "at once": pictures,
        "18,396 rows a window, 334 a block": [*pictures, "--memory", "64M"],
        "5,242 rows a window, 2,500 a block": ["--data", str(folder / "t.parquet"), "--memory", "128M"],
        "the table at once": ["--data", str(folder / "t.parquet")],
    }
    found = {}
    for way, data in ways.items():
        accuracies = []
        for seed in range(SEEDS):
            out = ["--seed", str(seed), "--epochs", str(EPOCHS), "--out", str(folder / f"{way} {seed}"), "--json"]
            accuracies.append(
                watched([sys.executable, "-m", "pellucid", "train", *data, *out])["said"]["test_accuracy"]
            )
        found[way] = accuracies
        print(f"{way}: {np.mean(accuracies):.2%}", file=sys.stderr)
    return {"epochs": EPOCHS, "test_accuracies": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("npy", "parquet", "sorted"))
    parser.add_argument("--folder", type=Path, required=True, help="a place with room for the data")
    parser.add_argument("--bytes", type=int, default=BYTES)
    parser.add_argument("--memory", default="1G")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        if given.what == "sorted":
            found = sorted_classes(Path(folder))
        else:
            found = trained(given.what, Path(folder), given.bytes, given.memory)
    records = json.loads(given.out.read_text()) if given.out.exists() else {}
    records[given.what] = {**found, "machine": description()}
    write_text(given.out, json.dumps(records, indent=2) + "\n")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
