"""Receptive fields: which part of the input one unit of a node's result depends on, per axis with positions.

The field is a hull: between its ends there may be positions that do not matter. It is that of a unit far from the
borders, so that it may be larger than the input; padding by reflection or wrapping counts as padding by zeros.
Normalisation is that of evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from archspec.analysis.fields.rules import RULES, mixes, transfer
from archspec.analysis.fields.site import Site, Tracks
from archspec.analysis.fields.tracks import Track, source
from archspec.analysis.sample import Sample
from archspec.dims import Dim, show
from archspec.ir import Graph, Node, leaves
from archspec.values import TensorType, Value

Kind = Literal["affine", "phase-dependent", "unaligned", "global"]
Layout = tuple[Track | None, ...]
"""Per axis of the input that has positions, how a value carries it."""

_ORDER: tuple[Kind, ...] = ("affine", "phase-dependent", "unaligned", "global")


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """The field of the units of one value. Tuples have an entry for each axis of the input that has positions.

    affine: unit `u` sees `u * stride - padding` and the `size - 1` positions after it. phase-dependent: the size
    differs from unit to unit; `size` is the largest. unaligned: paths of different strides meet, at node `at`.
    global: some unit sees everything along an axis; `local` is the field of the paths that do not, or after pooling of
    what was pooled.
    """

    kind: Kind
    size: tuple[Dim, ...]
    stride: tuple[Fraction, ...] = ()
    padding: tuple[int, ...] = ()
    at: str | None = None
    local: ReceptiveField | None = None

    def to_json(self) -> dict[str, Any]:
        """As `archspec summary --json` has it; what does not apply is left out."""
        found: dict[str, Any] = {"kind": self.kind, "size": [s if isinstance(s, int) else show(s) for s in self.size]}
        if self.stride:
            found["stride"] = [int(s) if s.denominator == 1 else float(s) for s in self.stride]
        if self.padding:
            found["padding"] = list(self.padding)
        if self.at is not None:
            found["at"] = self.at
        if self.local is not None:
            found["local"] = self.local.to_json()
        return found

    @property
    def nearest(self) -> ReceptiveField:
        """The local path where there is one beside a global one, else the field itself."""
        return self.local or self


def receptive_fields(graph: Graph, sample: Sample | None = None) -> tuple[ReceptiveField | None, ...]:
    """Per node, the field of its first result; None where it depends on no input that has positions.

    With several inputs it is that in the first one that matters to the node.
    """
    sample = sample or Sample.of(graph)
    found: list[ReceptiveField | None] = [None] * len(graph.nodes)
    for position, x in enumerate(sample.inputs):
        known = carried(sample, position)
        axes = known.get(Value(-1 - position), ())
        sizes = tuple(x.shape[track.digits[0].axis] for track in axes if track is not None)
        fields: dict[int, ReceptiveField | None] = {}  # by identity: most nodes keep what they read
        for value, layout in known.items():
            if value.node >= 0 and value.part == 0 and found[value.node] is None:
                if id(layout) not in fields:
                    fields[id(layout)] = _field(layout, sizes)
                found[value.node] = fields[id(layout)]
    return tuple(found)


def carried(sample: Sample, position: int) -> Mapping[Value, Layout]:
    """How the axes with positions of input `position` are laid out in every value that depends on it."""
    given, x = Value(-1 - position), sample.inputs[position]
    axes = _positions(sample, given, x)
    if not axes:
        return {}
    nothing: Layout = (None,) * len(axes)
    known: dict[Value, Layout] = {given: tuple(source(axis, x.shape[axis]) for axis in axes)}
    for index, node in enumerate(sample.graph.nodes):
        operands = [known.get(value, nothing) for value in node.inputs]
        if all(operand is nothing for operand in operands):
            continue
        if len(operands) == 1 and node.op.reach == "pointwise" and node.op.name not in RULES:
            known[Value(index)] = operands[0]
            continue
        results = _results(sample, index, node, operands, len(axes))
        for part in range(len(node.outputs)):
            layout = tuple(result[part] for result in results)
            if any(track is not None for track in layout):
                known[Value(index, part)] = layout
    return known


def output_field(graph: Graph, fields: tuple[ReceptiveField | None, ...]) -> ReceptiveField | None:
    """The field of the first output that has one."""
    values = (value for entry in graph.outputs.entries if entry.mode != "training" for value in leaves(entry.value))
    return next((found for value in values if value.node >= 0 and (found := fields[value.node]) is not None), None)


def _positions(sample: Sample, value: Value, x: TensorType) -> tuple[int, ...]:
    """The axes of an input that have positions: those after the channels, of tokens and of sequences axis 1."""
    if x.rank == 2:
        return (1,) if "int" in x.dtype else ()
    if x.rank == 3 and any(2 in _mixed(sample, node) for node in sample.graph.nodes if value in node.inputs[:1]):
        return (1,)
    return tuple(range(2, x.rank))


def _mixed(sample: Sample, node: Node) -> frozenset[int]:
    site = Site(node.op, sample.inputs_of(node), node.outputs, node.path)
    return frozenset({2}) if node.op.category in ("attention", "recurrent") else mixes(site)


def _results(sample: Sample, index: int, node: Node, operands: Sequence[Layout], axes: int) -> list[Tracks]:
    """The tracks of a node's results, per axis."""
    shape_only = node.op.signature.shape_only
    apply = transfer(Site(node.op, sample.inputs_of(node), sample.outputs[index], node.path))
    read = [None if slot in shape_only else operand for slot, operand in zip(node.slots, operands, strict=True)]
    return [apply([None if operand is None else operand[axis] for operand in read]) for axis in range(axes)]


def _field(found: Layout, sizes: tuple[Dim, ...]) -> ReceptiveField | None:
    """What tracks say; the whole axis where one of several is not known."""
    present = [track for track in found if track is not None]
    if len(present) < len(found):
        return None
    local = _local(present)
    if not any(track.everywhere for track in present):
        return local
    whole = tuple(size if track.everywhere else track.map.size for track, size in zip(present, sizes, strict=True))
    return ReceptiveField("global", whole, local=local)


def _local(found: list[Track]) -> ReceptiveField:
    kind = _ORDER[max(_ORDER.index(_kind(track)) for track in found)]
    return ReceptiveField(
        kind,
        tuple(max(track.map.size, 0) for track in found),
        tuple(track.map.stride for track in found) if kind != "unaligned" else (),
        tuple(-track.map.lo[0] for track in found) if kind == "affine" else (),
        at=next((track.unaligned for track in found if track.unaligned), None),
    )


def _kind(track: Track) -> Kind:
    if track.unaligned:
        return "unaligned"
    return "affine" if track.map.is_affine else "phase-dependent"
