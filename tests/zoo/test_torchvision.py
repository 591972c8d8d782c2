"""Bundled networks against torchvision's own modules: names, outputs in both modes, memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

import archspec
from tests.zoo.parity import assert_same_names, assert_same_outputs, peak, randomise, share_weights


@dataclass(frozen=True)
class Twin:
    """A bundled spec or variant, and how torchvision makes the same network.

    Inputs of `size` (height and width) are small where the network allows it; in training, of `training_size`.
    `params` are those of the spec, `arguments` those of torchvision's `model`, which is of the same name unless given.
    """

    name: str
    size: tuple[int, int] = (49, 65)
    training_size: tuple[int, int] | None = None
    params: dict[str, Any] = field(default_factory=dict)
    model: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-11
    dtype: torch.dtype = torch.float64

    def theirs(self) -> nn.Module:
        """torchvision's module, on the meta device."""
        with torch.device("meta"):
            return torchvision.models.get_model(self.model or self.name, weights=None, **self.arguments)

    def pair(self, made_on: str = "meta") -> tuple[nn.Module, nn.Module]:
        """Our module and torchvision's with the same random weights.

        Ours is made on the meta device, which leaves buffers that are in no state without a value.
        """
        theirs = self.theirs().to(self.dtype).to_empty(device="cpu")
        randomise(theirs)
        ours = archspec.build(self.name, params=self.params, device=made_on, init=False, dtype=self.dtype)
        share_weights(ours, theirs)
        return ours, theirs


INCEPTION = {"init_weights": True}  # the meta device initialises nothing; torchvision warns unless it is told
DROPOUT = {"dropout": 0.1, "attention_dropout": 0.2}  # in training, both draw the same numbers
TWINS = [
    Twin("alexnet", size=(65, 97)),
    *(Twin(f"convnext_{size}", size=(33, 65)) for size in ("tiny", "small", "base")),
    *(Twin(f"densenet{depth}") for depth in (121, 161, 169, 201)),
    *(Twin(f"efficientnet_b{i}", size=(33, 65)) for i in range(8)),
    Twin("googlenet", size=(65, 97), arguments=INCEPTION),
    Twin("googlenet_noaux", model="googlenet", arguments={"aux_logits": False, **INCEPTION}),
    Twin("inception_v3", size=(75, 107), training_size=(299, 299), arguments=INCEPTION),
    Twin("inception_v3_noaux", model="inception_v3", size=(91, 107), arguments={"aux_logits": False, **INCEPTION}),
    Twin("mobilenet_v2"),
    *(
        Twin(f"mobilenet_v2_{width}", model="mobilenet_v2", arguments={"width_mult": width})
        for width in (0.35, 0.5, 0.75, 1.3, 1.4)
    ),
    *(Twin(f"resnet{depth}") for depth in (18, 34, 50, 101, 152)),
    Twin("vit_b_16", size=(224, 224)),
    Twin("vit_b_32", size=(224, 224), params=DROPOUT, arguments=DROPOUT),
    *(Twin(f"vgg{depth}{norm}") for depth in (11, 13, 16, 19) for norm in ("", "_bn")),
]

FLOAT32: dict[str, Any] = {"tolerance": 1e-4, "dtype": torch.float32}
LARGE = [
    Twin("convnext_large", size=(33, 65), **FLOAT32),
    *(
        Twin(name, size=(size, size), params={"size": size}, arguments={"image_size": size}, **FLOAT32)
        for name, size in (("vit_l_16", 64), ("vit_l_32", 64), ("vit_h_14", 56))
    ),
]
"""Of gigabytes in float64: in float32, and of small images where the network is made for one size."""


def noise(size: tuple[int, int], dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(2, 3, *size, dtype=dtype, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("twin", [*TWINS, *LARGE], ids=lambda twin: twin.name)
def test_equal_names_and_outputs(twin: Twin) -> None:
    ours, theirs = twin.pair()
    assert_same_names(ours, theirs)
    for training, size in ((False, twin.size), (True, twin.training_size or twin.size)):
        x = noise(size, twin.dtype)
        assert_same_outputs(ours, theirs, x, training=training, tolerance=twin.tolerance)


@pytest.mark.parametrize("name", [twin.name for twin in LARGE])
def test_equal_names_and_shapes(name: str) -> None:
    ours, theirs = archspec.build(name, device="meta"), Twin(name).theirs()
    assert_same_names(ours, theirs)
    assert [x.shape for x in ours.state_dict().values()] == [x.shape for x in theirs.state_dict().values()]
    x = torch.empty(1, 3, 224, 224, device="meta")
    assert ours.eval()(x).shape == theirs.eval()(x).shape


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_equal_outputs_on_the_inputs_of_published_weights(name: str) -> None:
    twin = Twin(
        name, params={"transform_input": True}, arguments={"transform_input": True, **INCEPTION}, tolerance=1e-5
    )  # the constants are float32
    ours, theirs = twin.pair(made_on="cpu")
    assert_same_outputs(ours, theirs, noise((75, 107)), training=False, tolerance=twin.tolerance)


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.name)
def test_evaluation_takes_no_more_memory(twin: Twin) -> None:
    graph = archspec.load(twin.name)
    shape = tuple(int(str(size)) for size in graph.inputs[0].type.shape[1:])
    assert peak(archspec.build(graph, device="meta"), shape) <= peak(twin.theirs(), shape)


def test_memory_is_counted() -> None:
    with torch.device("meta"):
        one = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(inplace=True))
        two = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU())
    assert (peak(one, (3, 24, 24)), peak(two, (3, 24, 24))) == (24 * 24 * 8 * 4, 2 * 24 * 24 * 8 * 4)


@pytest.mark.parametrize("change", ["weights", "statistics", "mode"])
def test_difference_is_noticed(change: str) -> None:
    ours, theirs = Twin("mobilenet_v2_0.35", model="mobilenet_v2", arguments={"width_mult": 0.35}).pair()
    if change == "weights":
        conv = theirs.features[3].conv[1][0]
        conv.weight = nn.Parameter(conv.weight * 1.001)
    elif change == "statistics":
        theirs.features[3].conv[1][1].momentum = 0.2
    else:
        theirs.classifier[0].p = 0.3
    with pytest.raises(AssertionError):
        assert_same_outputs(ours, theirs, noise((33, 33)), training=True, tolerance=1e-11)
