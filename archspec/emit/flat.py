"""Every node by itself, as an expression: what the emitted program is checked against."""

from __future__ import annotations

from archspec.emit.expression import Child, Const, Expr, Local, Text, flat, rewrite
from archspec.emit.structure import Results, results_of
from archspec.emit.targets import targets_of, use
from archspec.ir import Graph
from archspec.objects import record
from archspec.ops.target import Module, StateTensor


@record
class Line:
    """A node's value, over `v[node, part]`, `own` (its submodule or tensor) and `self` (the network).

    `owns`: what `own` is. `results` is the nesting of what the expression gives.
    """

    code: str
    owns: type[Module] | type[StateTensor] | None
    results: Results


def lines(graph: Graph) -> list[Line]:
    """One a node, in order."""

    def leaf(found: Const | Local | Child) -> Expr:
        return Text(f"v[{found.value.node}, {found.value.part}]") if isinstance(found, Local) else found

    made: list[Line] = []
    for position, (node, target) in enumerate(zip(graph.nodes, targets_of(graph), strict=True)):
        owns = type(target) if isinstance(target, Module | StateTensor) else None
        code = flat(rewrite(use(node, target, Text("own"), ""), leaf))
        made.append(Line(code, owns, results_of(graph, position, target)))
    return made
