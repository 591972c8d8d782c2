"""What a diagram shows: a box for each node or folded block, a cluster for each open one, and edges between them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from archspec.diagnostics import did_you_mean, spec_error
from archspec.diagrams.alike import Alike
from archspec.ir import Graph, Mode, Node, Scope, leaves
from archspec.values import TensorType, Value

FITS = 27
"""Boxes that a page holds, one below the other: without a depth, blocks are opened as long as no more are there."""

FITS_ACROSS = 20
"""The same from left to right, where boxes are longer than they are high."""

EdgeKind = Literal["data", "skip", "shape"]
Change = Literal["same", "added", "removed", "changed"]
"""What becomes of a part, in a picture of two networks."""


@dataclass(frozen=True, slots=True)
class Box:
    """A node (`scope` is None), a folded block, an input or an output. `count` equal blocks from `path` to `last`, one
    after the other or `parallel`. `without`: the block around it that has no frame, as nothing else is in it.
    `edits` say what is `changed`."""

    id: str
    path: str
    kind: Literal["node", "block", "input", "output"]
    start: int = 0  # its nodes, those of all repetitions
    end: int = 0
    scope: Scope | None = None
    count: int = 1
    last: str = ""
    mode: Mode = "always"
    types: tuple[TensorType, ...] = ()  # of an input or output
    parallel: bool = False
    without: str = ""
    change: Change = "same"
    edits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cluster:
    """An open block; of `count` equal ones the first is shown."""

    id: str
    path: str
    scope: Scope
    children: tuple[Box | Cluster, ...]
    count: int = 1
    last: str = ""
    start: int = 0
    end: int = 0
    parallel: bool = False
    without: str = ""
    change: Change = "same"

    def boxes(self) -> Iterator[Box]:
        """All boxes inside."""
        return _boxes(self.children)


@dataclass(frozen=True, slots=True)
class Edge:
    """From one box to another. `label` is the type of what flows, where it differs from what the first box read; of
    several readers, on the edge to the first. Inputs and outputs say it themselves.

    skip: a longer way leads from the one box to the other, too. shape: only a size is read.
    """

    source: str
    target: str
    kind: EdgeKind = "data"
    label: TensorType | None = None
    mode: Mode = "always"
    change: Change = "same"


@dataclass(frozen=True, slots=True)
class Picture:
    """A diagram without its looks. `before`: the other network of a comparison."""

    graph: Graph = field(repr=False)
    children: tuple[Box | Cluster, ...]
    edges: tuple[Edge, ...]
    before: Graph | None = field(default=None, repr=False)

    def boxes(self) -> Iterator[Box]:
        """Every box, in order."""
        return _boxes(self.children)


def _boxes(children: Iterable[Box | Cluster]) -> Iterator[Box]:
    for child in children:
        if isinstance(child, Box):
            yield child
        else:
            yield from child.boxes()


def picture(graph: Graph, depth: int | None = None, expand: Collection[str] = (), fits: int = FITS) -> Picture:
    """The picture of a graph.

    Args:
        depth: what lies deeper than this many levels is folded; 1 leaves the top level. None: as deep as fits a page.
        expand: paths of blocks that are opened all the same.
        fits: how many boxes a page holds.

    Raises:
        SpecError: where a path of `expand` is no block.
    """
    for path in expand:
        if path not in graph.scopes:
            raise spec_error(
                "unknown-name", f"no block `{path}` to expand", None, help=did_you_mean(path, graph.scopes) or ""
            )
    alike = Alike(graph)
    found = _Folder(graph, alike, depth or 1, expand).picture()
    return found if depth is not None else _opened(graph, alike, expand, fits, found)


def _opened(graph: Graph, alike: Alike, expand: Collection[str], fits: int, best: Picture) -> Picture:
    """Blocks of one kind are opened together, outer ones first and then those with most in them, as long as the page
    holds it."""
    opened, refused = [*expand], set[tuple[int, str]]()
    while True:
        kinds: dict[tuple[int, str], list[Box]] = {}
        for box in best.boxes():
            if box.scope is not None and box.path not in opened:
                kinds.setdefault(_kind(box.without or box.path, box.scope), []).append(box)
        kinds = {kind: found for kind, found in kinds.items() if kind not in refused}
        if not kinds:
            return best
        largest = min(kinds, key=lambda kind: (kind[0], -sum(box.end - box.start for box in kinds[kind])))
        more = [*opened, *(box.path for box in kinds[largest])]
        next_ = _Folder(graph, alike, 1, more).picture()
        if _height(next_.children) > fits:
            refused.add(largest)
        else:
            best, opened = next_, more


def _kind(path: str, scope: Scope) -> tuple[int, str]:
    """The level of a block, and its name; without one of its own that in its parent, as of `layer1` and `layer2`."""
    return path.count("."), scope.block or path.rpartition(".")[2].rstrip("0123456789")


def _height(children: Iterable[Box | Cluster]) -> float:
    """In boxes, one below the other: a frame needs about half as much."""
    return sum(1 if isinstance(child, Box) else 0.5 + _height(child.children) for child in children)


class _Folder:
    """One way of folding."""

    def __init__(self, graph: Graph, alike: Alike, depth: int, expand: Collection[str]) -> None:
        self.graph, self.alike, self.depth = graph, alike, depth
        self.opened = prefixes(expand)
        self.wiring = Wiring(graph)
        self.owner, self.turn = self.wiring.owner, self.wiring.turn

    def picture(self) -> Picture:
        inputs, outputs = ends(self.graph)
        inner = self.children(self.graph.root, 1)
        return Picture(self.graph, (*inputs, *inner, *outputs), with_skips(self.wiring.edges(inputs, outputs)))

    def children(self, scope: Scope, level: int) -> tuple[Box | Cluster, ...]:
        found: list[Box | Cluster] = []
        for run in self.alike.runs(scope.children):
            first = run[0]
            if isinstance(first, int):
                mode = self.graph.modes[first]
                box = Box(f"n{first}", self.graph.nodes[first].path, "node", first, first + 1, mode=mode)
                self.owner[first] = box
                found.append(box)
                continue
            scopes = [child for child in run if isinstance(child, Scope)]
            if first.start < first.end:
                parallel = self.alike.is_parallel(run)
                opened = level < self.depth or any(each.path in self.opened for each in scopes)
                found.append(self.open(scopes, level, parallel) if opened else self.fold(scopes, parallel))
        return tuple(found)

    def fold(self, run: list[Scope], parallel: bool) -> Box:
        box = folded(self.graph, run, parallel)
        self.owner[box.start : box.end] = [box] * (box.end - box.start)
        return box

    def open(self, run: list[Scope], level: int, parallel: bool) -> Box | Cluster:
        first, last = run[0], run[-1]
        inner = self.children(first, level + 1)
        if len(inner) == 1 and len(run) == 1 and first.block is None:  # a frame around one thing says nothing
            only = replace(inner[0], without=first.path)
            if isinstance(only, Box):
                self.owner[first.start : first.end] = [only] * (first.end - first.start)
            return only
        if len(inner) == 1 and isinstance(inner[0], Box) and inner[0].scope and inner[0].scope.block is None:
            return self.fold(run, parallel)  # an inner block without a name of its own says less than this one
        size = first.end - first.start
        for repetition, scope in enumerate(run):
            self.owner[scope.start : scope.end] = self.owner[first.start : first.end]
            if len(run) > 1:
                self.turn[scope.start : scope.end] = [(first.start, repetition)] * size
        return Cluster(
            f"cluster_{first.start}_{first.end}_{level}", first.path, first, inner, len(run),
            last.path if len(run) > 1 else "", first.start, last.end, parallel,
        )  # fmt: skip


def folded(graph: Graph, run: Sequence[Scope], parallel: bool) -> Box:
    """The box of a folded block, or of several equal ones."""
    first, last = run[0], run[-1]
    modes = set(graph.modes[first.start : last.end])
    return Box(
        f"s{first.start}_{first.end}", first.path, "block", first.start, last.end, first, len(run),
        last.path if len(run) > 1 else "", modes.pop() if len(modes) == 1 else "always", parallel=parallel,
    )  # fmt: skip


def ends(graph: Graph) -> tuple[list[Box], list[Box]]:
    """The boxes of inputs and outputs."""
    inputs = [
        Box(f"input{position}", entry.name, "input", types=(entry.type,)) for position, entry in enumerate(graph.inputs)
    ]
    outputs = [
        Box(
            f"output{position}", entry.name, "output", mode=entry.mode,
            types=tuple(graph.type_of(value) for value in leaves(entry.value)),
        )
        for position, entry in enumerate(graph.outputs.entries)
    ]  # fmt: skip
    return inputs, outputs


class Wiring:
    """Which box each node of a graph is in, and the edges that follow."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.owner: list[Box | None] = [None] * len(graph.nodes)
        self.turn = [(0, 0)] * len(graph.nodes)  # the run (by its start) and the repetition that a node belongs to

    def edges(self, inputs: Sequence[Box], outputs: Sequence[Box], labelled: bool = True) -> list[Edge]:
        """The edges between boxes, in the order of their readers."""
        found: dict[tuple[str, str], Edge] = {}
        said: dict[tuple[str, Value], tuple[str, str]] = {}  # where a shape is written: at the first reader

        def add(value: Value, target: Box, kind: EdgeKind, mode: Mode) -> None:
            source = self.owner[value.node] if value.node >= 0 else inputs[-1 - value.node]
            if source is None or source.id == target.id:
                return
            key = (source.id, target.id)
            known = found.get(key)
            if known is None or (known.kind == "shape" and kind == "data"):
                written = labelled and kind == "data" and target.kind != "output" and source.kind != "input"
                first = written and said.setdefault((source.id, value), key) == key
                label = made_by(self.graph, source, value) if first else None
                found[key] = Edge(source.id, target.id, kind, label, mode)

        for position, node in enumerate(self.graph.nodes):
            target = self.owner[position]
            if target is None:
                continue
            for value, kind in reads(node):
                if not self.is_repetition(value, position):
                    add(value, target, kind, self.graph.modes[position])
        for entry, target in zip(self.graph.outputs.entries, outputs, strict=True):
            for value in leaves(entry.value):
                add(value, target, "data", entry.mode)
        return list(found.values())

    def is_repetition(self, value: Value, reader: int) -> bool:
        """Whether a value goes from one of several equal blocks to the next."""
        if value.node < 0:
            return False
        (run, turn), (other, later) = self.turn[value.node], self.turn[reader]
        return run == other and turn != later


def made_by(graph: Graph, box: Box, value: Value) -> TensorType | None:
    """The type of a value, where the node or block that yields it changes what it reads first."""
    made = graph.type_of(value)
    read = box.scope.inputs if box.scope is not None else graph.nodes[box.start].inputs
    return None if read and graph.type_of(read[0]) == made else made


def reads(node: Node) -> Iterator[tuple[Value, EdgeKind]]:
    """What a node reads, and of what it needs the size alone."""
    for value, slot in zip(node.inputs, node.slots, strict=True):
        yield value, "shape" if slot in node.op.signature.shape_only else "data"
    for value in node.reads:
        yield value, "shape"


def prefixes(paths: Collection[str]) -> set[str]:
    """The paths and all blocks around them."""
    return {path[:end] for path in paths for end in (*(i for i, letter in enumerate(path) if letter == "."), len(path))}


def with_skips(edges: list[Edge]) -> tuple[Edge, ...]:
    """Marks the edges that a longer way goes around: those of a residual, a dense block, a U-Net. A size is no way."""
    into: dict[str, list[str]] = {}
    for edge in edges:
        if edge.kind != "shape":
            into.setdefault(edge.target, []).append(edge.source)
    return tuple(
        replace(edge, kind="skip") if edge.kind == "data" and _has_detour(edge, into) else edge for edge in edges
    )


def _has_detour(edge: Edge, into: Mapping[str, Sequence[str]]) -> bool:
    """Whether another edge into the target comes from behind the source."""
    waiting = [source for source in into[edge.target] if source != edge.source]
    seen = set(waiting)
    while waiting:
        for source in into.get(waiting.pop(), ()):
            if source == edge.source:
                return True
            if source not in seen:
                seen.add(source)
                waiting.append(source)
    return False
