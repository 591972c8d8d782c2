"""Cutting a sub-network: what its result does not need is dropped, weights included."""

from __future__ import annotations

from dataclasses import replace

from archspec.elaborate.names import Bound
from archspec.elaborate.place import Place
from archspec.elaborate.relocate import Prefix, moved_bound, moved_names, moved_node, moved_scope
from archspec.elaborate.session import Session
from archspec.ir import Node, Scope, full_name
from archspec.values import Value

_HERE = Prefix("", "")


def prune(session: Session, place: Place, start: int, scope: Scope, bound: Bound) -> Bound:
    """Drops the nodes from `start` on, all of `scope`, that the values of `bound` do not need."""
    wanted = _wanted(session.nodes, start, scope, {value.node for value in bound.values})
    kept = [position for position in range(start, len(session.nodes)) if position in wanted]
    if len(kept) == len(session.nodes) - start:
        return bound
    where = {old: start + new for new, old in enumerate(kept)}

    def move(value: Value) -> Value | None:
        if value.node < start:
            return value
        new = where.get(value.node)
        return Value(new, value.part) if new is not None else None

    def moved(value: Value) -> Value:
        found = move(value)
        assert found is not None, "what is needed needs it"
        return found

    nodes = [moved_node(session.nodes[old], moved, _HERE, _HERE, lambda origin: origin) for old in kept]
    owners = _new_owners(session.nodes[start:], nodes)
    session.nodes[start:] = [_with_owners(node, owners) for node in _untied(nodes)]
    result = moved_bound(bound, move, _HERE)
    assert result is not None and bound.inner is not None
    session.read = {old for old in session.read if old < start} | _read(session.nodes, start, result)
    place.children.remove(scope)
    remains = moved_scope(scope, where.get, move, _HERE, _HERE, lambda origin: origin)
    if remains is not None:
        place.children.append(_scope_with_owners(remains, {child.path for child in remains.walk()}))
    names = moved_names(bound.inner(), move, _HERE)
    return replace(result, inner=lambda: names)


def _read(nodes: list[Node], start: int, bound: Bound) -> set[int]:
    """The positions from `start` on that are read: all that is left but the results that nothing left reads."""
    inside = {value.node for node in nodes[start:] for value in (*node.inputs, *node.reads)}
    return set(range(start, len(nodes))) - ({value.node for value in bound.values} - inside)


def _wanted(nodes: list[Node], start: int, scope: Scope, wanted: set[int]) -> set[int]:
    """The positions that are needed. A module that is called again and of which some is needed stays whole."""
    owners = {node.path: position for position, node in enumerate(nodes)}
    reused = [inner for inner in scope.walk() if inner.is_reuse]
    ranges = {inner.path: range(inner.start, inner.end) for inner in scope.walk()}
    pending = sorted(wanted)
    while pending:
        position = pending.pop()
        if position < start:
            continue
        node = nodes[position]
        more = {value.node for value in (*node.inputs, *node.reads)}
        for again in reused:
            owner = ranges.get(again.module)
            if owner is not None and again.start <= position < again.end and not wanted.isdisjoint(owner):
                more.add(owners[node.module])
        fresh = {other for other in more if other not in wanted}
        wanted |= fresh
        pending += fresh
    return wanted


def _new_owners(before: list[Node], after: list[Node]) -> dict[str, str]:
    """Modules whose first use is gone, to the path of the first use that remains."""
    gone = {node.path for node in before} - {node.path for node in after}
    owners: dict[str, str] = {}
    for node in after:
        if node.module in gone:
            owners.setdefault(node.module, node.path)
    return owners


def _with_owners(node: Node, owners: dict[str, str]) -> Node:
    return replace(node, module=owners[node.module]) if node.module in owners else node


def _untied(nodes: list[Node]) -> list[Node]:
    """A parameter whose owner is gone belongs to the first that was tied to it; the others are tied to that one."""
    gone: dict[str, str] = {}
    present = {full_name(node, state.name) for node in nodes for state in node.op.state()}
    out: list[Node] = []
    for node in nodes:
        ties: list[tuple[str, str]] = []
        for name, target in node.ties:
            if target in present:
                ties.append((name, target))
            elif target in gone:
                ties.append((name, gone[target]))
            else:
                gone[target] = full_name(node, name)
        out.append(replace(node, ties=tuple(ties)) if len(ties) < len(node.ties) or gone else node)
    return out


def _scope_with_owners(scope: Scope, present: set[str]) -> Scope:
    """Scopes that called a module again which is gone own it now."""
    children = tuple(_scope_with_owners(c, present) if isinstance(c, Scope) else c for c in scope.children)
    module = scope.module if scope.module in present or not scope.is_reuse else scope.path
    return replace(scope, children=children, module=module)
