"""Random networks: what autograd keeps, and what is alive at once in inference and in training, are what torch does."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from archspec import api
from archspec.analysis.bytes import bytes_of
from archspec.analysis.memory import memory, shares
from archspec.analysis.sample import Sample
from archspec.analysis.training import training_memory
from archspec.diagnostics import SpecError
from archspec.emit.torch import build
from archspec.ir import Graph, leaves
from archspec.values import Value
from tests.agreement import compiled
from tests.memory_probe import Allocations, kept_bytes, owned, training_peak
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
    """An LSTM has a workspace; torch writes CrossMapLRN2d in Python, with tensors that it resizes; a transposed
    convolution that crops more than it adds keeps what it crops; one of volumes with a kernel of 1, and an Unfold that
    passes over positions, write to a piece as large as their operand."""
    node = graph.nodes[position]
    op: Any = node.op
    if op.name.startswith("ConvTranspose"):
        if any(p > d * (k - 1) for p, d, k in zip(op.padding, op.dilation, op.kernel_size, strict=True)):
            return True
        return op.name == "ConvTranspose3d" and set(op.kernel_size) == {1} and shrinks(graph, position)
    return op.name in ("LSTM", "CrossMapLRN2d") or (op.name == "Unfold" and shrinks(graph, position))


def shrinks(graph: Graph, position: int) -> bool:
    """Whether a node's result takes less memory than its operand."""
    sample = Sample.of(graph)
    return (bytes_of(sample.outputs[position][0]) or 0) < (bytes_of(sample.operands[position][0]) or 0)


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


LOSS = 8
"""Bytes of a loss and its gradient, which the measurement has."""

LAYERS = {
    "conv": "{{op: Conv2d, out_channels: {}, kernel_size: {}, padding: 1, bias: {}}}",
    "pool": "{{op: {}Pool2d, kernel_size: 2}}",
    "act": "{{op: {}}}",
    "relu": "{{op: ReLU, inplace: true}}",
    "norm": "{{op: {}}}",
    "drop": "{{op: Dropout}}",
    "merge": "{{op: {}, from: [{}, {}]}}",
}  # fmt: skip
WORDS = {
    "conv": ([2, 4, 8], [1, 3], ["true", "false"]), "pool": (["Max", "Avg"],), "act": (["GELU", "SiLU", "Sigmoid"],),
    "norm": (["BatchNorm2d", "GroupNorm, num_groups: 1"],), "merge": (["add", "add", "mul", "cat"],),
}  # fmt: skip
"""What may stand in their places, but for names of nodes."""


@st.composite
def trained(draw: st.DrawFn) -> str:
    """Networks of layers whose kernels allocate nothing for themselves, whose paths part and meet again."""
    text = f"archspec: 1\ninput: [N, 3, {draw(st.sampled_from([8, 12]))}, 8]\ngraph:\n"
    text += "  n0: {op: Conv2d, out_channels: 4, kernel_size: 3, padding: 1}\n"
    names = ["n0"]
    for _ in range(draw(st.integers(1, 10))):
        kind = draw(st.sampled_from(list(LAYERS)))
        words = [draw(st.sampled_from(choice)) for choice in WORDS.get(kind, ())]
        words += [names[-1], draw(st.sampled_from(names))] if kind == "merge" else []
        more = text + f"  n{len(names)}: {LAYERS[kind].format(*words)}\n"
        try:
            api.loads(more)
        except SpecError:  # it does not fit here, or writes over what others read
            continue
        text = more
        names.append(f"n{len(names)}")
    return text + ("  flat: flatten\n  fc: {op: Linear, out_features: 5}\n" if draw(st.booleans()) else "")


@share(4)
@given(trained(), st.sampled_from([1, 2, 3]))
def test_the_peak_of_a_training_step(text: str, batch: int) -> None:
    """To the byte, but for the loss. Where a value has several readers, torch adds up gradients in place, but for while
    it is measured; of what was joined a gradient is a part, which kernels copy before they use it."""
    assume(batch > 1 or "BatchNorm" not in text)
    graph = api.loads(text)
    found = training_memory(graph, optimizer="sgd", batch=batch)
    assert found.peak_bytes is not None
    said = found.peak_bytes - found.weights
    measured = training_peak(build(graph), random_inputs(graph, {"N": batch}))
    largest = max(bytes_of(x) or 0 for outputs in Sample.of(graph, batch).outputs for x in outputs)
    read = [value for node in graph.nodes for value in node.inputs]
    beside = largest * (len(set(read)) < len(read)) + 2 * largest * ("op: cat" in text)
    assert said <= measured <= said + beside + LOSS
