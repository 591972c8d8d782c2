"""From the text of an expression to one closure. Anything outside the language is refused here, by name."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import NamedTuple

from archspec.expr import calls, forms, paths
from archspec.expr.compiler import Compiler, Eval, Part
from archspec.expr.errors import ExprError, Span
from archspec.expr.scan import Piece, scan

NO_NAMES = frozenset[str]()
_OPERATOR_AT_END = re.compile(r"[-+*/%<>=!]+$|[,.]$|\b(and|or|not|in|is|if|else)$")


class Compiled(NamedTuple):
    """The closure, and what one run takes from the budget, loops apart."""

    run: Eval
    cost: int


def compile_text(text: str, base: int, scope: frozenset[str] = NO_NAMES, depth: int = 0) -> Compiled:
    """An expression that starts `base` characters into its author's text. Raises `ExprError`."""
    base += len(text) - len(text.lstrip())
    text = text.strip()
    if not text:
        raise ExprError("bad-expression", "an empty expression", max(base - 1, 0), 1, "write a value")
    scanned = scan(text, base)
    try:
        tree = ast.parse(scanned.code, mode="eval").body
    except SyntaxError as error:
        raise _syntax_error(error, text, scanned.code, base) from None
    except (MemoryError, RecursionError, ValueError):  # nested beyond what Python's parser takes; a null character
        raise ExprError("bad-expression", "this cannot be read as an expression", base, len(text)) from None
    compiler = _Compiler(scanned, base, scope, depth)
    return Compiled(compiler.value(tree), compiler.cost)


class _Compiler(Compiler):
    def value(self, node: ast.expr) -> Eval:
        with self.deeper(node):
            match node:
                case ast.Name():
                    return paths.name(self, node)
                case ast.Attribute() | ast.Subscript():
                    return paths.read(self, node)
                case ast.Constant():
                    return forms.constant(self, node)
                case ast.BinOp():
                    return forms.binary(self, node)
                case ast.UnaryOp():
                    return forms.unary(self, node)
                case ast.BoolOp():
                    return forms.boolean(self, node)
                case ast.Compare():
                    return forms.compare(self, node)
                case ast.IfExp():
                    return forms.choice(self, node)
                case ast.List() | ast.Tuple():
                    return forms.items(self, node)
                case ast.Call():
                    return calls.call(self, node)
                case ast.ListComp() | ast.GeneratorExp():
                    return calls.comprehension(self, node)
                case _:
                    raise self.refusal(node, node)

    def parts(self, pieces: Sequence[Piece]) -> list[Part]:
        return [piece if isinstance(piece, str) else self._inner(piece.text, piece.offset) for piece in pieces]

    def _inner(self, text: str, offset: int) -> Part:
        run, cost = compile_text(text, offset, self.scope, self.depth + 1)
        self.cost += cost
        return run, Span(offset, len(text))


def _syntax_error(error: SyntaxError, text: str, code: str, base: int) -> ExprError:
    """Python's error on the code in our words; its own speak of assignments and statements."""
    start = min(max((error.offset or 1) - 1, 0), len(text))
    end = (error.end_offset or 0) - 1
    length = end - start if start < end <= len(text) else 1
    written, help = text[start : start + length], None
    last = _OPERATOR_AT_END.search(code)  # in the code, where `a.in` is one name
    if last is not None or start >= len(text):
        word = last.group() if last is not None else text[-1]
        message, start, length = f"something is missing after `{word}`", len(text) - len(word), len(word)
    elif "'=='" in error.msg or written == "=":
        message, help = "`=` does not compare", "write `==`"
    elif "comma" in error.msg:
        message, help = f"`{written}` is not one expression", "is a comma or an operator missing?"
    elif written == "for":
        message, help = "a `for` outside brackets", "write a list: `[x for x in xs]`"
    else:
        message = f"`{written}` does not belong here"
    return ExprError("bad-expression", message, base + start, length, help)
