"""Tables as Markdown, HTML and CSV."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from html import escape

from archspec.views.table import FULL, Heading, Table

_SPECIAL = re.compile(r"[\\`*|<~]|\b_|_\b")


def to_markdown(table: Table) -> str:
    """A table of GitHub's Markdown, columns padded to be read as they are."""
    table = _base(table)
    rows = [[_markdown(heading.text) or " " for heading in table.headings]]
    rows += [[_markdown(cell.at(FULL)) for cell in row] for row in table.rows]
    widths = [max(3, *map(len, column)) for column in zip(*rows, strict=True)]
    rules = [
        "-" * width if heading.align == "left" else "-" * (width - 1) + ":"
        for heading, width in zip(table.headings, widths, strict=True)
    ]
    head, *body = (_padded(row, widths, table.headings) for row in rows)
    return "\n".join([head, f"| {' | '.join(rules)} |", *body]) + "\n"


def to_html(table: Table | None, title: str = "") -> str:
    """A table for notebooks, below its title; None: the title alone."""
    heading = f"<strong>{escape(title)}</strong>" if title else ""
    if table is None:
        return heading
    table = _base(table)
    head = "" if table.headless else f"<thead>{_html(table, [h.text for h in table.headings], 'th')}</thead>"
    body = "".join(_html(table, [cell.at(FULL) for cell in row], "td") for row in table.rows)
    return f"{heading}<table>{head}<tbody>{body}</tbody></table>"


def paragraph(text: str) -> str:
    """A paragraph of HTML."""
    return f"<p>{escape(text)}</p>"


def to_csv(table: Table) -> str:
    """Comma-separated values with a line of names: numbers are plain, nothing is left empty but what does not apply."""
    import csv  # only who asks for it pays for loading it

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([heading.name for heading in _base(table).headings])
    writer.writerows([cell.value for cell in row] for row in _base(table).rows)
    return text.getvalue()


def _base(table: Table) -> Table:
    """Without the columns that wait for room."""
    return table.without({i for i, heading in enumerate(table.headings) if heading.extra})


def _markdown(text: str) -> str:
    """What Markdown would take for its own is escaped."""
    return _SPECIAL.sub(r"\\\g<0>", text).replace("\n", " ")


def _padded(cells: Sequence[str], widths: Iterable[int], headings: Iterable[Heading]) -> str:
    padded = (
        cell.ljust(width) if heading.align == "left" else cell.rjust(width)
        for cell, width, heading in zip(cells, widths, headings, strict=True)
    )
    return f"| {' | '.join(padded)} |"


def _html(table: Table, cells: Sequence[str], tag: str) -> str:
    columns = (
        f'<{tag} style="text-align: {heading.align}">{escape(cell)}</{tag}>'
        for heading, cell in zip(table.headings, cells, strict=True)
    )
    return f"<tr>{''.join(columns)}</tr>"
