"""What each block of a network holds, drawn by itself: the page puts those that are open into those around them.

A level has a box for every node and every block directly inside, equal blocks in a row as one, and ports: dots on the
border where values come in and leave.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from archspec.diagrams.alike import Alike
from archspec.diagrams.picture import Box, Edge, EdgeKind, folded, made_by, reads, with_skips
from archspec.ir import Graph, Mode, Scope, leaves
from archspec.values import Value

Ports = tuple[int | None, int | None]
"""At which port of its target an edge comes in, and at which port of its source it leaves."""


@dataclass(frozen=True, slots=True)
class Level:
    """A block from inside; of several equal ones the first. The whole network has boxes for inputs and outputs in place
    of ports. `ports` are by the ids of an edge's ends."""

    scope: Scope
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    ports: Mapping[tuple[str, str], Ports] = field(repr=False)


def levels(graph: Graph) -> list[Level]:
    """The levels that can be opened, the whole network first."""
    folder = _Folder(graph)
    found: list[Level] = []
    waiting = [graph.root]
    while waiting:
        level = folder.level(waiting.pop())
        found.append(level)
        inside = [box.scope for box in level.boxes if box.scope is not None]
        waiting.extend(reversed(inside))
    return found


@dataclass(slots=True)
class _Drawing:
    """One level in the making. By node: `owner`, the box that it is in; `turn`, the repetition of its block. `sources`:
    the boxes of what comes in. Edges and ports are by the ids of an edge's ends."""

    scope: Scope
    boxes: list[Box] = field(default_factory=list[Box])
    owner: dict[int, Box] = field(default_factory=dict[int, Box])
    turn: dict[int, int] = field(default_factory=dict[int, int])
    sources: dict[Value, Box] = field(default_factory=dict[Value, Box])
    edges: dict[tuple[str, str], Edge] = field(default_factory=dict[tuple[str, str], Edge])
    ports: dict[tuple[str, str], Ports] = field(default_factory=dict[tuple[str, str], Ports])


class _Folder:
    def __init__(self, graph: Graph) -> None:
        self.graph, self.alike = graph, Alike(graph)
        self.borders: dict[str, tuple[list[Value], list[Value]]] = {}
        self.last_reader: dict[Value, int] = {}
        for position, node in enumerate(graph.nodes):
            for value in (*node.inputs, *node.reads):
                self.last_reader[value] = position
        for entry in graph.outputs.entries:
            self.last_reader |= dict.fromkeys(leaves(entry.value), len(graph.nodes))

    def level(self, scope: Scope) -> Level:
        drawing = _Drawing(scope)
        whole = scope is self.graph.root
        self.add_sources(drawing, whole)
        for run in self.alike.runs(scope.children):
            self.add_run(drawing, run)
        for position in range(scope.start, scope.end):
            for value, kind in reads(self.graph.nodes[position]):
                self.connect(drawing, value, drawing.owner[position], kind, self.graph.modes[position], position)
        ends: dict[str, Box] = {}
        for box, value in self.results(scope, whole):
            ends[box.id] = box
            self.connect(drawing, value, box, "data", box.mode)
        edges = with_skips([*drawing.edges.values()])
        return Level(scope, (*drawing.boxes, *ends.values()), edges, drawing.ports)

    def add_sources(self, drawing: _Drawing, whole: bool) -> None:
        scope = drawing.scope
        if whole:
            values = [Value(-1 - position) for position in range(len(self.graph.inputs))]
        else:
            values, _ = self.border(scope)
        given = dict(zip(scope.inputs, scope.input_names, strict=False))
        for position, value in enumerate(values):
            name = given.get(value) or self.graph.name_of(value)
            box = Box(f"input{position}", name, "input", types=(self.graph.type_of(value),))
            drawing.sources[value] = box
            drawing.boxes.append(box)

    def add_run(self, drawing: _Drawing, run: tuple[Scope | int, ...], without: str = "") -> None:
        first, last = run[0], run[-1]
        if isinstance(first, int) or isinstance(last, int):
            for position in (child for child in run if isinstance(child, int)):
                path, mode = self.graph.nodes[position].path, self.graph.modes[position]
                box = Box(f"n{position}", path, "node", position, position + 1, mode=mode, without=without)
                drawing.boxes.append(box)
                drawing.owner[position] = box
            return
        if first.start == first.end:
            return
        inner = self.alike.runs(first.children) if len(run) == 1 and first.block is None else []
        if len(inner) == 1:  # a frame around one thing says nothing
            self.add_run(drawing, inner[0], without or first.path)
            return
        scopes = [child for child in run if isinstance(child, Scope)]
        box = replace(folded(self.graph, scopes, self.alike.is_parallel(run)), without=without)
        drawing.boxes.append(box)
        drawing.owner |= dict.fromkeys(range(first.start, last.end), box)
        size = first.end - first.start
        drawing.turn |= {at: (at - first.start) // size for at in range(first.start, last.end)}

    def results(self, scope: Scope, whole: bool) -> Iterator[tuple[Box, Value]]:
        if whole:
            for position, entry in enumerate(self.graph.outputs.entries):
                values = tuple(leaves(entry.value))
                types = tuple(self.graph.type_of(value) for value in values)
                box = Box(f"output{position}", entry.name, "output", mode=entry.mode, types=types)
                yield from ((box, value) for value in values)
            return
        for position, value in enumerate(self.border(scope)[1]):
            name, x = self.graph.name_of(value), self.graph.type_of(value)
            yield Box(f"output{position}", name, "output", types=(x,)), value

    def connect(
        self, drawing: _Drawing, value: Value, target: Box, kind: EdgeKind, mode: Mode, reader: int = -1
    ) -> None:
        """An edge, once for two boxes; none for what a block hands to the next that is equal."""
        source = drawing.owner.get(value.node) or drawing.sources.get(value)
        if source is None or source is target:
            return
        key = (source.id, target.id)
        known = drawing.edges.get(key)
        if known is not None and not (known.kind == "shape" and kind == "data"):
            return
        is_labelled = kind == "data" and source.kind != "input"  # ports change nothing
        label = made_by(self.graph, source, value) if is_labelled else None
        if any(edge.source == source.id and edge.label == label for edge in drawing.edges.values()):
            label = None  # it is said where the value is first read
        drawing.edges[key] = Edge(source.id, target.id, kind, label, mode)
        drawing.ports[key] = (self.port_in(drawing, target, value, reader), self.port_out(drawing, source, value))

    def port_in(self, drawing: _Drawing, box: Box, value: Value, reader: int) -> int | None:
        if box.scope is None or drawing.turn.get(reader):
            return None
        entering, _ = self.border(box.scope)
        return entering.index(value) if value in entering else None

    def port_out(self, drawing: _Drawing, box: Box, value: Value) -> int | None:
        """Of equal blocks the first is drawn, where the same value has another number."""
        if box.scope is None:
            return None
        size = box.scope.end - box.scope.start
        same = Value(value.node - drawing.turn.get(value.node, 0) * size, value.part)
        _, leaving = self.border(box.scope)
        return leaving.index(same) if same in leaving else None

    def border(self, scope: Scope) -> tuple[list[Value], list[Value]]:
        """What a block reads from outside, in the order in which it declares it; and what others read of it: what it
        yields, and what they take from inside."""
        found = self.borders.get(scope.path)
        if found is None:
            inside = range(scope.start, scope.end)
            nodes = self.graph.nodes[scope.start : scope.end]
            read = {value for node in nodes for value in (*node.inputs, *node.reads) if value.node not in inside}
            entering = [*(value for value in dict.fromkeys(scope.inputs) if value in read)]
            made = (
                Value(position, part) for position, node in zip(inside, nodes, strict=True)
                for part in range(len(node.outputs))
            )  # fmt: skip
            taken = [value for value in made if self.last_reader.get(value, -1) >= scope.end]
            yielded = [value for value in scope.outputs if value.node in inside]
            found = [*entering, *sorted(read - {*entering})], [*dict.fromkeys((*yielded, *taken))]
            self.borders[scope.path] = found
        return found
