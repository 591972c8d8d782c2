"""The summary as text and as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

from archspec import dims
from archspec.analysis.cost import Cost
from archspec.analysis.memory import Memory
from archspec.analysis.receptive_field import ReceptiveField
from archspec.dims import Dim, show

HEADER = ("path", "op", "output", "params", "MACs", "field")
_LEFT = 3  # columns of words; the others are numbers
_GAP = "  "
_READABLE = 24  # a path this long still says where it is
_NARROWEST = 12  # and is never cut below this


@dataclass(frozen=True, slots=True)
class Line:
    """A row: a node, or a folded scope, or a run of `count` scopes up to `last` that are alike."""

    path: str
    kind: str
    output: str
    params: int
    macs: Dim
    field: ReceptiveField | None
    foldable: bool = False
    count: int = 1
    last: str = ""

    def like(self, other: Line) -> bool:
        """Whether `other` may join the run: the same parent, kind, output and costs each."""
        same = (self.kind, self.output, self.params, _parent(self.path)) == (
            other.kind, other.output, other.params * self.count, _parent(other.path),
        )  # fmt: skip
        return same and self.macs == dims.mul(other.macs, self.count)

    def and_(self, other: Line) -> Line:
        """The run with one more; costs are those of all."""
        return replace(
            self, params=self.params + other.params, macs=dims.add(self.macs, other.macs), field=other.field,
            count=self.count + 1, last=other.path.rpartition(".")[2],
        )  # fmt: skip

    def cells(self, short: bool = False) -> tuple[str, ...]:
        """What the columns show; `short` abbreviates numbers."""
        path = f"{self.path}..{self.last}" if self.count > 1 else self.path
        kind = f"{self.kind} x {self.count}" if self.count > 1 else self.kind
        params, macs = (_count(number, short) for number in (self.params, self.macs))
        return path, kind, self.output, params, macs, field_text(self.field, short)


@dataclass(frozen=True, slots=True)
class Totals:
    """What stands below the table."""

    cost: Cost
    memory: Memory

    def entries(self) -> list[tuple[str, str, str]]:
        """Name, number, remark."""
        cost, memory = self.cost, self.memory
        trained = "all trained" if cost.trainable == cost.params else f"{cost.trainable:,} trained"
        dtypes = ", ".join(f"{dtype} {_bytes(size)}" for dtype, size in memory.weights.items() if size)
        peak = memory.activation_peak_bytes
        where = f"at {memory.peak}" if memory.peak else ""
        return [
            ("params", f"{cost.params:,}", trained),
            ("buffers", f"{cost.buffers:,}", ""),
            ("MACs", _count(cost.macs, False), "one sample, evaluation"),
            ("weights", _bytes(memory.weight_bytes), dtypes),
            ("peak of activations", "unknown" if peak is None else _bytes(peak), where),
        ]


def to_text(title: str, lines: Sequence[Line], totals: Totals, width: int) -> str:
    """The table within `width`, down to about 60 columns: paths lose their beginning, numbers are abbreviated, the
    field goes."""
    full, short = ([line.cells(short) for line in lines] for short in (False, True))
    choices = ((full, None), (full, _READABLE), (short, _READABLE), ([row[:-1] for row in short], _NARROWEST))
    rows = next((fitted for rows, path in choices if _width(fitted := _fit(rows, width, path)) <= width), None)
    rows = rows if rows is not None else _fit(choices[-1][0], width, _NARROWEST)
    header = HEADER[: len(rows[0])] if rows else HEADER
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = "-" * (sum(widths) + len(_GAP) * (len(widths) - 1))
    entries = totals.entries()
    names, numbers = (max(len(entry[i]) for entry in entries) for i in (0, 1))
    room = max(width - names - numbers - 2 * len(_GAP), _NARROWEST)
    return "\n".join([
        title,
        "",
        _row(header, widths),
        rule,
        *(_row(row, widths) for row in rows),
        rule,
        *(
            f"{name:<{names}}{_GAP}{number:>{numbers}}{_GAP}{_cut(remark, room)}".rstrip()
            for name, number, remark in entries
        ),
    ])  # fmt: skip


def _fit(rows: Sequence[Sequence[str]], width: int, path: int | None) -> list[Sequence[str]]:
    """The rows with paths cut to what the other columns leave, at least to `path`; None leaves them whole."""
    if path is None or not rows:
        return list(rows)
    rest = _width([["", *row[1:]] for row in rows]) - len(HEADER[0])
    return [[_cut(row[0], max(width - rest, path)), *row[1:]] for row in rows]


def to_html(title: str, lines: Sequence[Line], totals: Totals) -> str:
    """The same as a table for notebooks."""
    left, right = ' style="text-align: left"', ' style="text-align: right"'

    def row(cells: Sequence[str], tag: str) -> str:
        columns = (f"<{tag}{left if i < _LEFT else right}>{escape(cell)}</{tag}>" for i, cell in enumerate(cells))
        return f"<tr>{''.join(columns)}</tr>"

    body = "".join(row(line.cells(), "td") for line in lines)
    facts = "".join(
        f"<tr><td{left}>{escape(name)}</td><td{right}>{escape(number)}</td><td{left}>{escape(remark)}</td></tr>"
        for name, number, remark in totals.entries()
    )
    return (
        f"<div><strong>{escape(title)}</strong><table><thead>{row(HEADER, 'th')}</thead><tbody>{body}</tbody></table>"
        f"<table><tbody>{facts}</tbody></table></div>"
    )


def field_text(field: ReceptiveField | None, short: bool = False) -> str:
    """A receptive field in a few letters: `427`, `<= 204`, `global (427)`, the local path in parentheses."""
    if field is None:
        return "-"
    if field.kind == "global":
        return "global" if short or field.local is None else f"global ({field_text(field.local)})"
    sizes = [show(size) for size in field.size]
    text = sizes[0] if len(set(sizes)) == 1 else "x".join(sizes)
    return text if field.kind == "affine" else f"<= {text}"


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (
        cell.ljust(width) if i < _LEFT else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return _GAP.join(padded).rstrip()


def _width(rows: Sequence[Sequence[str]]) -> int:
    header = HEADER[: len(rows[0])] if rows else HEADER
    return sum(max(map(len, column)) for column in zip(header, *rows, strict=True)) + len(_GAP) * (len(header) - 1)


def _cut(text: str, width: int) -> str:
    """The end of a path says more than its beginning."""
    return text if len(text) <= width else "…" + text[len(text) - width + 1 :]


def _count(number: Dim, short: bool) -> str:
    if not isinstance(number, int):
        return show(number)
    if not number:
        return "-"
    if short:
        for unit, letter in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
            if number >= unit:
                return f"{number / unit:.3g}{letter}" if number < 1000 * unit else f"{number / unit:.0f}{letter}"
    return f"{number:,}"


def _bytes(size: int) -> str:
    for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if size >= unit:
            return f"{size / unit:.2f} {name}"
    return f"{size} B"


def _parent(path: str) -> str:
    return path.rpartition(".")[0]
