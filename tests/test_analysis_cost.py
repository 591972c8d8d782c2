"""Parameters, buffers and MACs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from archspec import api
from archspec.analysis.cost import Cost, costs
from archspec.dims import show
from archspec.emit.torch import build
from archspec.ir import Graph

SPECS = Path(__file__).parent.parent / "specs"

PUBLISHED = {
    ("alexnet", None): (61_100_840, 714_188_480),
    ("vgg", "vgg16"): (138_357_544, 15_470_264_320),
    ("resnet", "resnet18"): (11_689_512, 1_814_073_344),
    ("resnet", "resnet50"): (25_557_032, 4_089_184_256),
    ("resnet", "resnet152"): (60_192_808, 11_513_626_624),
    ("densenet", "densenet121"): (7_978_856, 2_834_161_664),
}
"""Parameters and MACs of torchvision's modules: half of what FlopCounterMode counts."""


@pytest.mark.parametrize(("name", "variant"), PUBLISHED)
def test_published_networks(name: str, variant: str | None) -> None:
    total = costs(api.load(SPECS / f"{name}.yaml", variant=variant)).total
    assert (total.params, total.macs) == PUBLISHED[name, variant]
    assert total.trainable == total.params


def graph_of(nodes: str, shape: str = "[N, 3, 8, 8]", rest: str = "") -> Graph:
    body = "\n".join(f"  {line}" for line in nodes.strip().splitlines())
    return api.loads(f"archspec: 1\nname: net\ninput: {shape}\n{rest}\ngraph:\n{body}\n")


def test_every_kind_of_product_costs_what_torch_counts() -> None:
    graph = graph_of(
        """
conv: {op: Conv2d, out_channels: 8, kernel_size: 3, groups: 1}
up: {op: ConvTranspose2d, out_channels: 6, kernel_size: 2, stride: 2}
tokens: {op: flatten, start_dim: 2}
rows: {op: transpose, dim0: 1, dim1: 2}
attention: {op: MultiheadAttention, num_heads: 2, batch_first: true}
linear: {op: Linear, out_features: 5}
columns: {op: transpose, dim0: 1, dim1: 2}
product: {op: matmul, from: [columns, linear]}
"""
    )
    model = build(graph, device="meta").eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.empty(1, 3, 8, 8, device="meta"))
    assert costs(graph).total.macs == counter.get_total_flops() // 2


def test_a_module_called_twice_is_owned_once_and_runs_twice() -> None:
    graph = graph_of("a: {op: Conv2d, out_channels: 3, kernel_size: 1}\nb: {reuse: a, from: a}")
    found = costs(graph)
    assert [cost.params for cost in found.nodes] == [12, 0]
    assert found.total == Cost(12, 12, 0, 2 * 9 * 64)


def test_a_tied_parameter_counts_once() -> None:
    graph = graph_of(
        "a: {op: Linear, out_features: 8, bias: false}\n"
        "b: {op: Linear, out_features: 8, bias: false, tie: {weight: a.weight}}"
    )
    assert costs(graph).total.params == 64


def test_frozen_parameters_and_buffers() -> None:
    graph = graph_of("a: {op: Conv2d, out_channels: 4, kernel_size: 1}\nb: BatchNorm2d", rest="freeze: ['a.*']")
    assert costs(graph).total == Cost(16 + 8, 8, 4 + 4 + 1, 12 * 64, 2 * 4 * 64)
    assert costs(graph).total.frozen == 16


def test_training_only_nodes_are_shown_but_not_summed() -> None:
    graph = graph_of(
        "a: {op: Conv2d, out_channels: 4, kernel_size: 1}\naux: {op: Conv2d, out_channels: 2, kernel_size: 1, from: a}",
        rest="outputs: {main: a, aux: {from: aux, only: training}}",
    )
    found = costs(graph)
    assert [cost.macs for cost in found.nodes] == [12 * 64, 8 * 64]
    assert found.total == Cost(16 + 10, 26, 0, 12 * 64)


def test_scopes_are_sums() -> None:
    graph = api.load(SPECS / "resnet.yaml", variant="resnet18")
    found = costs(graph)
    parts = [found.scope(scope) for scope in graph.root.scopes()]
    nodes = [found.nodes[child] for child in graph.root.children if isinstance(child, int)]
    assert sum(cost.params for cost in (*parts, *nodes)) == found.total.params
    assert found.scope(graph.scopes["layer1.0"]).params == 73_984


def test_costs_are_for_one_sample_whatever_the_batch() -> None:
    nodes = "a: {op: Conv2d, out_channels: 4, kernel_size: 3}"
    assert costs(graph_of(nodes, "[16, 3, 8, 8]")) == costs(graph_of(nodes))


def test_an_unknown_size_leaves_a_closed_form() -> None:
    total = costs(graph_of("a: {op: Conv2d, out_channels: 4, kernel_size: 1}", "[N, 3, H, 8]")).total
    assert show(total.macs) == "96 * H"


def test_work_by_kind_adds_up() -> None:
    graph = api.load(SPECS / "resnet.yaml", variant="resnet18")
    found = costs(graph)
    scope = graph.scopes["layer1"]
    assert sum(int(str(ops)) for ops in found.ops_by_category().values()) == found.total.ops
    kinds = found.ops_by_category(scope.start, scope.end)
    elements = 64 * 56 * 56
    assert kinds == {"normalization": 4 * 2 * elements, "activation": 4 * elements, "arithmetic": 2 * elements}
    assert found.scope(scope).ops == 14 * elements


def test_work_in_training_alone_is_not_summed() -> None:
    graph = graph_of("a: ReLU\naux: {op: Tanh, from: a}", rest="outputs: {main: a, aux: {from: aux, only: training}}")
    assert costs(graph).total.ops == 192
    assert costs(graph).ops_by_category() == {"activation": 192}


def test_work_on_an_unknown_size_is_a_closed_form() -> None:
    assert show(costs(graph_of("a: BatchNorm2d", "[N, 3, H, 8]")).total.ops) == "48 * H"
