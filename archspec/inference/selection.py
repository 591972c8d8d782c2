"""Of a value of which one position is read, only that is computed.

A classifier that reads one token of a transformer's last layer needs that layer at this position alone. Layer norms,
linear layers, activations, sums, and attention with respect to its queries give the same there whether they see the
other positions or not: the selection is made before them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from heapq import heappop, heappush
from itertools import count

from archspec.inference.rewrite import Alone, Rewrite, in_several_uses, with_arguments
from archspec.ir import Graph, Node
from archspec.ops.arithmetic import Add, Mul
from archspec.ops.attention import MultiheadAttention
from archspec.ops.indexing import Select, Slice
from archspec.ops.linear import Linear
from archspec.ops.norm import LayerNorm
from archspec.values import TensorType, Value

ACTIVATIONS = frozenset({"GELU", "gelu", "ReLU", "relu", "SiLU", "silu", "Sigmoid", "sigmoid", "Tanh", "tanh"})


def select_first(graph: Graph) -> Graph:
    """The graph with each selection before what it has to be made after, where that costs multiplications."""
    change, alone = Rewrite(graph), Alone(graph)
    kept = in_several_uses(graph)
    taken = {*graph.positions, *graph.scopes}
    for position, node in enumerate(graph.nodes):
        if not isinstance(node.op, Select) or not isinstance(node.op.index, int):
            continue
        axis = node.op.dim % graph.type_of(node.inputs[0]).rank
        region = _Region(alone, position, axis, kept)
        if region.is_worth_it():
            _narrow(change, region, node.op.index, taken)
            change.changed[position] = replace(node, op=with_arguments(node.op, index=0))
    return change.done()


class _Region:
    """The nodes of which nothing but one position of `axis` is read, and which act on each position by itself."""

    def __init__(self, alone: Alone, end: int, axis: int, kept: set[int]) -> None:
        self.graph, self.axis = alone.graph, axis
        self.nodes: dict[int, Node] = {}
        pending = [-self.graph.nodes[end].inputs[0].node]  # later nodes first: their readers are all known
        while pending:
            at = -heappop(pending)
            if at < 0 or at in self.nodes or at in kept or Value(at) in alone.ends:
                continue
            node = _explicit(self.graph.nodes[at])
            read = (reader == end or self.narrows(reader, Value(at)) for reader in alone.readers.get(Value(at), ()))
            if self.operands(node) and all(read):
                self.nodes[at] = node
                for value in node.inputs:
                    heappush(pending, -value.node)

    def narrows(self, reader: int, value: Value) -> bool:
        """Whether a node is one of the region, and reads a value at the one position only."""
        node = self.nodes.get(reader)
        return node is not None and {i for i, x in enumerate(node.inputs) if x == value} <= {*self.operands(node)}

    def operands(self, node: Node) -> tuple[int, ...]:
        """The operands of which a node reads the positions that it is read at; none where it reads others, too."""
        op, output, types = node.op, node.outputs[0], self.graph.inputs_of(node)
        if len(node.outputs) > 1 or node.reads or output.shape[self.axis] == 1:
            return ()
        if isinstance(op, Add | Mul):
            sizes = [x.shape[self.axis] if x.rank == output.rank else None for x in types]
            spread = any(size not in (1, output.shape[self.axis]) for size in sizes)
            return () if spread else tuple(i for i, size in enumerate(sizes) if size != 1)
        if isinstance(op, MultiheadAttention):
            plain = op.batch_first and output.rank == 3 and node.slots == ("query", "key", "value")
            return (0,) if plain and self.axis == 1 else ()
        inner = len(op.normalized_shape) if isinstance(op, LayerNorm) else 1 if isinstance(op, Linear) else 0
        alone = inner > 0 or op.title in ACTIVATIONS
        return (0,) if alone and self.axis < output.rank - inner else ()

    def is_worth_it(self) -> bool:
        """Whether it has weights to multiply with, and room for the selections before it: a list has only numbers."""
        costs = any(isinstance(node.op, Linear | MultiheadAttention) for node in self.nodes.values())
        return costs and not any(self.graph.scopes[_parent(node)].numbered for node, _ in self.edges())

    def edges(self) -> Iterator[tuple[Node, int]]:
        """What the region reads from outside: a node of it, and the number of its operand."""
        for node in self.nodes.values():
            yield from ((node, i) for i in self.operands(node) if node.inputs[i].node not in self.nodes)

    def narrowed(self, x: TensorType) -> TensorType:
        """A type with one position."""
        return x.with_shape((*x.shape[: self.axis], 1, *x.shape[self.axis + 1 :]))


def _parent(node: Node) -> str:
    return node.path.rpartition(".")[0]


def _names(node: Node) -> Iterator[str]:
    """Paths for selections beside a node."""
    return (f"{_parent(node)}.selected{number or ''}".lstrip(".") for number in count())


def _explicit(node: Node) -> Node:
    """Self-attention with the operands that it stands for."""
    if isinstance(node.op, MultiheadAttention) and node.slots == ("query",):
        return replace(node, inputs=node.inputs * 3, slots=("query", "key", "value"))
    return node


def _narrow(change: Rewrite, region: _Region, index: int, taken: set[str]) -> None:
    """Puts slices on what the region reads, and has it compute one position. `taken`: the paths that others have."""
    graph = change.graph
    part = Slice(dim=region.axis, start=index, end=index + 1 or None)
    inputs = {at: [*node.inputs] for at, node in region.nodes.items()}
    for node, operand in region.edges():
        at, value = graph.positions[node.path], node.inputs[operand]
        path = next(path for path in _names(node) if path not in taken)
        taken.add(path)
        cut = Node(path, path, part, (value,), ("input",), (), (region.narrowed(graph.type_of(value)),), node.origin)
        inputs[at][operand] = change.insert(at, cut)
    for at, node in region.nodes.items():
        outputs = (region.narrowed(node.outputs[0]),)
        change.changed[at] = replace(node, inputs=tuple(inputs[at]), outputs=outputs)
