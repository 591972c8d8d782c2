"""A graph with nodes taken out or changed, and everything else as it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from archspec.ir import Graph, Node, Output, Outputs, Scope, Tree, leaves, verify
from archspec.ops.base import Op
from archspec.values import Value


@dataclass(slots=True)
class Rewrite:
    """What becomes of the nodes of a graph, by position: `removed` ones, each with what its readers read instead (None
    where it has none left), and `changed` ones."""

    graph: Graph
    removed: dict[int, Value | None] = field(default_factory=dict[int, "Value | None"])
    changed: dict[int, Node] = field(default_factory=dict[int, Node])

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
                self.position[child] = len(self.nodes)
                children.append(len(self.nodes))
                self.nodes.append(self.moved(self.rewrite.node(child)))
        if not children:
            return None
        named = [(value, name) for value, name in _named(scope) if self.rewrite.resolve(value) is not None]
        outputs = [value for value in scope.outputs if self.rewrite.resolve(value) is not None]
        return replace(
            scope, children=tuple(children), start=start, end=len(self.nodes),
            inputs=self.values([value for value, _ in named]), outputs=self.values(outputs),
            input_names=tuple(name for _, name in named) if scope.input_names else (),
        )  # fmt: skip

    def moved(self, node: Node) -> Node:
        return replace(node, inputs=self.values(node.inputs), reads=self.values(node.reads))

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


def with_arguments(op: Op, **changes: Any) -> Op:
    """The op with other arguments."""
    return type(op)(**{**dict(op), **changes})


def with_fields(graph: Graph, **changes: Any) -> Graph:
    """The graph with other fields; what it has computed of itself is left behind."""
    return Graph(**{**{name: getattr(graph, name) for name in Graph.__dataclass_fields__}, **changes})
