"""Tables as data: what stands in the cells, for programs and for people. `text` and `markup` write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal

from archspec.objects import record

Level = Literal[0, 1, 2, 3]
"""How terse a table is."""
READABLE = 24  # characters of a path that still say where it is
WHOLE = 1 << 10

FULL: Level = 0
NO_REMARKS: Level = 1
SHORT_NUMBERS: Level = 2
SHORT_SHAPES: Level = 3


@record
class Cell:
    """`value` is for programs: a number, a text or None. `forms` are for people, the longest first: one for each level,
    the last for those that follow."""

    value: Any
    forms: tuple[str, ...]

    def at(self, level: Level) -> str:
        """What people see."""
        return self.forms[min(level, len(self.forms) - 1)]

    @property
    def is_empty(self) -> bool:
        return self.forms[0] in ("", "-")


EMPTY = Cell(None, ("",))
UNKNOWN = Cell(None, ("?",))
NONE = Cell(None, ("-",))


def words(text: str) -> Cell:
    """A cell that is the same for programs and for people."""
    return Cell(text, (text,))


@record
class Heading:
    """The head of a column. `extra` columns are there, in part at least, where there is room; `optional` ones go where
    there is none; the highest number first. What is `elastic` may lose its beginning, as paths can: so many characters
    are left, fewer where nothing else helps. What `wraps` goes on below where it is the last."""

    name: str  # for programs: "macs%"
    text: str  # for people: "%"
    align: Literal["left", "right"] = "left"
    extra: int = 0
    optional: int = 0
    elastic: int = 0
    wraps: bool = False


@record
class Table:
    """Rows of cells below headings. `legend` says what abbreviations of shapes stand for. `marks` say what a row is to
    a terminal that has colours: "added", "removed", "changed", "moved"."""

    headings: tuple[Heading, ...]
    rows: tuple[tuple[Cell, ...], ...]
    legend: Mapping[str, str] = field(default_factory=dict[str, str])
    marks: tuple[str, ...] = ()
    headless: bool = False  # for people

    def without(self, columns: set[int]) -> Table:
        """Without some columns."""
        kept = [i for i in range(len(self.headings)) if i not in columns]
        return Table(
            tuple(self.headings[i] for i in kept), tuple(tuple(row[i] for i in kept) for row in self.rows),
            self.legend, self.marks, self.headless,
        )  # fmt: skip

    def records(self) -> list[dict[str, Any]]:
        """A mapping a row, by the headings' names."""
        names = [heading.name for heading in self.headings]
        return [dict(zip(names, (cell.value for cell in row), strict=True)) for row in self.rows]
