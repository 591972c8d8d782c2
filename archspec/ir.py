"""The compiled form of a spec: a flat, topologically ordered list of nodes and the tree of scopes they stand in.

Everything after elaboration is a fold over these two. `verify` states the invariants.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from archspec.diagnostics import InternalError, Span, did_you_mean
from archspec.dims import Size
from archspec.frozen import FrozenDict
from archspec.objects import record
from archspec.ops.base import Inputs, Op, State
from archspec.ops.needs import Requirement
from archspec.values import TensorType, Value

Mode = Literal["always", "training", "eval"]


@record
class Origin:
    """The line a node was written on, and the uses of blocks that led there, innermost first."""

    span: Span
    within: str = ""  # "layer1.0, a Bottleneck"
    used_at: Origin | None = None


@record
class Initializer:
    """How one parameter is initialised: a function of `torch.nn.init` and its keyword arguments."""

    function: str  # "kaiming_normal_"
    arguments: tuple[tuple[str, Any], ...] = ()


@record
class Node:
    """One op applied to values. `slots` names the operand each input fills; `reads` are values of which only the
    shape is used, by run-time sizes in the arguments (`Axis.source` counts into it)."""

    path: str  # "features.denseblock1.denselayer1.conv1": unique, for people and edges
    module: str  # where its state lives; differs from `path` for a reused module
    op: Op
    inputs: tuple[Value, ...]
    slots: tuple[str, ...]
    reads: tuple[Value, ...]
    outputs: tuple[TensorType, ...]
    origin: Origin
    init: tuple[tuple[str, Initializer], ...] = ()  # by the state's name
    ties: tuple[tuple[str, str], ...] = ()  # state name -> full name of the parameter it shares
    requirements: tuple[Requirement, ...] = ()
    pins: tuple[Size, ...] = ()
    parts: tuple[str, ...] = ()  # the names of a comma key, `left, right: {op: chunk}`

    @property
    def is_reuse(self) -> bool:
        return self.path != self.module


@record
class Scope:
    """A graph written in the spec: the whole, a block in use, or an inline graph. Its nodes are `nodes[start:end]`.

    `children` are in order: a Scope, or the position of a node. `numbered`: written as a list. `block` names the
    block or sub-spec, with `params` the values it was given. `inputs` and `outputs` are what it reads from outside and
    what its value is.
    """

    path: str
    module: str
    numbered: bool
    children: tuple[Scope | int, ...]
    start: int
    end: int
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    origin: Origin
    block: str | None = None
    params: Mapping[str, Any] = field(default_factory=FrozenDict[str, Any])
    doc: str = ""
    input_names: tuple[str, ...] = ()  # as the block declares them, one for each input; else none

    @property
    def is_reuse(self) -> bool:
        return self.path != self.module

    def scopes(self) -> Iterator[Scope]:
        """The scopes directly inside."""
        return (child for child in self.children if isinstance(child, Scope))

    def walk(self) -> Iterator[Scope]:
        """This scope and all below it, outermost first."""
        pending: list[Scope] = [self]
        while pending:
            scope = pending.pop()
            yield scope
            pending += [child for child in reversed(scope.children) if not isinstance(child, int)]


@record
class Input:
    """An input of the graph; its value is `Value(-1 - position)`."""

    name: str
    type: TensorType


Tree = Value | tuple["Tree", ...]
"""An output entry: a value, or a list of them."""


@record
class Output:
    """One entry of `outputs:`. `mode` "training": present in training only."""

    name: str
    value: Tree
    mode: Mode = "always"


@record
class Outputs:
    """What the network returns: one value, a tuple or a dict."""

    kind: Literal["single", "tuple", "dict"]
    entries: tuple[Output, ...]


@record
class Part:
    """A node or scope, as `graph["features.conv0"]` gives it. `op` is the op's name, or the block's."""

    path: str
    op: str
    outputs: tuple[TensorType, ...]
    item: Node | Scope = field(repr=False)

    @property
    def output(self) -> TensorType:
        """The type of its value, the first where it has several."""
        return self.outputs[0]


@dataclass(frozen=True, repr=False)
class Graph:
    """A compiled network."""

    name: str
    doc: str
    inputs: tuple[Input, ...]
    nodes: tuple[Node, ...]
    root: Scope
    outputs: Outputs
    params: Mapping[str, Any] = field(default_factory=FrozenDict[str, Any])
    frozen: tuple[str, ...] = ()  # full names of parameters with requires_grad off, by `freeze:`
    expect: Mapping[str, Any] = field(default_factory=FrozenDict[str, Any])
    expect_spans: Mapping[str, Span] = field(default_factory=FrozenDict[str, Span])
    pins: tuple[tuple[Size, Span], ...] = ()  # sizes that decided structure, and where
    inference: bool = False  # rewritten to run in evaluation only (archspec.inference)

    def __repr__(self) -> str:
        inputs = ", ".join(str(item.type) for item in self.inputs)
        outputs = ", ".join(str(self.type_of(v)) for entry in self.outputs.entries for v in leaves(entry.value))
        return f"<Graph {self.name}: {len(self.nodes)} nodes, {inputs} -> {outputs}>"

    def __getitem__(self, path: str) -> Part:
        """The node or scope at a path. Raises KeyError, naming the nearest."""
        position = self.positions.get(path)
        if position is not None:
            node = self.nodes[position]
            return Part(path, node.op.title, node.outputs, node)
        scope = self.scopes.get(path)
        if scope is None:
            raise KeyError(f"no node or block {path!r}; {did_you_mean(path, [*self.positions, *self.scopes]) or ''}")
        return Part(path, scope.block or "graph", tuple(self.type_of(value) for value in scope.outputs), scope)

    def type_of(self, value: Value) -> TensorType:
        """The type of a value."""
        if value.node < 0:
            return self.inputs[-1 - value.node].type
        return self.nodes[value.node].outputs[value.part]

    def name_of(self, value: Value) -> str:
        """How people refer to a value: an input's name, a node's path, `path.1` for a part of several."""
        if value.node < 0:
            return self.inputs[-1 - value.node].name
        node = self.nodes[value.node]
        if len(node.outputs) == 1:
            return node.path
        if node.parts:
            return ".".join((*node.path.split(".")[:-1], node.parts[value.part]))
        names = node.op.results
        return f"{node.path}.{names[value.part] if value.part < len(names) else value.part}"

    def inputs_of(self, node: Node) -> Inputs:
        """The types a node's op sees."""
        return Inputs(tuple(self.type_of(value) for value in node.inputs), node.slots)

    @cached_property
    def modes(self) -> tuple[Mode, ...]:
        """Per node, when it runs: nodes that only a training-only output needs run in training only.

        A module that is called several times runs in the same modes each time.
        """
        needed: dict[Mode, set[int]] = {"always": set(), "training": set(), "eval": set()}
        for entry in self.outputs.entries:
            needed[entry.mode].update(value.node for value in leaves(entry.value))
        called, every = self._called_again(), range(len(self.nodes))
        while True:
            for wanted in filter(None, needed.values()):
                for index in reversed(every):
                    if index in wanted:
                        node = self.nodes[index]
                        for at, _ in (*node.inputs, *node.reads) if node.reads else node.inputs:
                            wanted.add(at)
            both = needed["always"] | (needed["training"] & needed["eval"])
            if both.issuperset(every):
                return ("always",) * len(every)
            modes: tuple[Mode, ...] = tuple(
                ["always" if i in both else "eval" if i in needed["eval"] else "training" for i in every]
            )
            unequal = [uses for uses in called if len({modes[use] for use in uses}) > 1]
            if not unequal:
                return modes
            needed["always"].update(use for uses in unequal for use in uses)

    def _called_again(self) -> list[list[int]]:
        """The positions of each module that is called more than once."""
        uses: dict[str, list[int]] = {node.module: [] for node in self.nodes if node.is_reuse}
        for position, node in enumerate(self.nodes) if uses else ():
            if node.module in uses:
                uses[node.module].append(position)
        return [positions for positions in uses.values() if len(positions) > 1]

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """Node positions by path."""
        return FrozenDict({node.path: position for position, node in enumerate(self.nodes)})

    @cached_property
    def scopes(self) -> Mapping[str, Scope]:
        """All scopes by path; the root is ``""``."""
        return FrozenDict({scope.path: scope for scope in self.root.walk()})

    @cached_property
    def results(self) -> tuple[tuple[Value, ...], ...]:
        """Per node, its values."""
        return tuple(
            [
                (Value(position),) if len(node.outputs) == 1 else
                tuple([Value(position, part) for part in range(len(node.outputs))])
                for position, node in enumerate(self.nodes)
            ]
        )  # fmt: skip

    @cached_property
    def states(self) -> tuple[tuple[State, ...], ...]:
        """Per node, the tensors its op works with, whoever owns them."""
        ops = {id(node.op): node.op for node in self.nodes}  # those of copied nodes are one
        states = {key: op.state() for key, op in ops.items()}
        return tuple([states[id(node.op)] for node in self.nodes])

    def state(self) -> Iterator[tuple[Node, str, State]]:
        """Every tensor the network owns, once: the node that owns it, its full name, its `State`. Ties are left out."""
        return iter(self._state)

    @cached_property
    def _state(self) -> tuple[tuple[Node, str, State], ...]:
        found: list[tuple[Node, str, State]] = []
        for node, states in zip(self.nodes, self.states, strict=True):
            if states and not node.is_reuse:
                tied = [name for name, _ in node.ties]
                found += [(node, full_name(node, x.name), x) for x in states if x.name not in tied]
        return tuple(found)


def leaves(tree: Tree) -> Iterator[Value]:
    """The values of an output entry, in order."""
    if isinstance(tree, Value):
        yield tree
    else:
        for branch in tree:
            yield from leaves(branch)


def full_name(node: Node, state: str) -> str:
    """The `state_dict` key of a node's tensor; a Parameter node's tensor has the node's own path."""
    return f"{node.module}.{state}" if node.module and state else node.module or state


def verify(graph: Graph) -> Graph:
    """States the invariants; a violation is a mistake of the compiler.

    Raises:
        InternalError: naming the node or scope.
    """
    if len({node.path for node in graph.nodes}) < len(graph.nodes):
        path, _ = Counter(node.path for node in graph.nodes).most_common(1)[0]
        raise InternalError(f"two nodes at {path}")
    first, counts = -len(graph.inputs), [len(node.outputs) for node in graph.nodes]
    for position, node in enumerate(graph.nodes):
        if not node.outputs:
            raise InternalError(f"{node.path} has no result")
        if len(node.inputs) != len(node.slots):
            raise InternalError(f"{node.path} has unnamed inputs")
        for at, part in (*node.inputs, *node.reads) if node.reads else node.inputs:
            if not first <= at < position:
                raise InternalError(f"{node.path} reads a later value {Value(at, part)}")
            if at >= 0 and part >= counts[at]:
                raise InternalError(f"{node.path} reads no {Value(at, part)}")
    for scope in graph.root.walk():
        at = scope.start
        for child in scope.children:
            start, end = (child, child + 1) if isinstance(child, int) else (child.start, child.end)
            if start != at:
                raise InternalError(f"scope {scope.path!r} has a gap at node {at}")
            at = end
        if at != scope.end:
            raise InternalError(f"scope {scope.path!r} ends at {scope.end}, not {at}")
    if (graph.root.start, graph.root.end) != (0, len(graph.nodes)):
        raise InternalError("the root does not hold every node")
    for entry in graph.outputs.entries:
        for value in leaves(entry.value):
            if value.node >= len(graph.nodes):
                raise InternalError(f"output {entry.name} is no value")
    return graph
