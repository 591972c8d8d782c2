"""Two networks' differences for people and programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, SupportsIndex

from archspec import dims
from archspec.analysis.analyses import Analyses, analyses_of
from archspec.analysis.cost import Cost
from archspec.diagnostics import check_type
from archspec.ir import Graph
from archspec.views import markup, numbers
from archspec.views.cells import count_cell
from archspec.views.comparison import Comparison, distinct
from archspec.views.difference import Change, Differences, Keys
from archspec.views.folding import folded
from archspec.views.matching import Child, Pair, path_of
from archspec.views.metrics import METRICS, number_of
from archspec.views.symbolic import rank
from archspec.views.table import EMPTY, READABLE, Cell, Heading, Table, words
from archspec.views.text import paragraph, to_text, wrapped

_SIGNS = {"added": "+", "removed": "-", "changed": "~", "moved": ">"}
_DEEPEST = 3  # level of blocks whose numbers are shown
_MOST = 12  # rows of them, where no depth is asked for
_NAMED = 3  # weights that a line names


@dataclass(frozen=True)
class Difference:
    """What becomes of one network in another. `depth` is the level of the blocks whose numbers are shown."""

    found: Differences
    names: tuple[str, str]
    depth: int | None = None

    @property
    def changes(self) -> tuple[Change, ...]:
        """What happens to the parts, in the order of the second network."""
        return self.found.changes

    @property
    def keys(self) -> Keys:
        """What becomes of the names of the `state_dict`."""
        return self.found.keys

    @property
    def is_empty(self) -> bool:
        """The two are alike in structure, numbers and weights."""
        found = self.found
        return (
            not found.changes
            and found.keys.all_fit
            and not any(metric.change(found.before, found.after) for metric in METRICS)
        )

    def to_text(self, width: int | None = 100, *, color: bool = False) -> str:
        """The numbers of the whole, those of blocks, what changes in structure, and what becomes of the weights."""
        check_type("width", width, SupportsIndex | None, "a number of columns")
        lines = [*wrapped(" -> ".join(self.names), width, "  "), ""]
        if self.is_empty:
            return "\n".join([*lines, "no difference"])
        for title, table in self._tables():
            lines += [f"{title}:", *to_text(table, width, color=color), ""]
        return "\n".join([*lines, *self._notes(width)])

    def to_markdown(self) -> str:
        """The same as Markdown."""
        parts = [f"**{self.names[0]}** -> **{self.names[1]}**\n"]
        if self.is_empty:
            return "\n".join([*parts, "no difference\n"])
        parts += [f"{title}:\n\n{markup.to_markdown(table)}" for title, table in self._tables()]
        return "\n".join([*parts, *(f"{note}\n" for note in self._notes(None))])

    def to_csv(self) -> str:
        """A line for each thing that is different: what (a `metric`, a `key` of the weights, or a part that is `added`,
        `removed`, `moved` or `changed`), where before and after, of which op, which fact of it, and its values."""
        headings = tuple(Heading(name, name) for name in ("what", "path", "new_path", "op", "fact", "before", "after"))
        return markup.to_csv(Table(headings, tuple(self._records())))

    def to_json(self) -> dict[str, Any]:
        """Everything, for programs."""
        found = self.found
        return {
            "before": self.names[0],
            "after": self.names[1],
            "same": self.is_empty,
            "metrics": {
                metric.name: {
                    side: metric.cell(of).value if metric.amount is None else number_of(metric.amount(of))
                    for side, of in (("before", found.before), ("after", found.after))
                }
                for metric in METRICS
            },
            "blocks": [
                {"path": path, "params": [a.params, b.params], "macs": [number_of(a.macs), number_of(b.macs)]}
                for path, a, b in self._blocks()
            ],
            "changes": [
                {"kind": change.kind, "before": change.before, "after": change.after, "op": change.op}
                | {"nodes": change.nodes, "params": change.params}
                | {"edits": {edit.name: [edit.before, edit.after] for edit in change.edits}}
                for change in found.changes
            ],
            "keys": {
                "fit": list(found.keys.fit),
                "added": list(found.keys.added),
                "removed": list(found.keys.removed),
                "reshaped": list(found.keys.reshaped),
                "renamed": dict(found.keys.renamed),
                "mistaken": list(found.keys.mistaken),
            },
        }

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        tables = "".join(markup.to_html(table, title) for title, table in self._tables())
        notes = "".join(markup.paragraph(note) for note in self._notes(None))
        return f"<div>{markup.to_html(None, ' -> '.join(self.names))}{tables}{notes}</div>"

    def _tables(self) -> Iterator[tuple[str, Table]]:
        found = self.found
        totals = Comparison((found.before, found.after), self.names).beside(differing=True)
        if totals.rows:
            yield "in all", totals
        blocks = tuple(_block_row(*row) for row in _joined(self._blocks()))
        if blocks:
            yield "by block", Table(_BLOCK_HEADINGS, blocks)
        folds = folded(change for change in found.changes if not change.only_shape)
        if folds:
            rows = tuple(
                (words(_SIGNS[fold.first.kind]), words(fold.path), words(fold.what), words(fold.details))
                for fold in folds
            )
            yield (
                "structure",
                Table(_CHANGE_HEADINGS, rows, marks=tuple(fold.first.kind for fold in folds), headless=True),
            )

    def _notes(self, width: int | None) -> Iterator[str]:
        shapes = [change for change in self.found.changes if change.only_shape]
        if shapes:
            who = f"{len(shapes):,} nodes differ" if len(shapes) > 1 else "1 node differs"
            edit = shapes[0].edits[0]
            text = f"{who} in the shape of the result alone: {shapes[0].after}, {edit.before} -> {edit.after}"
            yield from wrapped(text + (", ..." if len(shapes) > 1 else ""), width, "  ")
        yield from _keys_text(self.found.keys, self.names, width)

    def _blocks(self) -> list[tuple[str, Cost, Cost]]:
        """Paths and costs of what differs in cost, down to `depth`; where none is asked for, as deep as is short."""
        if self.depth is not None:
            return self._rows(self.depth, into_new=True)
        found = (self._rows(depth) for depth in range(_DEEPEST, 1, -1))
        return next((rows for rows in found if len([*_joined(rows)]) <= _MOST), None) or self._rows(1)

    def _rows(self, depth: int, *, into_new: bool = False) -> list[tuple[str, Cost, Cost]]:
        """What differs in cost: blocks, and in their place what is in them, if there are blocks in it that both
        networks have, or `into_new` ones."""
        changed: dict[str, tuple[str, Cost, Cost]] = {}
        blocks: set[str] = set()  # those that have a block in them which differs
        for pair in self.found.matching.pairs:
            before, after = _cost(self.found.before, pair.before), _cost(self.found.after, pair.after)
            if (before.params, before.macs) == (after.params, after.macs):
                continue
            path = _path(self.found, pair)
            parent = path.rpartition(".")[0]
            if path.count(".") < depth and (not parent or parent in changed):
                changed[path] = (path, before, after)
                if _is_scope(pair) and (into_new or None not in (pair.before, pair.after)):
                    blocks.add(parent)
        return [
            row
            for path, row in changed.items()
            if path not in blocks and (not (parent := path.rpartition(".")[0]) or parent in blocks)
        ]

    def _records(self) -> Iterator[tuple[Cell, ...]]:
        found = self.found
        for metric in METRICS:
            if metric.change(found.before, found.after):
                values = (Cell(metric.cell(side).value, ("",)) for side in (found.before, found.after))
                yield (words("metric"), EMPTY, EMPTY, EMPTY, words(metric.name), *values)
        for change in found.changes:
            place = (words(change.kind), words(change.before or ""), words(change.after or ""), words(change.op))
            for edit in change.edits:
                yield (*place, words(edit.name), words(edit.before or ""), words(edit.after or ""))
            if not change.edits:
                yield (*place, EMPTY, EMPTY, EMPTY)
        keys = found.keys
        for what, names in (("added", keys.added), ("removed", keys.removed), ("reshaped", keys.reshaped)):
            for name in names:
                old, new = (name if what != "added" else ""), (name if what != "removed" else "")
                yield (words("key"), words(old), words(new), EMPTY, words(what), EMPTY, EMPTY)
        for old, new in keys.renamed.items():
            yield (words("key"), words(old), words(new), EMPTY, words("renamed"), EMPTY, EMPTY)


def difference(
    before: Graph, after: Graph, names: tuple[str, str] | None = None, depth: int | None = None,
    batch: int | None = None, optimizer: str | None = None,
) -> Difference:  # fmt: skip
    """What becomes of one network in another; `names` where those of the graphs do not tell them apart."""
    first, second = distinct(names or (before.name, after.name))
    sides = (analyses_of(graph, batch, optimizer) for graph in (before, after))
    return Difference(Differences(*sides), (first, second), depth)


_BLOCK_HEADINGS = (
    Heading("path", "block", elastic=READABLE),
    Heading("params_before", "params", "right"),
    Heading("params_after", "now", "right"),
    Heading("params_change", "", "right", optional=2),
    Heading("macs_before", "MACs", "right"),
    Heading("macs_after", "now", "right"),
    Heading("macs_change", "", "right", optional=1),
)
_CHANGE_HEADINGS = (
    Heading("sign", ""),
    Heading("path", "path", elastic=READABLE),
    Heading("op", "op"),
    Heading("details", "what", wraps=True),
)


def _joined(rows: Iterable[tuple[str, Cost, Cost]]) -> Iterator[tuple[str, Cost, Cost]]:
    """The rows; those of one parent that follow one another and have the same numbers as one, with their sums."""
    for _, group in groupby(rows, key=_alike):
        same = list(group)
        path, before, after = same[0]
        last = same[-1][0].rpartition(".")[2]
        if len(same) > 1 and all(other.rpartition(".")[2].isdecimal() for other, _, _ in same):
            yield f"{path}..{last}", _times(before, len(same)), _times(after, len(same))
        else:
            yield from same


def _alike(row: tuple[str, Cost, Cost]) -> tuple[object, ...]:
    path, *costs = row
    return path.rpartition(".")[0], *((cost.params, cost.macs) for cost in costs)


def _times(cost: Cost, count: int) -> Cost:
    return Cost(params=cost.params * count, macs=dims.mul(cost.macs, count))


def _block_row(path: str, before: Cost, after: Cost) -> tuple[Cell, ...]:
    params, macs = (before.params, after.params), (before.macs, after.macs)
    return (
        words(path),
        *map(count_cell, params),
        words(_change(*map(float, params))),
        *map(count_cell, macs),
        words(_change(*map(rank, macs))),
    )  # fmt: skip


def _change(before: float, after: float) -> str:
    return "" if before == after else numbers.change(before, after)


def _cost(analyses: Analyses, child: Child | None) -> Cost:
    if child is None:
        return Cost()
    return analyses.costs.between(*((child, child + 1) if isinstance(child, int) else (child.start, child.end)))


def _is_scope(pair: Pair) -> bool:
    return not isinstance(pair.before, int) and not isinstance(pair.after, int)


def _path(found: Differences, pair: Pair) -> str:
    """What the second network calls it, the first one where it is gone."""
    if pair.after is not None:
        return path_of(found.after.graph, pair.after)
    assert pair.before is not None
    return path_of(found.before.graph, pair.before)


def _keys_text(keys: Keys, names: tuple[str, str], width: int | None) -> Iterator[str]:
    total = len(keys.fit) + len(keys.added) + len(keys.reshaped) + len(keys.renamed)
    if keys.all_fit:
        yield from wrapped(f"weights of {names[0]} fit as they are: {total:,} keys" if total else "no weights", width)
        return
    counts = [f"{len(keys.fit):,} of {total:,} keys fit"]
    for what, found in (
        ("renamed", keys.renamed), ("reshaped", keys.reshaped), ("added", keys.added), ("removed", keys.removed),
    ):  # fmt: skip
        if found:
            few = list(found)[:_NAMED]
            shown = f" ({', '.join(few)})" if len(found) <= _NAMED else ""
            counts.append(f"{len(found):,} {what}{shown}")
    yield from paragraph([f"weights: {counts[0]}", *counts[1:]], width)
    if keys.mistaken:
        few, more = ", ".join(keys.mistaken[:_NAMED]), len(keys.mistaken) - _NAMED
        which = f"{few} and {more:,} more" if more > 0 else few
        yield from wrapped(f"careful: by name and shape, weights of other layers would load as {which}", width, "  ")
