"""Initial weights: against torchvision's in distribution, and against what was published."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

import archspec
from tests.zoo.parity import assert_same_distribution

TWINS: dict[str, dict[str, Any]] = {
    "alexnet": {},
    "convnext_tiny": {},
    "densenet121": {},
    "efficientnet_b0": {},
    "googlenet": {"init_weights": True},
    "inception_v3": {"init_weights": True},
    "mobilenet_v2": {},
    "resnet18": {},
    "resnet50": {},
    "vgg11": {},
    "vgg11_bn": {},
    "vit_b_32": {},
}
"""One network for each set of rules, with what torchvision needs to follow them."""


@pytest.mark.parametrize("name", TWINS)
def test_same_distribution_as_torchvision(name: str) -> None:
    torch.manual_seed(0)
    ours = archspec.build(name).state_dict()
    theirs = torchvision.models.get_model(name, weights=None, **TWINS[name]).state_dict()
    for key, expected in theirs.items():
        low, high = expected.aminmax()
        if low == high:
            assert torch.equal(ours[key], expected), f"{key}: torchvision has {low} everywhere"
        else:
            assert_same_distribution(key, *(state[key].flatten()[:1_000_000].double() for state in (ours, theirs)))


def test_comparison_of_distributions_can_fail() -> None:
    torch.manual_seed(0)
    normal = torch.randn(20_000)
    assert_same_distribution("equal", normal, torch.randn(20_000))
    for other in (normal + 0.2, normal * 1.2, (torch.rand(20_000) - 0.5) * math.sqrt(12)):
        with pytest.raises(AssertionError):
            assert_same_distribution("different", other, normal)


Spread = Callable[[Tensor], float]
"""The standard deviation of a tensor, from its shape."""


def constant(std: float) -> Spread:
    return lambda weight: std


def fan_out(weight: Tensor) -> float:
    """Kaiming's for ReLU, by the outputs: `sqrt(2 / (out_channels * kernel area))`, whatever the groups."""
    return math.sqrt(2 / (weight.shape[0] * weight[0, 0].numel()))


def xavier(weight: Tensor) -> float:
    return math.sqrt(2 / sum(weight.shape))


def fan_in(weight: Tensor) -> float:
    """Kaiming's for ReLU, by the inputs."""
    return math.sqrt(2 / weight[0].numel())


def one_by_root_of_inputs(weight: Tensor) -> float:
    return 1 / math.sqrt(weight[0].numel())


def by_inputs(factor: float) -> Spread:
    """`factor` over the number of a unit's inputs."""
    return lambda weight: factor / weight[0].numel()


def uniform_by_outputs(weight: Tensor) -> float:
    """Of uniform numbers up to `1 / sqrt(out_features)` on either side of 0."""
    return 1 / math.sqrt(3 * weight.shape[0])


@dataclass(frozen=True)
class Published:
    """Rules for the tensors of a network, by pattern of `Layer.path.parameter`; the first that fits holds.

    `spreads`: of random numbers about 0. `values`: of constants. Every parameter is under a rule, or in `default`: left
    as torch makes it.
    """

    name: str
    spreads: dict[str, Spread] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    default: tuple[str, ...] = ()


NORM = {"BatchNorm2d.*.weight": 1.0, "BatchNorm2d.*.bias": 0.0}
DENSE = {"Conv2d.*.weight": fan_out, "Linear.*.weight": constant(0.01)}
WITHIN = 2.4 / math.sqrt(3)
"""The deviation of uniform numbers between -2.4 and 2.4."""
PUBLISHED = [
    Published("alexnet_groups2_lrn_227", {"*.weight": constant(0.01)},
              {"*.features.0.bias": 0.0, "*.features.8.bias": 0.0, "*.classifier.6.bias": 0.0, "*.bias": 1.0}),
    Published("convnext_tiny", {"Conv2d.*.weight": constant(0.02), "Linear.*.weight": constant(0.02)},
              {"LayerNorm*.weight": 1.0, "*.bias": 0.0, "*.layer_scale": 1e-6}),
    Published("convnext_tiny_groupnorm", {}, {"LayerNorm*.weight": 1.0, "LayerNorm*.bias": 0.0, "*.layer_scale": 1e-6},
              ("*",)),
    Published("densenet121", {"Conv2d.*.weight": fan_in}, {**NORM, "*.bias": 0.0}, ("Linear.*.weight",)),
    Published("ensemble", DENSE, {**NORM, "*.bias": 0.0}),
    Published("lenet5_1998", {"Conv2d.*.weight": by_inputs(WITHIN), "Linear.*.weight": by_inputs(WITHIN)}, {}, ("*",)),
    Published("resnet18", {"Conv2d.*.weight": fan_out}, NORM, ("Linear.*",)),
    Published("resnet20_cifar", {"Conv2d.*.weight": fan_out}, NORM, ("Linear.*",)),
    Published("resnet50_softmax_unbiased", {"Conv2d.*.weight": fan_out}, NORM, ("Linear.*",)),
    Published("simple_cnn", DENSE, {**NORM, "*.bias": 0.0}),
    Published("vgg11", DENSE, {"*.bias": 0.0}),
    Published("vgg11_bn", DENSE, {**NORM, "*.bias": 0.0}),
    Published("vit_s_16",
              {"Conv2d.conv_proj.weight": one_by_root_of_inputs, "Linear.*.mlp.*.weight": xavier,
               "Linear.*.mlp.*.bias": constant(1e-6), "*.pos_embedding": constant(0.02),
               "MultiheadAttention.*.in_proj_weight": xavier},
              {"Linear.heads.*": 0.0, "*.class_token": 0.0, "LayerNorm.*.weight": 1.0,
               "LayerNorm.*.bias": 0.0, "Conv2d.*.bias": 0.0, "*in_proj_bias": 0.0, "*out_proj.bias": 0.0},
              ("NonDynamicallyQuantizableLinear.*.weight",)),
    Published("efficientnet_b0", {"Conv2d.*.weight": fan_out, "Linear.*.weight": uniform_by_outputs},
              {**NORM, "*.bias": 0.0}),
    Published("googlenet", {"*.weight": constant(0.01)}, NORM, ("Linear.*.bias",)),
    Published("googlenet_published", {"*.weight": constant(0.01)}, {}, ("*.bias",)),
    Published("inception_v3", {"Linear.AuxLogits.fc.weight": constant(0.001), "*.weight": constant(0.1)}, NORM,
              ("Linear.*.bias",)),
    Published("mobilenet_v2", {"Conv2d.*.weight": fan_out, "Linear.*.weight": constant(0.01)}, {**NORM, "*.bias": 0.0}),
    Published("mobilenet_v2_0.35_truncated", {"Conv2d.*.weight": fan_out, "Linear.*.weight": constant(0.01)},
              {**NORM, "*.bias": 0.0}),
]  # fmt: skip


def parameters(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Every parameter, with the class and path of its module before its name."""
    for path, module in model.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            yield f"{type(module).__name__}.{path}.{name}", parameter.detach()


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda published: published.name)
def test_initial_weights_are_as_published(published: Published) -> None:
    torch.manual_seed(0)
    for key, tensor in parameters(archspec.build(published.name)):
        rules: dict[str, Any] = {**published.values, **published.spreads, **dict.fromkeys(published.default)}
        rule = next(rule for pattern, rule in rules.items() if fnmatch(key, pattern))
        if callable(rule):
            check_spread(key, tensor, rule(tensor))
        elif rule is not None:
            assert torch.all(tensor == rule), key


def check_spread(key: str, tensor: Tensor, std: float) -> None:
    """Mean and deviation are within six standard errors of 0 and `std`."""
    scaled = tensor.double() / std
    six = 6 / math.sqrt(scaled.numel())
    assert abs(scaled.mean()) < six, key
    assert abs(scaled.std() - 1) < six, key


@pytest.mark.parametrize("change", [1.1, 0.9])
def test_another_spread_is_noticed(change: float) -> None:
    torch.manual_seed(0)
    with pytest.raises(AssertionError):
        check_spread("weight", change * torch.randn(10_000), 1.0)
