"""What a graph says, as frozen values: statements, nodes, edges, outputs. Nothing is evaluated here."""

from __future__ import annotations

import re
from typing import Generic, TypeVar

from archspec.diagnostics import Span
from archspec.expr import Expression, Targets
from archspec.objects import record
from archspec.yaml_source import Mapping, Node, Scalar

Leaf = TypeVar("Leaf")

NODE_KEYS = ("op", "graph", "reuse", "from", "when", "else", "as", "repeat", "init", "tie")
KINDS = ("op", "graph", "reuse")
_STATEMENT = re.compile(r"(for|if|elif|let)\s+\S|else(\s+if\s+\S|$)")


@record
class For(Generic[Leaf]):
    """`for TARGETS in ITERABLE: body`."""

    targets: Targets
    iterable: Expression
    offset: int  # of the iterable in the header
    span: Span
    body: tuple[Statement[Leaf], ...]


@record
class Branch(Generic[Leaf]):
    """One arm of an `if`; `condition` is None for `else`."""

    condition: Expression | None
    offset: int  # of the condition in the header
    span: Span
    body: tuple[Statement[Leaf], ...]


@record
class If(Generic[Leaf]):
    """`if`, `elif`, `else`."""

    branches: tuple[Branch[Leaf], ...]


@record
class Let:
    """`let TARGETS: value`."""

    targets: Targets
    value: Node
    span: Span


Statement = For[Leaf] | If[Leaf] | Let | Leaf


@record
class Edge:
    """A name in `from` or `outputs`, still with its `$`."""

    name: Scalar


@record
class From:
    """Where a node reads: names in order, or names by operand."""

    span: Span
    edges: tuple[Statement[Edge], ...] = ()
    operands: tuple[tuple[Scalar, Edge], ...] | None = None


@record
class NodeSyntax:
    """The right-hand side of a node. Exactly one of `op`, `graph`, `reuse` is set."""

    span: Span
    op: Scalar | None = None
    graph: GraphSyntax | None = None
    reuse: Scalar | None = None
    reads: From | None = None
    when: Scalar | None = None
    otherwise: Scalar | None = None
    label: Scalar | None = None
    repeat: Scalar | None = None
    init: Node | None = None
    tie: Mapping | None = None
    arguments: tuple[tuple[Scalar, Node], ...] = ()


@record
class Child:
    """A node with the name it is given: `name` in a mapping (still with its `$`), None in a list.

    `parts`: a comma key, `left, right: {op: chunk}`, names the op's results.
    """

    name: Scalar | None
    node: NodeSyntax
    parts: tuple[str, ...] = ()

    @property
    def span(self) -> Span:
        return self.name.span if self.name is not None else self.node.span


@record
class GraphSyntax:
    """A graph as written. `numbered`: a list, whose children are called 0, 1, 2..."""

    numbered: bool
    body: tuple[Statement[Child], ...]
    span: Span


@record
class OutputSyntax:
    """One entry of `outputs:`."""

    name: Scalar | None
    value: Edge | tuple[Statement[Edge], ...]
    only: str | None
    span: Span


@record
class OutputsSyntax:
    """`outputs:` as written: `kind` is "single", "tuple" or "dict"."""

    kind: str
    body: tuple[Statement[OutputSyntax], ...]
    span: Span


def is_statement(key: str) -> bool:
    """Whether a mapping's key is a `for`, `if`, `elif`, `else` or `let`."""
    return _STATEMENT.match(key) is not None
