"""MobileNet (Howard et al., 2017), arXiv 1704.04861, table 1; MobileNetV2 (Sandler et al., 2018), arXiv 1801.04381,
tables 1 and 2."""

from __future__ import annotations

from torch import Tensor, nn


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)


def normalised(layer: nn.Conv2d, act: type[nn.Module] = nn.ReLU6) -> list[nn.Module]:
    return [layer, nn.BatchNorm2d(layer.out_channels), act()]


def depthwise_separable(inputs: int, outputs: int, stride: int, act: type[nn.Module] = nn.ReLU6) -> nn.Sequential:
    return nn.Sequential(
        *normalised(conv(inputs, inputs, 3, stride, inputs), act), *normalised(conv(inputs, outputs, 1), act)
    )


class MobileNet(nn.Sequential):
    def __init__(self, alpha: float) -> None:
        widths = [round(alpha * c) for c in (32, 64, 128, 128, 256, 256, *[512] * 6, 1024, 1024)]
        strides = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
        steps = zip(widths[:-1], widths[1:], strides, strict=True)
        super().__init__(
            *normalised(conv(3, widths[0], 3, 2), nn.ReLU),
            *(depthwise_separable(*step, nn.ReLU) for step in steps),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(widths[-1], 1000),
        )


class InvertedResidual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, t: int) -> None:
        super().__init__()
        wide = t * inputs
        self.layers = nn.Sequential(
            *(normalised(conv(inputs, wide, 1)) if t > 1 else ()),
            *normalised(conv(wide, wide, 3, stride, wide)),
            conv(wide, outputs, 1),
            nn.BatchNorm2d(outputs),
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.residual else self.layers(x)


class MobileNetV2(nn.Sequential):
    """`widths`: of the stem, the seven stages and the last convolution, as a width multiplier makes them."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        stem, *stages, last = widths
        blocks: list[nn.Module] = []
        inputs = stem
        factors, counts, strides = (1, 6, 6, 6, 6, 6, 6), (1, 2, 3, 4, 3, 3, 1), (1, 2, 2, 2, 1, 2, 1)
        for t, n, stride, outputs in zip(factors, counts, strides, stages, strict=True):
            for i in range(n):
                blocks.append(InvertedResidual(inputs, outputs, stride if i == 0 else 1, t))
                inputs = outputs
        super().__init__(
            *normalised(conv(3, stem, 3, 2)),
            *blocks,
            *normalised(conv(inputs, last, 1)),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(last, 1000),
        )
