"""`expect:` against what is inferred, and the facts about input sizes."""

from __future__ import annotations

from pathlib import Path

import pytest

from archspec import api
from archspec.analysis.expect import check_expectations
from archspec.analysis.interface import size_interface
from archspec.diagnostics import Diagnostic
from archspec.ir import Graph

SPECS = Path(__file__).parent.parent / "specs"


def graph_of(nodes: str, expect: str = "", shape: str = "[N, 3, 32, 48]", rest: str = "") -> Graph:
    body = "\n".join(f"  {line}" for line in nodes.strip().splitlines())
    beliefs = f"expect: {{{expect}}}" if expect else ""
    return api.loads(f"archspec: 1\nname: net\ninput: {shape}\n{rest}\ngraph:\n{body}\n{beliefs}\n")


NET = """
conv: {op: Conv2d, out_channels: 8, kernel_size: 3}
bn: BatchNorm2d
pool: {op: Conv2d, out_channels: 8, kernel_size: [3, 5], stride: 2}
mean: {op: mean, dim: [2, 3]}
fc: {op: Linear, out_features: 10}
"""


def mismatches(expect: str, nodes: str = NET, rest: str = "") -> list[Diagnostic]:
    return check_expectations(graph_of(nodes, expect, rest=rest))


def test_what_is_true_passes() -> None:
    params = 8 * 28 + 16 + 8 * (8 * 15 + 1) + 90
    macs = 8 * 30 * 46 * 27 + 8 * 14 * 21 * 120 + 80
    assert mismatches(f"params: {params}, macs: {macs}, buffers: 17, output: [N, 10], receptive_field: [5, 7]") == []


@pytest.mark.parametrize(
    ("expect", "message", "label"),
    [
        ("params: 1299", "the network has 1,298 params, expected 1,299", "1 fewer than expected"),
        ("buffers: 16", "the network has 17 buffers, expected 16", "1 more than expected"),
        ("macs: 3", "the network has 580,400 MACs, expected 3", "580,397 more than expected"),
        ("output: [N, 11]", "the output is [N, 10], expected [N, 11]", "axis 1 is 10"),
        ("output: [M, 10]", "the output is [N, 10], expected [M, 10]", "axis 0 is N"),
        ("output: [N, 10, 1]", "the output is [N, 10], expected [N, 10, 1]", "2 axes, not 3"),
        ("outputs: {logits: [N, 10]}", "there is no output `logits`", "expected here"),
        ("receptive_field: 7", "the receptive field is [5, 7], expected 7", "of the output's local path"),
    ],
)
def test_what_is_not_true(expect: str, message: str, label: str) -> None:
    (found,) = mismatches(expect)
    assert (found.code, found.message, found.label) == ("expect-mismatch", message, label)
    assert found.span is not None
    line = found.span.source.text.splitlines()[found.span.line - 1]
    assert line[found.span.column - 1 : found.span.end_column - 1] == expect.partition(": ")[2]


def test_the_difference_is_named() -> None:
    (found,) = mismatches("params: 1208")
    assert found.help == "the difference is as large as `fc`"
    (found,) = mismatches("params: 1314")
    assert found.help == "the difference is as large as `bn` or every `bias` of `Conv2d`"


def test_outputs_by_name_in_order_and_nested() -> None:
    nodes = (
        "a: {op: Conv2d, out_channels: 8, kernel_size: 1}\nb: {op: Conv2d, out_channels: 4, kernel_size: 1, stride: 2}"
    )
    rest = "outputs: {levels: [a, b], last: b}"
    assert mismatches("outputs: {levels: [[N, 8, H, W], [N, 4, 16, 24]], last: [N, 4, 16, 24]}", nodes, rest) == []
    (found,) = mismatches("outputs: {levels: [[N, 8, H, W], [N, 4, 16, 23]]}", nodes, rest)
    assert found.message == "output `levels`, part 1, is [N, 4, 16, 24], expected [N, 4, 16, 23]"
    assert mismatches("output: [[N, 8, 32, 48], [N, 4, 16, 24]]", nodes, "outputs: [a, b]") == []
    (found,) = mismatches("output: [[N, 8, 32, 48]]", nodes, "outputs: [a, b]")
    assert found.message == "the output has 2 parts, expected 1"
    assert found.label == "write a shape for each, or name them" and found.span is not None


def test_no_field_to_expect() -> None:
    graph = graph_of("a: {op: Linear, out_features: 3}", "receptive_field: 3", "[N, 8]")
    assert [found.message for found in check_expectations(graph)] == ["the output has no receptive field, expected 3"]


# Sizes


def test_a_fully_convolutional_network_takes_every_size() -> None:
    assert size_interface(graph_of("a: {op: Conv2d, out_channels: 8, kernel_size: 3, padding: 1}")) == []


def test_pins_name_the_axis_and_who_pins_it() -> None:
    assert size_interface(graph_of("a: {op: Linear, out_features: 8}")) == ["axis W is pinned to 48 by `a`"]
    nodes = "a: {op: MaxPool2d, kernel_size: 4}\nb: flatten\nc: {op: Linear, out_features: 8}"
    assert size_interface(graph_of(nodes))[0] == "axes H and W are pinned by `c`: (H // 4) * (W // 4) = 96"


def test_smallest_sizes() -> None:
    nodes = "a: {op: MaxPool2d, kernel_size: 4}\nb: {op: Conv2d, out_channels: 2, kernel_size: 3}"
    assert size_interface(graph_of(nodes)) == ["`b` needs H >= 12", "`b` needs W >= 12"]


def test_a_concatenation_needs_multiples() -> None:
    nodes = """
down: {op: MaxPool2d, kernel_size: 8}
up: {op: Upsample, scale_factor: 8}
both: {op: cat, from: [input, up]}
"""
    facts = size_interface(graph_of(nodes))
    assert "`both` needs H = 0 (mod 8)" in facts
    assert "`both` needs W = 0 (mod 8)" in facts


def test_a_patch_merge_needs_multiples() -> None:
    facts = size_interface(graph_of("a: {op: PixelUnshuffle, downscale_factor: 4}"))
    assert "`a` needs H = 0 (mod 4)" in facts


def test_channels_go_without_saying() -> None:
    assert size_interface(api.load(SPECS / "resnet.yaml", variant="resnet18")) == []
