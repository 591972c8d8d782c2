"""Peaks of live activations, by hand and against what a forward pass holds."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from archspec import api
from archspec.analysis.memory import Memory, memory
from archspec.emit.torch import build
from archspec.ir import Graph

SPECS = Path(__file__).parent.parent / "specs"


class Allocations(TorchDispatchMode):
    """Adds up the storages that are alive, but for those that were there before."""

    def __init__(self, *known: Tensor) -> None:
        super().__init__()
        self.known = {tensor.untyped_storage()._cdata for tensor in known}
        self.live: dict[int, int] = {}
        self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                if storage._cdata not in self.known and storage._cdata not in self.live:
                    self.live[storage._cdata] = storage.nbytes()
                    weakref.finalize(storage, self.live.pop, storage._cdata, None)
        self.peak = max(self.peak, sum(self.live.values()))
        return result


def measured(graph: Graph) -> int:
    """The peak of a forward pass on the meta device; what the input takes is left out."""
    model = build(graph, device="meta").eval()
    shape = [1 if axis == 0 else int(str(dim)) for axis, dim in enumerate(graph.inputs[0].type.shape)]
    x = torch.empty(shape, device="meta")
    with torch.no_grad(), Allocations(x, *model.parameters(), *model.buffers()) as allocations:
        model(x)
    return allocations.peak


MEBIBYTES = {
    ("resnet", "resnet50"): 9.95,
    ("resnet", "resnet152"): 9.95,
    ("densenet", "densenet121"): 7.66,
    ("vgg", "vgg16"): 24.5,
}


@pytest.mark.parametrize(("name", "variant"), MEBIBYTES)
def test_networks_hold_what_we_say(name: str, variant: str | None) -> None:
    graph = api.load(SPECS / f"{name}.yaml", variant=variant)
    found = memory(graph).activation_peak_bytes
    assert found is not None
    assert round(found / 2**20, 2) == MEBIBYTES[name, variant]
    assert 0 <= measured(graph) - found < 10_000  # a normalisation's kernel takes a few vectors of its own


def memory_of(nodes: str, shape: str = "[N, 1, 16]", rest: str = "") -> Memory:
    body = "\n".join(f"  {line}" for line in nodes.strip().splitlines())
    return memory(api.loads(f"archspec: 1\nname: net\ninput: {shape}\n{rest}\ngraph:\n{body}\n"))


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
    assert peak(f"a: {conv % 8}\nblock:\n  b: {conv % 5}\n  c: {conv % 5}") == (18, "block.c")


def test_outputs_live_to_the_end() -> None:
    conv = "{op: Conv1d, out_channels: %d, kernel_size: 1}"
    nodes = f"a: {conv % 8}\nb: {conv % 5}\nc: {conv % 7}"
    assert peak(nodes, rest="outputs: [a, c]") == (20, "c")


def test_training_only_nodes_hold_nothing() -> None:
    conv = "{op: Conv1d, out_channels: %d, kernel_size: 1, from: %s}"
    nodes = f"a: {conv % (8, 'input')}\naux: {conv % (50, 'a')}\nc: {conv % (7, 'a')}"
    assert peak(nodes, rest="outputs: {main: c, aux: {from: aux, only: training}}") == (15, "c")


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
