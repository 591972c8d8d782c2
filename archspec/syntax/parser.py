"""Located YAML to syntax, once per block. The statements are the same in graphs, `from`, `outputs` and `freeze`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeVar

from archspec import ops
from archspec.diagnostics import SpecError, did_you_mean, spec_error
from archspec.expr import ExprError, Expression, split_for
from archspec.syntax.errors import Errors, describe, located, parse_expression, parse_targets_at
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
from archspec.yaml_source import Entry, Mapping, Node, Scalar, Sequence

Leaf = TypeVar("Leaf")

_COMMA = re.compile(r",(?![^()]*\))")  # not within `$(max(a, b))`
_TEMPLATE = re.compile(r"(?:[A-Za-z0-9_-]|\$\w+|\$\(.*?\))+")


class _Parser:
    """Parses one file's graphs; `errors` collects."""

    def __init__(self, errors: Errors) -> None:
        self.errors = errors

    # --- statements, shared by graphs, `from`, `outputs` and `freeze` ---

    def statements(
        self,
        entries: tuple[tuple[Scalar, Node], ...],
        body: Callable[[Node], tuple[Statement[Leaf], ...]],
        leaf: Callable[[Scalar, Node], Iterator[Statement[Leaf]]],
    ) -> tuple[Statement[Leaf], ...]:
        """The statements of a mapping; keys that are no statement go to `leaf`."""
        out: list[Statement[Leaf]] = []
        branches: list[Branch[Leaf]] = []

        def close() -> None:
            if branches:
                out.append(If(tuple(branches)))
                branches.clear()

        for key, value in entries:
            try:
                word = key.text.split(None, 1)[0] if is_statement(key.text) else ""
                if word in ("elif", "else"):
                    if not branches or branches[-1].condition is None:
                        raise spec_error(
                            "stray-else", f"`{word}` follows no `if`", key.span, help="put it right after its `if`"
                        )
                    condition, offset = self.condition(key, "elif") if word == "elif" else (None, 0)
                    branches.append(Branch(condition, offset, key.span, body(value)))
                    continue
                close()
                if word == "for":
                    try:
                        targets, iterable, offset = split_for(key.text)
                    except ExprError as error:
                        raise located(error, key.span) from None
                    out.append(For(targets, iterable, offset, key.span, body(value)))
                elif word == "if":
                    branches.append(Branch(*self.condition(key, "if"), key.span, body(value)))
                elif word == "let":
                    out.append(Let(parse_targets_at(key.text[3:].strip(), key.span, 4), value, key.span))
                else:
                    out.extend(leaf(key, value))
            except SpecError as error:
                self.errors.add(error)
        close()
        return tuple(out)

    def condition(self, key: Scalar, word: str) -> tuple[Expression, int]:
        """The condition of an `if` and where it starts in the header."""
        text = key.text[len(word) :].strip()
        offset = key.text.index(text, len(word))
        return parse_expression(text, key.span, offset), offset

    # --- graphs ---

    def graph(self, node: Node) -> GraphSyntax:
        if isinstance(node, Mapping):
            return GraphSyntax(False, self.named(node), node.span)
        if isinstance(node, Sequence):
            return GraphSyntax(True, self.numbered(node), node.span)
        if isinstance(node.value, str):
            return GraphSyntax(True, (Child(None, self.node(node)),), node.span)
        raise spec_error(
            "bad-graph",
            "a graph is a mapping of named nodes or a list of numbered ones, got nothing",
            node.span,
            help="write `name: Op` or `- Op` below it",
        )

    def named(self, node: Node) -> tuple[Statement[Child], ...]:
        if not isinstance(node, Mapping):
            raise spec_error(
                "bad-graph",
                "this body stands among named nodes, so it needs names",
                node.span,
                help="write `name: Op`, or make the enclosing graph a list",
            )
        return self.statements(_pairs(node), self.named, self.named_child)

    def named_child(self, key: Scalar, value: Node) -> Iterator[Statement[Child]]:
        names = tuple(part.strip() for part in _COMMA.split(key.text))
        for name in names:
            if not _TEMPLATE.fullmatch(name):
                raise spec_error(
                    "bad-name",
                    f"`{name}` is no name for a node",
                    key.span,
                    help="use letters, digits, `_` and `-`, with `$i` or `$(i + 1)` inside",
                )
            if name == "input":
                raise spec_error(
                    "bad-name",
                    "`input` is the graph's own input, not a name for a node",
                    key.span,
                    help="choose another name",
                )
        yield Child(key, self.node(value), names if len(names) > 1 else ())

    def numbered(self, node: Node) -> tuple[Statement[Child], ...]:
        """A list's items, or the body of a statement in a list: an item or a list of items, spliced."""
        items = node.items if isinstance(node, Sequence) else (node,)
        out: list[Statement[Child]] = []
        for item in items:
            try:
                if isinstance(item, Mapping) and item.entries and all(is_statement(e.key.text) for e in item.entries):
                    out.extend(self.statements(_pairs(item), self.numbered, _no_leaf))
                else:
                    out.append(Child(None, self.node(item)))
            except SpecError as error:
                self.errors.add(error)
        return tuple(out)

    # --- nodes ---

    def node(self, node: Node) -> NodeSyntax:
        if isinstance(node, Scalar):
            if not isinstance(node.value, str) or not node.value:
                raise spec_error(
                    "bad-node",
                    f"a node is an op, got {describe(node)}",
                    node.span,
                    help="write an op's name, `{op: ...}`, or a graph",
                )
            return NodeSyntax(node.span, op=node)
        if isinstance(node, Sequence):
            return NodeSyntax(node.span, graph=self.graph(node))
        present = [entry.key for entry in node.entries if entry.key.text in KINDS]
        if not present:
            return self.inline_or_mistake(node)
        if len(present) > 1:
            raise spec_error(
                "bad-node",
                f"a node has one of `op`, `graph` and `reuse`, got `{present[0].text}` and `{present[1].text}`",
                present[1].span,
                help="split it into two nodes",
            )
        return self.full_node(node)

    def inline_or_mistake(self, node: Mapping) -> NodeSyntax:
        """A mapping without `op`: an inline graph, unless it shows that `op` was forgotten."""
        keys = node.keys()
        if any(is_statement(key) and key != "else" for key in keys):
            return NodeSyntax(node.span, graph=self.graph(node))
        first = node.entries[0] if node.entries else None
        if first is not None and first.key.text in ops.names() and not _is_node(first.value):
            inside = (
                ", ".join(f"{e.key.text}: ..." for e in first.value.entries) if isinstance(first.value, Mapping) else ""
            )
            raise spec_error(
                "bad-node",
                f"`{first.key.text}` stands as a key; an op is named by `op`",
                first.key.span,
                help=f"write `{{op: {', '.join(filter(None, (first.key.text, inside)))}}}`",
            )
        values = (entry.value for entry in node.entries)
        if (
            not keys
            or set(keys) & set(NODE_KEYS)
            or any(isinstance(v, Scalar) and not isinstance(v.value, str) for v in values)
        ):
            raise spec_error(
                "bad-node",
                "a node needs `op`, `graph` or `reuse`",
                node.span,
                label=f"has only {', '.join(f'`{key}`' for key in keys)}" if keys else "is empty",
                help="name the op: `{op: Conv2d, ...}`",
            )
        return NodeSyntax(node.span, graph=self.graph(node))

    def full_node(self, node: Mapping) -> NodeSyntax:
        own = [entry for entry in node.entries if entry.key.text in NODE_KEYS and not _is_number_for_prelu(entry)]
        special = {entry.key.text: entry.value for entry in own}
        rest = tuple((entry.key, entry.value) for entry in node.entries if entry not in own)
        if "else" in special and "when" not in special and not _may_be_null(special.get("op")):
            raise spec_error(
                "unknown-key", "`else` needs `when`", special["else"].span, help="add `when`, or leave out `else`"
            )
        kind = next(key for key in KINDS if key in special)
        valid = [key for key in NODE_KEYS if key not in KINDS and key not in ("init", "tie")]
        rest += tuple((e.key, e.value) for e in node.entries if kind != "op" and e.key.text in ("init", "tie"))
        if "op" not in special and rest:
            key = rest[0][0]
            raise spec_error(
                "unknown-key",
                f"`{key.text}` is no key of a node with `{kind}`",
                key.span,
                help=did_you_mean(key.text, valid),
            )
        graph = special.get("graph")
        tie = special.get("tie")
        if tie is not None and not isinstance(tie, Mapping):
            raise spec_error("wrong-type", "`tie` is a mapping of this node's parameters to others", tie.span)
        return NodeSyntax(
            node.span,
            op=_word(special, "op"),
            graph=self.graph(graph) if graph is not None else None,
            reuse=_word(special, "reuse"),
            reads=self.reads(special["from"]) if "from" in special else None,
            when=_value(special, "when"),
            otherwise=_word(special, "else"),
            label=_word(special, "as"),
            repeat=_value(special, "repeat"),
            init=special.get("init"),
            tie=tie,
            arguments=rest,
        )

    # --- edges and outputs ---

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
                out.extend(self.statements(_pairs(item), self.edges, _no_leaf))
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
                out.extend(self.statements(_pairs(item), self.listed_outputs, _no_leaf))
            else:
                out.append(self.output(None, item))
        return tuple(out)

    def named_outputs(self, node: Node) -> tuple[Statement[OutputSyntax], ...]:
        if not isinstance(node, Mapping):
            raise spec_error(
                "bad-outputs", "outputs under a statement need names here", node.span, help="write `name: node`"
            )
        return self.statements(_pairs(node), self.named_outputs, lambda key, value: iter((self.output(key, value),)))

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
                out.extend(self.statements(_pairs(item), self.patterns, _no_leaf))
            elif isinstance(item, Scalar) and isinstance(item.value, str):
                out.append(item)
            else:
                message = f"`freeze` is a list of patterns, got {describe(item)}"
                self.errors.add(spec_error("wrong-type", message, item.span, help="write `['*', '!fc.*']`"))
        return tuple(out)


def parse_graph(node: Node, errors: Errors) -> GraphSyntax | None:
    """The graph at `node`; what is wrong is added to `errors`, None when nothing is left of it."""
    try:
        return _Parser(errors).graph(node)
    except SpecError as error:
        errors.add(error)
        return None


def parse_outputs(node: Node, errors: Errors) -> OutputsSyntax | None:
    """`outputs:` at `node`; what is wrong is added to `errors`."""
    try:
        return _Parser(errors).outputs(node)
    except SpecError as error:
        errors.add(error)
        return None


def parse_patterns(node: Node, errors: Errors) -> tuple[Statement[Scalar], ...]:
    """`freeze:` at `node`; what is wrong is added to `errors`."""
    return _Parser(errors).patterns(node)


def parse_node(node: Node, errors: Errors) -> NodeSyntax | None:
    """A single node, for a patch of an elaborated path."""
    try:
        return _Parser(errors).node(node)
    except SpecError as error:
        errors.add(error)
        return None


def parse_lets(node: Mapping, errors: Errors) -> tuple[Let, ...]:
    """A `let:` section: computed values, in order."""
    out: list[Let] = []
    for entry in node.entries:
        try:
            out.append(Let(parse_targets_at(entry.key.text, entry.key.span), entry.value, entry.key.span))
        except SpecError as error:
            errors.add(error)
    return tuple(out)


def _pairs(node: Mapping) -> tuple[tuple[Scalar, Node], ...]:
    return tuple((entry.key, entry.value) for entry in node.entries)


def _is_node(node: Node) -> bool:
    """Whether a value under an op's name is a node of that name after all."""
    return (isinstance(node, Mapping) and any(node.entry(kind) is not None for kind in KINDS)) or (
        isinstance(node, Scalar) and isinstance(node.value, str)
    )


def _may_be_null(op: Node | None) -> bool:
    return isinstance(op, Scalar) and "$" in op.text


def _is_number_for_prelu(entry: Entry) -> bool:
    """`init: 0.1` is an argument of torch's PReLU; an initialisation rule is a word or a mapping."""
    return entry.key.text == "init" and isinstance(entry.value, Scalar) and not isinstance(entry.value.value, str)


def _no_leaf(key: Scalar, value: Node) -> Iterator[Statement[Leaf]]:
    raise spec_error(
        "unknown-key",
        f"`{key.text}` does not belong among statements",
        key.span,
        help="a list item is a node, or `for`, `if`, `elif`, `else`, `let`",
    )


def _edge(node: Node) -> Edge:
    if not isinstance(node, Scalar) or node.value is None:
        help = "statements stand in a list: `from: [a, {if x: b}]`" if isinstance(node, Mapping) else "name a node"
        raise spec_error("bad-edge", f"an edge is a node's name, got {describe(node)}", node.span, help=help)
    return Edge(node)


def _word(special: dict[str, Node], key: str) -> Scalar | None:
    node = special.get(key)
    if node is None:
        return None
    if not isinstance(node, Scalar) or node.value is None or (key == "op" and not isinstance(node.value, str)):
        raise spec_error("wrong-type", f"`{key}` is a name, got {describe(node)}", node.span)
    return node


def _value(special: dict[str, Node], key: str) -> Scalar | None:
    node = special.get(key)
    if node is not None and not isinstance(node, Scalar):
        raise spec_error("wrong-type", f"`{key}` is an expression, got {describe(node)}", node.span)
    return node
