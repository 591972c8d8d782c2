"""Bundled specs against torchvision's own modules: names, outputs, initialisation, memory."""

from __future__ import annotations

import math
import weakref
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import archspec

TWINS = [
    "alexnet",
    "densenet121", "densenet161", "densenet169", "densenet201",
    "resnet18", "resnet34", "resnet50", "resnet101", "resnet152",
    "vgg11", "vgg13", "vgg16", "vgg19", "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn",
]  # fmt: skip
RULES = ["alexnet", "densenet121", "resnet18", "resnet50", "vgg11", "vgg11_bn"]
"""One network for each set of initialisation rules."""


def pair(name: str) -> tuple[nn.Module, nn.Module]:
    """Our module and torchvision's, in float64, with the same random state."""
    with torch.device("meta"):
        theirs = torchvision.models.get_model(name, weights=None).double()
    theirs.to_empty(device="cpu")
    torch.manual_seed(0)
    for tensor in theirs.state_dict().values():
        if tensor.dim() > 1:
            tensor.normal_(std=math.sqrt(2 / tensor[0].numel()))
        elif tensor.dim() == 1:
            tensor.uniform_(0.5, 1.5)
        else:
            tensor.zero_()  # num_batches_tracked
    ours = archspec.build(name, device="meta", dtype=torch.float64)
    state = {key: tensor.clone() if tensor.dim() < 2 else tensor for key, tensor in theirs.state_dict().items()}
    ours.load_state_dict(state, strict=True, assign=True)  # the large ones shared: a VGG has a gigabyte
    return ours, theirs


def without_dropout(model: nn.Module) -> nn.Module:
    """The model in training mode, but for what is random."""
    model.train()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
    return model


@pytest.mark.parametrize("name", TWINS)
def test_equal_outputs(name: str) -> None:
    ours, theirs = pair(name)
    assert set(ours.state_dict()) == set(theirs.state_dict())
    assert {n for n, p in ours.named_parameters() if p.requires_grad} == {n for n, _ in theirs.named_parameters()}
    size = (65, 97) if name == "alexnet" else (49, 65)
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(without_dropout(ours)(x), without_dropout(theirs)(x), rtol=1e-10, atol=1e-10)
    for key, value in theirs.state_dict().items():  # running statistics too
        torch.testing.assert_close(ours.state_dict()[key], value, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", TWINS)
def test_evaluation_takes_no_more_memory(name: str) -> None:
    with torch.device("meta"):
        theirs = torchvision.models.get_model(name, weights=None)
    assert peak(archspec.build(name, device="meta")) <= peak(theirs)


def peak(model: nn.Module) -> int:
    """Bytes of the activations that are alive at once, in a forward pass of one image."""
    x = torch.empty(1, 3, 224, 224, device="meta")
    with torch.no_grad(), Live(model) as live:
        model.eval()(x)
    return live.peak


class Live(TorchDispatchMode):
    """Counts the bytes of all storages that are made inside and not yet freed, but for the model's own."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.known = {tensor.untyped_storage()._cdata for tensor in model.state_dict().values()}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            storage = tensor.untyped_storage()
            if storage._cdata not in self.known:
                self.known.add(storage._cdata)
                self.now += storage.nbytes()
                weakref.finalize(storage, self.freed, storage._cdata, storage.nbytes())
        self.peak = max(self.peak, self.now)
        return result

    def freed(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.now -= size


def test_memory_is_counted() -> None:
    with torch.device("meta"):
        one = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(inplace=True))
        two = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU())
    assert (peak(one), peak(two)) == (224 * 224 * 8 * 4, 2 * 224 * 224 * 8 * 4)


@pytest.mark.parametrize("name", RULES)
def test_initialisation_equal_in_distribution(name: str) -> None:
    torch.manual_seed(0)
    ours = archspec.build(name).state_dict()
    theirs = torchvision.models.get_model(name, weights=None).state_dict()
    for key, expected in theirs.items():
        low, high = expected.aminmax()
        if low == high:
            assert torch.equal(ours[key], expected), f"{key}: torchvision has {low} everywhere"
        else:
            compare_moments(key, *(state[key].flatten()[:1_000_000].double() for state in (ours, theirs)))


def compare_moments(key: str, ours: Tensor, theirs: Tensor) -> None:
    """Mean, spread and shape agree within six standard errors of two samples of this size."""
    six = 6 * math.sqrt(2 / ours.numel())
    spread = theirs.std()
    assert ours.std() > 0, key
    assert abs(ours.mean() - theirs.mean()) <= six * spread, key
    assert abs(ours.std() / spread - 1) <= six, key
    if ours.numel() > 10_000:  # a normal distribution has 3, a uniform one 1.8
        assert abs(kurtosis(ours) - kurtosis(theirs)) < 0.5, key


def kurtosis(x: Tensor) -> Tensor:
    return ((x - x.mean()) ** 4).mean() / x.var() ** 2


def test_comparison_of_moments_can_fail() -> None:
    torch.manual_seed(0)
    normal = torch.randn(20_000)
    compare_moments("equal", normal, torch.randn(20_000))
    for other in (normal + 0.2, normal * 1.2, (torch.rand(20_000) - 0.5) * math.sqrt(12)):
        with pytest.raises(AssertionError):
            compare_moments("different", other, normal)
