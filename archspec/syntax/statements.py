"""`for`, `if`, `elif`, `else` and `let` as keys: the same in graphs, `from`, `outputs` and `freeze`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from archspec.diagnostics import SpecError, spec_error
from archspec.expr import ExprError, Expression, split_for
from archspec.syntax.errors import Errors, located, parse_expression, parse_targets_at
from archspec.syntax.tree import Branch, For, If, Let, Statement, is_statement
from archspec.yaml_source import Mapping, Node, Scalar

Leaf = TypeVar("Leaf")


def statements(
    errors: Errors,
    entries: tuple[tuple[Scalar, Node], ...],
    body: Callable[[Node], tuple[Statement[Leaf], ...]],
    leaf: Callable[[Scalar, Node], Iterator[Statement[Leaf]]],
) -> tuple[Statement[Leaf], ...]:
    """The statements of a mapping; keys that are no statement go to `leaf`, the bodies of those that are to `body`."""
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
                if word == "else" and key.text != word:
                    condition = key.text.split(None, 2)[2]
                    raise spec_error("stray-else", "`else if` is one word", key.span, help=f"write `elif {condition}:`")
                condition, offset = _condition(key, "elif") if word == "elif" else (None, 0)
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
                branches.append(Branch(*_condition(key, "if"), key.span, body(value)))
            elif word == "let":
                out.append(Let(parse_targets_at(key.text[3:].strip(), key.span, 4), value, key.span))
            else:
                out.extend(leaf(key, value))
        except SpecError as error:
            errors.add(error)
    close()
    return tuple(out)


def _condition(key: Scalar, word: str) -> tuple[Expression, int]:
    """The condition of an `if` and where it starts in the header."""
    text = key.text[len(word) :].strip()
    offset = key.text.index(text, len(word))
    return parse_expression(text, key.span, offset), offset


def pairs(node: Mapping) -> tuple[tuple[Scalar, Node], ...]:
    """The keys and values of a mapping."""
    return tuple((entry.key, entry.value) for entry in node.entries)


def no_leaf(key: Scalar, value: Node) -> Iterator[Statement[Leaf]]:
    """For places where keys are statements and nothing else. Raises SpecError."""
    raise spec_error(
        "unknown-key",
        f"`{key.text}` does not belong among statements",
        key.span,
        help="a list item is a node, or `for`, `if`, `elif`, `else`, `let`",
    )
