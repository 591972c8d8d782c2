"""Modules that are copied instead of constructed are those that the constructor makes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import archspec
from archspec.emit.copies import can_be_copied
from archspec.emit.torch import build

RULES = "init:\n  Conv2d: {weight: {op: kaiming_normal_, mode: fan_out}}\n"
NETWORK = """
archspec: 1
name: network
input: [N, 4, 8, 8]
graph:
  token: {op: Parameter, shape: [4, 1, 1], value: 0.5}
  scale: {op: Buffer, shape: [4, 1, 1], value: 2.0}
  mul: {op: mul, from: [input, scale]}
  add: {op: add, from: [mul, token]}
  stem:
    - {op: Conv2d, out_channels: 8, kernel_size: 3, padding: 1, padding_mode: reflect}
    - BatchNorm2d
    - {op: PReLU, num_parameters: 8}
  tokens: {op: flatten, start_dim: 2}
  attention: {op: MultiheadAttention, num_heads: 4, batch_first: true}
  norm: LayerNorm
  head: {op: Linear, out_features: 64, bias: false}
  tail: {op: Linear, out_features: 64, tie: {weight: head.weight}}
"""


def assert_alike(first: nn.Module, second: nn.Module) -> None:
    """The same attributes of every module, nothing shared that could be changed."""
    for one, other in zip(first.modules(), second.modules(), strict=True):
        assert type(one) is type(other) and one.__dict__.keys() == other.__dict__.keys()
        for name, value in one.__dict__.items():
            if isinstance(value, dict | set | list):
                assert other.__dict__[name] is not value, name
            else:
                assert other.__dict__[name] == value, name
    assert {t.data_ptr() for t in tensors(first)}.isdisjoint(t.data_ptr() for t in tensors(second))


def tensors(model: nn.Module) -> list[torch.Tensor]:
    return [tensor for tensor in model.state_dict().values() if tensor.numel()]


def seeded(graph: Any) -> nn.Module:
    torch.manual_seed(0)
    return build(graph)


@pytest.mark.parametrize("name", ["resnet18", "vit_s_16", "efficientnet_b0", "convnext_tiny"])
def test_further_modules_of_a_graph_are_like_the_first(name: str) -> None:
    graph = archspec.load(name)
    first, second, third = (seeded(graph) for _ in range(3))
    for other in (second, third):
        assert_alike(first, other)
        assert repr(first) == repr(other)
        for (key, a), (same, b) in zip(first.state_dict().items(), other.state_dict().items(), strict=True):
            assert key == same and torch.equal(a, b), key


def test_tensors_by_themselves_and_shared_ones() -> None:
    graph = archspec.loads(NETWORK + RULES)
    first, _, second = seeded(graph), seeded(graph), seeded(graph)
    assert_alike(first, second)
    assert second.tail.weight is second.head.weight
    assert torch.equal(second.token, torch.full((4, 1, 1), 0.5)) and torch.equal(
        second.scale, torch.full((4, 1, 1), 2.0)
    )
    for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    x = torch.randn(2, 4, 8, 8)
    assert torch.equal(first.eval()(x), second.eval()(x))


@pytest.mark.parametrize(
    "nodes",
    [
        ["norm: BatchNorm2d", "conv: {op: Conv2d, out_channels: 4, kernel_size: 1, tie: {bias: norm.bias}}"],
        ["conv: {op: Conv2d, out_channels: 4, kernel_size: 1}", "norm: {op: BatchNorm2d, tie: {bias: conv.bias}}"],
    ],
)
def test_a_constant_tensor_that_another_layer_shares(nodes: list[str]) -> None:
    """A norm's bias starts with zeros, a convolution's with random numbers: what is initialised last counts."""
    graph = archspec.loads(
        "archspec: 1\ninput: [N, 4, 8, 8]\ngraph:\n" + "".join(f"  {node}\n" for node in nodes) + RULES
    )
    first, _, third = seeded(graph), seeded(graph), seeded(graph)
    assert third.conv.bias is third.norm.bias
    assert torch.equal(first.conv.bias, third.conv.bias)


def test_what_happens_to_a_module_stays_with_it() -> None:
    graph = archspec.load("resnet18", params={"num_classes": 3})
    first = build(graph)
    first.register_forward_hook(lambda *_: None)
    first.conv1.stride = (1, 1)
    first.fc = nn.Linear(1, 1)
    build(graph)
    second = build(graph)
    assert not second._forward_hooks and second.conv1.stride == (2, 2) and second.fc.out_features == 3


def test_the_third_module_of_equal_source_is_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "archspec: 1\nextends: resnet.yaml\nvariant: resnet18\nparams: {num_classes: 5}\n"
    graphs = [archspec.loads(text) for _ in range(3)]  # `load` would give the same one
    for graph in graphs[:2]:
        build(graph)
    monkeypatch.setattr(nn.Conv2d, "__init__", lambda *_: pytest.fail("constructed"))
    assert build(graphs[2]).conv1.out_channels == 64


def test_other_defaults_are_respected() -> None:
    graph = archspec.load("resnet18", params={"num_classes": 3})
    build(graph)
    torch.set_default_dtype(torch.float64)
    try:
        assert build(graph).conv1.weight.dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    with torch.device("meta"):
        assert build(graph, init=False).conv1.weight.is_meta
    assert build(graph).conv1.weight.dtype == torch.float32


RECURRENT = """
archspec: 1
input: [N, 5, 4]
graph:
  lstm: {op: LSTM, hidden_size: 3, batch_first: true}
outputs: [lstm.output, lstm.h_n, lstm.c_n]
"""


def test_recurrent_layers_are_constructed() -> None:
    model = build(archspec.loads(RECURRENT), init=False)
    assert not can_be_copied(model, type(model).__module__)
    assert not can_be_copied(build(archspec.load("resnet18"), device="meta"), "another module")
