"""The rows of a summary: nodes, and blocks in place of what is in them, each a stretch of the graph's nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from archspec.analysis.analyses import Analyses
from archspec.ir import Mode, Node, Scope
from archspec.objects import record
from archspec.values import TensorType, Value


@record
class Row:
    """Nodes `start` up to, not including, `end`: one node, a block, or a run of `count` blocks up to `last`.

    `is_sum`: what it holds follows in rows of its own, so that it must not be counted with them.
    """

    path: str
    kind: str
    start: int
    end: int
    types: tuple[TensorType, ...]
    result: int  # the node that makes its first value; negative: an input of the graph
    mode: Mode = "always"
    node: Node | None = None
    scope: Scope | None = None
    level: int = 0
    count: int = 1
    last: str = ""
    is_sum: bool = False

    @property
    def name(self) -> str:
        """The last part of its path, or of its paths."""
        name = self.path.rpartition(".")[2]
        return f"{name}..{self.last}" if self.count > 1 else name

    @property
    def full_path(self) -> str:
        """`layer1.1..2` where it is a run."""
        return f"{self.path}..{self.last}" if self.count > 1 else self.path


SortKey = Callable[[Row], float | str]


def rows_of(
    analyses: Analyses, depth: int | None = None, *, tree: bool = False, key: SortKey | None = None
) -> list[Row]:
    """The rows of a table.

    Args:
        depth: blocks that lie deeper are folded into one row, and those that follow one another and are alike too;
            1 leaves the top level.
        tree: rows for the blocks above as well, before what is in them.
        key: what to sort by, numbers in falling order; within each block where there is a tree.
    """
    rows = list(_walk(analyses, analyses.graph.root, 0, depth, tree))
    if key is None:
        return _runs(analyses, rows) if depth is not None else rows
    return list(_sorted(rows, key))


def _walk(analyses: Analyses, scope: Scope, level: int, depth: int | None, tree: bool) -> Iterator[Row]:
    for child in scope.children:
        if isinstance(child, int):
            yield _node_row(analyses, child, level)
        elif depth is not None and level + 1 >= depth:
            yield _scope_row(analyses, child, level)
        else:
            if tree:
                yield replace(_scope_row(analyses, child, level), is_sum=True)
            yield from _walk(analyses, child, level + 1, depth, tree)


def _node_row(analyses: Analyses, position: int, level: int) -> Row:
    node, mode = analyses.graph.nodes[position], analyses.graph.modes[position]
    return Row(
        node.path, node.op.title, position, position + 1, node.outputs, position, mode, node=node, level=level
    )  # fmt: skip


def _scope_row(analyses: Analyses, scope: Scope, level: int) -> Row:
    graph, count = analyses.graph, scope.end - scope.start
    kind = scope.block or f"{count} node{'' if count == 1 else 's'}"
    modes = set(graph.modes[scope.start : scope.end])
    types = tuple(graph.type_of(value) for value in scope.outputs)
    result = scope.outputs[0] if scope.outputs else Value(-1)
    return Row(
        scope.path, kind, scope.start, scope.end, types, result.node, modes.pop() if len(modes) == 1 else "always",
        scope=scope, level=level,
    )  # fmt: skip


def _runs(analyses: Analyses, rows: Sequence[Row]) -> list[Row]:
    """Folded blocks that follow one another and are alike, as one row."""
    found: list[Row] = []
    alike: object = None  # what the last row shares with those that may join it
    for row in rows:
        foldable = row.scope is not None and not row.is_sum
        features = _features(analyses, row) if foldable else None
        if features is not None and features == alike:
            last = found[-1]
            found[-1] = replace(
                last, end=row.end, result=row.result, count=last.count + 1, last=row.path.rpartition(".")[2]
            )
        else:
            found.append(row)
        alike = features
    return found


def _features(analyses: Analyses, row: Row) -> object:
    cost = analyses.costs.between(row.start, row.end)
    parent = row.path.rpartition(".")[0]
    return parent, row.kind, row.mode, row.types, cost.params, cost.buffers, cost.macs


def _sorted(rows: Sequence[Row], key: SortKey) -> Iterator[Row]:
    """Rows in order, each with those that are in it."""
    groups: list[list[Row]] = []
    top = min((row.level for row in rows), default=0)
    has_tree = any(row.is_sum for row in rows)
    for row in rows:
        if not has_tree or row.level == top:
            groups.append([row])
        else:
            groups[-1].append(row)

    def order(group: list[Row]) -> tuple[bool, float, str]:
        found = key(group[0])
        return (True, 0, found) if isinstance(found, str) else (False, -found, "")

    for first, *inside in sorted(groups, key=order):
        yield first
        if inside:
            yield from _sorted(inside, key)
