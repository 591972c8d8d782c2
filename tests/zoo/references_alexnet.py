"""AlexNet with the widths of 2012 (Krizhevsky et al., 2012), in one tower, with what comes after its convolutions."""

from __future__ import annotations

from torch import nn


class AlexNet(nn.Sequential):
    """`after`: what follows a convolution; `groups`: those of the second, fourth and fifth convolution."""

    def __init__(
        self, padding: int, after: str = "nothing", groups: int = 1, pooled: bool = True, classes: int = 1000
    ) -> None:
        def stage(conv: nn.Conv2d, *, first: bool = False, pool: bool = True) -> list[nn.Module]:
            layers: list[nn.Module] = [conv]
            if after == "batch norm":
                layers.append(nn.BatchNorm2d(conv.out_channels))
            layers.append(nn.ReLU())
            if after == "local response norm" and first:
                layers.append(nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2))
            return [*layers, nn.MaxPool2d(3, 2)] if pool else layers

        hidden: list[nn.Module] = []
        for inputs in (9216, 4096):
            dense = [nn.Linear(inputs, 4096), nn.ReLU()]
            hidden += [nn.Dropout(), *dense] if pooled else [*dense, nn.Dropout()]
        super().__init__(
            *stage(nn.Conv2d(3, 96, 11, 4, padding), first=True),
            *stage(nn.Conv2d(96, 256, 5, padding=2, groups=groups), first=True),
            *stage(nn.Conv2d(256, 384, 3, padding=1), pool=False),
            *stage(nn.Conv2d(384, 384, 3, padding=1, groups=groups), pool=False),
            *stage(nn.Conv2d(384, 256, 3, padding=1, groups=groups)),
            *([nn.AdaptiveAvgPool2d(6)] if pooled else []),
            nn.Flatten(),
            *hidden,
            nn.Linear(4096, classes),
        )
