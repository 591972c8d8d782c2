"""The columns a summary can show: what each is called, what it says of a row, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Literal

from archspec import dims
from archspec.analysis.analyses import Analyses
from archspec.analysis.cost import Cost
from archspec.analysis.receptive_field import ReceptiveField
from archspec.diagnostics import check_type, did_you_mean, spec_error
from archspec.dims import Dim
from archspec.objects import record
from archspec.views import numbers
from archspec.views.cells import arguments, bytes_cell, count_cell, few, field_cell, once_if_equal
from archspec.views.rows import Row
from archspec.views.symbolic import Legend, rank
from archspec.views.table import EMPTY, NONE, READABLE, UNKNOWN, WHOLE, Cell, Heading, words


class View:
    """What cells are made from: the analyses, the sums of rows, and the abbreviations met so far."""

    def __init__(self, analyses: Analyses, *, tree: bool = False) -> None:
        self.analyses = analyses
        self.tree = tree
        self.legend = Legend()
        self._costs: dict[tuple[int, int], Cost] = {}

    def cost(self, row: Row) -> Cost:
        """The sums over a row's nodes."""
        found = self._costs.get((row.start, row.end))
        if found is None:
            found = self._costs[row.start, row.end] = self.analyses.costs.between(row.start, row.end)
        return found

    def field(self, row: Row) -> ReceptiveField | None:
        """The receptive field of what a row yields."""
        return self.analyses.fields[row.result] if row.result >= 0 else None


@record
class Column:
    """A column by its `name`, which `--columns` takes. `order` is what rows are sorted by where that is not the cell's
    value."""

    name: str
    header: str
    doc: str
    cell: Callable[[View, Row], Cell]
    align: Literal["left", "right"] = "right"
    order: Callable[[View, Row], float | str] | None = None
    extra: int = 0
    optional: int = 0
    wraps: bool = False

    def heading(self, *, asked: bool, spare: bool, tree: bool) -> Heading:
        """The column's head; what is asked for is never left out. `spare`: other numbers may go for its sake."""
        elastic = 0 if self.name != "path" else WHOLE if tree else READABLE
        optional = self.optional or int(spare and self.align == "right")
        return Heading(
            self.name, self.header, self.align, 0 if asked else self.extra, 0 if asked else optional,
            elastic=elastic, wraps=self.wraps,
        )  # fmt: skip

    def sort_key(self, view: View, row: Row) -> float | str:
        """A number, or a text, by which rows are put in order."""
        if self.order is not None:
            return self.order(view, row)
        value = self.cell(view, row).value
        if isinstance(value, int | float):
            return value
        return str(value or "") if self.align == "left" else -1


def _path(view: View, row: Row) -> Cell:
    return Cell(row.full_path, ("  " * row.level + row.name,) if view.tree else (row.full_path,))


def _op(_: View, row: Row) -> Cell:
    kind = f"{row.kind} x {row.count}" if row.count > 1 else row.kind
    if row.mode == "always":
        return words(kind)
    full = f"{kind} ({row.mode})"
    return Cell(full, (full, full, full, full.replace("(training)", "(train)")))


def _arguments(_: View, row: Row) -> Cell:
    if row.node is None:
        return EMPTY
    return words(", ".join(f"{name}={value}" for name, value in arguments(row.node.op).items()))


def _inputs(view: View, row: Row) -> Cell:
    values = row.node.inputs if row.node is not None else row.scope.inputs if row.scope is not None else ()
    return words(few([view.analyses.graph.name_of(value) for value in values]))


def _output(view: View, row: Row) -> Cell:
    full = few([str(x) for x in row.types])
    if full.count(" ") == full.count(","):  # no size has an operator in it
        return words(full)
    return Cell(full, (full, full, full, few([view.legend.shape(x.shape) for x in row.types])))


def _dtype(_: View, row: Row) -> Cell:
    return words(few([x.dtype for x in row.types]))


def _mode(_: View, row: Row) -> Cell:
    return words(row.mode)


def _line(_: View, row: Row) -> Cell:
    item = row.node or row.scope
    return words(f"{item.origin.span.source.name}:{item.origin.span.line}") if item is not None else EMPTY


Measure = Callable[[View, Row], Dim]


def _params(view: View, row: Row) -> Dim:
    return view.cost(row).params


def _trainable(view: View, row: Row) -> Dim:
    return view.cost(row).trainable


def _buffers(view: View, row: Row) -> Dim:
    return view.cost(row).buffers


def _macs(view: View, row: Row) -> Dim:
    return view.cost(row).macs


def _flops(view: View, row: Row) -> Dim:
    return dims.mul(_macs(view, row), 2)


def _ops(view: View, row: Row) -> Dim:
    return view.cost(row).ops


def _memory(view: View, row: Row) -> Cell:
    return bytes_cell(view.analyses.most_live(row.start, row.end))


def _moved(view: View, row: Row) -> Cell:
    return bytes_cell(view.analyses.moved(row.start, row.end))


def _intensity(view: View, row: Row) -> Cell:
    """Nothing where there are no MACs."""
    macs = view.cost(row).macs
    if macs == 0:
        return NONE
    found = view.analyses.intensity(macs, view.analyses.moved(row.start, row.end))
    return UNKNOWN if found is None else Cell(round(found, 4), (f"{found:,.1f}" if found >= 0.05 else "<0.1",))


def _weights(view: View, row: Row) -> Cell:
    return bytes_cell(view.analyses.weight_bytes(row.start, row.end))


def _count(measure: Measure) -> Callable[[View, Row], Cell]:
    def cell(view: View, row: Row) -> Cell:
        return count_cell(measure(view, row))

    return cell


def _share(measure: Measure, whole: Callable[[Cost], Dim]) -> Callable[[View, Row], Cell]:
    def cell(view: View, row: Row) -> Cell:
        part, total = measure(view, row), whole(view.analyses.total)
        if not isinstance(part, int) or not isinstance(total, int):
            return EMPTY
        return Cell(round(100 * part / total, 3) if total else 0.0, (numbers.percent(part, total),))

    return cell


def _rank(measure: Measure) -> Callable[[View, Row], float]:
    def order(view: View, row: Row) -> float:
        return rank(measure(view, row))

    return order


def _field(view: View, row: Row) -> Cell:
    return field_cell(view.field(row))


def _field_rank(view: View, row: Row) -> float:
    found = view.field(row)
    if found is None:
        return -1
    sizes = [float("inf")] if found.kind == "global" and found.local is None else [rank(s) for s in found.nearest.size]
    return max(sizes) + (1e9 if found.kind == "global" else 0)


def _stride(view: View, row: Row) -> Cell:
    found = view.field(row)
    stride = found.nearest.stride if found is not None else ()
    return words(once_if_equal([_fraction(step) for step in stride])) if stride else NONE


def _padding(view: View, row: Row) -> Cell:
    found = view.field(row)
    padding = found.nearest.padding if found is not None else ()
    return words(once_if_equal([str(width) for width in padding])) if padding else NONE


def _fraction(step: Fraction) -> str:
    return str(step.numerator) if step.denominator == 1 else f"{step.numerator}/{step.denominator}"


# fmt: off
COLUMNS: Mapping[str, Column] = {
    column.name: column
    for column in (
        Column("path", "path", "where it stands in the graph, as in `state_dict`", _path, "left"),
        Column("op", "op", "the op, or the block", _op, "left"),
        Column("arguments", "arguments", "of the op, as torch takes them", _arguments, "left", extra=1, wraps=True),
        Column("inputs", "inputs", "the nodes it reads", _inputs, "left", wraps=True),
        Column("output", "output", "the shape of its value", _output, "left"),
        Column("dtype", "dtype", "of its value", _dtype, "left"),
        Column("mode", "mode", "when it runs: always, in training, in evaluation", _mode, "left"),
        Column("line", "line", "where it is written in the spec", _line, "left"),
        Column("params", "params", "parameters, a shared one where it is owned", _count(_params)),
        Column("params%", "%", "of the network's parameters", _share(_params, lambda c: c.params), optional=3),
        Column("trainable", "trained", "parameters that are trained", _count(_trainable)),
        Column("buffers", "buffers", "elements that are kept but not trained", _count(_buffers)),
        Column("macs", "MACs", "multiply-accumulates of one sample", _count(_macs), order=_rank(_macs)),
        Column("macs%", "%", "of the network's MACs", _share(_macs, lambda c: c.macs), optional=2),
        Column("flops", "FLOPs", "2 x MACs", _count(_flops), order=_rank(_flops)),
        Column("ops", "ops", "elementary operations outside of MACs, of one sample", _count(_ops), order=_rank(_ops)),
        Column("weights", "weights", "bytes of its parameters and buffers", _weights),
        Column("memory", "memory", "bytes of activations alive while it runs, the most of a block", _memory),
        Column("moved", "moved", "bytes read and written: operands, weights and results, each once", _moved),
        Column("intensity", "MACs/B", "arithmetic intensity: MACs for each byte moved", _intensity),
        Column(
            "field", "field",
            "receptive field, `<=` the largest where it depends on the unit; in parentheses that of the local path",
            _field, order=_field_rank,
            optional=1,
        ),
        Column("stride", "stride", "of the receptive field: input positions from one unit to the next", _stride),
        Column("padding", "padding", "input positions that the first unit's field begins before the first", _padding),
    )
}
# fmt: on
DEFAULT = ("path", "op", "arguments", "output", "params", "params%", "macs", "macs%", "field")


def chosen(names: str | Iterable[str] | None) -> tuple[Column, ...]:
    """The columns by name, a list or a text with commas, in the order asked for; with a `+` before any of them they are
    added to the usual ones. Raises SpecError."""
    check_type("columns", names, Iterable | None, "one name or a list of them")
    if names is None:
        return tuple(COLUMNS[name] for name in DEFAULT)
    asked = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    for name in asked:
        check_type("columns", name, str, "one name or a list of them")
    usual = [name for name in DEFAULT if not COLUMNS[name].extra] if any(name[:1] == "+" for name in asked) else []
    return tuple(column(name) for name in dict.fromkeys([*usual, *(name.removeprefix("+") for name in asked)]))


def column(name: str, what: str = "column") -> Column:
    """A column by name. Raises SpecError, naming the nearest."""
    if name not in COLUMNS:
        raise spec_error("bad-call", f"no {what} `{name}`", help=did_you_mean(name, COLUMNS) or _all())
    return COLUMNS[name]


def _all() -> str:
    return "choose from " + ", ".join(f"`{name}`" for name in COLUMNS)
