"""Memory: the weights by dtype, and the peak of live activations in inference, for one sample.

The schedule is the order of the nodes. A tensor is freed after its last reader; what enters a scope is held until the
scope has returned, as the caller's frame holds an argument. Views and in-place results share their input's memory.
Weights are no activations, and neither is what a kernel allocates for itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from archspec.analysis.sample import Sample, sizes
from archspec.ir import Graph, Node, Scope, leaves
from archspec.values import TensorType, Value

BYTES = {
    "float64": 8, "int64": 8, "complex64": 8, "complex128": 16, "float32": 4, "int32": 4,
    "float16": 2, "bfloat16": 2, "int16": 2, "int8": 1, "uint8": 1, "bool": 1,
}  # fmt: skip
"""Bytes per element."""

_COPIES = frozenset({"pad", "einsum"})
"""Ops whose result is a view in special cases only."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes. `activation_peak_bytes` is None where a size is not known; `peak` is the node that runs at the peak."""

    weight_bytes: int
    weights: Mapping[str, int]  # by dtype, buffers included
    activation_peak_bytes: int | None
    peak: str | None


def memory(graph: Graph, sample: Sample | None = None) -> Memory:
    """The memory a graph needs."""
    weights: dict[str, int] = {}
    for _, _, state in graph.state():
        weights[state.dtype] = weights.get(state.dtype, 0) + math.prod(state.shape) * BYTES[state.dtype]
    return Memory(sum(weights.values()), weights, *_peak(sample or Sample.of(graph)))


@dataclass(slots=True)
class _Storage:
    """A piece of memory, alive from the start of node `birth` to the end of node `death`."""

    size: int
    birth: int
    death: int


def _peak(sample: Sample) -> tuple[int | None, str | None]:
    graph = sample.graph
    if not graph.nodes:
        return None, None
    around = _enclosing(graph)
    storages: dict[Value, _Storage] = {}
    for position, x in enumerate(sample.inputs):
        size = _bytes(x)
        if size is None:
            return None, None
        storages[Value(-1 - position)] = _Storage(size, 0, 0)
    for position, (node, outputs) in enumerate(zip(graph.nodes, sample.outputs, strict=True)):
        if graph.modes[position] == "training":
            continue
        for value in (*node.inputs, *node.reads):
            storage = storages[value]
            storage.death = max(storage.death, _held_until(value.node, position, around[position]))
        shared = storages[node.inputs[0]] if _shares(node) else None
        for part, x in enumerate(outputs):
            size = 0 if not node.inputs and node.op.state() else _bytes(x)
            if size is None:
                return None, None
            storages[Value(position, part)] = shared or _Storage(size, position, position)
    for entry in graph.outputs.entries:
        if entry.mode != "training":
            for value in leaves(entry.value):
                storages[value].death = len(graph.nodes) - 1
    return _highest(graph, storages)


def _highest(graph: Graph, storages: Mapping[Value, _Storage]) -> tuple[int, str]:
    change = [0] * (len(graph.nodes) + 1)
    for storage in {id(storage): storage for storage in storages.values()}.values():
        change[storage.birth] += storage.size
        change[storage.death + 1] -= storage.size
    live = peak = at = 0
    for position in range(len(graph.nodes)):
        live += change[position]
        if live > peak:
            peak, at = live, position
    return peak, graph.nodes[at].path


def _enclosing(graph: Graph) -> list[tuple[Scope, ...]]:
    """Per node the scopes around it, outermost first, the root left out."""
    found: list[tuple[Scope, ...]] = [()] * len(graph.nodes)

    def visit(scope: Scope, chain: tuple[Scope, ...]) -> None:
        for child in scope.children:
            if isinstance(child, int):
                found[child] = chain
            else:
                visit(child, (*chain, child))

    visit(graph.root, ())
    return found


def _held_until(made: int, read: int, around: tuple[Scope, ...]) -> int:
    """The last node during which a value from node `made` is held because node `read` uses it. A graph's own input is
    the caller's to drop."""
    if made < 0:
        return read
    return next((scope.end - 1 for scope in around if scope.start > made), read)


def _shares(node: Node) -> bool:
    op = node.op
    return bool(node.inputs) and (op.inplace_on_input or (op.is_view and op.name not in _COPIES))


def _bytes(x: TensorType) -> int | None:
    shape = sizes(x)
    return None if shape is None else math.prod(shape) * BYTES[x.dtype]
