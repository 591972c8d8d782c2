"""The grammar of graphs: located YAML to statements, once per block; nothing is evaluated here.

    graph      := mapping of (name: node | statement) | list of (node | statement)
    statement  := for TARGETS in EXPR: body | if EXPR: body [elif EXPR: body]* [else: body] | let TARGETS: value
    node       := OP | {op: OP, ...} | {graph: GRAPH, ...} | {reuse: NAME, ...} | GRAPH

The same statements stand inside `from`, `outputs` and `freeze`, whose leaves are names instead of nodes.
"""

from archspec.syntax.edges import parse_outputs, parse_patterns
from archspec.syntax.errors import Errors, describe, located, parse_expression
from archspec.syntax.parser import parse_graph, parse_lets, parse_node
from archspec.syntax.tree import (
    KINDS,
    NODE_KEYS,
    Branch,
    Child,
    Edge,
    For,
    From,
    GraphSyntax,
    If,
    Let,
    NodeSyntax,
    OutputsSyntax,
    OutputSyntax,
    Statement,
    is_statement,
)

__all__ = [
    "KINDS",
    "NODE_KEYS",
    "Branch",
    "Child",
    "Edge",
    "Errors",
    "For",
    "From",
    "GraphSyntax",
    "If",
    "Let",
    "NodeSyntax",
    "OutputSyntax",
    "OutputsSyntax",
    "Statement",
    "describe",
    "is_statement",
    "located",
    "parse_expression",
    "parse_graph",
    "parse_lets",
    "parse_node",
    "parse_outputs",
    "parse_patterns",
]
