"""Residual networks beyond torchvision's, plainly, from the paper (He et al., 2015): sections 4.1 and 4.2."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def normalised(inputs: int, outputs: int, kernel: int, stride: int = 1, bias: bool = False) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=bias)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


class Residual(nn.Module):
    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))


class ZeroChannels(nn.Module):
    """Option A: every second position, as many channels of zeros as there are channels."""

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, ::2, ::2]
        return torch.cat([x, torch.zeros_like(x)], 1)


class CifarResNet(nn.Sequential):
    """6n + 2 layers in stages of 16, 32 and 64 channels; shortcuts of parameters or without."""

    def __init__(self, n: int, projection: bool) -> None:
        blocks: list[nn.Module] = []
        for inputs, width in ((16, 16), (16, 32), (32, 64)):
            for i in range(n):
                stride = 2 if i == 0 and inputs != width else 1
                before = inputs if i == 0 else width
                first, second = normalised(before, width, 3, stride), normalised(width, width, 3)
                shortcut: nn.Module = nn.Identity()
                if stride == 2:
                    shortcut = normalised(before, width, 1, 2) if projection else ZeroChannels()
                blocks.append(Residual(nn.Sequential(first, nn.ReLU(), second), shortcut))
        head = (nn.AvgPool2d(8), nn.Flatten(), nn.Linear(64, 10))
        super().__init__(normalised(3, 16, 3), nn.ReLU(), *blocks, *head)


class ResNet50(nn.Sequential):
    """50 layers, with the stride on the first convolution of a stage; `head` comes after the pooling."""

    def __init__(self, *head: nn.Module, bias: bool = False) -> None:
        blocks: list[nn.Module] = []
        inputs = 64
        for stage, (n, width) in enumerate(zip((3, 4, 6, 3), (64, 128, 256, 512), strict=True)):
            for i in range(n):
                stride = 2 if i == 0 and stage > 0 else 1
                body = nn.Sequential(
                    normalised(inputs, width, 1, stride, bias), nn.ReLU(),
                    normalised(width, width, 3, 1, bias), nn.ReLU(),
                    normalised(width, 4 * width, 1, 1, bias),
                )  # fmt: skip
                shortcut = nn.Identity() if i else normalised(inputs, 4 * width, 1, stride, bias)
                blocks.append(Residual(body, shortcut))
                inputs = 4 * width
        super().__init__(
            normalised(3, 64, 7, 2, bias), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
            *blocks,
            nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            *head,
        )  # fmt: skip


def resnet50_softmax(bias: bool) -> ResNet50:
    """With two linear layers and a softmax."""
    return ResNet50(
        nn.Dropout(), nn.Linear(2048, 500), nn.ReLU(), nn.Dropout(), nn.Linear(500, 1000), nn.Softmax(1), bias=bias,
    )  # fmt: skip
