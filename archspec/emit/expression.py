"""Expressions of the emitted program as small trees, in which constants and local values are still open.

Two uses of a block give trees of the same form; where their constants differ, a constructor argument takes their place
(see `arguments`). `layout` writes a finished tree as formatters do, broken over lines where it is too long.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from textwrap import wrap
from typing import Any

from archspec.emit.literals import literal
from archspec.objects import record
from archspec.values import Value

WIDTH = 100
MEMBERS = ("Sequential(", "__init__(", "OrderedDict(")
"""Calls that give each of several arguments a line of its own, once they need more than one."""
_TABLE = re.compile(r"\[[\[\], \d.e+-]*\]")
REQUIRED = object()
"""The default of an argument that has none."""


@record
class Text:
    """Finished code."""

    code: str


@record
class Const:
    """A literal. `hint` is what to call it as a constructor argument: `conv1_out_channels`."""

    value: Any
    hint: str


@record
class Local:
    """A tensor, under the name it has where the expression stands."""

    value: Value


@record
class Child:
    """The constructor call of a child that has a class of its own, by its module's path.

    `hint` and `entry`: as for an op (`targets.constructor`).
    """

    path: str
    hint: str
    entry: bool = False


@record
class Named:
    """A keyword argument, left out where it equals its default."""

    name: str
    expr: Expr
    default: Any = REQUIRED


@record
class Group:
    """Something in brackets: a call, a tuple, a subscript. `open` holds all that stands before the items."""

    open: str
    items: tuple[Expr, ...]
    close: str = ")"


@record
class Loop:
    """A comprehension: `[element for i in range(n)]`."""

    open: str
    element: Expr
    clause: str
    close: str


@record
class Joined:
    """Parts written side by side."""

    parts: tuple[Expr, ...]


Expr = Text | Const | Local | Child | Named | Group | Loop | Joined


def call(function: str, *items: Expr) -> Group:
    """`function(items)`."""
    return Group(f"{function}(", items)


def tuple_of(items: tuple[Expr, ...]) -> Group:
    """`(a, b)`; `(a,)` for one."""
    return Group("(", items, ",)" if len(items) == 1 else ")")


def rewrite(expr: Expr, leaf: Callable[[Const | Local | Child], Expr]) -> Expr:
    """The tree with each open leaf replaced, in order."""
    match expr:
        case Text():
            return expr
        case Const() | Local() | Child():
            return leaf(expr)
        case Named():
            return Named(expr.name, rewrite(expr.expr, leaf), expr.default)
        case Group():
            return Group(expr.open, tuple(rewrite(item, leaf) for item in expr.items), expr.close)
        case Loop():
            return Loop(expr.open, rewrite(expr.element, leaf), expr.clause, expr.close)
        case Joined():
            return Joined(tuple(rewrite(part, leaf) for part in expr.parts))


def constants(expr: Expr) -> Iterator[Const]:
    """The constants of a tree, in the order of `rewrite`."""
    return (leaf for leaf in open_leaves(expr) if isinstance(leaf, Const))


def children(expr: Expr) -> Iterator[Child]:
    """The children that a tree constructs."""
    return (leaf for leaf in open_leaves(expr) if isinstance(leaf, Child))


def open_leaves(expr: Expr) -> Iterator[Const | Local | Child]:
    """What is still open in a tree, in the order of `rewrite`."""
    match expr:
        case Const() | Local() | Child():
            yield expr
        case Named():
            yield from open_leaves(expr.expr)
        case Group():
            for item in expr.items:
                yield from open_leaves(item)
        case Loop():
            yield from open_leaves(expr.element)
        case Joined():
            for part in expr.parts:
                yield from open_leaves(part)
        case Text():
            pass


def form(expr: Expr, numbers: Mapping[Value, int], classes: Mapping[str, int]) -> Hashable:
    """What two trees have in common when they differ in constants only."""
    match expr:
        case Text():
            return expr.code
        case Const():
            return None
        case Local():
            return numbers[expr.value]
        case Child():
            return ("class", classes[expr.path])
        case Named():
            return (expr.name, form(expr.expr, numbers, classes))
        case Group():
            return (expr.open, *(form(item, numbers, classes) for item in expr.items), expr.close)
        case Loop():
            return (expr.open, form(expr.element, numbers, classes), expr.clause)
        case Joined():
            return ("joined", *(form(part, numbers, classes) for part in expr.parts))


def flat(expr: Expr) -> str:
    """The tree on one line."""
    match expr:
        case Text():
            return expr.code
        case Const():
            return literal(expr.value)
        case Named():
            return f"{expr.name}={flat(expr.expr)}"
        case Group():
            return expr.open + ", ".join(flat(item) for item in shown(expr.items)) + expr.close
        case Loop():
            return f"{expr.open}{flat(expr.element)} {expr.clause}{expr.close}"
        case Joined():
            return "".join(flat(part) for part in expr.parts)
        case Local() | Child():
            raise TypeError(f"{expr} is still open")


def shown(items: tuple[Expr, ...]) -> Iterator[Expr]:
    """The items without keyword arguments that equal their default."""
    for item in items:
        if not (isinstance(item, Named) and item.default is not REQUIRED and flat(item.expr) == literal(item.default)):
            yield item


def layout(expr: Expr, indent: int = 0, prefix: str = "", suffix: str = "") -> list[str]:
    """Source lines, `prefix` before and `suffix` after the tree; too long, it breaks at its outermost bracket."""
    pad = " " * indent
    line = pad + prefix + flat(expr) + suffix
    if len(line) <= WIDTH:
        return [line]
    match expr:
        case Named():
            return layout(expr.expr, indent, f"{prefix}{expr.name}=", suffix)
        case Joined():
            *before, last = expr.parts
            return layout(last, indent, prefix + "".join(flat(part) for part in before), suffix) if before else [line]
        case Group():
            items = list(shown(expr.items))
            inner = ", ".join(flat(item) for item in items) + expr.close[:-1]
            sole_loop = len(items) == 1 and isinstance(items[0], Loop) and not items[0].open
            if not items:
                return [line]
            many = len(items) > 1 and expr.open.endswith(MEMBERS)
            if indent + 4 + len(inner) <= WIDTH and not expr.close[:-1] and not many:
                body = [f"{pad}    {inner}"]
            else:
                body = [row for item in items for row in layout(item, indent + 4, "", "" if sole_loop else ",")]
            return [pad + prefix + expr.open, *body, pad + expr.close[-1] + suffix]
        case Loop():
            if not expr.open:
                return [*layout(expr.element, indent, prefix), f"{pad}{expr.clause}{suffix}"]
            inner = f"{pad}    {flat(expr.element)} {expr.clause}"
            body = [inner] if len(inner) <= WIDTH else [*layout(expr.element, indent + 4), f"{pad}    {expr.clause}"]
            return [pad + prefix + expr.open, *body, pad + expr.close + suffix]
        case Text() if _TABLE.fullmatch(expr.code):
            return wrap(line.strip(), WIDTH, initial_indent=pad, subsequent_indent=f"{pad} ", break_on_hyphens=False)
        case _:
            return [line]


def has_table(expr: Expr) -> bool:
    """Whether `layout` packs a table of numbers, which formatters would give a line each."""
    match expr:
        case Text():
            return len(expr.code) > WIDTH // 2 and _TABLE.fullmatch(expr.code) is not None
        case Group():
            return any(has_table(item) for item in expr.items)
        case _:
            return False
