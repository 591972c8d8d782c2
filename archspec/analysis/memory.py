"""Memory: the weights by dtype, and the peak of live activations in inference.

The schedule is the order of the nodes. A tensor is freed after its last reader; what enters a scope is held until the
scope has returned, as the caller's frame holds an argument. Views and in-place results share their input's memory.
Weights are no activations, and neither is what a kernel allocates for itself; what it returns and nobody takes is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import partial
from itertools import accumulate

from archspec.analysis.bytes import bytes_of
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
    sample = sample.at(batch) if sample else Sample.of(graph, batch)
    weights = sample.weights.by_dtype
    whole = sum(weights.values())
    storages = forward(sample, "training")
    if storages is None or not graph.nodes:
        return Memory(whole, weights, None, None)
    live = storages.alive()
    peak = max(live)
    return Memory(whole, weights, peak, graph.nodes[live.index(peak)].path, live)


@mutable
class Storage:
    """A piece of memory, alive from the start of step `birth` to the end of step `death`. `saved`: by autograd.
    `waiting`: how many values have their gradient in it."""

    size: int
    birth: int
    death: int
    saved: bool = False
    waiting: int = 0

    def until(self, step: int) -> None:
        """Keeps it alive until the end of a step."""
        if step > self.death:
            self.death = step


class Storages:
    """The memory that each value lies in, those that share it the same piece; and all pieces there are at a number of
    steps. `of` has a list for each node, and from its end on for each input: where networks are large, hashing a value
    takes longer than what is done with it."""

    def __init__(self, values: int, steps: int) -> None:
        self.of: list[list[Storage]] = [[] for _ in range(values)]
        self._pieces: list[Storage] = []
        self._change = [0] * (steps + 1)  # of the bytes that are alive, at the start of each step

    def make(self, size: int, birth: int, death: int) -> Storage:
        """A new piece."""
        storage = Storage(size, birth, death)
        self._pieces.append(storage)
        return storage

    def hold(self, size: int, birth: int, death: int) -> None:
        """A new piece that nothing keeps alive for longer."""
        self._change[birth] += size
        self._change[death + 1] -= size

    def alive(self) -> tuple[int, ...]:
        """The bytes that are alive at each step."""
        change = self._change.copy()
        for piece in self._pieces:
            change[piece.birth] += piece.size
            change[piece.death + 1] -= piece.size
        change.pop()
        return tuple(accumulate(change))


def forward(sample: Sample, without: Mode, steps: int | None = None) -> Storages | None:
    """The memory of a forward pass, one step a node, the first of `steps`; nodes that run in the mode `without` alone
    are left out. None where a size is not known."""
    graph = sample.graph
    around = _enclosing(graph)
    nodes = len(graph.nodes)
    storages = Storages(nodes + len(graph.inputs), nodes if steps is None else steps)
    of, training = storages.of, without == "eval"
    in_input = sample.by_kind(lambda position: shares(graph.nodes[position], training=training))
    besides = None if training else sample.by_kind(partial(_by_products, sample))
    for position in range(len(sample.inputs)):
        size = sample.bytes_of(Value(-1 - position))
        if size is None:
            return None
        of[-1 - position].append(storages.make(size, 0, 0))
    for position, (node, sizes) in enumerate(zip(graph.nodes, sample.bytes, strict=True)):
        if graph.modes[position] == without:
            continue
        start, scopes = around[position]
        for value in (*node.inputs, *node.reads) if node.reads else node.inputs:
            storage, end = of[value.node][value.part], position if value.node >= start else _left(value.node, scopes)
            if end > storage.death:
                storage.death = end
        shared = of[node.inputs[0].node][node.inputs[0].part] if in_input[position] else None
        stored = not node.inputs and bool(graph.states[position])  # a parameter or a buffer
        for size in sizes:
            if size is None:
                return None
            of[position].append(shared or storages.make(0 if stored else size, position, position))
        if besides and besides[position]:
            storages.hold(besides[position], position, position)
    for entry in graph.outputs.entries:
        if entry.mode != without:
            for value in leaves(entry.value):
                of[value.node][value.part].until(nodes - 1)
    return storages


def _by_products(sample: Sample, position: int) -> int:
    """The bytes that a kernel returns and nobody takes."""
    made = sample.graph.nodes[position].op.by_products(sample.operands[position], sample.outputs[position])
    return sum(bytes_of(x) or 0 for x in made) if made else 0


_Around = tuple[int, tuple[Scope, ...]]


def _enclosing(graph: Graph) -> list[_Around]:
    """Per node the scopes around it, outermost first, the root left out, and the first node of the last of them; of the
    root, the first input."""
    found: list[_Around] = [(0, ())] * len(graph.nodes)

    def visit(scope: Scope, around: _Around) -> None:
        for child in scope.children:
            if isinstance(child, int):
                found[child] = around
            else:
                visit(child, (child.start, (*around[1], child)))

    visit(graph.root, (-len(graph.inputs), ()))
    return found


def _left(made: int, around: tuple[Scope, ...]) -> int:
    """The last node of the outermost of these scopes that was entered after node `made`: what enters a scope is held
    until it is left. A graph's own input is the caller's to drop, but for the scopes that it enters."""
    return next(scope.end - 1 for scope in around if scope.start > made)


def shares(node: Node, *, training: bool = False) -> bool:
    """Whether the results lie in the memory of the first input. Dropout hands its input on in evaluation alone."""
    return bool(node.inputs) and (node.op.inplace_on_input or is_view(node, training=training))


def is_view(node: Node, *, training: bool = False) -> bool:
    """Whether this is so and nothing is written."""
    op = node.op
    return op.is_view and op.name not in _COPIES and not (training and op.category == "dropout" and drops(node))


def drops(node: Node) -> bool:
    """Whether a dropout changes anything in training."""
    return bool(getattr(node.op, "p", 0))
