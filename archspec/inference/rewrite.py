"""A graph with nodes taken out or changed, and everything else as it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from archspec.ir import Graph, Node, Output, Outputs, Scope, Tree, leaves, verify
from archspec.ops.base import Op
from archspec.values import Value


@dataclass(slots=True)
class Rewrite:
    """What becomes of the nodes of a graph, by position: `removed` ones, each with what its readers read instead (None
    where it has none left), `changed` ones, and ones `inserted` before it."""

    graph: Graph
    removed: dict[int, Value | None] = field(default_factory=dict[int, "Value | None"])
    changed: dict[int, Node] = field(default_factory=dict[int, Node])
    inserted: dict[int, list[tuple[Value, Node]]] = field(default_factory=dict[int, "list[tuple[Value, Node]]"])

    def insert(self, position: int, node: Node) -> Value:
        """Puts a node of one result before another one, in the scope of that. Gives its value, for nodes to read."""
        value = Value(len(self.graph.nodes) + sum(map(len, self.inserted.values())))
        self.inserted.setdefault(position, []).append((value, node))
        return value

    def node(self, position: int) -> Node:
        """A node as it has become; its inputs are not yet replaced."""
        return self.changed.get(position, self.graph.nodes[position])

    def resolve(self, value: Value) -> Value | None:
        """What is read in the place of a value."""
        while value.node in self.removed:
            other = self.removed[value.node]
            if other is None:
                return None
            value = other
        return value

    def readers(self) -> Mapping[Value, list[int]]:
        """The nodes that read each value, as operand or for its shape."""
        found: dict[Value, list[int]] = {}
        for position in range(len(self.graph.nodes)):
            if position not in self.removed:
                node = self.node(position)
                for value in (*node.inputs, *node.reads):
                    if (read := self.resolve(value)) is not None:
                        found.setdefault(read, []).append(position)
        return found

    def ends(self) -> set[Value]:
        """The values that the network returns."""
        values = (self.resolve(value) for entry in self.graph.outputs.entries for value in leaves(entry.value))
        return {value for value in values if value is not None}

    def done(self, **changes: Any) -> Graph:
        """The new graph; `changes` are of its other fields."""
        return _Renumbered(self).graph(**changes)


class Alone:
    """Which nodes have something to themselves."""

    def __init__(self, graph: Graph) -> None:
        change = Rewrite(graph)
        self.graph = graph
        self.readers, self.ends = change.readers(), change.ends()
        self.uses = Counter(node.module for node in graph.nodes)
        self.tied = {source for node in graph.nodes for _, source in node.ties}

    def reads(self, position: int) -> bool:
        """Whether what a node computes from is another node's, and nothing else reads that."""
        value = self.graph.nodes[position].inputs[0]
        return value.node >= 0 and self.readers[value] == [position] and value not in self.ends

    def owns(self, node: Node) -> bool:
        """Whether it is called once, and its weights are its own."""
        tied = any(f"{node.module}.{state.name}" in self.tied for state in node.op.state())
        return self.uses[node.module] == 1 and not node.ties and not tied


class _Renumbered:
    """The nodes that are left, and the scopes around them. Scopes that hold nothing any more are gone."""

    def __init__(self, rewrite: Rewrite) -> None:
        self.rewrite = rewrite
        self.nodes: list[Node] = []
        self.position: dict[int, int] = {}

    def graph(self, **changes: Any) -> Graph:
        root = self.scope(self.rewrite.graph.root)
        if root is None:
            root = replace(self.rewrite.graph.root, children=(), start=0, end=0)
        entries = tuple(
            Output(entry.name, self.tree(entry.value), entry.mode) for entry in self.rewrite.graph.outputs.entries
        )
        outputs = Outputs(self.rewrite.graph.outputs.kind, entries)
        nodes = tuple(self.nodes)
        return verify(with_fields(self.rewrite.graph, nodes=nodes, root=root, outputs=outputs, **changes))

    def scope(self, scope: Scope) -> Scope | None:
        start = len(self.nodes)
        children: list[Scope | int] = []
        for child in scope.children:
            if isinstance(child, Scope):
                inner = self.scope(child)
                if inner is not None:
                    children.append(inner)
            elif child not in self.rewrite.removed:
                for value, node in self.rewrite.inserted.get(child, ()):
                    children.append(self.placed(value.node, node))
                children.append(self.placed(child, self.rewrite.node(child)))
        if not children:
            return None
        named = [(value, name) for value, name in _named(scope) if self.rewrite.resolve(value) is not None]
        outputs = [value for value in scope.outputs if self.rewrite.resolve(value) is not None]
        return replace(
            scope, children=tuple(children), start=start, end=len(self.nodes),
            inputs=self.values([value for value, _ in named]), outputs=self.values(outputs),
            input_names=tuple(name for _, name in named) if scope.input_names else (),
        )  # fmt: skip

    def placed(self, number: int, node: Node) -> int:
        """Puts a node, which is read by this number, at the end. Gives its position."""
        self.position[number] = len(self.nodes)
        self.nodes.append(replace(node, inputs=self.values(node.inputs), reads=self.values(node.reads)))
        return self.position[number]

    def values(self, values: Sequence[Value]) -> tuple[Value, ...]:
        return tuple(map(self.value, values))

    def value(self, value: Value) -> Value:
        found = self.rewrite.resolve(value)
        assert found is not None, value
        return found if found.node < 0 else Value(self.position[found.node], found.part)

    def tree(self, tree: Tree) -> Tree:
        return self.value(tree) if isinstance(tree, Value) else tuple(map(self.tree, tree))


def _named(scope: Scope) -> list[tuple[Value, str]]:
    """The inputs of a scope with their names, empty where the block declares none."""
    return list(zip(scope.inputs, scope.input_names or ("",) * len(scope.inputs), strict=True))


def in_several_uses(graph: Graph) -> set[int]:
    """Nodes of modules that are called several times, whose code is one: what is done to one use is done to all."""
    uses = Counter(node.module for node in graph.nodes)
    found = {position for position, node in enumerate(graph.nodes) if uses[node.module] > 1}
    scopes: dict[str, list[Scope]] = {}
    for scope in graph.root.walk():
        scopes.setdefault(scope.module, []).append(scope)
    for several in scopes.values():
        if len(several) > 1:
            found.update(position for scope in several for position in range(scope.start, scope.end))
    return found


def with_arguments(op: Op, **changes: Any) -> Op:
    """The op with other arguments."""
    return type(op)(**{**dict(op), **changes})


def with_fields(graph: Graph, **changes: Any) -> Graph:
    """The graph with other fields; what it has computed of itself is left behind."""
    return Graph(**{**{name: getattr(graph, name) for name in Graph.__dataclass_fields__}, **changes})
