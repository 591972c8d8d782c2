"""The types a graph's values have for one sample, or a batch of them: every size but the batch is nominal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from archspec import dims
from archspec.analysis.bytes import bytes_of
from archspec.analysis.weights import Weights
from archspec.dims import Dim, Size
from archspec.ir import Graph, Node
from archspec.ops.base import Inputs
from archspec.values import TensorType, Value

T = TypeVar("T")


@dataclass(frozen=True)
class Sample:
    """A graph with plain integers for sizes; a `Size` is left only where an axis has no nominal size."""

    graph: Graph
    inputs: tuple[TensorType, ...]
    outputs: tuple[tuple[TensorType, ...], ...]  # per node
    batch: int = 1

    @classmethod
    def of(cls, graph: Graph, batch: int = 1) -> Sample:
        """The types in a batch of so many."""
        plain = Nominal(graph, batch).type
        return cls(
            graph,
            tuple([plain(entry.type) for entry in graph.inputs]),
            tuple([tuple([plain(x) for x in node.outputs]) for node in graph.nodes]),
            batch,
        )

    def at(self, batch: int) -> Sample:
        """The same graph in a batch of so many."""
        return self if batch == self.batch else Sample.of(self.graph, batch)

    def type_of(self, value: Value) -> TensorType:
        """The type of a value."""
        return self.inputs[-1 - value.node] if value.node < 0 else self.outputs[value.node][value.part]

    def inputs_of(self, node: Node) -> Inputs:
        """The types a node's op sees."""
        return Inputs(tuple([self.type_of(value) for value in node.inputs]), node.slots)

    @cached_property
    def bytes(self) -> tuple[tuple[int | None, ...], ...]:
        """Per node, the bytes of its results; None where a size is not known."""
        return self.by_kind(lambda position: tuple(map(bytes_of, self.outputs[position])))

    def bytes_of(self, value: Value) -> int | None:
        """The bytes of a value; None where a size is not known."""
        return bytes_of(self.inputs[-1 - value.node]) if value.node < 0 else self.bytes[value.node][value.part]

    @cached_property
    def weights(self) -> Weights:
        """The graph's parameters and buffers."""
        return Weights.of(self.graph)

    @cached_property
    def operands(self) -> tuple[Inputs, ...]:
        """Per node, the types its op sees."""
        return self._alike[1]

    @cached_property
    def kinds(self) -> tuple[int, ...]:
        """Per node, the first that is like it: that has its op, its types, and the same operands that are one value.
        Copied nodes have ops and types in common, which are told by identity, and with them all that follows."""
        return self._alike[0]

    def by_kind(self, rule: Callable[[int], T]) -> tuple[T, ...]:
        """Per node, what a rule says of the first that is like it."""
        found: list[T] = []
        for position, kind in enumerate(self.kinds):
            found.append(found[kind] if kind < position else rule(position))
        return tuple(found)

    @cached_property
    def _alike(self) -> tuple[tuple[int, ...], tuple[Inputs, ...]]:
        """`kinds` and `operands`."""
        first: dict[tuple[object, ...], int] = {}
        kinds: list[int] = []
        operands: list[Inputs] = []
        inputs, outputs = self.inputs, self.outputs
        for position, node in enumerate(self.graph.nodes):
            read, key = node.inputs, (id(node.op), id(node.outputs), node.slots)
            if len(read) == 1:
                ((at, part),) = read
                types = (inputs[-1 - at] if at < 0 else outputs[at][part],)
                kind = first.setdefault((*key, id(types[0])), position)
            else:
                types = tuple([inputs[-1 - at] if at < 0 else outputs[at][part] for at, part in read])
                twice = tuple(map(read.index, read)) if len(set(read)) < len(read) else ()
                kind = first.setdefault((*key, twice, *map(id, types)), position)
            kinds.append(kind)
            operands.append(operands[kind] if kind < position else Inputs(types, node.slots))
        return tuple(kinds), tuple(operands)


class Nominal:
    """The same types one by one, for who needs few of them."""

    def __init__(self, graph: Graph, batch: int = 1) -> None:
        self._graph = graph
        self._one = dict.fromkeys(batch_symbols(graph), batch)
        self._sizes: dict[int, Dim] = {}  # by identity: the graph keeps its sizes alive, and hashing one is slow
        self._types: dict[tuple[int, str, bool], TensorType] = {}  # nodes that keep a shape have one in common

    def type(self, x: TensorType) -> TensorType:
        """A type of the graph with plain integers."""
        key = (id(x.shape), x.dtype, x.constant)
        found = self._types.get(key)
        if found is None:
            shape = tuple([dim if isinstance(dim, int) else _plain(dim, self._one, self._sizes) for dim in x.shape])
            found = self._types[key] = TensorType(shape, x.dtype, x.constant)
        return found

    def inputs_of(self, node: Node) -> Inputs:
        """The types a node's op sees."""
        return Inputs(tuple([self.type(self._graph.type_of(value)) for value in node.inputs]), node.slots)

    def outputs_of(self, node: Node) -> tuple[TensorType, ...]:
        """The types of its results."""
        return tuple([self.type(x) for x in node.outputs])


def batch_symbols(graph: Graph) -> frozenset[str]:
    """The symbols of the inputs' axis 0."""
    return frozenset(name for entry in graph.inputs if entry.type.rank for name in dims.symbols(entry.type.shape[0]))


def training_batch(graph: Graph) -> int:
    """A batch that leaves every value more than one sample: two, but for values that hold a part of the batch.

    BatchNorm in training needs that (`glu` over the batch halves it, say).
    """
    batch = batch_symbols(graph)
    first = {x.shape[0] for node in graph.nodes for x in node.outputs if x.rank and not isinstance(x.shape[0], int)}
    parts = [dim for dim in first if dims.symbols(dim) <= batch]
    for size in (2, 4, 8, 16, 32):
        if all((dims.value(dims.substitute(dim, dict.fromkeys(batch, size))) or 0) > 1 for dim in parts):
            return size
    return 2


def _plain(dim: Size, one: Mapping[str, int], known: dict[int, Dim]) -> Dim:
    found = known.get(id(dim))
    if found is None:
        size = dims.substitute(dim, one) if dim.value is None or not one.keys().isdisjoint(dims.symbols(dim)) else dim
        value = dims.value(size)
        found = known[id(dim)] = size if value is None else value
    return found
