"""What a report holds, as JSON: the parts of the network, the levels of its diagram, fields, files, facts.

An item is a node or a block, in the order of the summary's tree; number 0 is the whole network. Everything else refers
to items by number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from archspec.analysis.analyses import Analyses
from archspec.analysis.interface import in_words
from archspec.analysis.requirements import size_requirements
from archspec.diagrams.engine import Engine
from archspec.diagrams.labels import Labels
from archspec.diagrams.palette import colour_of
from archspec.diagrams.picture import FITS, Box
from archspec.ir import Graph, leaves
from archspec.reports.fields import Fields, fields
from archspec.reports.layout import PORT, Placed, can_place, place, text_width, written
from archspec.reports.levels import Level, levels
from archspec.reports.sources import Sources
from archspec.values import Value
from archspec.views.cells import arguments
from archspec.views.columns import COLUMNS, View
from archspec.views.rows import Row, rows_of

MEASURES = ("params", "macs", "memory", "weights", "field")
"""Columns of the summary that an item has cells of."""


@dataclass(frozen=True)
class Contents:
    """All of a page's data; `engine` is None where there is no program to lay a diagram out."""

    analyses: Analyses
    engine: Engine | None
    numbers: dict[str, int] = field(default_factory=dict[str, int])  # of items, by path

    @property
    def graph(self) -> Graph:
        return self.analyses.graph

    def to_json(self) -> dict[str, Any]:
        """The data, as the page's scripts read it."""
        rows = rows_of(self.analyses, tree=True)
        self.numbers.update({"": 0, **{row.path: number for number, row in enumerate(rows, 1)}})
        sources, seen = Sources(self.graph), fields(self.analyses.sample)
        return {
            "name": self.graph.name,
            "batch": self.analyses.batch,
            "items": self._items(rows, sources, seen),
            "inputs": [{"name": entry.name, "type": str(entry.type)} for entry in self.graph.inputs],
            "levels": self._levels(),
            "fields": seen.entries,
            "tables": seen.tables,
            "files": [{"name": file.name, "lines": file.lines} for file in sources.files],
            "live": self.analyses.live,
            "runs": [int(runs) for runs in self.analyses.costs.runs],
            "facts": [
                {**fact.to_json(), "sites": [self.numbers.get(site, site) for site in fact.sites]}
                for fact in size_requirements(self.graph)
            ],
        }

    def facts(self) -> list[str]:
        """What the sizes of the inputs must be, in words."""
        return [*in_words(size_requirements(self.graph))]

    # Items

    def _items(self, rows: Sequence[Row], sources: Sources, seen: Fields) -> list[dict[str, Any]]:
        view, root = View(self.analyses, tree=True), self.graph.root
        whole = Row(
            "", self.graph.name, root.start, root.end, (), root.outputs[0].node if root.outputs else -1, scope=root,
            level=-1, is_sum=True,
        )  # fmt: skip
        return [self._item(row, view, sources, seen) for row in (whole, *rows)]

    def _item(self, row: Row, view: View, sources: Sources, seen: Fields) -> dict[str, Any]:
        item, node = row.node or row.scope, row.node
        assert item is not None, "rows of a tree are nodes or blocks"
        values = item.inputs if row.path else ()
        made = (
            Value(row.start) if node is not None else row.scope.outputs[0] if row.scope and row.scope.outputs else None
        )
        found: dict[str, Any] = {
            "path": row.path,
            "kind": row.kind,
            "start": row.start,
            "end": row.end,
            "level": row.level,
            "output": COLUMNS["output"].cell(view, row).forms[0],
            "cells": [_cell(view, name, row) for name in MEASURES],
            "from": [self._source(value) for value in values],
            "places": sources.places(item.origin),
            "fields": seen.of.get(made, []) if made is not None else [],
        }
        if row.scope is not None:
            found["block"] = 1
            if row.scope.doc:
                found["doc"] = row.scope.doc
        else:
            assert node is not None
            found["colour"] = colour_of(node.op.category).name
            found["arguments"] = [[name, value] for name, value in arguments(node.op, inferred=True).items()]
        if row.mode != "always":
            found["mode"] = row.mode
        return found

    def _source(self, value: Value) -> list[Any]:
        """An item, or -1 - the number of an input; and what people call the value."""
        name = self.graph.name_of(value)
        if value.node < 0:
            return [value.node, name]
        return [self.numbers[self.graph.nodes[value.node].path], name]

    # The diagram

    def _levels(self) -> list[dict[str, Any]]:
        if self.engine is None:
            return []
        labels, found = Labels(self.analyses), levels(self.graph)
        drawn = [level for level in found if can_place(level)]
        if not drawn or drawn[0] is not found[0]:
            return []  # what is inside of blocks is seen through what is around them
        texts = [[written(box, labels, port=_is_port(level, box)) for box in level.boxes] for level in drawn]
        sizes = [
            [(PORT, PORT) if _is_port(level, box) else text.size for box, text in zip(level.boxes, row, strict=True)]
            for level, row in zip(drawn, texts, strict=True)
        ]
        placed = place(drawn, sizes, self.engine)
        opened = _opened(found)
        result: list[dict[str, Any]] = []
        for level, row, size, at in zip(drawn, texts, sizes, placed, strict=True):
            boxes: list[dict[str, Any]] = []
            for box, text, (width, height), (x, y) in zip(level.boxes, row, size, at.centres, strict=True):
                boxes.append({"at": [x, y, width, height], "title": text.title, **self._box(box)})
                boxes[-1] |= {"name": text.name} if text.name else {}
                boxes[-1] |= {"lines": text.lines} if text.lines else {}
            result.append({
                "item": self.numbers[level.scope.path], "size": [at.width, at.height], "boxes": boxes,
                "edges": self._edges(level, at), "open": int(level.scope.path in opened),
            })  # fmt: skip
        return result

    def _box(self, box: Box) -> dict[str, Any]:
        found: dict[str, Any] = {"kind": box.kind}
        if box.kind in ("node", "block"):
            found["item"] = self.numbers[box.path]
        if box.count > 1:
            found["count"], found["last"] = box.count, self.numbers[box.last]
        if box.mode != "always":
            found["mode"] = box.mode
        return found

    @staticmethod
    def _edges(level: Level, placed: Placed) -> list[dict[str, Any]]:
        numbers = {box.id: number for number, box in enumerate(level.boxes)}
        found: list[dict[str, Any]] = []
        for edge, route in zip(level.edges, placed.routes, strict=True):
            ends = [numbers[edge.source], numbers[edge.target]]
            entry: dict[str, Any] = {"ends": ends, "way": [place for point in route.points for place in point]}
            if route.label is not None and edge.label is not None:
                text = str(edge.label)
                entry |= {"label": text, "place": [*route.label, round(text_width(text, 10))]}
            if edge.kind != "data":
                entry["kind"] = edge.kind
            if edge.mode != "always":
                entry["mode"] = edge.mode
            into, out = level.ports[edge.source, edge.target]
            entry |= {name: port for name, port in (("into", into), ("out", out)) if port is not None}
            found.append(entry)
        return found


def _is_port(level: Level, box: Box) -> bool:
    return level.scope.path != "" and box.kind in ("input", "output")


def _opened(found: Sequence[Level]) -> set[str]:
    """The levels that are open at first: those of one kind together, outer ones first, as long as a page holds them."""
    known = {level.scope.path: level for level in found}
    opened, refused = {""}, set[tuple[int, str]]()
    waiting, boxes = list(found[:1]), _count(found[0])
    while waiting:
        inside = [known[box.scope.path] for level in waiting for box in level.boxes if box.scope is not None]
        kinds: dict[tuple[int, str], list[Level]] = {}
        waiting: list[Level] = []
        for level in inside:
            kinds.setdefault((level.scope.path.count("."), level.scope.block or ""), []).append(level)
        for kind, alike in kinds.items():
            more = sum(_count(level) - 1 for level in alike)
            if boxes + more <= FITS and kind not in refused:
                boxes += more
                opened |= {level.scope.path for level in alike}
                waiting += alike
            else:
                refused.add(kind)
    return opened


def _count(level: Level) -> int:
    return sum(box.kind in ("node", "block") for box in level.boxes)


def _cell(view: View, name: str, row: Row) -> Any:
    """A number; what is none as its text, and a number to sort by."""
    column = COLUMNS[name]
    cell = column.cell(view, row)
    if isinstance(cell.value, int):
        return cell.value
    return [cell.forms[0], column.sort_key(view, row)]


def outputs(graph: Graph) -> list[tuple[str, str]]:
    """The names of the outputs, and their types."""
    return [
        (entry.name, ", ".join(str(graph.type_of(value)) for value in leaves(entry.value)))
        for entry in graph.outputs.entries
    ]
