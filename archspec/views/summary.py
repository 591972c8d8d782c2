"""The summary of one network: a table of its nodes or blocks, the totals, and the contract of `--json`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, SupportsIndex, TypedDict, Unpack

from archspec.analysis.analyses import Analyses, analyses_of
from archspec.analysis.cost import Cost
from archspec.diagnostics import check_type
from archspec.ir import Graph
from archspec.objects import uncollected
from archspec.views import columns, markup
from archspec.views.columns import Column, View
from archspec.views.contract import contract
from archspec.views.rows import Row, rows_of
from archspec.views.table import SHORT_SHAPES, Table
from archspec.views.text import fit, paragraph, to_text, wrapped, write
from archspec.views.totals import forms, totals_table

_ROOMY = 130  # columns of a terminal in which there may be room for more than the usual columns


class Shape(TypedDict, total=False):
    """What a table shows.

    depth: blocks that lie deeper are folded; 1 leaves the top level.
    sort: the name of a column: numbers in falling order, texts by the alphabet. It is shown, unless `columns` leave it
        out.
    columns: names of columns in order, a list or a text with commas; with `+` in front they are added to the usual
        ones.
    tree: a row for every block too, with its sums, before what is in it. Text without a say in it is a tree where
        paths would have to be cut.
    """

    depth: int | None
    sort: str | None
    columns: str | Sequence[str] | None
    tree: bool | None


@dataclass(frozen=True)
class Summary:
    """What is known of a network without building it. Prints as a table, shows itself in a notebook."""

    analyses: Analyses
    training: bool = False  # whether text says what training needs

    @property
    def graph(self) -> Graph:
        return self.analyses.graph

    @property
    def total(self) -> Cost:
        """Parameters, buffers and MACs of the whole network."""
        return self.analyses.total

    @uncollected()
    def rows(self, **shape: Unpack[Shape]) -> list[Row]:
        """The rows of the table. Raises SpecError for a column that there is not."""
        check_type("depth", shape.get("depth"), SupportsIndex | None, "a number of levels")
        tree, sort = bool(shape.get("tree")), shape.get("sort")
        view = View(self.analyses)
        by = _sorted_by(sort) if sort is not None else None
        key = partial(by.sort_key, view) if by is not None else None
        return rows_of(self.analyses, shape.get("depth"), tree=tree, key=key)

    @uncollected()
    def table(self, *, roomy: bool = False, **shape: Unpack[Shape]) -> Table:
        """The rows with their columns, where it is `roomy` those too that need much room. Raises SpecError for a column
        that there is not."""
        asked, sort = shape.get("columns"), shape.get("sort")
        view = View(self.analyses, tree=bool(shape.get("tree")))
        shown = [column for column in columns.chosen(asked) if asked is not None or roomy or not column.extra]
        usual = len(shown)
        if asked is None and sort is not None and sort not in (column.name for column in shown):
            shown.append(_sorted_by(sort))
        spare = len(shown) > usual
        cells = [[column.cell(view, row) for column in shown] for row in self.rows(**shape)]
        table = Table(
            tuple(
                column.heading(asked=asked is not None or column.name == sort, spare=spare, tree=view.tree)
                for column in shown
            ),
            tuple(map(tuple, cells)),
            view.legend.lines(),
        )
        if asked is not None:
            return table
        return table.without({i for i, column in enumerate(shown) if column.optional and not _says(table, i)})

    def to_text(self, width: int | None = 100, **shape: Unpack[Shape]) -> str:
        """The title, the table and the totals within `width`; None: as wide as they need to be."""
        check_type("width", width, SupportsIndex | None, "a number of columns")
        table = self.table(roomy=width is not None and width >= _ROOMY, **shape)
        layout = fit(table, width)
        if layout.is_cut and shape.get("tree") is None and shape.get("sort") is None:
            shape["tree"] = True
            table = self.table(**shape)
            layout = fit(table, width)
        lines = [*wrapped(self._title(), width, "  "), "", *write(table, layout)]
        lines += to_text(totals_table(self.analyses, training=self.training), width)
        if layout.level == SHORT_SHAPES and table.legend:
            lines += ["", *paragraph((f"{name} = {form}" for name, form in table.legend.items()), width)]
        for name, form in forms(self.analyses):
            lines += ["", *wrapped(f"{name} = {form}", width, "  ")]
        return "\n".join(lines)

    def to_markdown(self, **shape: Unpack[Shape]) -> str:
        """The title, the table and the totals as Markdown."""
        title = f"**{self.graph.name}**" + self._title().removeprefix(self.graph.name)
        totals = replace(totals_table(self.analyses, training=self.training), headless=False)
        return "\n".join([title, "", markup.to_markdown(self.table(**shape)), markup.to_markdown(totals)])

    def to_csv(self, **shape: Unpack[Shape]) -> str:
        """The table with a line of names; counts are plain numbers, memory is in bytes, shares are in percent."""
        return markup.to_csv(self.table(**shape))

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        totals = totals_table(self.analyses, training=self.training)
        return f"<div>{markup.to_html(self.table(), self._title())}{markup.to_html(totals)}</div>"

    def _title(self) -> str:
        inputs = ", ".join(f"{entry.name} {entry.type}" for entry in self.graph.inputs)
        return f"{self.graph.name}: {inputs}"

    @uncollected()
    def to_json(self) -> dict[str, Any]:
        """What `archspec summary --json` prints: see `archspec.views.contract`."""
        return contract(self.analyses)


def _sorted_by(name: str) -> Column:
    check_type("sort", name, str, "a column's name")
    return columns.column(name, "column to sort by")


def summarize(graph: Graph, batch: int | None = None, optimizer: str | None = None) -> Summary:
    """The summary of a graph.

    Args:
        batch: how many samples memory is computed for (1).
        optimizer: one of `archspec.analysis.training.OPTIMIZERS`, for what training needs ("adam").

    Raises:
        SpecError: there is no such optimizer.
    """
    return Summary(analyses_of(graph, batch, optimizer), training=batch is not None or optimizer is not None)


def _says(table: Table, column: int) -> bool:
    return any(not row[column].is_empty for row in table.rows)
