"""Operators, literals and conditions, compiled."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable

from archspec.expr.compiler import Compiler, Eval
from archspec.expr.context import MAX_INT, Frame
from archspec.expr.errors import Fault, Span
from archspec.expr.operators import arithmetic, contains, equal, negative, ordered, positive, truth

Test = Callable[[Frame], bool]
Comparison = Callable[[object, object, Frame], bool]

BINARY: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
}
ON_INTS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": lambda a, b: a // b,
    "%": operator.mod,
}
UNARY: dict[type[ast.unaryop], Callable[[object, Frame], object]] = {
    ast.Not: lambda value, frame: not truth(value, frame),
    ast.USub: negative,
    ast.UAdd: positive,
}
COMPARE: dict[type[ast.cmpop], Comparison] = {
    ast.Eq: equal,
    ast.NotEq: lambda a, b, frame: not equal(a, b, frame),
    ast.Lt: lambda a, b, frame: ordered("<", a, b, frame),
    ast.LtE: lambda a, b, frame: ordered("<=", a, b, frame),
    ast.Gt: lambda a, b, frame: ordered(">", a, b, frame),
    ast.GtE: lambda a, b, frame: ordered(">=", a, b, frame),
    ast.In: contains,
    ast.NotIn: lambda a, b, frame: not contains(a, b, frame),
}


def constant(compiler: Compiler, node: ast.Constant) -> Eval:
    value = node.value
    if value is not None and not isinstance(value, bool | int | float | str):
        written = "..." if value is ... else repr(value)
        raise compiler.error(node, f"`{written}` is not part of the language")
    if isinstance(value, int) and value > MAX_INT:
        raise compiler.error(node, "this number is too large: whole numbers end at 2 ** 63", code="limit")
    return lambda frame: value


def items(compiler: Compiler, node: ast.List | ast.Tuple) -> Eval:
    elements = [compiler.value(element) for element in node.elts]
    if isinstance(node, ast.Tuple):
        return lambda frame: tuple([element(frame) for element in elements])
    return lambda frame: [element(frame) for element in elements]


def binary(compiler: Compiler, node: ast.BinOp) -> Eval:
    symbol = BINARY.get(type(node.op))
    if symbol is None:
        raise compiler.refusal(node.op, node)
    left, right = compiler.value(node.left), compiler.value(node.right)
    span, left_span, right_span = compiler.span(node), compiler.span(node.left), compiler.span(node.right)
    on_ints = ON_INTS.get(symbol)

    def run(frame: Frame) -> object:
        a, b = left(frame), right(frame)
        if on_ints and type(a) is int and type(b) is int and b:  # nearly always; the rest takes its time
            result = on_ints(a, b)
            if -MAX_INT <= result <= MAX_INT:
                return result
        try:
            return arithmetic(symbol, a, b, frame)
        except Fault as fault:
            raise fault.at(span, ((a, left_span), (b, right_span))) from None

    return run


def unary(compiler: Compiler, node: ast.UnaryOp) -> Eval:
    function = UNARY.get(type(node.op))
    if function is None:
        raise compiler.refusal(node.op, node)
    operand, span, operand_span = compiler.value(node.operand), compiler.span(node), compiler.span(node.operand)

    def run(frame: Frame) -> object:
        value = operand(frame)
        try:
            return function(value, frame)
        except Fault as fault:
            raise fault.at(span, ((value, operand_span),)) from None

    return run


def test(compiler: Compiler, node: ast.expr) -> Test:
    """A condition."""
    evaluate, span = compiler.value(node), compiler.span(node)

    def run(frame: Frame) -> bool:
        value = evaluate(frame)
        try:
            return truth(value, frame)
        except Fault as fault:
            raise fault.at(span) from None

    return run


def boolean(compiler: Compiler, node: ast.BoolOp) -> Eval:
    """`a and b`, `a or b`: the operand that decides, as in Python."""
    decides = isinstance(node.op, ast.Or)
    *first, (last, _) = [(compiler.value(operand), compiler.span(operand)) for operand in node.values]

    def run(frame: Frame) -> object:
        for operand, span in first:
            value = operand(frame)
            try:
                if truth(value, frame) is decides:
                    return value
            except Fault as fault:
                raise fault.at(span) from None
        return last(frame)

    return run


def choice(compiler: Compiler, node: ast.IfExp) -> Eval:
    condition, body, otherwise = test(compiler, node.test), compiler.value(node.body), compiler.value(node.orelse)
    return lambda frame: body(frame) if condition(frame) else otherwise(frame)


def compare(compiler: Compiler, node: ast.Compare) -> Eval:
    first, first_span, span = compiler.value(node.left), compiler.span(node.left), compiler.span(node)
    links: list[tuple[Comparison, Eval, Span]] = []
    for symbol, operand in zip(node.ops, node.comparators, strict=True):
        function = COMPARE.get(type(symbol))
        if function is None:
            raise compiler.refusal(symbol, node)
        links.append((function, compiler.value(operand), compiler.span(operand)))

    def run(frame: Frame) -> object:
        left, left_span = first(frame), first_span
        for function, operand, right_span in links:
            right = operand(frame)
            try:
                if not function(left, right, frame):
                    return False
            except Fault as fault:
                raise fault.at(span, ((left, left_span), (right, right_span))) from None
            left, left_span = right, right_span
        return True

    return run
