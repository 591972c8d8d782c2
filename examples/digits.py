"""Train small networks on scikit-learn's handwritten digits, and compare them: accuracy, time, parameters, size.

    pip install '.[examples]' && python examples/digits.py

The images are 8x8 and grey; they are resized to what each network is made for. Takes minutes on two cores.
"""

from __future__ import annotations

import argparse
import io
import time

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate
from tqdm import tqdm

import archspec

NETWORKS = {"lenet5_pad28": (1, 28, 28), "simple_cnn": (1, 28, 28), "resnet14_cifar_projection": (1, 32, 32)}
"""The names of bundled specs, and the input of each."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print(f"{'network':26}{'accuracy':>10}{'seconds':>10}{'params':>10}{'MACs':>13}{'file':>11}")
    for name, shape in NETWORKS.items():
        torch.manual_seed(args.seed)
        graph = archspec.load(name, input=shape)
        model = archspec.build(graph)
        train, test = digits(shape[-1], args.seed)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        start = time.perf_counter()
        for _ in (epochs := tqdm(range(args.epochs), desc=name, unit="epoch", leave=False)):
            epochs.set_postfix(loss=f"{fit(model, optimizer, *train, args.batch):.3f}")
        seconds = time.perf_counter() - start
        total = graph.summary().total
        print(
            f"{name:26}{accuracy(model, *test):>10.1%}{seconds:>10.1f}{total.params:>10,}{total.macs:>13,}"
            f"{file_bytes(model):>11,}"
        )


def digits(size: int, seed: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """1,437 images to train on and 360 to test on, as `[N, 1, size, size]` and classes `[N]`."""
    images, classes = load_digits(return_X_y=True)
    x = torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
    x = interpolate(x - x.mean(), (size, size), mode="bilinear")
    x1, x2, y1, y2 = train_test_split(x, torch.tensor(classes), test_size=0.2, random_state=seed, stratify=classes)
    return (x1, y1), (x2, y2)


def fit(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor, batch: int) -> float:
    """One epoch; returns the mean loss."""
    model.train()
    total = 0.0
    for rows in torch.randperm(len(x)).split(batch):
        optimizer.zero_grad()
        loss = cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)
    return total / len(x)


@torch.no_grad()
def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """The share of images that are classified right."""
    return (model.eval()(x).argmax(1) == y).double().mean().item()


def file_bytes(model: nn.Module) -> int:
    """The size of the file that holds the weights."""
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    return file.tell()


if __name__ == "__main__":
    main()
