"""One input's axes, followed through a graph."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from operator import gt

from archspec.analysis.fields import grid
from archspec.analysis.fields.grid import Unsized
from archspec.analysis.fields.rules import keeps_units, mixes, transfer
from archspec.analysis.fields.site import Site, Tracks, Transfer
from archspec.analysis.fields.tracks import HERE, Track, View, source
from archspec.analysis.sample import Sample
from archspec.ir import Graph, Node
from archspec.values import TensorType, Value

Layout = tuple[Track | None, ...]
"""Per axis of the input that has positions, how a value carries it."""


def carried(
    sample: Sample, position: int, view: View = "formula", wanted: Collection[int] | None = None
) -> Mapping[Value, Layout]:
    """How the axes with positions of input `position` are laid out in every value that depends on it.

    `wanted`: the nodes that are of interest, with all before them (`ancestors`).
    """
    graph, given, x = sample.graph, Value(-1 - position), sample.inputs[position]
    axes = positions(sample, position)
    if not axes:
        return {}
    nothing: Layout = (None,) * len(axes)
    known: dict[Value, Layout] = {given: tuple(_source(axis, x, view, graph.inputs[position].name) for axis in axes)}
    kinds = sample.kinds
    rules: dict[tuple[int, frozenset[int]], Transfer] = {}  # by kind, and what is bare
    met: dict[tuple[int, ...], Sequence[Layout]] = {}  # by kind, and operands' layouts, which `known` keeps alive
    for index, (node, values) in enumerate(zip(graph.nodes, graph.results, strict=True)):
        if wanted is not None and index not in wanted:
            continue
        if known.keys().isdisjoint(node.inputs):
            continue
        if len(node.inputs) == 1 and keeps_units(node.op):
            known[values[0]] = known[node.inputs[0]]
            continue
        operands = [known.get(value, nothing) for value in node.inputs]
        kind = kinds[index]
        key = (kind, *map(id, operands))
        layouts = met.get(key)
        if layouts is None:
            bare = _bare(sample.operands[index][0], operands[0]) if view == "whole" else _NONE
            apply = rules.get((kind, bare))
            if apply is None:
                site = Site(node.op, sample.operands[index], sample.outputs[index], view, bare)
                apply = rules[kind, bare] = transfer(site)
            layouts = _results(node, apply, operands)
            if view == "whole" and _is_loose(operands):
                layouts = [_at_most(layout) for layout in layouts]
            if _names_here(layouts):
                layouts = [_named(layout, node.path) for layout in layouts]
            else:
                met[key] = layouts
        for value, layout in zip(values, layouts, strict=True):
            if layout != nothing:  # and what is equal is looked up by identity
                known[value] = operands[0] if layout == operands[0] else layout
    return known


def ancestors(graph: Graph, value: Value) -> frozenset[int]:
    """The nodes that a value is computed from, with its own."""
    found = {value.node}
    for index in range(value.node, -1, -1):
        if index in found:
            found.update(read.node for read in graph.nodes[index].inputs)
    return frozenset(found)


def positions(sample: Sample, position: int) -> tuple[int, ...]:
    """The axes of an input that have positions: those after the channels, of tokens and of sequences axis 1."""
    x = sample.inputs[position]
    if x.rank == 2:
        return (1,) if "int" in x.dtype else ()
    if x.rank == 3 and _is_sequence(sample, Value(-1 - position)):
        return (1,)
    return tuple(range(2, x.rank))


def _is_sequence(sample: Sample, value: Value) -> bool:
    """`[N, L, C]`, not `[N, C, L]`: what reads it, layers between that keep all positions aside, mixes axis 2."""
    same = {value}
    for index, node in enumerate(sample.graph.nodes):
        if not node.inputs or node.inputs[0] not in same:
            continue
        site = Site(node.op, sample.operands[index], sample.outputs[index])
        if node.op.category in ("attention", "recurrent") or 2 in mixes(site):
            return True
        if node.op.reach == "pointwise":
            same.add(Value(index))
    return False


def _source(axis: int, x: TensorType, view: View, name: str) -> Track:
    try:
        return source(axis, x.shape[axis], view)
    except Unsized:
        return Track(grid.IDENTITY, (), None, view, unsized=name)


def _results(node: Node, apply: Transfer, operands: Sequence[Layout]) -> list[Layout]:
    """How a node's results carry the axes."""
    shape_only, read = node.op.signature.shape_only, operands
    if shape_only:
        read = [None if slot in shape_only else operand for slot, operand in zip(node.slots, operands, strict=True)]
    found: list[Tracks] = []
    for axis in range(len(operands[0])):
        tracks = [None if operand is None else operand[axis] for operand in read]
        try:
            found.append(apply(tracks))
        except Unsized:
            found.append((_unsized(tracks),) * len(node.outputs))
    return list(zip(*found, strict=True))


_NONE: frozenset[int] = frozenset()


def _bare(x: TensorType, layout: Layout) -> frozenset[int]:
    """The axes along which no axis of the input is laid out."""
    return frozenset(range(x.rank)).difference(*map(_axes, layout))


def _unsized(tracks: Tracks) -> Track | None:
    present = [track for track in tracks if track is not None]
    if not present:
        return None
    everywhere = any(track.everywhere for track in present)
    return present[0]._replace(digits=(), everywhere=everywhere, pooled=False, unsized=HERE)


def _is_loose(operands: Sequence[Layout]) -> bool:
    """Axes are followed one by one. Where paths that differ along one axis are not there for all units of another, a
    unit may see less than both together; as it may where units are missing from a range over two axes at once."""
    layouts = [operand for operand in operands if any(track is not None for track in operand)]
    uneven = [layout for layout in layouts if _has_uneven_gaps(layout)]
    gaps = {axis for layout in uneven for axis, track in enumerate(layout) if track is not None and track.map.has_gaps}
    for gap in gaps:
        others = [axis for axis in range(len(operands[0])) if axis != gap]
        if len({tuple(layout[axis] for axis in others) for layout in layouts}) > 1:
            return True
        if any(not _axes(layout[gap]).isdisjoint(_axes(layout[other])) for layout in uneven for other in others):
            return True
    return False


def _has_uneven_gaps(layout: Layout) -> bool:
    """Some units see nothing along one axis only, and not the same ones along all."""
    present = [track for track in layout if track is not None]
    if not any(track.map.has_gaps for track in present):
        return False
    return len({(track.digits, tuple(map(gt, track.map.lo, track.map.hi))) for track in present}) > 1


def _axes(track: Track | None) -> set[int]:
    return set() if track is None else {digit.axis for digit in track.digits}


def _at_most(layout: Layout) -> Layout:
    return tuple(None if track is None else track._replace(at_most=True) for track in layout)


def _names_here(layouts: Sequence[Layout]) -> bool:
    """Whether the node is named in what it gives, so that no other gives the same."""
    for layout in layouts:
        for track in layout:
            if track is not None and HERE in (track.unaligned, track.unsized):
                return True
    return False


def _named(layout: Layout, path: str) -> Layout:
    def named(track: Track) -> Track:
        unaligned, unsized = (path if at == HERE else at for at in (track.unaligned, track.unsized))
        return track._replace(unaligned=unaligned, unsized=unsized)

    return tuple(track and named(track) for track in layout)
