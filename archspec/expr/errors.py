"""What goes wrong in an expression, first without a place, then with one; and how values look in messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

from archspec.values import RuntimeSize

MAX_SHOWN_TEXT = 40
MAX_SHOWN_ITEMS = 8
MAX_SHOWN_DEPTH = 3


class Span(NamedTuple):
    """A stretch of the text that is being parsed."""

    offset: int
    length: int


class ExprError(Exception):
    """An expression is wrong. `offset` and `length` count characters of the text that was parsed.

    The caller, who knows where that text stands, turns it into a diagnostic.
    """

    def __init__(self, code: str, message: str, offset: int, length: int, help: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.offset = offset
        self.length = length
        self.help = help

    def shifted(self, by: int) -> ExprError:
        """The same error where the text starts `by` characters into a longer one."""
        return ExprError(self.code, self.message, self.offset + by, self.length, self.help)


class Fault(Exception):
    """An error that does not know its place yet. `culprit` is the operand to point at, if it is one alone."""

    def __init__(self, code: str, message: str, help: str | None = None, culprit: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help
        self.culprit = culprit

    def at(self, span: Span, operands: Iterable[tuple[object, Span]] = ()) -> ExprError:
        """The error at the culprit among the operands, else at `span`."""
        if self.culprit is not None:
            span = next((place for value, place in operands if value is self.culprit), span)
        return ExprError(self.code, self.message, span.offset, span.length, self.help)


def show_value(value: object, depth: int = 0) -> str:
    """A value as the author would write it, cut short."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float() | RuntimeSize():
            return str(value)
        case str():
            return repr(value if len(value) <= MAX_SHOWN_TEXT else value[: MAX_SHOWN_TEXT - 3] + "...")
        case list() | tuple():
            items = cast("list[object] | tuple[object, ...]", value)
            if depth == MAX_SHOWN_DEPTH and items:
                return "[...]"
            shown = [show_value(item, depth + 1) for item in items[:MAX_SHOWN_ITEMS]]
            return "[" + ", ".join([*shown, "..."] if len(items) > MAX_SHOWN_ITEMS else shown) + "]"
        case Mapping():
            keys = [str(key) for key in cast("Mapping[Any, Any]", value)]
            return "{" + ", ".join(f"{key}: ..." for key in keys[:MAX_SHOWN_ITEMS]) + "}"
        case _:
            text = str(value)
            return text if len(text) <= MAX_SHOWN_TEXT else text[: MAX_SHOWN_TEXT - 3] + "..."


def kind(value: object) -> str:
    """What a value is, in a word or two."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float() | RuntimeSize():
            return "a number"
        case str():
            return "text"
        case list() | tuple():
            return "a list"
        case Mapping():
            return "a record"
        case _:
            return f"{show_value(value)}"
