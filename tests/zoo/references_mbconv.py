"""MBConv of EfficientNet (Tan and Le, 2019), arXiv 1905.11946, with squeeze-and-excitation (Hu et al., 2017), arXiv
1709.01507."""

from __future__ import annotations

from torch import Tensor, nn


class MBConv(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, t: int) -> None:
        super().__init__()
        wide, squeezed = t * inputs, inputs // 4
        expand = [nn.Conv2d(inputs, wide, 1, bias=False), norm(wide), nn.SiLU()] if t > 1 else []
        each = nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide, bias=False)
        self.widen = nn.Sequential(*expand, each, norm(wide), nn.SiLU())
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(wide, squeezed, 1), nn.SiLU(), nn.Conv2d(squeezed, wide, 1), nn.Sigmoid()
        )
        self.project = nn.Sequential(nn.Conv2d(wide, outputs, 1, bias=False), norm(outputs))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        wide = self.widen(x)
        narrow = self.project(wide * self.gate(wide))
        return x + narrow if self.residual else narrow


def norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)
