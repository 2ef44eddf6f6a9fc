"""The plain PyTorch script that does what ``pellucid train --data mnist`` does, as a careful user would write it.

    python benchmarks/peers/pytorch_script.py FOLDER [--until 0.97] [--epochs 20] [--threads 1] [--seed 0] [--out model.pt]

FOLDER holds MNIST's four IDX files, gzipped or not. 784-128-64-10, ReLU, He initialisation, plain SGD at rate 0.2, batch 64.
With --until the last 10,000 training rows are held out, and the training stops when they are read that well. The examples
lie in memory as one tensor: a DataLoader would take several times as long.
"""

import argparse
import gzip
import json
import struct
from pathlib import Path

import numpy as np
import torch
from torch import nn

HELD_OUT, BATCH_SIZE, LEARNING_RATE = 10_000, 64, 0.2


def read_idx(folder: Path, name: str) -> torch.Tensor:
    path = folder / name
    content = path.read_bytes() if path.exists() else gzip.decompress((folder / f"{name}.gz").read_bytes())
    dimensions = content[3]
    shape = struct.unpack_from(f">{dimensions}I", content, 4)
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape).copy())


def read(folder: Path, part: str) -> tuple[torch.Tensor, torch.Tensor]:
    pixels = read_idx(folder, f"{part}-images-idx3-ubyte")
    return pixels.reshape(len(pixels), -1).float() / 255, read_idx(folder, f"{part}-labels-idx1-ubyte").long()


def accuracy(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    with torch.inference_mode():
        return float((model(x).argmax(dim=1) == y).float().mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--until", type=float)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("model.pt"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)

    x, y = read(arguments.folder, "train")
    n = len(y) - (HELD_OUT if arguments.until else 0)
    x, x_validation = x[:n], x[n:]
    y, y_validation = y[:n], y[n:]

    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    loss_of = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, fused=True)

    epoch = 0
    while epoch < arguments.epochs:
        order = torch.randperm(n)
        for start in range(0, n, BATCH_SIZE):
            rows = order[start : start + BATCH_SIZE]
            loss = loss_of(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        epoch += 1
        if arguments.until and accuracy(model, x_validation, y_validation) >= arguments.until:
            break

    torch.save(model.state_dict(), arguments.out)
    print(json.dumps({"epochs": epoch, "test_accuracy": accuracy(model, *read(arguments.folder, "t10k"))}))


if __name__ == "__main__":
    main()
