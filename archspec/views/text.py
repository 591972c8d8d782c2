"""Tables as text that fits a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from archspec.objects import record
from archspec.views.table import FULL, NO_REMARKS, SHORT_NUMBERS, SHORT_SHAPES, Heading, Level, Table

GAP = "  "
_NARROWEST = 12  # what is elastic is never cut below this
_WRAPPED = 28  # characters a line that goes on below
_SHOWN = 40  # characters of an extra column that are worth showing
_TIE = "\N{NO-BREAK SPACE}"
_SEPARATE = frozenset("*/=")
_Give = Literal["extra", "wraps", "some", "all"]
_COLORS = {"added": "32", "removed": "31", "changed": "33", "moved": "36"}


@record
class Layout:
    """A table as it is going to be written: which of its columns, how terse, and how wide each is. `is_cut`: something
    elastic loses its beginning."""

    columns: tuple[int, ...]
    level: Level
    widths: tuple[int, ...]
    is_cut: bool

    @property
    def width(self) -> int:
        return _total(self.widths)


def to_text(table: Table, width: int | None, *, color: bool = False) -> list[str]:
    """The lines of a table within `width`; without one, as wide as it has to be."""
    return write(table, fit(table, width), color=color) if table.rows else []


def fit(table: Table, width: int | None) -> Layout:
    """How a table with rows is written within `width`.

    As room gets scarce: extra columns go, remarks, numbers and shapes are shortened, paths lose their beginning,
    optional columns go.
    """
    found: Layout | None = None
    natural: dict[Level, list[int]] = {}
    for columns, level, give in _choices(table):
        if level not in natural:
            natural[level] = _natural(table, level)
        found = _layout(table, columns, level, natural[level], width, give)
        if width is None or found.width <= width:
            break
    assert found is not None
    return found


def write(table: Table, layout: Layout, *, color: bool = False) -> list[str]:
    """The lines of a table as it was laid out."""
    headings = [table.headings[i] for i in layout.columns]
    rows = [
        line
        for row, mark in zip(table.rows, table.marks or [""] * len(table.rows), strict=True)
        for line in _row([row[i].at(layout.level) for i in layout.columns], headings, layout, mark if color else "")
    ]
    if table.headless:
        return rows
    rule = "-" * layout.width
    return [*_row([heading.text for heading in headings], headings, layout), rule, *rows, rule]


def wrapped(text: str, width: int | None, indent: str = "") -> list[str]:
    """Lines of at most `width`, those after the first indented. A sum is broken between its terms."""
    if width is None:
        return [text]
    depth = 0
    tied: list[str] = []
    for i, char in enumerate(text):
        depth += {"(": 1, ")": -1}.get(char, 0)
        tied.append(_TIE if char == " " and (depth or not _SEPARATE.isdisjoint(text[i - 1 : i + 2])) else char)
    return _lines("".join(tied), width, indent)


def paragraph(items: Iterable[str], width: int | None) -> list[str]:
    """Items with commas between them, broken there alone."""
    if width is None:
        return [", ".join(items)]
    return _lines(", ".join(item.replace(" ", _TIE) for item in items), width, "")


def _lines(tied: str, width: int, indent: str) -> list[str]:
    lines = textwrap.wrap(tied, max(width, 20), subsequent_indent=indent, break_on_hyphens=False)
    return [line.replace(_TIE, " ") for line in lines] or [""]


def shortened(text: str, width: int) -> str:
    """The beginning of a list says most."""
    return text if len(text) <= width else text[: width - 1] + "…"


def cut(text: str, width: int) -> str:
    """The end of a path says more than its beginning."""
    return text if len(text) <= width else "…" + text[len(text) - width + 1 :]


def _choices(table: Table) -> Iterator[tuple[tuple[int, ...], Level, _Give]]:
    """From the best to the tersest: the columns, their level, and what gives way: extra columns, those that wrap, those
    that are elastic to what is readable, or to the last."""
    everything = range(len(table.headings))
    extras = sorted((i for i in everything if table.headings[i].extra), key=lambda i: table.headings[i].extra)
    for kept in range(len(extras), -1, -1):
        yield tuple(i for i in everything if i not in extras[kept:]), FULL, "extra"
    base = tuple(i for i in everything if i not in extras)
    for level in (FULL, NO_REMARKS, SHORT_NUMBERS, SHORT_SHAPES):
        yield base, level, "wraps"
    yield base, SHORT_SHAPES, "some"
    optional = sorted((i for i in base if table.headings[i].optional), key=lambda i: table.headings[i].optional)
    for kept in range(len(optional) - 1, -1, -1):
        yield tuple(i for i in base if i not in optional[kept:]), SHORT_SHAPES, "some"
    yield tuple(i for i in base if i not in optional), SHORT_SHAPES, "all"


def _natural(table: Table, level: Level) -> list[int]:
    """How wide the columns are by themselves."""
    return [
        max(0 if table.headless else len(heading.text), *(len(row[i].at(level)) for row in table.rows))
        for i, heading in enumerate(table.headings)
    ]


def _layout(
    table: Table, columns: tuple[int, ...], level: Level, natural: Sequence[int], width: int | None, give: _Give
) -> Layout:
    """The widths of the columns; what is over `width` is given up by extra ones, what wraps, then what is elastic."""
    widths = [natural[i] for i in columns]
    if width is None:
        return Layout(columns, level, tuple(widths), is_cut=False)
    headings = [table.headings[i] for i in columns]
    givers: list[tuple[int, int]] = [(i, _SHOWN) for i, heading in enumerate(headings) if heading.extra]
    if give != "extra" and headings[-1].wraps:
        givers.append((len(headings) - 1, _WRAPPED))
    if give in ("some", "all"):
        elastic = ((i, heading.elastic) for i, heading in enumerate(headings) if heading.elastic)
        givers += ((i, _NARROWEST if give == "all" else least) for i, least in elastic)
    is_cut = False
    for i, floor in givers:
        given = max(min(_total(widths) - width, widths[i] - floor), 0)
        widths[i] -= given
        is_cut |= headings[i].elastic > 0 and given > 0
    return Layout(columns, level, tuple(widths), is_cut)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _row(cells: Sequence[str], headings: Sequence[Heading], layout: Layout, mark: str = "") -> Iterator[str]:
    """A line, and more where the last cell goes on."""
    more: list[str] = []
    if headings[-1].wraps and len(cells[-1]) > layout.widths[-1]:
        last, *more = textwrap.wrap(cells[-1], layout.widths[-1], break_on_hyphens=False)
        cells = [*cells[:-1], last]
    padded = (_padded(*item) for item in zip(cells, layout.widths, headings, strict=True))
    indent = " " * (layout.width - layout.widths[-1])
    for line in (GAP.join(padded).rstrip(), *(indent + text for text in more)):
        yield f"\x1b[{_COLORS[mark]}m{line}\x1b[0m" if mark in _COLORS else line


def _padded(cell: str, width: int, heading: Heading) -> str:
    text = cut(cell, width) if heading.elastic else shortened(cell, width)
    return text.ljust(width) if heading.align == "left" else text.rjust(width)
