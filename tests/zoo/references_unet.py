"""U-Net, plainly, from figure 1 of the paper (Ronneberger et al., 2015), and its padded form with batch norm."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def double(inputs: int, outputs: int, padded: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers.append(nn.Conv2d(channels, outputs, 3, padding=int(padded)))
        if padded:
            layers.append(nn.BatchNorm2d(outputs))
        layers.append(nn.ReLU())
    return nn.Sequential(*layers)


class UNet(nn.Module):
    def __init__(self, inputs: int = 1, classes: int = 2, padded: bool = True) -> None:
        super().__init__()
        widths = (64, 128, 256, 512)
        self.padded = padded
        self.down = nn.ModuleList(
            double(before, width, padded) for before, width in zip((inputs, *widths), widths, strict=False)
        )
        self.bottom = double(512, 1024, padded)
        self.up = nn.ModuleList()
        for width in reversed(widths):
            self.up.append(nn.ConvTranspose2d(2 * width, width, 2, 2))
            self.up.append(double(2 * width, width, padded))
        self.last = nn.Conv2d(64, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for step in self.down:
            skips.append(step(x))
            x = nn.functional.max_pool2d(skips[-1], 2)
        x = self.bottom(x)
        for grow, step in zip(self.up[::2], self.up[1::2], strict=True):
            x, skip = grow(x), skips.pop()
            if self.padded and x.shape[2:] != skip.shape[2:]:
                x = nn.functional.interpolate(x, skip.shape[2:])
            top, left = ((skip.shape[i] - x.shape[i]) // 2 for i in (2, 3))
            skip = skip[:, :, top : top + x.shape[2], left : left + x.shape[3]]
            x = step(torch.cat([skip, x], 1))
        return self.last(x)
