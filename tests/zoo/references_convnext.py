"""The ConvNeXt without a norm after its stem and with group norm between stages; and one block."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Block(nn.Module):
    """Depthwise 7x7, layer norm, two linear layers, scaled (Liu et al., 2022, figure 4)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((dim, 1, 1), 1e-6))
        self.mix = nn.Conv2d(dim, dim, 7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.wide, self.narrow = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.mix(x).movedim(1, -1)
        tokens = self.narrow(nn.functional.gelu(self.wide(self.norm(tokens))))
        return x + self.gamma * tokens.movedim(-1, 1)


class ConvNeXtTinyGroupNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, 96, 4, 4)]
        inputs = 96
        for n, width in zip((3, 3, 9, 3), (96, 192, 384, 768), strict=True):
            if width != inputs:
                layers += [nn.GroupNorm(1, inputs), nn.Conv2d(inputs, width, 2, 2)]
            layers += [Block(width) for _ in range(n)]
            inputs = width
        self.features = nn.Sequential(*layers)
        self.norm = nn.LayerNorm(768, eps=1e-6)
        self.head = nn.Linear(768, 1000)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.features(x).mean((2, 3))))
