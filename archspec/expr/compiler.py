"""What compiling any part of an expression needs: where it stands, the names around it, and how to refuse it."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

from archspec.expr.context import Frame
from archspec.expr.errors import ExprError, Span
from archspec.expr.scan import Piece, Scanned

MAX_DEPTH = 64

Eval = Callable[[Frame], object]
Place = ast.expr | ast.keyword
Part = str | tuple[Eval, Span]
"""A piece of a word, compiled."""

REFUSED: dict[type[ast.AST], tuple[str, str | None]] = {
    ast.Lambda: ("a lambda", "write the value itself"),
    ast.NamedExpr: ("`:=`", "give the value a name under `let:`"),
    ast.Dict: ("a record", "write records in YAML, under `params:`"),
    ast.Set: ("a set", "write a list: `[1, 2]`"),
    ast.SetComp: ("a set", "write a list: `[x for x in xs]`"),
    ast.DictComp: ("a record", "write a list: `[x for x in xs]`"),
    ast.Starred: ("`*` before a list", "join lists with `+`"),
    ast.BitAnd: ("`&`", "write `and`"),
    ast.BitOr: ("`|`", "write `or`"),
    ast.BitXor: ("`^`", "write a power as `**`"),
    ast.LShift: ("`<<`", "write `* 2 ** n`"),
    ast.RShift: ("`>>`", "write `// 2 ** n`"),
    ast.MatMult: ("`@`", None),
    ast.Invert: ("`~`", "write `not`"),
    ast.Is: ("`is`", "write `==`"),
    ast.IsNot: ("`is not`", "write `!=`"),
}


class Compiler(ABC):
    """Compiles one text. `scope` holds the comprehension variables in sight; `cost` counts the steps of one run."""

    def __init__(self, scanned: Scanned, base: int, scope: frozenset[str], depth: int) -> None:
        self.names = scanned.names
        self.scope = scope
        self.cost: int = 0
        self._encoded = None if scanned.code.isascii() else scanned.code.encode()
        self._base = base
        self.depth = depth

    @abstractmethod
    def value(self, node: ast.expr) -> Eval:
        """The closure of an expression that must come to a value, not to a node."""

    @abstractmethod
    def parts(self, pieces: Sequence[Piece]) -> list[Part]:
        """The pieces of a word, compiled among the names around it."""

    def span(self, node: Place) -> Span:
        start, end = self._column(node.col_offset), self._column(node.end_col_offset or node.col_offset)
        return Span(self._base + start, end - start)

    def _column(self, column: int) -> int:
        """`ast` counts bytes."""
        return column if self._encoded is None else len(self._encoded[:column].decode())

    def error(self, node: Place, message: str, help: str | None = None, code: str = "bad-expression") -> ExprError:
        span = self.span(node)
        return ExprError(code, message, span.offset, span.length, help)

    def refusal(self, what: ast.AST, node: ast.expr) -> ExprError:
        """The error for a construct of Python that is not one of ours."""
        name, help = REFUSED.get(type(what), ("this", None))
        return self.error(node, f"{name} is not part of the language", help)

    @contextmanager
    def deeper(self, node: ast.expr, levels: int = 1) -> Generator[None]:
        """Counts a node that is inside another."""
        self.depth += levels
        self.cost += 1
        if self.depth > MAX_DEPTH:
            raise self.error(node, f"an expression nested more than {MAX_DEPTH} deep", "split it with `let`", "limit")
        yield
        self.depth -= levels
