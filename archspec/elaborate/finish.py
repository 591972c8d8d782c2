"""What is checked of the finished graph: nodes that nothing reads, in-place ops."""

from __future__ import annotations

from collections import defaultdict

from archspec.diagnostics import spec_error
from archspec.elaborate.names import Names
from archspec.elaborate.session import Session, used_notes
from archspec.ir import Graph, Node, Scope, leaves
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
    if not any(node.op.inplace_on_input for node in graph.nodes):
        return
    readers: dict[Value, list[int]] = defaultdict(list)
    for position, node in enumerate(graph.nodes):
        shape_only = node.op.signature.shape_only
        for slot, value in zip(node.slots, node.inputs, strict=True):
            if slot not in shape_only:
                readers[value].append(position)
    outputs = {value for entry in graph.outputs.entries for value in leaves(entry.value)}
    for position, node in enumerate(graph.nodes):
        if node.op.inplace_on_input and node.inputs:
            reason = _overwrites(graph, node, position, readers, outputs)
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


def _overwrites(
    graph: Graph, node: Node, position: int, readers: dict[Value, list[int]], outputs: set[Value]
) -> str | None:
    """Why the op must not write on its input, None when it may. Views share their input's memory."""
    value, reader = node.inputs[0], position
    while True:
        name = f"`{graph.name_of(value)}`"
        if value.node < 0:
            return f"the network's input {name}"
        if value in outputs:
            return f"{name}, an output of the network"
        other = next((other for other in readers[value] if other != reader), None)
        if other is not None:
            return f"{name}, which `{graph.nodes[other].path}` reads too"
        producer = graph.nodes[value.node]
        if producer.op.saves_output:
            return f"{name}, which the backward pass of `{producer.op.name}` needs"
        if not producer.inputs:
            return f"the constant {name}"
        if not producer.op.is_view:
            return None
        if len(producer.outputs) > 1 or producer.op.overlaps:
            return f"{name}, which shares memory with {'other parts' if len(producer.outputs) > 1 else 'itself'}"
        value, reader = producer.inputs[0], value.node
