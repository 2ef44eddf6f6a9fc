"""How well the default experiment reads the test images: mean and spread over seeds.

    python benchmarks/default_accuracy.py [--seeds 5] [--precision bfloat16]

Each seed is a run of ``pellucid train --data mnist --seed N`` in a process and a folder of its own; the test images are
read once for each.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--precision", default="float32")
    arguments = parser.parse_args()
    accuracies = []
    for seed in range(arguments.seeds):
        with tempfile.TemporaryDirectory() as folder:
            command = ["pellucid", "train", "--data", "mnist", "--seed", str(seed), "--out", f"{folder}/run", "--json"]
            done = subprocess.run(
                [sys.executable, "-m", *command, "--precision", arguments.precision],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                check=True,
            )
        result = json.loads(done.stdout)
        accuracies.append(100 * result["test_accuracy"])
        print(f"seed {seed}: {accuracies[-1]:.2f} % in {result['train_seconds']:.1f} s of training", flush=True)
    spread = statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0
    print(f"mean {statistics.mean(accuracies):.2f} %, standard deviation {spread:.2f} points, {len(accuracies)} seeds")


if __name__ == "__main__":
    main()
