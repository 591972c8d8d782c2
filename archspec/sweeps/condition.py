"""What must hold of a network, as an expression over its metrics and params. No code of anybody's is run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from archspec.diagnostics import Source, Span, SpecError, did_you_mean, spec_error
from archspec.expr import ExprError, Expression, parse, show_value
from archspec.expr.functions import FUNCTIONS
from archspec.sweeps.axes import Grid
from archspec.sweeps.count import Row
from archspec.syntax import located

_WORDS = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed condition. `names`: the metrics and params that it reads."""

    expression: Expression
    names: frozenset[str]
    span: Span

    def holds(self, grid: Grid, row: Row) -> bool:
        """Whether it is true of a network; not where a metric that it reads is unknown.

        Raises SpecError, which names the network, where it cannot be computed, or is neither true nor false.
        """
        try:
            return self._is_true({**row.known, **dict(zip((axis.name for axis in grid.axes), row.values, strict=True))})
        except SpecError as error:
            where = f"so it is for {grid.written(row.index)}"
            raise SpecError([found.with_notes([where]) for found in error.diagnostics]) from None

    def is_open(self, row: Row) -> bool:
        """Whether a metric that it reads is unknown of a network."""
        return not self.names.isdisjoint(row.unknown)

    def _is_true(self, values: Mapping[str, Any]) -> bool:
        if any(values[name] is None for name in self.names):
            return False
        try:
            value = self.expression.evaluate(_Row(values))
        except ExprError as error:
            raise located(error, self.span) from None
        if isinstance(value, bool):
            return value
        message = f"a condition is true or false, but this is {show_value(value)}"
        raise spec_error("wrong-type", message, self.span, help="compare it: `macs < 3e9`")


def condition(text: str, known: Iterable[str]) -> Condition:
    """Parses a condition over known names. Raises SpecError."""
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need no type checker
        raise spec_error("wrong-type", f"a condition is a text, got {text!r}", None, help='write `"macs < 3e9"`')
    source = Source("where=", text)
    span = Span(source, 1, 1, 1, len(text) + 1)
    try:
        expression = parse(text)
    except ExprError as error:
        raise located(error, span) from None
    read = _names(text)
    for name in read - set(known):
        if name not in FUNCTIONS:
            at = next(found.start() for found in _WORDS.finditer(text) if found.group() == name)
            place = Span(source, 1, at + 1, 1, at + 1 + len(name))
            message = f"`{name}` is no metric, and no param that is varied"
            raise spec_error("unknown-name", message, place, help=did_you_mean(name, known) or _all_of(known))
    return Condition(expression, frozenset(read & set(known)), span)


def _all_of(known: Iterable[str]) -> str:
    return f"there are {', '.join(f'`{name}`' for name in known)}"


def _names(text: str) -> set[str]:
    """The names that are read. What our expressions have in common with Python's includes how names are written."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError:
        return set()  # a name with `$` in it: evaluation says that there is none
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    return {n.id for n in nodes} - {n.id for n in nodes if isinstance(n.ctx, ast.Store)} - {"true", "false", "null"}


@dataclass(frozen=True, slots=True)
class _Row:
    """The values of one network, as expressions see names."""

    values: Mapping[str, Any]

    def variable(self, name: str) -> object:
        return self.values[name]

    def node(self, name: str) -> None:
        return None

    def known(self) -> Iterable[str]:
        return self.values
