"""The head of a detector with anchors, and a detector on a grid over any trunk (Redmon et al., 2015 and 2018)."""

from __future__ import annotations

import torch
import torchvision
from torch import Tensor, nn


class YoloHead(nn.Module):
    """Numbers `5 + classes` for each position and anchor: channel `a * (5 + classes) + f` is `[..., a, y, x, f]`."""

    def __init__(self, channels: int, anchors: int, classes: int) -> None:
        super().__init__()
        self.values = 5 + classes
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 2 * channels, 3, padding=1),
            nn.BatchNorm2d(2 * channels),
            nn.LeakyReLU(0.1),
            nn.Conv2d(2 * channels, anchors * self.values, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        maps = self.layers(x).split(self.values, 1)
        return torch.stack([one.movedim(1, -1) for one in maps], 1)


class SimpleYolo(nn.Module):
    """What a trunk sees, pooled to 7x7, then two boxes and the classes for each of 49 cells."""

    def __init__(self, trunk: nn.Module, channels: int = 512, hidden: int = 4096, classes: int = 80) -> None:
        super().__init__()
        self.values = 5 * 2 + classes
        self.trunk = trunk
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(7), nn.Flatten(),
            nn.Linear(49 * channels, hidden), nn.ReLU(), nn.Dropout(), nn.Linear(hidden, 49 * self.values),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.trunk(x)).reshape(-1, 7, 7, self.values)


def resnet_trunk(name: str) -> nn.Module:
    """torchvision's, without pooling and classifier."""
    return nn.Sequential(*list(torchvision.models.get_model(name, weights=None).children())[:-2])


def vgg_trunk(name: str) -> nn.Module:
    return torchvision.models.get_model(name, weights=None).features
