"""Bundled networks that torchvision does not have, against plain modules written from the papers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archspec
from tests.zoo.parity import assert_same_outputs, randomise
from tests.zoo.references_alexnet import AlexNet
from tests.zoo.references_convnext import ConvNeXtTinyGroupNorm
from tests.zoo.references_googlenet import ROWS, GoogLeNet, Inception
from tests.zoo.references_lenet import LeNet5, LeNet1998
from tests.zoo.references_mbconv import MBConv
from tests.zoo.references_mobilenet import MobileNet, MobileNetV2, depthwise_separable
from tests.zoo.references_resnet import CifarResNet, ResNet50, resnet50_softmax
from tests.zoo.references_small import EdgeKernel, Ensemble, SimpleCnn
from tests.zoo.references_unet import UNet
from tests.zoo.references_vit import VisionTransformer
from tests.zoo.references_yolo import SimpleYolo, YoloHead, resnet_trunk, vgg_trunk


@dataclass(frozen=True)
class Reference:
    """A bundled spec or variant, its plain module, and a small input, `[C, H, W]`, that it takes in both modes.

    The two own the same tensors in the same order, under names of their own. `params` are those of the spec.
    """

    name: str
    make: Callable[[], nn.Module]
    shape: tuple[int, ...] = (3, 49, 65)
    params: dict[str, Any] = field(default_factory=dict)


TRUNCATED = {
    0.35: (11, 5, 8, 11, 22, 33, 56, 112, 1280),
    0.5: (16, 8, 12, 16, 32, 48, 80, 160, 1280),
    0.75: (24, 12, 18, 24, 48, 72, 120, 240, 1280),
    1.3: (41, 20, 31, 41, 83, 124, 208, 416, 1664),
    1.4: (44, 22, 33, 44, 89, 134, 224, 448, 1792),
}
"""Widths of MobileNetV2 when their fractions are cut off."""

REFERENCES = [
    Reference("separable_replaced", lambda: nn.Conv2d(512, 512, 3, padding=1, bias=False), (512, 7, 10)),
    Reference("separable_block", lambda: depthwise_separable(512, 512, 1), (512, 7, 10)),
    Reference("separable_stride2", lambda: depthwise_separable(32, 64, 2), (32, 7, 10)),
    Reference("googlenet_published", GoogLeNet, (3, 224, 224)),
    Reference("googlenet_published_noaux", lambda: GoogLeNet(aux=False), (3, 75, 107)),
    Reference("inception_plain", lambda: Inception(192, ROWS["3a"]), (192, 9, 14)),
    Reference("inception_bn", lambda: Inception(192, ROWS["3a"], batch_norm=True), (192, 9, 14)),
    Reference("mbconv1_k3", lambda: MBConv(32, 16, 3, 1, 1), (32, 9, 14)),
    Reference("mbconv6_k3", lambda: MBConv(24, 24, 3, 1, 6), (24, 9, 14)),
    Reference("mbconv6_k5_stride2", lambda: MBConv(24, 40, 5, 2, 6), (24, 9, 14)),
    Reference("mobilenet_v1", lambda: MobileNet(1.0)),
    *(Reference(f"mobilenet_v1_{alpha}", partial(MobileNet, alpha)) for alpha in (0.75, 0.5, 0.25)),
    *(Reference(f"mobilenet_v2_{w}_truncated", partial(MobileNetV2, widths)) for w, widths in TRUNCATED.items()),
    Reference("lenet5_conv32", LeNet5, (1, 32, 32)),
    Reference("lenet5_pad28", partial(LeNet5, padding=2, third="linear"), (1, 28, 28)),
    Reference("lenet5_cifar", partial(LeNet5, 3, third="linear"), (3, 32, 32)),
    Reference("lenet5_1998", LeNet1998, (1, 32, 32)),
    Reference("alexnet_bn_227", partial(AlexNet, 0, "batch norm", pooled=False, classes=10), (3, 227, 227)),
    Reference("alexnet_lrn_224", partial(AlexNet, 2, "local response norm"), (3, 65, 97)),
    Reference("alexnet_plain_224", partial(AlexNet, 2), (3, 65, 97)),
    Reference(
        "alexnet_groups2_lrn_227", partial(AlexNet, 0, "local response norm", groups=2, pooled=False), (3, 227, 227)
    ),
    Reference("resnet14_cifar_projection", partial(CifarResNet, 2, projection=True), (3, 32, 32)),
    *(
        Reference(f"resnet{6 * n + 2}_cifar", partial(CifarResNet, n, projection=False), (3, 32, 32))
        for n in (3, 5, 7, 9, 18)
    ),
    Reference("resnet50_2015", lambda: ResNet50(nn.Linear(2048, 1000))),
    Reference("resnet50_softmax_biased", partial(resnet50_softmax, bias=True)),
    Reference("resnet50_softmax_unbiased", partial(resnet50_softmax, bias=False)),
    Reference("convnext_tiny_groupnorm", ConvNeXtTinyGroupNorm),
    Reference("vit_s_16", partial(VisionTransformer, 384, 12, 6), (3, 224, 224)),
    Reference("yolo_head_512_80", partial(YoloHead, 512, 3, 80), (512, 5, 7)),
    Reference("yolo_head_256_20", partial(YoloHead, 256, 3, 20), (256, 5, 7)),
    Reference("simple_yolo_resnet18", lambda: SimpleYolo(resnet_trunk("resnet18"))),
    Reference("simple_yolo_resnet18_voc", lambda: SimpleYolo(resnet_trunk("resnet18"), classes=20)),
    Reference("simple_yolo_vgg16", lambda: SimpleYolo(vgg_trunk("vgg16"))),
    Reference("simple_yolo_resnet50", lambda: SimpleYolo(resnet_trunk("resnet50"), 2048, 64), params={"hidden": 64}),
    Reference("unet", UNet, (1, 44, 30)),
    Reference("unet_256", UNet, (1, 44, 30)),
    Reference("unet_rgb_256", partial(UNet, 3, 1), (3, 32, 48)),
    Reference("unet_2015", partial(UNet, padded=False), (1, 188, 204)),
    Reference("simple_cnn", SimpleCnn, (1, 28, 28)),
    Reference("ensemble", partial(Ensemble, 3), (1, 28, 28)),
]


def noise(shape: tuple[int, ...]) -> Tensor:
    return torch.randn(2, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda reference: reference.name)
def test_equal_outputs(reference: Reference) -> None:
    with torch.device("meta"):
        theirs = reference.make().double()
    theirs.to_empty(device="cpu")
    randomise(theirs)
    ours = archspec.build(reference.name, params=reference.params, device="meta", dtype=torch.float64)
    values = [value if value.dim() > 1 else value.clone() for value in theirs.state_dict().values()]
    ours.load_state_dict(dict(zip(ours.state_dict(), values, strict=True)), assign=True)  # the large ones shared
    for training in (False, True):
        assert_same_outputs(ours, theirs, noise(reference.shape), training=training, tolerance=1e-11)


def test_the_fixed_filter() -> None:
    ours, theirs = archspec.build("edge_kernel"), EdgeKernel()
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    assert torch.equal(ours.get_buffer("kernel"), theirs.get_buffer("kernel"))
    x = torch.arange(50.0).reshape(2, 1, 5, 5) ** 2
    assert torch.equal(ours(x), theirs(x))


def test_codes_of_digits_are_pictures_that_differ() -> None:
    codes = archspec.build("lenet5_1998").get_buffer("output.codes")
    assert codes.shape == (10, 7 * 12)
    assert set(codes.flatten().tolist()) == {-1.0, 1.0}
    pixels = torch.cdist(codes, codes).square() / 4
    assert pixels[~torch.eye(10, dtype=torch.bool)].min() >= 5


def test_probabilities_sum_to_one() -> None:
    model = archspec.build("resnet50_softmax_biased", params={"num_classes": 7}).eval()
    with torch.no_grad():
        torch.testing.assert_close(model(torch.randn(3, 3, 64, 64)).sum(1), torch.ones(3))


def test_members_of_an_ensemble_start_apart() -> None:
    model = archspec.build("ensemble")
    first, second = (model.get_parameter(f"members.{i}.conv1.weight") for i in (0, 1))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("size", [(256, 256), (572, 572), (30, 50), (17, 31)])
def test_a_padded_unet_gives_maps_of_its_inputs_size(size: tuple[int, int]) -> None:
    model = archspec.build("unet", device="meta").eval()
    assert model(torch.empty(1, 1, *size, device="meta")).shape == (1, 2, *size)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("lenet5_pad28", (1, 32, 32)), ("alexnet_bn_227", (3, 224, 224)), ("resnet20_cifar", (3, 64, 64)),
     ("resnet14_cifar_projection", (3, 64, 64)), ("simple_cnn", (1, 32, 32)), ("vit_b_16", (3, 240, 240))],
)  # fmt: skip
def test_networks_of_one_size_fail_at_another(name: str, shape: tuple[int, int, int]) -> None:
    model = archspec.build(name, device="meta").eval()
    with pytest.raises(RuntimeError, match=r"same reduction dim|broadcast"):
        model(torch.empty(2, *shape, device="meta"))
