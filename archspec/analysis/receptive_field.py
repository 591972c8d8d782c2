"""Receptive fields: which part of the input one unit of a node's result depends on, per axis with positions.

The field is a hull: between its ends there may be positions that do not matter. It is that of a unit far from the
borders, so that it may be larger than the input; padding by reflection or wrapping counts as padding by zeros.
Normalisation is that of evaluation. `archspec.analysis.region` has what a given unit sees, borders and all.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Literal

from archspec.analysis.fields.carried import Layout, carried, positions
from archspec.analysis.fields.tracks import Track
from archspec.analysis.sample import Sample
from archspec.dims import Dim, show
from archspec.ir import Graph, leaves
from archspec.objects import record

Kind = Literal["affine", "phase-dependent", "unaligned", "unsized", "global"]

_ORDER: tuple[Kind, ...] = ("affine", "phase-dependent", "unaligned", "unsized", "global")


@record
class ReceptiveField:
    """The field of the units of one value. Tuples have an entry for each axis of the input that has positions.

    affine: unit `u` sees `u * stride - padding` and the `size - 1` positions after it. phase-dependent: the size
    differs from unit to unit; `size` is the largest. unaligned: paths of different strides meet, at node `at`; `size`
    is a bound. unsized: the field follows from a size that is not known, at node `at`; `size` is the whole axis.
    global: some unit sees everything along an axis; `local` is the field of the paths that do not, or after pooling
    of what was pooled.
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
            found["stride"] = [s.numerator if s.denominator == 1 else float(s) for s in self.stride]
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
    for position in range(len(sample.inputs)):
        sizes = sizes_of(sample, position)
        fields: dict[int, ReceptiveField | None] = {}  # by identity: most nodes keep what they read
        known = carried(sample, position)
        for (node, part), layout in known.items():
            if node >= 0 and part == 0 and found[node] is None:
                if id(layout) not in fields:
                    fields[id(layout)] = field_of(layout, sizes)
                found[node] = fields[id(layout)]
    return tuple(found)


def output_field(graph: Graph, fields: tuple[ReceptiveField | None, ...]) -> ReceptiveField | None:
    """The field of the first output that has one."""
    values = (value for entry in graph.outputs.entries if entry.mode != "training" for value in leaves(entry.value))
    return next((found for value in values if value.node >= 0 and (found := fields[value.node]) is not None), None)


def sizes_of(sample: Sample, position: int) -> tuple[Dim, ...]:
    """The sizes of an input's axes that have positions."""
    return tuple(sample.inputs[position].shape[axis] for axis in positions(sample, position))


def field_of(found: Layout, sizes: tuple[Dim, ...]) -> ReceptiveField | None:
    """What the tracks of a value say; None where it depends on no position along one of several axes."""
    tracks = [track for track in found if track is not None]
    if len(tracks) < len(found):
        return None
    local = _local(tracks, sizes)
    if not any(track.everywhere for track in tracks):
        return local
    both = zip(tracks, sizes, strict=True)
    whole = tuple(size if track.everywhere or track.unsized else track.map.size for track, size in both)
    return ReceptiveField("global", whole, local=local)


def _local(tracks: Sequence[Track], sizes: tuple[Dim, ...]) -> ReceptiveField:
    if not any(track.unsized or track.unaligned or track.map.period > 1 for track in tracks):
        maps = [track.map for track in tracks]
        size, stride = tuple([one.size for one in maps]), tuple([one.stride for one in maps])
        return ReceptiveField("affine", size, stride, tuple([-one.lo[0] for one in maps]))
    kind = _ORDER[max(_ORDER.index(_kind(track)) for track in tracks)]
    return ReceptiveField(
        kind,
        tuple([_size(track, size) for track, size in zip(tracks, sizes, strict=True)]),
        tuple(track.map.stride for track in tracks) if kind == "phase-dependent" else (),
        at=next((at for track in tracks if (at := track.unsized or track.unaligned)), None),
    )


def _size(track: Track, whole: Dim) -> Dim:
    """The positions that a unit sees. A bound that joining paths multiplies, step by step, is no more than the axis."""
    if track.unsized:
        return whole
    size = max(track.map.size, 0)
    return min(size, whole) if track.unaligned and isinstance(whole, int) else size


def _kind(track: Track) -> Kind:
    if track.unsized:
        return "unsized"
    if track.unaligned:
        return "unaligned"
    return "affine" if track.map.is_affine else "phase-dependent"
