"""Which values cross the edge of a scope: what its module receives as arguments of `forward` and what it returns.

For each read take the lowest scope that holds both producer and consumer: scopes from the producer up to it return the
value, scopes from there down to the consumer receive it. Reading a shape is a read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from archspec.diagnostics import spec_error
from archspec.emit.expression import Child, Const, Expr, Local, Text, flat, rewrite
from archspec.emit.targets import use
from archspec.ir import Graph, Scope, leaves
from archspec.objects import record
from archspec.ops.target import Module, StateTensor, Target
from archspec.values import Value

Crossing = dict[str, tuple[Value, ...]]


@record
class Boundaries:
    """By the path of a scope. Uses of one module agree position by position."""

    received: Crossing
    returned: Crossing


def dissolved(graph: Graph, targets: Sequence[Target]) -> set[str]:
    """Paths of the scopes that call a module from outside of them, which `self` can't reach: the scope around, that
    holds both, calls their children."""
    found: set[str] = set()

    def visit(scope: Scope, above: tuple[Scope, ...]) -> None:
        here = (*above, scope)
        for child in scope.children:
            if isinstance(child, Scope):
                called = child.module
                visit(child, here)
            elif isinstance(targets[child], Module | StateTensor):
                called = graph.nodes[child].module
            else:
                continue
            for owner in reversed(here):
                if not owner.module or called.startswith(f"{owner.module}."):
                    break
                found.add(owner.path)

    visit(graph.root, ())
    return found


def boundaries(graph: Graph, targets: Sequence[Target], open_scopes: Collection[str] = ()) -> Boundaries:
    """What each scope receives (its declared inputs first) and returns (its own value first).

    Nothing crosses the edge of `open_scopes`, the dissolved ones.

    Raises:
        SpecError: where uses of one module would need code of their own.
    """
    owners: list[tuple[Scope, ...]] = [()] * len(graph.nodes)
    _find_owners(graph.root, (), owners, open_scopes)
    received: dict[str, dict[Value, None]] = defaultdict(dict)
    returned: dict[str, dict[Value, None]] = defaultdict(dict)

    def read(value: Value, consumer: tuple[Scope, ...]) -> None:
        producer = owners[value.node] if value.node >= 0 else (graph.root,)
        shared = 0
        while shared < min(len(producer), len(consumer)) and producer[shared] is consumer[shared]:
            shared += 1
        for scope in producer[shared:]:
            returned[scope.path][value] = None
        for scope in consumer[shared:]:
            received[scope.path][value] = None

    for position, node in enumerate(graph.nodes):
        for value in (*node.inputs, *node.reads):
            read(value, owners[position])
    for entry in graph.outputs.entries:
        for value in leaves(entry.value):
            read(value, (graph.root,))

    scopes = list(graph.root.walk())
    result = Boundaries(
        {scope.path: _ordered(scope.inputs, received[scope.path]) for scope in scopes},
        {scope.path: _ordered(scope.outputs, sorted(returned[scope.path])) for scope in scopes},
    )
    result.received[""] = tuple(Value(-1 - position) for position in range(len(graph.inputs)))
    uses: dict[str, list[Scope]] = defaultdict(list)
    for scope in scopes:
        if scope.path not in open_scopes:
            uses[scope.module].append(scope)
    for shared_uses in uses.values():
        if len(shared_uses) > 1:
            _agree(graph, targets, shared_uses, result)
    return result


def _find_owners(
    scope: Scope, above: tuple[Scope, ...], owners: list[tuple[Scope, ...]], open_scopes: Collection[str]
) -> None:
    here = above if scope.path in open_scopes else (*above, scope)
    for child in scope.children:
        if isinstance(child, Scope):
            _find_owners(child, here, owners, open_scopes)
        else:
            owners[child] = here


def _ordered(first: tuple[Value, ...], crossing: Iterable[Value]) -> tuple[Value, ...]:
    """The values that cross, those of `first` before the others."""
    rest = dict.fromkeys(crossing)
    leading = [value for value in dict.fromkeys(first) if value in rest]
    return (*leading, *(value for value in rest if value not in leading))


def _agree(graph: Graph, targets: Sequence[Target], uses: list[Scope], result: Boundaries) -> None:
    """Makes all uses of one module receive and return the same things: whatever any of them does."""
    codes, reads = zip(*(_code(graph, targets, use) for use in uses), strict=True)
    for scope, code in zip(uses, codes, strict=True):
        if code != codes[0]:
            raise spec_error(
                "bad-reuse",
                f"`{uses[0].module}` would be another module with this input",
                scope.origin.span,
                help="reuse needs an input that gives equal arguments; else write the graph again",
            )
    outside = {
        values: None
        for values in zip(*reads, strict=True)
        if any(not use.start <= value.node < use.end for use, value in zip(uses, values, strict=True))
    }
    inputs = list(zip(*(use.inputs for use in uses), strict=True))
    ordered = sorted(outside, key=lambda values: inputs.index(values) if values in inputs else len(inputs))
    inside = {Value(value.node - use.start, value.part): None for use in uses for value in result.returned[use.path]}
    for position, scope in enumerate(uses):
        result.received[scope.path] = tuple(values[position] for values in ordered)
        result.returned[scope.path] = tuple(Value(scope.start + value.node, value.part) for value in inside)


def _code(graph: Graph, targets: Sequence[Target], scope: Scope) -> tuple[list[str], list[Value]]:
    """The code of the nodes of a scope, but for the values, and these in the order they stand there."""
    codes: list[str] = []
    values: list[Value] = []

    def leaf(found: Const | Local | Child) -> Expr:
        if not isinstance(found, Local):
            return found
        values.append(found.value)
        return Text("_")

    for position in range(scope.start, scope.end):
        node = graph.nodes[position]
        codes.append(flat(rewrite(use(node, targets[position], Text(node.path.removeprefix(scope.path)), ""), leaf)))
        values += node.inputs
    return codes, values
