"""What is checked of the finished graph: nodes that nothing reads, in-place ops."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import cached_property
from itertools import chain

from archspec.diagnostics import spec_error
from archspec.elaborate.names import Names
from archspec.elaborate.session import Session, used_notes
from archspec.ir import Graph, Scope, leaves
from archspec.values import Value


def check_unread(session: Session, graph: Graph, names: Names) -> None:
    """A node that nothing reads is a mistake, often a `from` or `when` in the wrong place."""
    read = set(session.read)
    read.update(value.node for entry in graph.outputs.entries for value in leaves(entry.value))
    for position, node in enumerate(graph.nodes):
        if position in read:
            continue
        scope = _scope_yielding(graph.root, position, read)
        span = scope.origin.span if scope is not None else node.origin.span
        what = scope.path if scope is not None else node.path
        origin = scope.origin if scope is not None else node.origin
        session.note(
            spec_error(
                "unread-node",
                f"nothing reads `{what}`",
                span,
                notes=used_notes(origin),
                help="read it with `from`, name it in `outputs`, or remove it",
            )
        )
    for index, item in enumerate(graph.inputs):
        if -1 - index not in read:
            session.note(
                spec_error(
                    "unread-input",
                    f"nothing reads the input `{item.name}`",
                    names.spans.get(item.name) or graph.root.origin.span,
                    help="read it with `from`, or remove it",
                )
            )


def _scope_yielding(scope: Scope, position: int, read: set[int]) -> Scope | None:
    """The outermost scope whose unread value the node's is: the one that people know by name."""
    for child in scope.scopes():
        if child.start <= position < child.end:
            yielded = {value.node for value in child.outputs}
            return child if position in yielded and not yielded & read else _scope_yielding(child, position, read)
    return None


def check_inplace(session: Session, graph: Graph) -> None:
    """An in-place op may only overwrite a value that nobody else needs, as autograd demands. Who needs its shape alone
    is served by the result as well."""
    inplace = [position for position, node in enumerate(graph.nodes) if node.inputs and node.op.inplace_on_input]
    if not inplace:
        return
    readers = _Readers(graph)
    outputs = {value for entry in graph.outputs.entries for value in leaves(entry.value)}
    for position in inplace:
        node = graph.nodes[position]
        reason = _overwrites(graph, position, readers, outputs)
        if reason is not None:
            session.note(
                spec_error(
                    "bad-inplace",
                    f"`{node.path}` would overwrite {reason}",
                    node.origin.span,
                    notes=used_notes(node.origin),
                    help="leave out `inplace: true`",
                )
            )


class _Readers:
    """Who computes from each value. Of nearly all there is one reader, which is told by counting."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._counts = Counter(chain.from_iterable([node.inputs for node in graph.nodes]))

    def other(self, value: Value, reader: int) -> int | None:
        """The first but for one that is known; who reads a shape alone is none."""
        if self._counts[value] < 2:
            return None
        return next((other for other in self._positions[value] if other != reader), None)

    @cached_property
    def _positions(self) -> Mapping[Value, list[int]]:
        found: dict[Value, list[int]] = defaultdict(list)
        for position, node in enumerate(self.graph.nodes):
            shape_only = node.op.signature.shape_only
            for slot, value in zip(node.slots, node.inputs, strict=True):
                if slot not in shape_only:
                    found[value].append(position)
        return found


def _overwrites(graph: Graph, position: int, readers: _Readers, outputs: set[Value]) -> str | None:
    """Why the op must not write on its input, None when it may. Views share their input's memory."""

    def name() -> str:
        return f"`{graph.name_of(value)}`"

    value, reader = graph.nodes[position].inputs[0], position
    while True:
        if value.node < 0:
            return f"the network's input {name()}"
        if value in outputs:
            return f"{name()}, an output of the network"
        other = readers.other(value, reader)
        if other is not None:
            return f"{name()}, which `{graph.nodes[other].path}` reads too"
        producer = graph.nodes[value.node]
        if producer.op.saves_output:
            return f"{name()}, which the backward pass of `{producer.op.name}` needs"
        if not producer.inputs:
            return f"the constant {name()}"
        if not producer.op.is_view:
            return None
        if len(producer.outputs) > 1 or producer.op.overlaps:
            return f"{name()}, which shares memory with {'other parts' if len(producer.outputs) > 1 else 'itself'}"
        value, reader = producer.inputs[0], value.node
