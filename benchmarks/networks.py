"""The networks that tools are compared on, and what torch's own counter says of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Network:
    """A bundled spec, or variant, and the constructor of the same network in `torchvision.models`."""

    spec: str
    torchvision: str
    input: tuple[int, ...] = (1, 3, 224, 224)  # the spec's own


NETWORKS = (
    Network("resnet152", "resnet152"),
    Network("densenet121", "densenet121"),
    Network("vit_l_16", "vit_l_16"),
    Network("efficientnet_b7", "efficientnet_b7", (1, 3, 600, 600)),
)
"""A network without a bundled spec stays in the tables, with that said in archspec's row."""
