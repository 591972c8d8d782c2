"""Random networks: what autograd keeps, and what is alive at once, are what torch does."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from hypothesis import assume, given
from torch import Tensor

from archspec import dims
from archspec.analysis.memory import bytes_of, memory, shares
from archspec.analysis.sample import Sample
from archspec.analysis.training import training_memory
from archspec.emit.torch import build
from archspec.ir import Graph, leaves
from archspec.values import Value
from tests.agreement import compiled
from tests.memory_probe import Allocations, kept_bytes, owned
from tests.network import Network, random_inputs
from tests.random_specs.sketch import Sketch
from tests.strategies import specs
from tests.test_random_graphs import share

warnings.filterwarnings("ignore", module="torch")

BATCH: Mapping[str, int] = {"N": 2}


@share(10)
@given(specs())
def test_what_autograd_keeps(spec: Sketch) -> None:
    """Byte for byte, where the rules of docs/costs.md hold: operands are contiguous, and no kernel has a workspace."""
    graph = compiled(spec)
    model = build(graph)
    assume(not any(is_beyond_the_rules(graph, position) for position in range(len(graph.nodes))))
    assume(all(is_plain(x) for x in operands(graph, model)))
    assert training_memory(graph, batch=2).saved == kept_bytes(model, random_inputs(graph, BATCH))


def is_plain(x: Tensor) -> bool:
    """Contiguous, and in one order only: for a volume of one channel, kernels may choose the other, and copy it."""
    return x.is_contiguous() and not (x.ndim == 5 and x.is_contiguous(memory_format=torch.channels_last_3d))


def is_beyond_the_rules(graph: Graph, position: int) -> bool:
    """An LSTM has a workspace, and a transposed convolution that crops more than it adds keeps what it crops; torch
    writes CrossMapLRN2d in Python, with tensors that it resizes."""
    op: Any = graph.nodes[position].op
    if op.name.startswith("ConvTranspose"):
        return any(p > d * (k - 1) for p, d, k in zip(op.padding, op.dilation, op.kernel_size, strict=True))
    if op.name in ("RNN", "GRU"):  # of one step, which is not put together with others
        return dims.value(graph.inputs_of(graph.nodes[position])[0].shape[1]) == 1
    return op.name in ("LSTM", "CrossMapLRN2d")


def operands(graph: Graph, model: torch.nn.Module) -> Iterator[Tensor]:
    """All tensors that a node reads in training."""
    values, _ = Network(graph, model.train()).run(random_inputs(graph, BATCH), True, BATCH)
    for node in graph.nodes:
        yield from (values[value] for value in node.inputs if value in values)


@share(10)
@given(specs())
def test_what_is_alive_at_once(spec: Sketch) -> None:
    """The nodes are run one by one, each value dropped after its last reader. What kernels allocate for themselves, or
    hand over with their result, is measured apart: without any the peaks are equal."""
    graph = compiled(spec)
    assume(not any(node.op.name == "CrossMapLRN2d" for node in graph.nodes))
    assume(all(x.is_contiguous() for x in operands(graph, build(graph))))  # a view of others may be a copy
    said = memory(flat(graph), batch=2).activation_peak_bytes
    assert said is not None
    peak, beyond = run(graph)
    assert said <= peak <= said + beyond


def flat(graph: Graph) -> Graph:
    """The same nodes without scopes, which would hold what enters them."""
    return replace(graph, root=replace(graph.root, children=tuple(range(len(graph.nodes)))))


def run(graph: Graph) -> tuple[int, int]:
    """The peak in evaluation; and what lies beyond what is said: the most that a node takes while it runs, and all that
    results lie in besides themselves."""
    model = build(graph).eval()
    network, sample = Network(graph, model), Sample.of(graph, 2)
    last = last_readers(graph)
    values: dict[Value, Tensor] = {}
    most = besides = 0
    weights = [tensor for program in network.programs for tensor in owned(program)]
    with torch.no_grad(), Allocations(*weights, *owned(model)) as allocations:
        for position, tensor in enumerate(random_inputs(graph, BATCH)):
            values[Value(-1 - position)] = tensor
            allocations.count(tensor)
        del tensor
        allocations.peak = sum(allocations.live.values())
        for position, (node, program) in enumerate(zip(graph.nodes, network.programs, strict=True)):
            if graph.modes[position] == "training":
                continue
            program.sizes = BATCH
            outer, before = allocations.peak, sum(allocations.live.values())
            allocations.peak = before
            results = program.eval()(*(values[value] for value in node.inputs))
            said = taken(sample, position)
            most = max(most, allocations.peak - before - said)
            allocations.peak = max(outer, allocations.peak)
            besides += max(0, sum(allocations.live.values()) - before - said)
            values |= {Value(position, part): result for part, result in enumerate(results)}
            del results
            for value in [value for value in values if last.get(value, value.node) <= position]:
                del values[value]
    return allocations.peak, most + besides


def last_readers(graph: Graph) -> dict[Value, int]:
    """The last node that needs each value; outputs are needed to the end."""
    last: dict[Value, int] = {}
    for position, node in enumerate(graph.nodes):
        if graph.modes[position] != "training":
            last |= dict.fromkeys((*node.inputs, *node.reads), position)
    for entry in graph.outputs.entries:
        if entry.mode != "training":
            last |= dict.fromkeys(leaves(entry.value), len(graph.nodes))
    return last


def taken(sample: Sample, position: int) -> int:
    """The bytes that a node is said to take."""
    node, outputs = sample.graph.nodes[position], sample.outputs[position]
    others = node.op.by_products(sample.operands[position], outputs)
    own = () if shares(node) or (not node.inputs and node.op.state()) else outputs
    return sum(bytes_of(x) or 0 for x in (*own, *others))
