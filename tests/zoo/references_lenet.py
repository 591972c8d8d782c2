"""LeNet-5, plainly, from the paper (LeCun et al., 1998): its layers, table I, appendix A."""

from __future__ import annotations

import torch
from torch import Tensor, nn

TABLE_1 = (
    "X   XXX  XXXX XX",
    "XX   XXX  XXXX X",
    "XXX   XXX  X XXX",
    " XXX  XXXX  X XX",
    "  XXX  XXXX XX X",
    "   XXX  XXXX XXX",
)
"""A row a map of S2, a column a map of C3."""


class LeNet5(nn.Sequential):
    """The form with average pooling and full connections, `third` being the layer that ends in 120 units."""

    def __init__(self, in_channels: int = 1, padding: int = 0, third: str = "convolution") -> None:
        maps = [nn.Conv2d(16, 120, 5), nn.Tanh(), nn.Flatten()]
        units = [nn.Flatten(), nn.Linear(400, 120), nn.Tanh()]
        super().__init__(
            nn.Conv2d(in_channels, 6, 5, padding=padding), nn.Tanh(), nn.AvgPool2d(2),
            nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
            *(maps if third == "convolution" else units),
            nn.Linear(120, 84), nn.Tanh(),
            nn.Linear(84, 10),
        )  # fmt: skip


def squash(x: Tensor) -> Tensor:
    return 1.7159 * torch.tanh(x * 2 / 3)


class Subsampling(nn.Module):
    def __init__(self, maps: int) -> None:
        super().__init__()
        self.coefficient = nn.Parameter(torch.ones(maps, 1, 1))
        self.bias = nn.Parameter(torch.zeros(maps, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        summed = x[:, :, ::2, ::2] + x[:, :, ::2, 1::2] + x[:, :, 1::2, ::2] + x[:, :, 1::2, 1::2]
        return squash(self.coefficient * summed + self.bias)


class Distances(nn.Module):
    """Equation 7: the squared distance to the code of each class."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("codes", torch.zeros(10, 84))

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([(x - code).pow(2).sum(1) for code in self.codes], 1)


class LeNet1998(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.seen = [[m for m in range(6) if TABLE_1[m][k] == "X"] for k in range(16)]
        self.c1 = nn.Conv2d(1, 6, 5)
        self.s2 = Subsampling(6)
        self.c3 = nn.ModuleList(nn.Conv2d(len(maps), 1, 5) for maps in self.seen)
        self.s4 = Subsampling(16)
        self.c5 = nn.Conv2d(16, 120, 5)
        self.f6 = nn.Linear(120, 84)
        self.output = Distances()

    def forward(self, x: Tensor) -> Tensor:
        x = self.s2(squash(self.c1(x)))
        x = torch.cat([conv(x[:, maps]) for conv, maps in zip(self.c3, self.seen, strict=True)], 1)
        x = self.s4(squash(x))
        x = squash(self.c5(x)).flatten(1)
        return self.output(squash(self.f6(x)))
