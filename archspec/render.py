"""Diagnostics as text for people, JSON for tools, and annotations for GitHub."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from unicodedata import category, combining, east_asian_width

import pydantic_core

from archspec.diagnostics import Diagnostic, Label, Source, Span
from archspec.objects import record

_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # as YAML counts lines
_NEARBY = 4  # lines: a related place this near shares the snippet
_TAB = "    "
_WIDEST = 160  # characters of a source line; a longer one is shown in part
_MARGIN = 60  # characters shown before the span in that case

_DATA = "%\r\n"  # what GitHub wants escaped in a message
_PROPERTY = _DATA + ":,"  # and in a property

_ANSI = {"error": "1;31", "warning": "1;33", "note": "1;36", "bold": "1", "gutter": "1;34"}


def to_text(diagnostics: Iterable[Diagnostic], *, color: bool = False) -> str:
    """What a terminal shows: each diagnostic with the lines it speaks of, then how many there are."""
    found = tuple(diagnostics)
    text = _Text(color)
    parts = [text.diagnostic(diagnostic) for diagnostic in found]
    if len(found) > 1:
        counts = Counter(diagnostic.severity for diagnostic in found)
        parts.append(", ".join(f"{count} {severity}{'s' * (count > 1)}" for severity, count in counts.items()))
    return "\n\n".join(parts)


def to_json(diagnostics: Iterable[Diagnostic]) -> str:
    """A JSON list, an object a diagnostic; a place that is not known is null. Lines and columns as in `Span`."""
    found = pydantic_core.to_json(
        [
            {
                "code": diagnostic.code,
                "severity": diagnostic.severity,
                "message": diagnostic.message,
                **_place(diagnostic.span),
                "label": diagnostic.label,
                "related": [{**_place(related.span), "label": related.text} for related in diagnostic.related],
                "notes": list(diagnostic.notes),
                "help": diagnostic.help,
            }
            for diagnostic in diagnostics
        ],
        indent=2,
        ensure_ascii=True,
    )
    return found.decode()


def _place(span: Span | None) -> dict[str, str | int | None]:
    if span is None:
        return dict.fromkeys(("file", "line", "column", "end_line", "end_column"))
    return {
        "file": span.source.name,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }


def to_github(diagnostics: Iterable[Diagnostic]) -> str:
    """Workflow commands, a line a diagnostic: GitHub shows them beside the changed lines."""
    return "\n".join(_annotation(diagnostic) for diagnostic in diagnostics)


def _annotation(diagnostic: Diagnostic) -> str:
    span = diagnostic.span
    place = {} if span is None else {"file": span.source.name, "line": span.line, "col": span.column}
    if span is not None:
        place |= {"endLine": span.end_line, "endColumn": span.end_column}
    fields = {**place, "title": f"archspec[{diagnostic.code}]"}
    lines = [diagnostic.message, diagnostic.label]
    lines += [f"{related.text}: {related.span}" for related in diagnostic.related]
    lines += [f"note: {note}" for note in diagnostic.notes]
    lines += [f"help: {diagnostic.help}"] if diagnostic.help else []
    body = _percent("\n".join(filter(None, lines)), _DATA)
    command = {"error": "error", "warning": "warning"}.get(diagnostic.severity, "notice")
    properties = ",".join(f"{key}={_percent(str(value), _PROPERTY)}" for key, value in fields.items())
    return f"::{command} {properties}::{body}"


def _percent(text: str, special: str) -> str:
    return "".join(f"%{ord(char):02X}" if char in special else char for char in text)


# --- text


@record
class _Mark:
    """An underlined stretch of a snippet."""

    span: Span
    text: str
    primary: bool


class _Text:
    """Renders diagnostics in the manner of rustc."""

    def __init__(self, color: bool) -> None:
        self.color = color
        self.lines: dict[int, list[str]] = {}  # of each source, by its id

    def diagnostic(self, diagnostic: Diagnostic) -> str:
        span = diagnostic.span
        marks = [] if span is None else [_Mark(span, diagnostic.label, True)]
        elsewhere: list[Label] = []
        for related in diagnostic.related:
            if span is not None and _near(span, related.span):
                marks.append(_Mark(related.span, related.text, False))
            else:
                elsewhere.append(related)
        last_line = max((place.span.line for place in (*marks, *elsewhere)), default=1)
        width = len(str(last_line))
        head = self._paint(f"{diagnostic.severity}[{diagnostic.code}]", diagnostic.severity)
        out = [head + self._paint(f": {_clean(diagnostic.message)}", "bold")]
        if span is not None:
            out += self._snippet("-->", marks, width, diagnostic.severity)
        for related in elsewhere:
            out += self._snippet(":::", [_Mark(related.span, related.text, False)], width, diagnostic.severity)
        for kind, text in (*(("note", note) for note in diagnostic.notes), ("help", diagnostic.help)):
            if text is not None:
                out += self._footer(kind, text, width)
        return "\n".join(out)

    def _snippet(self, arrow: str, marks: list[_Mark], width: int, severity: str) -> list[str]:
        first = marks[0].span
        bar = self._paint(f"{' ' * width} |", "gutter")
        out = [f"{self._paint(' ' * width + arrow, 'gutter')} {_clean(str(first))}", bar]
        by_line: dict[int, list[_Mark]] = {}
        for mark in sorted(marks, key=lambda mark: mark.span.line):
            by_line.setdefault(mark.span.line, []).append(mark)
        before = None
        for line, here in by_line.items():
            if before is not None and line - before == 2:
                out.append(self._source_line(width, line - 1, self._line(first.source, line - 1)[:_WIDEST]))
            elif before is not None and line - before > 2:
                out.append(self._paint("...", "gutter"))
            before = line
            text, cut = _window(self._line(first.source, line), here[0].span.column - 1)
            out.append(self._source_line(width, line, text))
            out += [f"{bar} {self._underline(mark, text, cut, severity)}" for mark in here]
        return out

    def _source_line(self, width: int, number: int, text: str) -> str:
        return f"{self._paint(f'{number:>{width}} |', 'gutter')} {_clean(text)}".rstrip()

    def _underline(self, mark: _Mark, text: str, cut: int, severity: str) -> str:
        """`cut` characters of the line are missing from the start of `text`."""
        span = mark.span
        start = max(span.column - 1 - cut, 0)
        end = span.end_column - 1 - cut if span.end_line == span.line else len(text.rstrip())
        cells = max(_cells(text[start : max(start, min(end, len(text)))]), 1)
        line = f"{('^' if mark.primary else '-') * cells} {_clean(mark.text)}".rstrip()
        return " " * _cells(text[:start]) + self._paint(line, severity if mark.primary else "gutter")

    def _footer(self, kind: str, text: str, width: int) -> list[str]:
        first, *rest = text.split("\n")
        head = f"{' ' * width} {self._paint('=', 'gutter')} {self._paint(f'{kind}:', 'bold')} {_clean(first)}"
        return [head, *(" " * (width + 3 + len(kind) + 2) + _clean(line) for line in rest)]

    def _line(self, source: Source, number: int) -> str:
        lines = self.lines.get(id(source))
        if lines is None:
            lines = self.lines[id(source)] = lines_of(source)
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def _paint(self, text: str, style: str) -> str:
        return f"\x1b[{_ANSI.get(style, '1')}m{text}\x1b[0m" if self.color else text


def lines_of(source: Source) -> list[str]:
    """The lines that spans count."""
    return _LINE_BREAK.split(source.text.removeprefix("\ufeff"))


def _near(span: Span, other: Span) -> bool:
    if span.line == other.line and abs(span.column - other.column) > _MARGIN:
        return False
    return span.source is other.source and abs(span.line - other.line) <= _NEARBY


def _window(line: str, start: int) -> tuple[str, int]:
    """The line, or the part of a long one around `start`; and how many characters are missing before it."""
    if len(line) <= _WIDEST:
        return line, 0
    cut = max(min(start - _MARGIN, len(line) - _WIDEST), 0)
    shown = line[cut : cut + _WIDEST]
    shown = f"...{shown[3:]}" if cut else shown
    return (f"{shown[:-3]}..." if cut + _WIDEST < len(line) else shown), cut


def _clean(text: str) -> str:
    """Tabs as spaces; characters that would control the terminal as a mark."""
    return "".join(_TAB if char == "\t" else "\ufffd" if _controls(char) else char for char in text)


def _controls(char: str) -> bool:
    return char != "\n" and category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _cells(text: str) -> int:
    """The columns of a terminal that `text` takes."""
    return sum(_width(char) for char in text)


def _width(char: str) -> int:
    if char == "\t":
        return len(_TAB)
    if combining(char):
        return 0
    return 2 if east_asian_width(char) in "WF" else 1
