"""One picture of two networks: what both have once, what one of them has beside it, and what is different."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import replace
from itertools import zip_longest

from archspec.diagnostics import did_you_mean, spec_error
from archspec.diagrams.alike import Alike
from archspec.diagrams.picture import FITS, Box, Cluster, Edge, Picture, Wiring, ends, folded, prefixes, with_skips
from archspec.diagrams.picture import Change as Mark
from archspec.ir import Graph, Scope
from archspec.views.cells import few
from archspec.views.difference import SHAPE, Change, Differences
from archspec.views.matching import Child, Pair, path_of

_EDITS = 4  # lines of a box; what is more is counted


def union(
    differences: Differences, depth: int | None = None, expand: Collection[str] = (), fits: int = 2 * FITS
) -> Picture:
    """The picture of two networks: blocks are open where something in them is different, the others are folded.

    Args:
        depth: blocks deeper than this many levels are folded all the same; None: as deep as fits a page.
        expand: paths of blocks of either network that are opened.

    Raises:
        SpecError: where a path of `expand` is no block of either.
    """
    scopes = (differences.before.graph.scopes, differences.after.graph.scopes)
    for path in expand:
        if not any(path in known for known in scopes):
            help = did_you_mean(path, [*scopes[0], *scopes[1]]) or ""
            raise spec_error("unknown-name", f"no block `{path}` to expand", help=help)
    if depth is not None:
        return _Union(differences, depth, expand).picture()
    best = _Union(differences, 1, expand).picture()
    deepest = 1 + max(scope.path.count(".") + 1 for scope in differences.after.graph.root.walk())
    for level in range(2, deepest + 1):
        next_ = _Union(differences, level, expand).picture()
        if sum(1 for _ in next_.boxes()) > fits:
            break
        best = next_
    return best


class _Side:
    """One of the two networks."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.wiring = graph, Wiring(graph)
        self.parents: dict[str, str] = {}
        self.runs: dict[str, int] = {}  # which run a block is in
        self.parallel: set[str] = set()
        alike = Alike(graph)
        for scope in graph.root.walk():
            for run in alike.runs(scope.children):
                parallel = alike.is_parallel(run)
                for child in run:
                    path = path_of(graph, child)
                    self.parents[path] = scope.path
                    self.runs[path] = len(self.runs) if child is run[0] else self.runs[path_of(graph, run[0])]
                    if parallel:
                        self.parallel.add(path)

    def own(self, child: Child, box: Box) -> None:
        first, end = (child, child + 1) if isinstance(child, int) else (child.start, child.end)
        self.wiring.owner[first:end] = [box] * (end - first)

    def renamed(self, scope: Scope, old: Box, new: Box) -> None:
        owner = self.wiring.owner
        for position in range(scope.start, scope.end):
            if owner[position] is old:
                owner[position] = new

    def repeat(self, run: Sequence[Scope]) -> None:
        """Nodes of the later blocks of a run belong where those of the first do."""
        first, wiring = run[0], self.wiring
        for repetition, scope in enumerate(run):
            wiring.owner[scope.start : scope.end] = wiring.owner[first.start : first.end]
            wiring.turn[scope.start : scope.end] = [(first.start, repetition)] * (first.end - first.start)


class _Union:
    def __init__(self, differences: Differences, depth: int, expand: Collection[str]) -> None:
        self.old, self.new = _Side(differences.before.graph), _Side(differences.after.graph)
        self.depth, self.opened = depth, prefixes(expand)
        self.changes = {
            (change.before, change.after): change
            for change in differences.changes
            if not change.only_shape and not (change.kind == "moved" and _is_shifted(change))
        }
        partner = {
            pair.before.path: pair.after.path
            for pair in differences.matching.pairs
            if isinstance(pair.before, Scope) and isinstance(pair.after, Scope)
        }
        partner[""] = ""
        self.groups: dict[str, list[Pair]] = {}
        self.inside: dict[str, list[tuple[str, Change]]] = {}  # what is different in a block of the second
        for pair in differences.matching.pairs:
            before, after = self.paths(pair)
            parent = self.new.parents[after] if after is not None else partner.get(self.old.parents[before or ""])
            if parent is None:
                continue  # it is in a block that is gone as well
            self.groups.setdefault(parent, []).append(pair)
            change = self.changes.get((before, after))
            outer: str | None = parent
            while change is not None and outer is not None:
                self.inside.setdefault(outer, []).append(((after or before or "")[len(outer) :], change))
                outer = self.new.parents.get(outer)

    def picture(self) -> Picture:
        (old_inputs, old_outputs), (new_inputs, new_outputs) = ends(self.old.graph), ends(self.new.graph)
        inputs = [_end(*pair) for pair in zip_longest(old_inputs, new_inputs)]
        outputs = [_end(*pair) for pair in zip_longest(old_outputs, new_outputs)]
        inner = self.children("", 1)
        before = self.old.wiring.edges(inputs[: len(old_inputs)], outputs[: len(old_outputs)], labelled=False)
        after = self.new.wiring.edges(inputs[: len(new_inputs)], outputs[: len(new_outputs)])
        return Picture(self.new.graph, (*inputs, *inner, *outputs), _edges(before, after), self.old.graph)

    def paths(self, pair: Pair) -> tuple[str | None, str | None]:
        return (
            None if pair.before is None else path_of(self.old.graph, pair.before),
            None if pair.after is None else path_of(self.new.graph, pair.after),
        )

    def children(self, parent: str, level: int) -> tuple[Box | Cluster, ...]:
        runs: list[list[Pair]] = []
        for pair in self.groups.get(parent, ()):
            if runs and self.key(pair) is not None and self.key(runs[-1][-1]) == self.key(pair):
                runs[-1].append(pair)
            else:
                runs.append([pair])
        found = (self.part(run, level) for run in runs)
        return tuple(item for item in found if item is not None)

    def key(self, pair: Pair) -> Hashable:
        """The same for blocks that follow one another, are equal in each network, and change alike."""
        before, after = self.paths(pair)
        child = pair.before if pair.after is None else pair.after
        if isinstance(child, int) or pair.moved:
            return None
        inside = [
            (where, change.kind, change.op, tuple(edit.name for edit in change.edits))
            for where, change in self.inside.get(after or "", ())
        ]
        own = self.changes.get((before, after))
        return self.old.runs.get(before or "-"), self.new.runs.get(after or "-"), own and own.kind, tuple(inside)

    def part(self, run: list[Pair], level: int) -> Box | Cluster | None:
        before, after = self.paths(run[0])
        change = self.changes.get((before, after))
        mark: Mark = "same" if change is None else "changed" if change.kind == "moved" else change.kind
        side = self.old if run[0].after is None else self.new
        child = run[0].before if run[0].after is None else run[0].after
        edits = _texts(change) if change is not None else ()
        if isinstance(child, int):
            letter = "r" if mark == "removed" else "n"
            mode = side.graph.modes[child]
            path = side.graph.nodes[child].path
            return self.own(
                run, Box(f"{letter}{child}", path, "node", child, child + 1, mode=mode, change=mark, edits=edits)
            )
        if not isinstance(child, Scope) or child.start == child.end:
            return None
        inside = self.inside.get(child.path, []) if mark in ("same", "changed") else []
        if mark in ("same", "changed") and ((inside and level < self.depth) or child.path in self.opened):
            return self.open(run, child, mark, level)
        if inside and mark == "same":
            mark = "changed"
            edits = (f"{len(inside)} {'difference' if len(inside) == 1 else 'differences'} inside",)
        parts = (pair.before if pair.after is None else pair.after for pair in run)
        box = folded(side.graph, [part for part in parts if isinstance(part, Scope)], child.path in side.parallel)
        id = f"removed_{box.id}" if mark == "removed" else box.id  # both networks count from 0
        return self.own(run, replace(box, id=id, change=mark, edits=edits))

    def own(self, run: list[Pair], box: Box) -> Box:
        for pair in run:
            if pair.before is not None:
                self.old.own(pair.before, box)
            if pair.after is not None:
                self.new.own(pair.after, box)
        return box

    def open(self, run: list[Pair], first: Scope, mark: Mark, level: int) -> Box | Cluster:
        inner = self.children(first.path, level + 1)
        old = [pair.before for pair in run if isinstance(pair.before, Scope)]
        new = [pair.after for pair in run if isinstance(pair.after, Scope)]
        if len(inner) == 1 and len(run) == 1 and first.block is None and mark == "same":
            only = replace(inner[0], without=first.path)
            if isinstance(only, Box) and isinstance(inner[0], Box):
                self.old.renamed(old[0], inner[0], only)
                self.new.renamed(new[0], inner[0], only)
            return only
        if len(run) > 1:
            self.old.repeat(old)
            self.new.repeat(new)
        last = new[-1]
        return Cluster(
            f"cluster_{first.start}_{first.end}_{level}", first.path, first, inner, len(run),
            last.path if len(run) > 1 else "", first.start, last.end, first.path in self.new.parallel, change=mark,
        )  # fmt: skip


def _end(before: Box | None, after: Box | None) -> Box:
    """An input or output, by its place."""
    if after is None:
        assert before is not None
        return replace(before, change="removed")
    if before is None:
        return replace(after, change="added")
    if (before.path, before.types) == (after.path, after.types):
        return after
    edits = (f"was {before.path}",) if before.path != after.path else ()
    types = [(old, new) for old, new in zip_longest(before.types, after.types, fillvalue="none") if old != new]
    if types:
        edits += (_arrow(*(few([str(pair[side]) for pair in types]) for side in (0, 1))),)
    return replace(after, change="changed", edits=edits)


def _edges(before: list[Edge], after: list[Edge]) -> tuple[Edge, ...]:
    old = {(edge.source, edge.target) for edge in before}
    new = {(edge.source, edge.target) for edge in after}
    kept = (edge if (edge.source, edge.target) in old else replace(edge, change="added") for edge in with_skips(after))
    gone = (replace(edge, change="removed") for edge in before if (edge.source, edge.target) not in new)
    return (*kept, *gone)


def _texts(change: Change) -> tuple[str, ...]:
    """What is different in a part. Shapes stand on edges."""
    renamed = change.kind == "moved" or (
        _own_name(change.before) != _own_name(change.after) and not _is_shifted(change)
    )
    found = [f"was {change.before}"] if renamed and change.before and change.after else []
    found += [
        f"{edit.name}: {_arrow(edit.before or 'none', edit.after or 'none')}"
        for edit in change.edits
        if edit.name != SHAPE
    ]
    more = len(found) - _EDITS
    return tuple(found) if more <= 0 else (*found[:_EDITS], f"and {more} more")


def _is_shifted(change: Change) -> bool:
    """Whether it has only another number in the same list, as something before it came or went."""
    places = [(path or "").rpartition(".") for path in (change.before, change.after)]
    return places[0][0] == places[1][0] and all(name.isdigit() for _, _, name in places)


def _own_name(path: str | None) -> str:
    return (path or "").rpartition(".")[2]


def _arrow(before: str, after: str) -> str:
    return f"{before} -> {after}"
