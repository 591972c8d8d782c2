"""Targets: the names that a loop, a `let` or a comma key gives to a value or its parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

from archspec.expr.errors import ExprError, Fault, Span, show_value
from archspec.expr.operators import is_sequence
from archspec.expr.scan import LANGUAGE, check_length
from archspec.objects import record

MAX_DEPTH = 20
TOKEN = re.compile(r"\s*(?:(?P<name>[A-Za-z0-9_-]+)|(?P<symbol>\S))", re.ASCII)

Target = str | tuple["Target", ...]
Kind = Literal["variable", "node"]


def bind(target: Target, value: object, into: dict[str, object]) -> None:
    """Gives the target's names their parts of the value; `_` takes one and forgets it."""
    if isinstance(target, str):
        if target != "_":
            into[target] = value
        return
    if not is_sequence(value):
        raise Fault("unpack-error", f"`{show_target(target)}` needs a list of {len(target)}, got {show_value(value)}")
    if len(value) != len(target):
        message = f"`{show_target(target)}` takes {len(target)} values, got {len(value)}: {show_value(value)}"
        raise Fault("unpack-error", message)
    for part, item in zip(target, value, strict=True):
        bind(part, item, into)


def target_names(target: Target) -> Iterator[str]:
    if isinstance(target, str):
        if target != "_":
            yield target
    else:
        for part in target:
            yield from target_names(part)


def show_target(target: Target) -> str:
    """The target as it is written."""
    if isinstance(target, str):
        return target
    parts = [part if isinstance(part, str) else f"({show_target(part)})" for part in target]
    return ", ".join(parts) + ("," if len(parts) == 1 else "")


@record
class Targets:
    """Parsed targets: `i`, or `s, (block, e, _, _)`."""

    target: Target
    span: Span

    def names(self) -> tuple[str, ...]:
        """The names in order, without `_`."""
        return tuple(target_names(self.target))

    def bind(self, value: object) -> dict[str, object]:
        """The names and their parts of the value. Raises `ExprError` where the lengths differ."""
        found: dict[str, object] = {}
        try:
            bind(self.target, value, found)
        except Fault as fault:
            raise fault.at(self.span) from None
        return found


@lru_cache(maxsize=1 << 12)
def parse_targets(text: str, kind: Kind = "variable", offset: int = 0) -> Targets:
    """Targets of a loop or a `let` (identifiers), or a comma key that names nodes.

    Raises `ExprError`, with offsets that count from `offset` characters before the text.
    """
    check_length(text, offset, "a list of names")
    parser = _Parser(text, offset, kind)
    target = parser.targets(0)
    if parser.symbol:
        raise parser.error(f"`{parser.symbol}` does not belong here")
    start = offset + len(text) - len(text.lstrip())
    return Targets(target, Span(start, len(text.strip())))


class _Parser:
    """Recursive descent: targets are parts between commas, a part is a name or targets in parentheses."""

    def __init__(self, text: str, base: int, kind: Kind) -> None:
        self.text = text
        self.base = base
        self.kind = kind
        self.end = 0
        self.start = 0
        self.name = self.symbol = ""
        self.seen = set[str]()
        self.advance()

    def advance(self) -> None:
        found = TOKEN.match(self.text, self.end)
        if found is None:
            self.start, self.end, self.name, self.symbol = len(self.text), len(self.text), "", ""
            return
        self.end = found.end()
        self.name, self.symbol = found["name"] or "", found["symbol"] or ""
        self.start = self.end - len(self.name or self.symbol)

    def accept(self, symbol: str) -> bool:
        found = self.symbol == symbol
        if found:
            self.advance()
        return found

    def error(self, message: str, help: str | None = None) -> ExprError:
        at = min(self.start, max(len(self.text) - 1, 0))
        return ExprError("bad-target", message, self.base + at, max(self.end - at, 1), help)

    def targets(self, depth: int) -> Target:
        if depth > MAX_DEPTH:
            raise self.error("targets nested too deep")
        parts = [self.part(depth)]
        comma = False
        while self.accept(","):
            comma = True
            if not self.name and self.symbol != "(":
                break
            parts.append(self.part(depth))
        if self.name:
            raise self.error(f"`{self.name}` does not belong here", "is a comma missing?")
        return tuple(parts) if comma else parts[0]

    def part(self, depth: int) -> Target:
        if self.name:
            name = self.name
            if self.kind == "variable" and (not name.isidentifier() or name in LANGUAGE):
                raise self.error(f"`{name}` cannot name a value", "use letters, digits and `_`")
            if name in self.seen:
                raise self.error(f"`{name}` is named twice", "call what is not needed `_`")
            if name != "_":
                self.seen.add(name)
            self.advance()
            return name
        if not self.accept("("):
            raise self.error(f"`{self.symbol}` is not a name" if self.symbol else "a name is missing")
        inner = self.targets(depth + 1)
        if not self.accept(")"):
            raise self.error("`(` is never closed", "write `)`")
        return inner
