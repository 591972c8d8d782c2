"""Calls and comprehensions, compiled."""

from __future__ import annotations

import ast
import inspect
from typing import NamedTuple

from archspec.diagnostics import did_you_mean
from archspec.expr.compiler import Compiler, Eval
from archspec.expr.context import Frame
from archspec.expr.errors import Fault, Span
from archspec.expr.forms import Test, test
from archspec.expr.functions import FUNCTIONS
from archspec.expr.operators import limited_list, sequence
from archspec.expr.paths import CONSTANTS, reference
from archspec.expr.targets import Target, bind, target_names


def call(compiler: Compiler, node: ast.Call) -> Eval:
    if not isinstance(node.func, ast.Name) or node.func.id in compiler.names:
        raise compiler.error(node.func, "only functions can be called", "lists and text have no methods here")
    name, function = node.func.id, FUNCTIONS.get(node.func.id)
    if function is None:
        help = did_you_mean(name, FUNCTIONS)
        raise compiler.error(node.func, f"unknown function `{name}`", help, "unknown-function")
    for argument in (*node.args, *node.keywords):
        if isinstance(argument, ast.Starred) or (isinstance(argument, ast.keyword) and argument.arg is None):
            raise compiler.error(argument, "`*` is not part of the language", "write the arguments one by one")
    keywords = {keyword.arg or "": keyword.value for keyword in node.keywords}
    try:
        inspect.signature(function.run).bind(None, *node.args, **keywords)
    except TypeError:
        help = f"write `{function.usage}`"
        raise compiler.error(node, f"these are not the arguments of `{name}`", help, "bad-call") from None
    run = function.run
    if name == "len":  # of a node: how many values it has
        positional = [reference(compiler, argument) for argument in node.args]
    else:
        positional = [compiler.value(argument) for argument in node.args]
    named = {key: compiler.value(argument) for key, argument in keywords.items()}
    span, spans = compiler.span(node), [compiler.span(argument) for argument in (*node.args, *keywords.values())]

    def run_call(frame: Frame) -> object:
        values = [argument(frame) for argument in positional]
        options = {key: argument(frame) for key, argument in named.items()}
        try:
            return run(frame, *values, **options)
        except Fault as fault:
            raise fault.at(span, zip((*values, *options.values()), spans, strict=True)) from None

    return run_call


class Level(NamedTuple):
    """One `for` of a comprehension and its conditions."""

    items: Eval
    items_span: Span
    target: Target
    target_span: Span
    tests: list[Test]


def comprehension(compiler: Compiler, node: ast.ListComp | ast.GeneratorExp) -> Eval:
    scope, cost = compiler.scope, compiler.cost
    with compiler.deeper(node, len(node.generators)):
        levels = [_level(compiler, generator) for generator in node.generators]
        element = compiler.value(node.elt)
    step, compiler.scope = compiler.cost - cost, scope
    span = compiler.span(node)

    def loop(frame: Frame, depth: int, out: list[object]) -> None:
        if depth == len(levels):
            out.append(element(frame))
            return
        items, items_span, target, target_span, tests = levels[depth]
        values = items(frame)
        try:
            values = sequence(values, "`for`")
        except Fault as fault:
            raise fault.at(items_span) from None
        for value in values:
            try:
                frame.budget.spend(step)
                bind(target, value, frame.local)
            except Fault as fault:
                raise fault.at(target_span) from None
            if all(condition(frame) for condition in tests):
                loop(frame, depth + 1, out)

    def run(frame: Frame) -> object:
        outer, out = frame.local, list[object]()
        frame.local = dict(outer)
        try:
            loop(frame, 0, out)
        finally:
            frame.local = outer
        try:
            limited_list(len(out), frame.budget)
        except Fault as fault:
            raise fault.at(span) from None
        return out

    return run


def _level(compiler: Compiler, generator: ast.comprehension) -> Level:
    """Its variables join the scope, for the conditions and whatever comes after."""
    items = compiler.value(generator.iter)
    target = _target(compiler, generator.target)
    compiler.scope |= frozenset(target_names(target))
    tests = [test(compiler, condition) for condition in generator.ifs]
    return Level(items, compiler.span(generator.iter), target, compiler.span(generator.target), tests)


def _target(compiler: Compiler, node: ast.expr) -> Target:
    match node:
        case ast.Name() if node.id not in compiler.names and node.id not in CONSTANTS:
            return node.id
        case ast.Tuple() | ast.List():
            return tuple(_target(compiler, element) for element in node.elts)
        case _:
            help = "write `for x in xs` or `for a, b in xs`"
            raise compiler.error(node, "a loop variable is a plain name", help, "bad-target")
