"""What names nodes: `from`, `outputs`, and the patterns of `freeze`."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.diagnostics import SpecError, did_you_mean, spec_error
from archspec.syntax.errors import Errors, describe
from archspec.syntax.statements import no_leaf, pairs, statements
from archspec.syntax.tree import Edge, From, OutputsSyntax, OutputSyntax, Statement, is_statement
from archspec.yaml_source import Mapping, Node, Scalar, Sequence


class Edges:
    """Parses what names nodes; `errors` collects."""

    def __init__(self, errors: Errors) -> None:
        self.errors = errors

    def reads(self, node: Node) -> From:
        if isinstance(node, Mapping):
            if not (node.entries and all(is_statement(entry.key.text) for entry in node.entries)):
                return From(node.span, operands=tuple((e.key, _edge(e.value)) for e in node.entries))
            return From(node.span, self.edges(node))
        return From(node.span, self.edges(node))

    def edges(self, node: Node) -> tuple[Statement[Edge], ...]:
        items = node.items if isinstance(node, Sequence) else (node,)
        out: list[Statement[Edge]] = []
        for item in items:
            if isinstance(item, Mapping):
                out.extend(statements(self.errors, pairs(item), self.edges, no_leaf))
            else:
                out.append(_edge(item))
        return tuple(out)

    def outputs(self, node: Node) -> OutputsSyntax:
        if isinstance(node, Scalar):
            entry = OutputSyntax(None, _edge(node), None, node.span)
            return OutputsSyntax("single", (entry,), node.span)
        if isinstance(node, Sequence):
            return OutputsSyntax("tuple", self.listed_outputs(node), node.span)
        return OutputsSyntax("dict", self.named_outputs(node), node.span)

    def listed_outputs(self, node: Node) -> tuple[Statement[OutputSyntax], ...]:
        items = node.items if isinstance(node, Sequence) else (node,)
        out: list[Statement[OutputSyntax]] = []
        for item in items:
            if isinstance(item, Mapping) and all(is_statement(entry.key.text) for entry in item.entries):
                out.extend(statements(self.errors, pairs(item), self.listed_outputs, no_leaf))
            else:
                out.append(self.output(None, item))
        return tuple(out)

    def named_outputs(self, node: Node) -> tuple[Statement[OutputSyntax], ...]:
        if not isinstance(node, Mapping):
            raise spec_error(
                "bad-outputs", "outputs under a statement need names here", node.span, help="write `name: node`"
            )
        return statements(self.errors, pairs(node), self.named_outputs, self.named_output)

    def named_output(self, name: Scalar, node: Node) -> Iterator[Statement[OutputSyntax]]:
        yield self.output(name, node)

    def output(self, name: Scalar | None, node: Node) -> OutputSyntax:
        if not isinstance(node, Mapping):
            value = _edge(node) if isinstance(node, Scalar) else self.edges(node)
            return OutputSyntax(name, value, None, node.span)
        for entry in node.entries:
            if entry.key.text not in ("from", "only"):
                raise spec_error(
                    "unknown-key",
                    f"`{entry.key.text}` is no key of an output",
                    entry.key.span,
                    help=did_you_mean(entry.key.text, ("from", "only")),
                )
        source, only = node.get("from"), node.get("only")
        if source is None:
            raise spec_error("missing-key", "an output needs `from`", node.span)
        if only is not None and not (isinstance(only, Scalar) and only.value in ("training", "eval")):
            raise spec_error("bad-argument", f"`only` is `training` or `eval`, got {describe(only)}", only.span)
        value = _edge(source) if isinstance(source, Scalar) else self.edges(source)
        return OutputSyntax(name, value, only.text if isinstance(only, Scalar) else None, node.span)

    def patterns(self, node: Node) -> tuple[Statement[Scalar], ...]:
        items = node.items if isinstance(node, Sequence) else (node,)
        out: list[Statement[Scalar]] = []
        for item in items:
            if isinstance(item, Mapping) and any(is_statement(entry.key.text) for entry in item.entries):
                out.extend(statements(self.errors, pairs(item), self.patterns, no_leaf))
            elif isinstance(item, Scalar) and isinstance(item.value, str):
                out.append(item)
            else:
                message = f"`freeze` is a list of patterns, got {describe(item)}"
                self.errors.add(spec_error("wrong-type", message, item.span, help="write `['*', '!fc.*']`"))
        return tuple(out)


def parse_outputs(node: Node, errors: Errors) -> OutputsSyntax | None:
    """`outputs:` at `node`; what is wrong is added to `errors`."""
    try:
        return Edges(errors).outputs(node)
    except SpecError as error:
        errors.add(error)
        return None


def parse_patterns(node: Node, errors: Errors) -> tuple[Statement[Scalar], ...]:
    """`freeze:` at `node`; what is wrong is added to `errors`."""
    return Edges(errors).patterns(node)


def _edge(node: Node) -> Edge:
    if not isinstance(node, Scalar) or node.value is None:
        help = "statements stand in a list: `from: [a, {if x: b}]`" if isinstance(node, Mapping) else "name a node"
        raise spec_error("bad-edge", f"an edge is a node's name, got {describe(node)}", node.span, help=help)
    return Edge(node)
