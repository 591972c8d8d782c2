"""Closed forms of sizes, read again: a file, or another process, has them as text."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

from archspec import dims
from archspec.dims import Dim

_OPERATORS: Mapping[type[ast.operator], Callable[[Dim, Dim], Dim]] = {
    ast.Add: dims.add,
    ast.Sub: dims.sub,
    ast.Mult: dims.mul,
    ast.FloorDiv: dims.floor_div,
}


def size_of(text: str) -> Dim | None:
    """The size that `dims.show` wrote so; None where it is more than sums, products and quotients."""
    try:
        return _size(ast.parse(text, mode="eval").body)
    except (ValueError, SyntaxError, ZeroDivisionError):
        return None


def _size(node: ast.expr) -> Dim:
    match node:
        case ast.Constant(int(number)):
            return number
        case ast.Name(name):
            return dims.symbol(name)
        case ast.UnaryOp(ast.USub(), operand):
            return dims.mul(_size(operand), -1)
        case ast.BinOp(left, operator, right) if type(operator) in _OPERATORS:
            return _OPERATORS[type(operator)](_size(left), _size(right))
        case _:
            raise ValueError(node)
