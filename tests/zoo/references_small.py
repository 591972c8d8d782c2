"""Small networks: a classifier of digits, the mean of several of them, a fixed filter."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SimpleCnn(nn.Sequential):
    def __init__(self) -> None:
        pool = nn.MaxPool2d(2)
        layers: list[nn.Module] = []
        for inputs, outputs in ((1, 32), (32, 64), (64, 128)):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(), pool]
        dense = (nn.Linear(1152, 256), nn.ReLU(), nn.Dropout(), nn.Linear(256, 10))
        super().__init__(*layers, nn.Dropout(0.25), nn.Flatten(), *dense)


class Ensemble(nn.Module):
    def __init__(self, members: int) -> None:
        super().__init__()
        self.members = nn.ModuleList(SimpleCnn() for _ in range(members))

    def forward(self, x: Tensor) -> Tensor:
        return sum(member(x) for member in self.members) / len(self.members)


class EdgeKernel(nn.Module):
    """Eight times a pixel, less its eight neighbours; outside of the image all is 0."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", torch.full((1, 1, 3, 3), -1.0))
        self.kernel[0, 0, 1, 1] = 8

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        framed = nn.functional.pad(x, (1, 1, 1, 1))
        neighbours = sum(framed[:, :, i : i + height, j : j + width] for i in range(3) for j in range(3))
        return 9 * x - neighbours
