"""Moving finished nodes: a copy of a block that was elaborated before, and a sub-network with the unneeded dropped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from archspec.diagnostics import Span
from archspec.dims import Size
from archspec.elaborate.names import Bound, Names
from archspec.ir import Node, Origin, Scope
from archspec.objects import mutable, record
from archspec.values import Value

Move = Callable[[Value], Value | None]
"""Where a value is now; None when it is gone."""


@mutable
class Template:
    """A block that was elaborated: its nodes are copied for another use with equal params and input types.

    Positions are those of the network it was elaborated in, where its first node stood at `start`. `pins` and `steps`
    are what it added to the elaboration's.
    """

    start: int
    nodes: tuple[Node, ...]
    scope: Scope | None
    bound: Bound
    inputs: tuple[Value, ...]
    read: frozenset[int]
    read_inputs: frozenset[Value]
    origin: Origin
    pins: tuple[tuple[Size, Span], ...]
    steps: int
    _parts: tuple[int, int] | None = None

    def parts(self) -> tuple[int, int]:
        """How many scopes it brings, itself included, and values that its nodes read or yield. Counted when it is first
        copied, for most blocks never are."""
        if self._parts is None:
            scopes = sum(1 for _ in self.scope.walk()) if self.scope is not None else 0
            self._parts = scopes, sum([len(node.inputs) + len(node.outputs) for node in self.nodes])
        return self._parts


@record
class Prefix:
    """Paths below `old` become paths below `new`."""

    old: str
    new: str

    def __call__(self, path: str) -> str:
        return self.new + path[len(self.old) :]


def moved_node(
    node: Node, move: Callable[[Value], Value], path: Prefix, module: Prefix, origin: Callable[[Origin], Origin]
) -> Node:
    """A node at its new place."""
    return Node(
        path(node.path),
        module(node.module),
        node.op,
        tuple([move(value) for value in node.inputs]),
        node.slots,
        tuple([move(value) for value in node.reads]) if node.reads else (),
        node.outputs,
        origin(node.origin),
        node.init,
        tuple([(name, module(target) if target.startswith(module.old + ".") else target) for name, target in node.ties])
        if node.ties
        else (),
        node.requirements,
        node.pins,
        node.parts,
    )


def moved_scope(
    scope: Scope,
    shift: Callable[[int], int | None],
    move: Move,
    path: Prefix,
    module: Prefix,
    origin: Callable[[Origin], Origin],
    used: Origin | None = None,
) -> Scope | None:
    """A scope at its new place, None when none of its nodes remain. `used`: where it is used, if that is no move."""
    children: list[Scope | int] = []
    for child in scope.children:
        new = shift(child) if isinstance(child, int) else moved_scope(child, shift, move, path, module, origin)
        if new is not None:
            children.append(new)
    if not children:
        return None
    first, last = children[0], children[-1]
    return Scope(  # `replace` takes three times as long
        path(scope.path),
        module(scope.module),
        scope.numbered,
        tuple(children),
        first if isinstance(first, int) else first.start,
        last + 1 if isinstance(last, int) else last.end,
        tuple([new for value in scope.inputs if (new := move(value)) is not None]),
        tuple([new for value in scope.outputs if (new := move(value)) is not None]),
        used or origin(scope.origin),
        scope.block,
        scope.params,
        scope.doc,
        scope.input_names,
    )


def moved_bound(bound: Bound, move: Move, path: Prefix) -> Bound | None:
    """A name's meaning at its new place, None when its values are gone; what is inside moves when it is asked for."""
    values = tuple([new for value in bound.values if (new := move(value)) is not None])
    types, parts, inner = bound.types, bound.parts, bound.inner
    if len(values) < len(bound.values):
        if inner is None:
            return None
        values, types, parts = (), (), dict[str, tuple[int, ...]]()
    return Bound(
        path(bound.label) if bound.label.startswith(path.old) else bound.label,
        values,
        types,
        parts,
        _later(inner, move, path) if inner is not None else None,
        bound.is_block,
        bound.failed,
        bound.absent,
        bound.dropped,
        path(bound.path) if bound.path is not None and bound.path.startswith(path.old) else bound.path,
    )


def _later(inner: Callable[[], Names], move: Move, path: Prefix) -> Callable[[], Names]:
    made: list[Names] = []

    def names() -> Names:
        if not made:
            made.append(moved_names(inner(), move, path))
        return made[0]

    return names


def moved_names(names: Names, move: Move, path: Prefix) -> Names:
    """A graph's names at their new place; those whose nodes are gone are left out."""
    made: dict[int, Bound | None] = {}  # a label and the name it labels stay one
    for bound in names.table.values():
        if id(bound) not in made:
            made[id(bound)] = moved_bound(bound, move, path)
    table = {name: moved for name, bound in names.table.items() if (moved := made[id(bound)]) is not None}
    return Names(None, moved_bound(names.input, move, path) or names.input, table, names.spans)


@mutable
class Rebased:
    """Replaces `old`, the use of a block, by `new` in origins; origins shared by nodes stay shared."""

    old: Origin
    new: Origin
    path: Prefix
    memo: dict[int, Origin] = field(default_factory=dict[int, Origin])

    def __call__(self, origin: Origin) -> Origin:
        if origin is self.old:
            return self.new
        if origin.used_at is self.old and not origin.within:  # a node's, which no other shares
            return Origin(origin.span, "", self.new)
        found = self.memo.get(id(origin))
        if found is None:
            used_at = origin.used_at
            within = self.path(origin.within) if origin.within else ""
            found = Origin(origin.span, within, self(used_at)) if used_at is not None else origin
            self.memo[id(origin)] = found
        return found
