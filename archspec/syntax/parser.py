"""Located YAML to the syntax of graphs, once per block."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise, takewhile

from archspec import ops
from archspec.diagnostics import SpecError, did_you_mean, spec_error
from archspec.syntax.edges import Edges
from archspec.syntax.errors import Errors, describe, parse_targets_at
from archspec.syntax.statements import no_leaf, pairs, statements
from archspec.syntax.tree import (
    KINDS,
    NODE_KEYS,
    Child,
    GraphSyntax,
    Let,
    NodeSyntax,
    Statement,
    is_statement,
)
from archspec.yaml_source import Entry, Mapping, Node, Scalar, Sequence

_COMMA = re.compile(r",(?![^()]*\))")  # not within `$(max(a, b))`
_TEMPLATE = re.compile(r"(?:[A-Za-z0-9_-]|\$\w+|\$\(.*?\))+")


class _Parser:
    """Parses one file's graphs; `errors` collects."""

    def __init__(self, errors: Errors) -> None:
        self.errors = errors

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
                help="indent what belongs to it"
                if isinstance(node, Scalar) and node.value is None
                else "write `name: Op`, or make the enclosing graph a list",
            )
        return statements(self.errors, pairs(node), self.named, self.named_child)

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
                    out.extend(statements(self.errors, pairs(item), self.numbered, no_leaf))
                else:
                    out.append(Child(None, self.node(item)))
            except SpecError as error:
                self.errors.add(error)
        return tuple(out)

    # --- nodes ---

    def node(self, node: Node) -> NodeSyntax:
        if isinstance(node, Scalar):
            if not isinstance(node.value, str) or not node.value:
                inside = "; what belongs to it is indented" if node.value is None else ""
                raise spec_error(
                    "bad-node",
                    f"a node is an op, got {describe(node)}",
                    node.span,
                    help=f"write an op's name, `{{op: ...}}`, or a graph{inside}",
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
                help="keep one of them",
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
            stuck = next((key for key in keys if key.partition(":")[0] in KINDS), None)
            raise spec_error(
                "bad-node",
                "a node needs `op`, `graph` or `reuse`",
                node.span,
                label=f"has only {', '.join(f'`{key}`' for key in keys)}" if keys else "is empty",
                help=f"put a space after the colon of `{stuck}`" if stuck else "name the op: `{op: Conv2d, ...}`",
            )
        return NodeSyntax(node.span, graph=self.graph(node))

    def full_node(self, node: Mapping) -> NodeSyntax:
        _check_brackets(node)
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
            reads=Edges(self.errors).reads(special["from"]) if "from" in special else None,
            when=_value(special, "when"),
            otherwise=_word(special, "else"),
            label=_word(special, "as"),
            repeat=_value(special, "repeat"),
            init=special.get("init"),
            tie=tie,
            arguments=rest,
        )


def parse_graph(node: Node, errors: Errors) -> GraphSyntax | None:
    """The graph at `node`; what is wrong is added to `errors`, None when nothing is left of it."""
    try:
        return _Parser(errors).graph(node)
    except SpecError as error:
        errors.add(error)
        return None


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


def _check_brackets(node: Mapping) -> None:
    """Raises SpecError for `from: a, b` and `size: 3, 5` in flow style: YAML takes what is after the comma as a key."""
    for at, (before, entry) in enumerate(pairwise(node.entries), 1):
        listed = before.key.text == "from" or not entry.key.text.isidentifier()
        if listed and isinstance(before.value, Scalar) and _has_no_colon(entry):
            names = [before.value.text, *(each.key.text for each in takewhile(_has_no_colon, node.entries[at:]))]
            raise spec_error(
                "bad-node",
                f"`{entry.key.text}` is a key without a value",
                entry.key.span,
                help=f"put a list in brackets: `{before.key.text}: [{', '.join(names)}]`",
            )


def _has_no_colon(entry: Entry) -> bool:
    key, value = entry.key.span, entry.value.span
    return (key.end_line, key.end_column) == (value.line, value.column)


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
