"""Offsets into a text, and the lines and columns they stand for."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property

from archspec.diagnostics import Source, Span

LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_COMMENT = re.compile(r"(?<=\s)#")


class Offsets:
    """Offsets into a source's text, as spans."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.text = source.text.removeprefix("\ufeff")

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in LINE_BREAK.finditer(self.text))]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def offset(self, line: int, column: int) -> int:
        """The inverse of `position`."""
        return self._starts[line - 1] + column - 1

    def span(self, start: int, end: int) -> Span:
        return Span(self.source, *self.position(start), *self.position(end))

    def rest_of_line(self, offset: int) -> str:
        """What stands from here to the end of the line, without a comment."""
        line_break = LINE_BREAK.search(self.text, offset)
        line = self.text[offset : line_break.start() if line_break else len(self.text)]
        comment = _COMMENT.search(line)
        return line[: comment.start() if comment else len(line)].rstrip()


def short(text: str, limit: int = 60) -> str:
    """The text on one line, its end left out where it is long."""
    line = " ".join(text[: 4 * limit].split())
    return line if len(line) <= limit else f"{line[: limit - 3]}..."
