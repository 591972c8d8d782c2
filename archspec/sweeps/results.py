"""What a sweep found: rows, the best of them, and how they are shown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, SupportsIndex

from archspec.diagnostics import check_type, did_you_mean, spec_error
from archspec.sweeps import call
from archspec.sweeps.axes import Grid
from archspec.sweeps.condition import condition
from archspec.sweeps.count import BY_NAME, Row, is_form
from archspec.sweeps.forms import size_of
from archspec.views import markup
from archspec.views.cells import bytes_cell, count_cell
from archspec.views.symbolic import cost_texts
from archspec.views.table import READABLE, UNKNOWN, Cell, Heading, Table, words
from archspec.views.text import to_text, wrapped

_REASONS = 5  # why combinations are no networks, at most
_NUMBERS = re.compile(r"-?\d[\d.,]*(?:, -?\d[\d.,]*)*")  # one, or a list of them
_SIZES = re.compile(r"\b[A-Z]\w*")  # in a closed form

Point = tuple[tuple[float, ...], Row]


@dataclass(frozen=True, repr=False)
class Sweep:
    """Rows of a sweep: networks that fit, in order. `invalid`: combinations that are none, and why. `unknown`: networks
    left out because unknown sizes decide what was asked of them.

    `columns` are the metrics shown; `done` counts combinations; `condition` is what the rows fulfil.
    """

    name: str
    grid: Grid
    columns: tuple[str, ...]
    found: tuple[Row, ...]
    done: int
    invalid: tuple[Row, ...] = ()
    unknown: tuple[Row, ...] = ()
    condition: str = ""

    @property
    def axes(self) -> tuple[str, ...]:
        """What is varied."""
        return tuple(axis.name for axis in self.grid.axes)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The networks, by the names of params and metrics."""
        return [*self]

    def arguments(self, position: int = 0) -> dict[str, Any]:
        """What `archspec.load` takes for a row: `params`, and `variant` and `input` where they are varied."""
        check_type("position", position, SupportsIndex, "a row's number")
        return self.grid.arguments(self.found[position].index)

    def where(self, text: str) -> Sweep:
        """The rows of which a condition holds, too. Raises SpecError where it cannot be read or computed."""
        holds = condition(text, [*self.axes, *self.columns])
        rows = tuple(row for row in self.found if holds.holds(self.grid, row))
        unknown = (*self.unknown, *filter(holds.is_open, self.found))
        said = f"({self.condition}) and ({text})" if self.condition else text
        return replace(self, found=rows, unknown=unknown, condition=said)

    def sorted(self, *names: str) -> Sweep:
        """By metrics or params, smallest first; `-params` is largest first. What is unknown comes last.

        Raises SpecError for a name that no column has.
        """
        order = [*range(len(self.found))]
        for name in reversed(call.names("sorted", names)):
            amounts = self._amounts(name)
            known = [at for at in order if amounts[at] is not None]
            known.sort(key=amounts.__getitem__, reverse=name.startswith("-"))
            order = [*known, *(at for at in order if amounts[at] is None)]
        return replace(self, found=tuple(self.found[at] for at in order))

    def pareto(self, *names: str) -> Sweep:
        """The rows that none other beats: as good in all of these, and better in one. Small is good; `-params` means
        that large is. What is unknown, or no number, is left out. In the order of the first name.

        Raises SpecError for a name that no column has.
        """
        if not names:
            raise spec_error("bad-call", "a front needs metrics to choose by", None, help="name two: macs, params")
        names = call.names("pareto", names)
        signs = [-1 if name.startswith("-") else 1 for name in names]
        points: list[Point] = [
            (tuple(sign * value for sign, value in zip(signs, values, strict=True)), row)
            for values, row in zip(zip(*map(self._amounts, names), strict=True), self.found, strict=True)
            if all(isinstance(value, int | float) for value in values)
        ]
        keys = set(map(key_name, names))
        unknown = (*self.unknown, *(row for row in self.found if not keys.isdisjoint(row.unknown)))
        return replace(self, found=tuple(row for _, row in front(points)), unknown=unknown)

    def top(self, count: int) -> Sweep:
        """The first rows."""
        check_type("count", count, SupportsIndex, "a number of rows")
        return replace(self, found=self.found[:count])

    def _amounts(self, name: str) -> list[Any]:
        """What rows are ordered by. Values of params that are no numbers have the order in which they were given."""
        word = key_name(name)
        if word in self.axes:
            at = self.axes.index(word)
            numeric = self.grid.axes[at].is_numeric
            return [row.values[at] if numeric else self.grid.positions(row.index)[at] for row in self.found]
        if word not in self.columns:
            help = did_you_mean(word, [*self.axes, *self.columns]) or "ask for it among the columns"
            raise spec_error("bad-call", f"no column `{word}`", None, help=help)
        return [row.known.get(word) for row in self.found]

    # --- shown

    def table(self) -> Table:
        """A row a network."""
        headings: list[Heading] = []
        for axis in self.grid.axes:
            numeric = axis.is_numeric
            headings.append(
                Heading(axis.name, axis.name, "right" if numeric else "left", elastic=0 if numeric else READABLE)
            )
        for name in self.columns:
            metric = BY_NAME[name]
            headings.append(Heading(name, metric.label, "left" if metric.amount is None else "right"))
        return Table(tuple(headings), tuple(tuple(self._cells(row)) for row in self.found))

    def to_text(self, width: int | None = 100) -> str:
        """The table; below it, why networks are left out that may fit, and why combinations are none."""
        check_type("width", width, SupportsIndex | None, "a number of columns")
        lines = wrapped(self.title, width, "  ")
        if self.found:
            lines += ["", *to_text(self.table(), width)]
        return "\n".join([*lines, *self._why(width)])

    def to_markdown(self) -> str:
        """A table of Markdown."""
        return markup.to_markdown(self.table())

    def to_csv(self) -> str:
        """A line a network: counts are plain numbers, memory is in bytes."""
        return markup.to_csv(self.table())

    def to_json(self) -> dict[str, Any]:
        """Everything."""
        return {
            "name": self.name,
            "combinations": self.grid.size,
            "done": self.done,
            "where": self.condition or None,
            "rows": self.rows,
            "unknown": [*map(self._record, self.unknown)],
            "invalid": [{**self._record(row), "code": row.code, "message": row.message} for row in self.invalid],
        }

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(self._record, self.found)

    def __repr__(self) -> str:
        return f"<Sweep {self.title}>"

    def __len__(self) -> int:
        return len(self.found)

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return markup.to_html(self.table(), self.title) + "".join(map(markup.paragraph, self._why(None)))

    @property
    def title(self) -> str:
        """What was found, in a line."""
        total, networks = _many(self.grid.size, "combination"), self.done - len(self.invalid)
        parts = [total if self.done == self.grid.size else f"{self.done:,} of {total}"]
        if self.invalid:
            parts.append(_many(networks, "network"))
        if self.condition:
            parts.append(f"where {self.condition}")
        shown = f": {len(self.found):,} shown" if len(self.found) < networks else ""
        return f"{self.name}: {', '.join(parts)}{shown}"

    def _why(self, width: int | None) -> Iterator[str]:
        """What is not known of networks that may fit. The reasons that combinations are none, the most frequent first,
        each with one of them; where only numbers differ they are one."""
        if self.unknown:
            yield ""
            yield from wrapped(_left_out(self.unknown), width, "  ")
        reasons = Counter(map(_reason, self.invalid))
        first = {_reason(row): row for row in reversed(self.invalid)}
        if reasons:
            yield ""
            yield f"no networks: {len(self.invalid):,}"
        for reason, count in reasons.most_common(_REASONS):
            row = first[reason]
            example = f"{row.code}: {row.message}; such as {self.grid.written(row.index)}"
            yield from wrapped(f"  {count:,} x {example}", width, "    ")
        if len(reasons) > _REASONS:
            yield f"  and for {len(reasons) - _REASONS:,} other reasons"

    def _cells(self, row: Row) -> Iterator[Cell]:
        for value, text in zip(row.values, self.grid.texts(row.index), strict=True):
            yield Cell(value if isinstance(value, int | float) else text, (text,))
        for name in self.columns:
            yield _cell(name, row.metrics.get(name))

    def _record(self, row: Row) -> dict[str, Any]:
        return {
            **dict(zip(self.axes, row.values, strict=True)),
            **{name: row.metrics.get(name) for name in self.columns if row.valid},
        }


def _left_out(rows: Sequence[Row]) -> str:
    """What is not known of networks, the sizes that decide it as far as a closed form names them, and the way out."""
    metrics = dict.fromkeys(name for row in rows for name in row.unknown)
    forms = [str(row.metrics[name]) for row in rows for name in row.unknown if row.metrics[name] is not None]
    sizes = sorted({size for form in forms for size in _SIZES.findall(form)})
    verb, cause = "follows" if len(metrics) == 1 else "follow", ", ".join(sizes) or "sizes"
    what = f"{_many(len(rows), 'network')}, of which {', '.join(metrics)} {verb} from {cause} of the input"
    return f"left out: {what}; give numbers with `--input`"


def _reason(row: Row) -> tuple[str, str]:
    return row.code, _NUMBERS.sub("0", row.message)


def key_name(name: str) -> str:
    """The name in `-params`."""
    return name.removeprefix("-")


def front(points: Sequence[Point]) -> list[Point]:
    """Those points that no other one is better than: nowhere larger, somewhere smaller. Equal ones stay together."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda each: (each[0], each[1].index)):  # nobody is beaten by what comes later
        if not any(_beats(other[0], point[0]) for other in kept):
            kept.append(point)
    return kept


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def _cell(name: str, value: int | str | None) -> Cell:
    if value is None:
        return UNKNOWN
    if isinstance(value, str):
        return _form_cell(value) if is_form(name, value) else words(value)
    return bytes_cell(value) if name.endswith("_bytes") else count_cell(value)


def _form_cell(text: str) -> Cell:
    """A closed form, as short as in a summary."""
    size = size_of(text)
    long, short = (text, text) if size is None else cost_texts(size)
    return Cell(text, (long, long, short))


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
