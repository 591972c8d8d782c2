"""Peaks of live activations, by hand and against what a forward pass holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from archspec import api
from archspec.analysis.memory import Memory, memory
from archspec.emit.torch import build
from archspec.ir import Graph
from tests.memory_probe import inference_peak
from tests.network import random_inputs

SPECS = Path(__file__).parent.parent / "specs"


NETWORKS: list[tuple[str, str | None, tuple[int, int, int] | None]] = [
    ("resnet", "resnet18", None),
    ("resnet", "resnet50", (3, 64, 64)),
    ("densenet", "densenet121", (3, 96, 96)),
    ("vgg", "vgg11", (3, 64, 64)),
    ("vit", "vit_b_16", None),
    ("convnext", "convnext_tiny", (3, 96, 96)),
    ("lenet5", None, None),
]


@pytest.mark.parametrize(("name", "variant", "input"), NETWORKS)
def test_networks_hold_what_we_say(name: str, variant: str | None, input: tuple[int, int, int] | None) -> None:
    """To the byte, in the built module on a CPU."""
    graph = api.load(SPECS / f"{name}.yaml", variant=variant, input=input)
    found = memory(graph, batch=2).activation_peak_bytes
    assert found == inference_peak(build(graph, init=False), random_inputs(graph, {"N": 2}))


def graph_of(nodes: str, shape: str = "[N, 1, 16]", rest: str = "") -> Graph:
    body = "\n".join(f"  {line}" for line in nodes.strip().splitlines())
    return api.loads(f"archspec: 1\nname: net\ninput: {shape}\n{rest}\ngraph:\n{body}\n")


def memory_of(nodes: str, shape: str = "[N, 1, 16]", rest: str = "") -> Memory:
    return memory(graph_of(nodes, shape, rest))


def peak(nodes: str, shape: str = "[N, 1, 16]", rest: str = "") -> tuple[float | None, str | None]:
    """In rows of 16 floats."""
    found = memory_of(nodes, shape, rest)
    bytes_ = found.activation_peak_bytes
    return None if bytes_ is None else bytes_ / 64, found.peak


def test_a_chain_holds_two_tensors() -> None:
    conv = "{op: Conv1d, out_channels: %d, kernel_size: 1}"
    assert peak(f"a: {conv % 5}\nb: {conv % 7}\nc: {conv % 4}") == (12, "b")


def test_a_residual_is_held_until_it_is_read() -> None:
    conv = "{op: Conv1d, out_channels: %d, kernel_size: 1}"
    assert peak(f"a: {conv % 5}\nb: {conv % 9}\nc: {conv % 5}\nd: {{op: add, from: [a, c]}}") == (19, "c")


def test_views_and_in_place_results_take_nothing() -> None:
    nodes = "a: {op: Conv1d, out_channels: 5, kernel_size: 1}\nb: {op: ReLU, inplace: true}\nc: flatten\nd: Dropout"
    assert peak(nodes) == (6, "a")
    assert peak(nodes.replace("inplace: true", "inplace: false")) == (10, "b")


def test_a_view_keeps_its_input_alive() -> None:
    conv = "{op: Conv1d, out_channels: %d, kernel_size: 1}"
    part = "{op: slice, dim: 1, end: 1}"
    nodes = f"a: {conv % 6}\nb: {part}\nc: {conv % 8}\nd: {conv % 9}\ne: {{op: add, from: [d, b]}}"
    assert peak(nodes) == (24, "e")


def test_what_enters_a_block_is_held_until_the_block_returns() -> None:
    conv = "{op: Conv1d, out_channels: %d, kernel_size: 1}"
    flat = f"a: {conv % 8}\nb: {conv % 5}\nc: {conv % 5}"
    assert peak(flat) == (13, "b")
    assert peak(f"block:\n  a: {conv % 8}\n  b: {conv % 5}") == (14, "block.b")  # the network's input too
    assert peak(f"a: {conv % 8}\nblock:\n  b: {conv % 5}\n  c: {conv % 5}") == (18, "block.c")


def test_outputs_live_to_the_end() -> None:
    conv = "{op: Conv1d, out_channels: %d, kernel_size: 1}"
    nodes = f"a: {conv % 8}\nb: {conv % 5}\nc: {conv % 7}"
    assert peak(nodes, rest="outputs: [a, c]") == (20, "c")


def test_training_only_nodes_hold_nothing() -> None:
    conv = "{op: Conv1d, out_channels: %d, kernel_size: 1, from: %s}"
    nodes = f"a: {conv % (8, 'input')}\naux: {conv % (50, 'a')}\nc: {conv % (7, 'a')}"
    assert peak(nodes, rest="outputs: {main: c, aux: {from: aux, only: training}}") == (15, "c")


def test_what_a_kernel_returns_and_nobody_takes_counts() -> None:
    """A maximum always says where it was, in int64."""
    nodes = "a: {op: Unflatten, dim: 1, unflattened_size: [1, 1]}\nb: {op: MaxPool2d, kernel_size: [1, 2]}"
    assert peak(nodes) == (1 + 0.5 + 1, "b")


def test_a_batch_of_several() -> None:
    nodes = "p: {op: Parameter, shape: [16], init: zeros_}\na: {op: add, from: [input, p]}\nb: ReLU"
    found = memory_of(nodes), memory(graph_of(nodes), batch=5)
    assert [each.activation_peak_bytes for each in found] == [128, 640]
    assert found[0].weight_bytes == found[1].weight_bytes


def test_weights_are_counted_by_dtype() -> None:
    found = memory_of("a: {op: Conv1d, out_channels: 4, kernel_size: 1}\nb: BatchNorm1d")
    assert found.weights == {"float32": 4 * (4 + 4 + 4 * 4), "int64": 8}
    assert found.weight_bytes == 104


def test_parameters_are_no_activations() -> None:
    nodes = """
p: {op: Parameter, shape: [1, 100, 16], init: zeros_}
a: {op: mean, dim: 1, keepdim: true, from: p}
b: {op: add, from: [input, a]}
"""
    assert peak(nodes) == (3, "b")


def test_an_unknown_size_leaves_the_peak_open() -> None:
    assert peak("a: {op: Conv1d, out_channels: 4, kernel_size: 1}", "[N, 1, L]") == (None, None)
