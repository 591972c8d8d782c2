"""Results as tables: text for the terminal, Markdown for docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from benchmarks.measure import Result, Section

Table = list[list[str]]
"""Rows of cells; the first row is the head."""

UNITS: Mapping[str, Callable[[float], str]] = {
    "CPU": lambda value: seconds(value),
    "compile": lambda value: seconds(value),
    "analyse": lambda value: seconds(value),
    "us a node": lambda value: f"{value:,.1f}",
}


def seconds(value: float) -> str:
    """A time, in the unit that suits it."""
    for unit, scale in (("s", 1.0), ("ms", 1e3)):
        if value * scale >= 1:
            return f"{value * scale:.3g} {unit}" if value * scale < 100 else f"{value * scale:,.0f} {unit}"
    return f"{value * 1e6:,.0f} us"


def table(case: str, section: Section, results: Sequence[Result]) -> Table:
    """A row for each contestant. `ratio` is of the medians, to the first contestant's."""
    first = results[0]
    rows: Table = [[case, "median", "min", "IQR", "ratio", *section.columns, "note"]]
    for result in results:
        if result.failure:
            blank = [""] * (4 + len(section.columns))
            rows.append([result.contestant.name, *blank, result.failure])
            continue
        ratio = f"{result.median / first.median:.2f}" if not first.failure else ""
        facts = [_fact(name, result.facts.get(name)) for name in section.columns]
        times = [seconds(result.median), seconds(result.least), seconds(result.spread)]
        rows.append([result.contestant.name, *times, ratio, *facts, _note(result, first)])
    return rows


def _fact(name: str, value: float | str | None) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return UNITS.get(name, lambda value: f"{value:,}")(value)


COUNTS = ("params", "MACs")


def _note(result: Result, first: Result) -> str:
    """By how much its counts differ from the first one's, and its own note where they do or where it has none."""
    apart = [difference for name in COUNTS if (difference := _difference(name, result, first))]
    counts = any(name in result.facts for name in COUNTS)
    own = [result.contestant.note] if result.contestant.note and (apart or not counts) else []
    return "; ".join([*apart, *own])


def _difference(name: str, result: Result, first: Result) -> str:
    here, there = result.facts.get(name), first.facts.get(name)
    if not isinstance(here, int) or not isinstance(there, int) or here == there:
        return ""
    return f"{name} {(here - there) / there:+.3%}"


def to_text(rows: Table) -> str:
    """Aligned columns: the first and the last to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines: list[str] = []
    for row in rows:
        numbers = (cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:-1], strict=True))
        cells = [row[0].ljust(widths[0]), *numbers]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return "\n".join(lines)


def to_markdown(rows: Table) -> str:
    """A table as GitHub shows it."""
    head, *body = rows
    rule = ["---", *("--:" for _ in head[1:-1]), "---"]
    return "\n".join(_markdown_row(row) for row in (head, rule, *body))


def _markdown_row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
