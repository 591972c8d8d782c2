"""The networks that torchvision has, too, as pairs of modules with the same weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torchvision.models import get_model

import archspec


@dataclass(frozen=True, slots=True)
class Twin:
    """A bundled variant of torchvision's name. `small` is a small input that it takes, square; `arguments` are those
    of torchvision's constructor that make it initialise its weights as published, without a warning."""

    name: str
    small: int = 96
    nominal: int = 224
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def theirs(self) -> nn.Module:
        """torchvision's module, initialised."""
        return get_model(self.name, weights=None, **self.arguments)

    def pair(self) -> tuple[nn.Module, nn.Module]:
        """torchvision's module and ours, with its weights."""
        theirs = self.theirs()
        return theirs, archspec.build(self.name, weights=theirs.state_dict())

    def image(self, size: int, batch: int) -> torch.Tensor:
        """Noise, the same each time."""
        return torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(0))


INITIALISED = {"init_weights": True}
TWINS = (
    Twin("alexnet"),
    *(Twin(f"convnext_{size}") for size in ("tiny", "small", "base")),
    *(Twin(f"densenet{depth}") for depth in (121, 161, 169, 201)),
    *(
        Twin(f"efficientnet_b{i}", nominal=size)
        for i, size in enumerate((224, 240, 260, 300, 380, 456, 528, 600))
    ),
    Twin("googlenet", arguments=INITIALISED),
    Twin("inception_v3", 299, 299, INITIALISED),  # its auxiliary head takes no less in training
    Twin("mobilenet_v2"),
    *(Twin(f"resnet{depth}") for depth in (18, 34, 50, 101, 152)),
    *(Twin(f"vgg{depth}{norm}") for depth in (11, 13, 16, 19) for norm in ("", "_bn")),
    *(Twin(f"vit_{size}", 224) for size in ("b_16", "b_32", "l_16", "l_32")),
)  # fmt: skip

FEW = ("resnet18", "densenet121", "mobilenet_v2", "efficientnet_b0", "vit_b_32")
"""One of each kind: what is measured where a batch of all of them would take hours."""
