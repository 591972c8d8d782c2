"""GoogLeNet (Szegedy et al., 2014), arXiv 1409.4842, table 1 and section 5, with biases and local response norm."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

ROWS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
"""The inceptions of table 1: its columns from #1x1 to pool proj."""


class Inception(nn.Module):
    """Figure 2 (b)."""

    def __init__(self, before: int, row: tuple[int, ...], batch_norm: bool = False) -> None:
        super().__init__()
        one, three_reduce, three, five_reduce, five, pool = row

        def conv(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
            norm = [nn.BatchNorm2d(outputs)] if batch_norm else []
            return [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), *norm, nn.ReLU()]

        self.one = nn.Sequential(*conv(before, one, 1))
        self.three = nn.Sequential(*conv(before, three_reduce, 1), *conv(three_reduce, three, 3))
        self.five = nn.Sequential(*conv(before, five_reduce, 1), *conv(five_reduce, five, 5))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), *conv(before, pool, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], 1)


class GoogLeNet(nn.Module):
    """Returns in training what the main classifier says, then the auxiliary ones, the later first."""

    def __init__(self, aux: bool = True) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3)
        self.conv2 = nn.Conv2d(64, 64, 1)
        self.conv3 = nn.Conv2d(64, 192, 3, 1, 1)
        self.inception = nn.ModuleDict()
        channels = 192
        for name, row in ROWS.items():
            self.inception[name] = Inception(channels, row)
            channels = row[0] + row[2] + row[4] + row[5]
        self.aux = nn.ModuleDict({"4a": classifier(512), "4d": classifier(528)} if aux else {})
        self.dropout = nn.Dropout(0.4)
        self.fc = nn.Linear(1024, 1000)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 3, 2, ceil_mode=True)
        x = functional.local_response_norm(x, 5, 1e-4, 0.75, 1.0)
        x = functional.relu(self.conv3(functional.relu(self.conv2(x))))
        x = functional.local_response_norm(x, 5, 1e-4, 0.75, 1.0)
        x = functional.max_pool2d(x, 3, 2, ceil_mode=True)
        tapped: dict[str, Tensor] = {}
        for name, inception in self.inception.items():
            tapped[name] = x = inception(x)
            if name in ("3b", "4e"):
                x = functional.max_pool2d(x, 3, 2, ceil_mode=True)
        if not self.training or not self.aux:
            return self.fc(self.dropout(x.mean((2, 3))))
        first, second = (head(tapped[name]) for name, head in self.aux.items())
        return self.fc(self.dropout(x.mean((2, 3)))), second, first


def classifier(channels: int) -> nn.Sequential:
    """An auxiliary classifier, of section 5."""
    return nn.Sequential(
        nn.AvgPool2d(5, 3),
        nn.Conv2d(channels, 128, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(2048, 1024),
        nn.ReLU(),
        nn.Dropout(0.7),
        nn.Linear(1024, 1000),
    )
