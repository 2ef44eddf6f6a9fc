"""How well the default experiment reads the test images, in float32 and in bfloat16: mean and spread over seeds.

    python -m benchmarks.default_accuracy [--seeds 5] [--out benchmarks/results]

Each seed is a run of ``pellucid train --data mnist --seed N`` in a process and a folder of its own; the test images are
read once for each. What came of it is written as default-accuracy.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.machine import description
from pellucid.files import write_text

PRECISIONS = ("float32", "bfloat16")


def trained(seed: int, precision: str) -> dict[str, Any]:
    """Run one seed: → what the command says of it."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["pellucid", "train", "--data", "mnist", "--seed", str(seed), "--out", f"{folder}/run", "--json"]
        done = subprocess.run(
            [sys.executable, "-m", *command, "--precision", precision], capture_output=True, text=True
        )
    if done.returncode:
        raise SystemExit(done.stderr)
    return dict(json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    arguments = parser.parse_args()
    rows = []
    for precision in PRECISIONS:
        results = [trained(seed, precision) for seed in range(arguments.seeds)]
        accuracies = [100 * result["test_accuracy"] for result in results]
        spread = statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0
        mean = statistics.fmean(accuracies)
        print(
            f"{precision}: mean {mean:.2f} %, standard deviation {spread:.2f} points, {len(results)} seeds", flush=True
        )
        engine = f"{results[0]['engine']}:{results[0]['target']}"
        rows.append(
            {"precision": precision, "engine": engine, "mean": mean, "spread": spread, "accuracies": accuracies}
        )
    record = {
        "title": "the default experiment, accuracy on the test images in %",
        "machine": description(),
        "rows": rows,
    }
    write_text(arguments.out / "default-accuracy.json", json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
