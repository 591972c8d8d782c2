"""Memory: the weights by dtype, and the peak of live activations in inference.

The schedule is the order of the nodes. A tensor is freed after its last reader; what enters a scope is held until the
scope has returned, as the caller's frame holds an argument. Views and in-place results share their input's memory.
Weights are no activations, and neither is what a kernel allocates for itself; what it returns and nobody takes is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from itertools import accumulate

from archspec.analysis.bytes import bytes_of, state_bytes
from archspec.analysis.sample import Sample
from archspec.ir import Graph, Mode, Node, Scope, leaves
from archspec.objects import mutable, record
from archspec.values import Value

_COPIES = frozenset({"pad", "einsum"})
"""Ops whose result is a view in special cases only."""


@record
class Memory:
    """Bytes. `live` are those of activations while each node runs, `activation_peak_bytes` the most of them, both None
    where a size is not known; `peak` is the first node at which there are so many."""

    weight_bytes: int
    weights: Mapping[str, int]  # by dtype, buffers included
    activation_peak_bytes: int | None
    peak: str | None
    live: tuple[int, ...] | None = field(default=None, repr=False)


def memory(graph: Graph, sample: Sample | None = None, batch: int = 1) -> Memory:
    """The memory a graph needs in inference, for `batch` samples."""
    weights = weight_bytes(graph)
    whole = sum(weights.values())
    storages = forward(sample.at(batch) if sample else Sample.of(graph, batch), "training")
    if storages is None or not graph.nodes:
        return Memory(whole, weights, None, None)
    live = alive(storages.pieces, len(graph.nodes))
    peak = max(live)
    return Memory(whole, weights, peak, graph.nodes[live.index(peak)].path, live)


def weight_bytes(graph: Graph) -> dict[str, int]:
    """The bytes of all parameters and buffers, by dtype."""
    weights: dict[str, int] = {}
    for _, _, state in graph.state():
        weights[state.dtype] = weights.get(state.dtype, 0) + state_bytes(state)
    return weights


@mutable
class Storage:
    """A piece of memory, alive from the start of step `birth` to the end of step `death`. `saved`: by autograd."""

    size: int
    birth: int
    death: int
    saved: bool = False

    def until(self, step: int) -> None:
        """Keeps it alive until the end of a step."""
        if step > self.death:
            self.death = step


@record
class Storages:
    """The memory that each value lies in, those that share it the same piece; and all pieces."""

    of: dict[Value, Storage] = field(default_factory=dict[Value, Storage])
    pieces: list[Storage] = field(default_factory=list[Storage])

    def make(self, size: int, birth: int, death: int) -> Storage:
        """A new piece."""
        storage = Storage(size, birth, death)
        self.pieces.append(storage)
        return storage


def forward(sample: Sample, without: Mode) -> Storages | None:
    """The memory of a forward pass, one step a node; nodes that run in the mode `without` alone are left out. None
    where a size is not known."""
    graph = sample.graph
    around = _enclosing(graph)
    storages = Storages()
    for position in range(len(sample.inputs)):
        size = sample.bytes_of(Value(-1 - position))
        if size is None:
            return None
        storages.of[Value(-1 - position)] = storages.make(size, 0, 0)
    for position, (node, sizes) in enumerate(zip(graph.nodes, sample.bytes, strict=True)):
        if graph.modes[position] == without:
            continue
        for value in (*node.inputs, *node.reads):
            storages.of[value].until(_held_until(value.node, position, around[position]))
        shared = storages.of[node.inputs[0]] if shares(node, training=without == "eval") else None
        stored = not node.inputs and bool(graph.states[position])  # a parameter or a buffer
        for value, size in zip(graph.results[position], sizes, strict=True):
            if size is None:
                return None
            storages.of[value] = shared or storages.make(0 if stored else size, position, position)
        if without == "training":
            for x in node.op.by_products(sample.operands[position], sample.outputs[position]):
                storages.make(bytes_of(x) or 0, position, position)
    for entry in graph.outputs.entries:
        if entry.mode != without:
            for value in leaves(entry.value):
                storages.of[value].until(len(graph.nodes) - 1)
    return storages


def alive(storages: Iterable[Storage], steps: int) -> tuple[int, ...]:
    """The bytes that are alive at each step."""
    change = [0] * (steps + 1)
    for storage in storages:
        change[storage.birth] += storage.size
        change[storage.death + 1] -= storage.size
    return tuple(accumulate(change))[:steps]


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
    the caller's to drop, but for the scopes that it enters."""
    if not around or around[-1].start <= made:
        return read
    return next(scope.end - 1 for scope in around if scope.start > made)


def shares(node: Node, *, training: bool = False) -> bool:
    """Whether the results lie in the memory of the first input. Dropout hands its input on in evaluation alone."""
    op = node.op
    if not node.inputs:
        return False
    if op.inplace_on_input:
        return True
    return op.is_view and op.name not in _COPIES and not (training and op.category == "dropout" and drops(node))


def drops(node: Node) -> bool:
    """Whether a dropout changes anything in training."""
    return bool(getattr(node.op, "p", 0))
