"""Exact figures of the bundled networks: parameters, MACs, tensors of the state, outputs in both modes."""

from __future__ import annotations

import pytest
import torch

import archspec
from archspec.analysis.cost import costs
from tests.zoo.parity import tensors

FIGURES: dict[str, tuple[int, int, int]] = {
    "alexnet": (61100840, 714188480, 16),
    "alexnet_bn_227": (58325066, 1131201056, 41),
    "alexnet_groups2_lrn_227": (60965224, 724406816, 16),
    "alexnet_lrn_224": (62378344, 1135256096, 16),
    "alexnet_plain_224": (62378344, 1135256096, 16),
    "convnext_base": (88591464, 15354729472, 344),
    "convnext_large": (197767336, 34361433600, 344),
    "convnext_small": (50223688, 8683712256, 344),
    "convnext_tiny": (28589128, 4455531264, 182),
    "convnext_tiny_groupnorm": (28588936, 4455531264, 180),
    "dense": (2359296, 462422016, 1),
    "densenet121": (7978856, 2834161664, 727),
    "densenet161": (28681000, 7727907072, 967),
    "densenet169": (14149480, 3359843328, 1015),
    "densenet201": (20013928, 4291365888, 1207),
    "edge_kernel": (0, 225, 1),
    "efficientnet_b0": (5288548, 385814752, 360),
    "efficientnet_b1": (7794184, 686802832, 508),
    "efficientnet_b2": (9109994, 993561872, 508),
    "efficientnet_b3": (12233232, 1827141392, 574),
    "efficientnet_b4": (19341616, 4393771024, 706),
    "efficientnet_b5": (30389784, 10266384752, 854),
    "efficientnet_b6": (43040704, 19067593536, 986),
    "efficientnet_b7": (66347960, 37745884192, 1200),
    "ensemble": (1172574, 23245824, 75),
    "googlenet": (13004888, 1498376192, 364),
    "googlenet_noaux": (6624904, 1498376192, 344),
    "googlenet_published": (13378280, 1582671872, 128),
    "googlenet_published_noaux": (6998552, 1582671872, 116),
    "inception_bn": (164432, 128049152, 42),
    "inception_plain": (163696, 128049152, 12),
    "inception_v3": (27161264, 5713216096, 580),
    "inception_v3_noaux": (23834568, 5713216096, 566),
    "lenet5_1998": (60000, 325680, 43),
    "lenet5_cifar": (62006, 651720, 10),
    "lenet5_conv32": (61706, 416520, 10),
    "lenet5_pad28": (61706, 416520, 10),
    "mbconv1_k3": (1448, 10035712, 16),
    "mbconv6_k3": (10710, 25742016, 22),
    "mbconv6_k5_stride2": (15350, 18177984, 22),
    "mobilenet_v1": (4231976, 568740352, 164),
    "mobilenet_v1_0.25": (470072, 41030272, 164),
    "mobilenet_v1_0.5": (1331592, 149497088, 164),
    "mobilenet_v1_0.75": (2585560, 325400448, 164),
    "mobilenet_v2": (3504872, 300774272, 314),
    "mobilenet_v2_0.35": (1677128, 59285808, 314),
    "mobilenet_v2_0.35_truncated": (1667665, 47741702, 314),
    "mobilenet_v2_0.5": (1968680, 97131840, 314),
    "mobilenet_v2_0.5_truncated": (1965448, 89059776, 314),
    "mobilenet_v2_0.75": (2636424, 209069792, 314),
    "mobilenet_v2_0.75_truncated": (2627968, 179425184, 314),
    "mobilenet_v2_1.3": (5386792, 509374560, 314),
    "mobilenet_v2_1.3_truncated": (5372586, 487736944, 314),
    "mobilenet_v2_1.4": (6108776, 582195824, 314),
    "mobilenet_v2_1.4_truncated": (6082580, 562210684, 314),
    "resnet101": (44549160, 7801405440, 626),
    "resnet14_cifar_projection": (175258, 26657408, 92),
    "resnet152": (60192808, 11513626624, 932),
    "resnet18": (11689512, 1814073344, 122),
    "resnet20_cifar": (269722, 40551040, 116),
    "resnet34": (21797672, 3663761408, 218),
    "resnet50": (25557032, 4089184256, 320),
    "resnet50_softmax_biased": (25060092, 3857449248, 375),
    "resnet50_softmax_unbiased": (25033532, 3857449248, 322),
    "separable": (268800, 52283392, 12),
    "separable_stride2": (2528, 7325696, 12),
    "simple_cnn": (390858, 7748608, 25),
    "simple_yolo_resnet18": (132008826, 7375069184, 124),
    "simple_yolo_resnet18_voc": (119963646, 7363026944, 124),
    "simple_yolo_vgg16": (135547002, 61507346432, 30),
    "unet": (31042434, 238460185600, 136),
    "unet_2015": (31030658, 150428424448, 46),
    "unet_256": (31042434, 48096083968, 136),
    "unet_rgb_256": (31043521, 48167387136, 136),
    "vgg11": (132863336, 7609090048, 22),
    "vgg11_bn": (132868840, 7609090048, 62),
    "vgg13": (133047848, 11308466176, 26),
    "vgg13_bn": (133053736, 11308466176, 76),
    "vgg16": (138357544, 15470264320, 32),
    "vgg16_bn": (138365992, 15470264320, 97),
    "vgg19": (143667240, 19632062464, 38),
    "vgg19_bn": (143678248, 19632062464, 118),
    "vit_b_16": (86567656, 17563828224, 152),
    "vit_b_32": (88224232, 4409186304, 152),
    "vit_h_14": (632045800, 167295109120, 392),
    "vit_l_16": (304326632, 61554712576, 296),
    "vit_l_32": (306535400, 15377539072, 296),
    "vit_s_16": (22050664, 4598882304, 152),
    "yolo_head_256_20": (1219659, 823400448, 9),
    "yolo_head_512_80": (4983039, 841571328, 9),
}
"""Measured on independent modules: parameters, MACs of one sample in evaluation, tensors of the `state_dict`."""

TRAINED_WITH = {"googlenet": 3, "googlenet_published": 3, "inception_v3": 2}
"""Outputs in training, where there are more than one."""


@pytest.mark.parametrize("name", FIGURES)
def test_figures(name: str) -> None:
    graph = archspec.load(name)
    model = archspec.build(graph, device="meta")
    total = costs(graph).total
    assert (total.params, total.macs, len(model.state_dict())) == FIGURES[name]
    assert total.params == sum(parameter.numel() for parameter in model.parameters())
    sizes = [int(str(size)) for size in graph.inputs[0].type.shape[1:]]
    for training, expected in ((True, TRAINED_WITH.get(name, 1)), (False, 1)):
        outputs = list(tensors(model.train(training)(torch.empty(2, *sizes, device="meta"))))
        assert len(outputs) == expected
        assert {output.shape for output in outputs} == {outputs[0].shape} and outputs[0].shape[0] == 2


@pytest.mark.parametrize(
    ("name", "size", "macs"),
    [("efficientnet_b1", 224, 569651680), ("efficientnet_b2", 224, 658963440), ("efficientnet_b3", 224, 962708240),
     ("efficientnet_b4", 224, 1503710432), ("efficientnet_b5", 224, 2356493184), ("efficientnet_b6", 224, 3360166848),
     ("efficientnet_b7", 224, 5169865152),
     ("efficientnet_b2", 288, 1087529456)],  # for torchvision's weights; the paper's are for 260 pixels
)  # fmt: skip
def test_macs_at_another_size(name: str, size: int, macs: int) -> None:
    assert costs(archspec.load(name, input=(3, size, size))).total.macs == macs


@pytest.mark.parametrize(
    ("name", "params", "expected"),
    [("alexnet_bn_227", {"num_classes": 1000}, (62381096, 1135256096)),
     ("efficientnet_b0", {"num_classes": 10}, (4020358, 384547552)),
     ("mobilenet_v2", {"num_classes": 10}, (2236682, 299507072)),
     ("convnext_tiny", {"layer_scale": 0.0}, (28582504, 4455531264)),
     ("vgg16", {"num_classes": 10}, (134301514, 15466209280)),
     ("vit_b_16", {"size": 384}, (86859496, 55484350464)),
     ("vit_l_16", {"size": 512}, (305174504, 361986285568)),
     ("vit_h_14", {"size": 518}, (633470440, 1016716764160))],
)  # fmt: skip
def test_other_params(name: str, params: dict[str, float], expected: tuple[int, int]) -> None:
    total = costs(archspec.load(name, params=params)).total
    assert (total.params, total.macs) == expected


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [("convnext_tiny", "features.1.0", (79296, 245962752)),
     ("mobilenet_v2", "features.3", (8832, 25740288)),
     ("vit_b_16", "encoder.layers.encoder_layer_0", (7087872, 1453954560)),
     ("vit_b_16", "encoder.layers.encoder_layer_0.self_attention", (2362368, 524391936)),
     ("unet", "enc0", (37824, 12249768960))],
)  # fmt: skip
def test_a_block_alone(name: str, path: str, expected: tuple[int, int]) -> None:
    graph = archspec.load(name)
    sums = costs(graph)
    parts = {node.path: cost for node, cost in zip(graph.nodes, sums.nodes, strict=True)}
    parts |= {scope.path: sums.scope(scope) for scope in graph.root.walk()}
    found = parts[path]
    assert (found.params, found.macs) == expected
