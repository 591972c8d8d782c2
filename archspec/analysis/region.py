"""What one unit of a value sees of the inputs: first and last position along each axis, exact at the borders too.

The region is a hull, as the field is (`archspec.analysis.receptive_field`): between its ends there may be positions
that do not matter. Unclipped it is what the field's formula gives, which may lie beyond the input. Clipped it is what
is really there, with the padding of every layer taken into account.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from fractions import Fraction
from html import escape
from typing import Any, NamedTuple, SupportsIndex

from archspec.analysis.fields.carried import Layout, ancestors, carried, positions
from archspec.analysis.fields.grid import NOTHING
from archspec.analysis.fields.tracks import Track
from archspec.analysis.receptive_field import ReceptiveField, field_of, sizes_of
from archspec.analysis.sample import Sample
from archspec.diagnostics import check_type, did_you_mean, spec_error
from archspec.dims import Dim, show
from archspec.ir import Graph, leaves
from archspec.objects import record
from archspec.values import TensorType, Value

_NAMES = {1: ("positions",), 2: ("rows", "columns"), 3: ("depth", "rows", "columns")}


class Range(NamedTuple):
    """The first and the last position; none where the first is greater."""

    first: int
    last: int

    @property
    def size(self) -> int:
        """How many positions there are from one to the other."""
        return max(self.last - self.first + 1, 0)


@record
class Hull:
    """Per axis of an input, the positions from the first to the last that a unit sees.

    None where that follows from a size that is not known.
    """

    unclipped: tuple[Range | None, ...]
    clipped: tuple[Range | None, ...]

    def to_json(self) -> dict[str, Any]:
        """Pairs of positions; empty for nothing, null where not known."""
        return {"unclipped": list(map(_pair, self.unclipped)), "clipped": list(map(_pair, self.clipped))}


@record
class Seen:
    """What a unit sees of one input. Tuples have an entry for each axis of the input that has positions.

    `hull` is of all paths, `local` of those that do not see everything, where there are both. `exact`: not only at most
    this, as where a layer is not understood or a mask may hide positions.
    """

    input: str
    type: TensorType
    axes: tuple[str, ...]
    sizes: tuple[Dim, ...]
    field: ReceptiveField
    hull: Hull
    local: Hull | None
    exact: bool

    @property
    def nothing(self) -> bool:
        """All of what the unit would see is padding."""
        return any(seen is not None and not seen.size for seen in self.hull.clipped)

    @property
    def outside(self) -> tuple[tuple[int, int] | None, ...]:
        """How many positions of the local path lie before the input, and after it."""
        return tuple(map(_outside, (self.local or self.hull).unclipped, self.sizes))

    @property
    def covered(self) -> Fraction | None:
        """The part of the input that lies within the hull."""
        if self.nothing:
            return Fraction(0)
        parts = [
            Fraction(seen.size, size)
            for seen, size in zip(self.hull.clipped, self.sizes, strict=True)
            if seen is not None and isinstance(size, int)
        ]
        return math.prod(parts, start=Fraction(1)) if len(parts) == len(self.sizes) else None

    def to_json(self) -> dict[str, Any]:
        """What does not apply is left out."""
        found: dict[str, Any] = {
            "input": self.input,
            "axes": list(self.axes),
            "sizes": list(map(_size, self.sizes)),
            "receptive_field": self.field.to_json(),
            "hull": self.hull.to_json(),
        }
        if self.local is not None:
            found["local"] = self.local.to_json()
        covered = self.covered
        return {
            **found,
            "outside": [None if pair is None else list(pair) for pair in self.outside],
            "covered": None if covered is None else float(covered),
            "nothing": self.nothing,
            "exact": self.exact,
        }


@record
class Region:
    """What one unit of a value sees of each input; of none where `inputs` is empty.

    `at` is the unit's position along `axes` of the value's type. Without axes all units see the same.
    """

    path: str
    op: str
    type: TensorType
    axes: tuple[int, ...]
    at: tuple[int, ...] | None
    chosen: bool  # by the caller; else the centre
    inputs: tuple[Seen, ...]

    def to_json(self) -> dict[str, Any]:
        """As `archspec rf --json` has it."""
        shape = list(map(_size, self.type.shape))
        return {
            "path": self.path,
            "op": self.op,
            "output": {"shape": shape, "dtype": self.type.dtype},
            "axes": list(self.axes),
            "at": None if self.at is None else list(self.at),
            "inputs": [seen.to_json() for seen in self.inputs],
        }

    def to_text(self, width: int | None = None) -> str:
        """For people, within `width`: a table for each input, and where the unit was chosen a picture of what it
        sees."""
        from archspec.analysis.region_text import to_text  # reads what is defined here

        check_type("width", width, SupportsIndex | None, "a number of columns")
        return to_text(self, width)

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self.to_text())}</pre>"


def values_at(graph: Graph, path: str | None = None) -> list[Value]:
    """The values at a path: of a node, of a block, of an input; of the outputs where it is None. Raises SpecError."""
    if path is None:
        entries = (entry for entry in graph.outputs.entries if entry.mode != "training")
        return list(dict.fromkeys(value for entry in entries for value in leaves(entry.value)))
    if path in graph.positions:
        return [Value(graph.positions[path])]
    if path in graph.scopes:
        return list(graph.scopes[path].outputs)
    for entry in graph.outputs.entries:
        if entry.name == path:
            return list(leaves(entry.value))
    by_name = {entry.name: Value(-1 - position) for position, entry in enumerate(graph.inputs)}
    for index, node in enumerate(graph.nodes):
        for part in range(len(node.outputs)) if len(node.outputs) > 1 else ():
            by_name[graph.name_of(Value(index, part))] = by_name[f"{node.path}.{part}"] = Value(index, part)
    if path in by_name:
        return [by_name[path]]
    known = [name for name in (*graph.positions, *graph.scopes, *by_name) if name]
    raise spec_error(
        "unknown-node", f"`{graph.name}` has no node or block `{path}`", None,
        help=did_you_mean(path, known) or "`archspec summary` lists them",
    )  # fmt: skip


def region(graph: Graph, value: Value, at: Sequence[int] | None = None, sample: Sample | None = None) -> Region:
    """What the unit at `at` of a value sees, the one in the centre where `at` is None. Raises SpecError."""
    sample = sample or Sample.of(graph)
    wanted = ancestors(graph, value)
    laid: list[tuple[int, Layout, Layout]] = []
    for position in range(len(graph.inputs)):
        formula = carried(sample, position, wanted=wanted).get(value)
        whole = carried(sample, position, "whole", wanted).get(value)
        if formula is not None and whole is not None and None not in formula:
            laid.append((position, formula, whole))
    name, x = graph.name_of(value), sample.type_of(value)
    used = {axis for _, *layouts in laid for tracks in layouts for track in tracks if track for axis in _laid(track)}
    axes = _axes(x, used, at)
    unit = _unit(name, x, axes, at)
    places = None if unit is None else dict(zip(axes, unit, strict=True))
    seen: list[Seen] = []
    for position, formula, whole in laid:
        field = field_of(formula, sizes_of(sample, position))
        assert field is not None
        local = carried(sample, position, "local", wanted)[value] if has_local(formula) else None
        seen.append(_seen(sample, position, field, (formula, whole, local), places))
    op = graph.nodes[value.node].op.title if value.node >= 0 else "input"
    return Region(name, op, graph.type_of(value), axes, unit, at is not None, tuple(seen))


def _laid(track: Track) -> Collection[int]:
    """The axes along which units see different positions."""
    same = track.view == "whole" and len(set(zip(track.map.lo, track.map.hi, strict=True))) == 1
    return () if same else {digit.axis for digit in track.digits}


def _axes(x: TensorType, used: Collection[int], at: Sequence[int] | None) -> tuple[int, ...]:
    """The axes that a unit's position is along: those with positions, or all that a feature map has."""
    spatial = tuple(range(2, x.rank))
    if at is not None and len(at) != len(used) and len(at) == len(spatial) and set(used) <= set(spatial):
        return spatial
    return tuple(sorted(used))


def _unit(name: str, x: TensorType, axes: tuple[int, ...], at: Sequence[int] | None) -> tuple[int, ...] | None:
    """The position, checked; None for the centre of an axis whose size is not known. Raises SpecError."""
    sizes = [x.shape[axis] for axis in axes]
    if at is None:
        return tuple(size // 2 for size in sizes if isinstance(size, int)) if _known(sizes) else None
    given = ",".join(map(str, at))
    if len(at) != len(axes):
        what = "has no axes with positions: all its units see the same"
        if axes:
            what = f"has {len(axes)} ax{'is' if len(axes) == 1 else 'es'} with positions, of {_sizes(sizes)} units"
        help = "leave the position out" if not axes else f"give {len(axes)} number{'s' if len(axes) > 1 else ''}"
        raise spec_error("bad-call", f"position {given or '()'} does not fit: `{name}` {x} {what}", None, help=help)
    for place, size in zip(at, sizes, strict=True):
        if place < 0 or (isinstance(size, int) and place >= size):
            last = f"to {size - 1}" if isinstance(size, int) else "on"
            raise spec_error(
                "bad-call", f"position {given} is not in `{name}`, which has {_sizes(sizes)} units", None,
                help=f"give a number from 0 {last} in place of {place}",
            )  # fmt: skip
    return tuple(at)


def _sizes(sizes: Sequence[Dim]) -> str:
    return " x ".join(map(show, sizes))


def _known(sizes: Sequence[Dim]) -> bool:
    return all(isinstance(size, int) for size in sizes)


def axis_names(axes: Sequence[int]) -> tuple[str, ...]:
    """What people call an input's axes that have positions."""
    return _NAMES.get(len(axes)) or tuple(f"axis {axis}" for axis in axes)


def has_local(formula: Layout) -> bool:
    """Some path sees everything, and another does not."""
    present = [track for track in formula if track is not None]
    return any(track.everywhere for track in present) and not any(track.pooled for track in present)


def _seen(
    sample: Sample,
    position: int,
    field: ReceptiveField,
    layouts: tuple[Layout, Layout, Layout | None],
    places: dict[int, int] | None,
) -> Seen:
    """What the unit at these places (by axis; None: at places that are not known) sees of an input."""
    formula, whole, local = layouts
    entry, sizes = sample.graph.inputs[position], sizes_of(sample, position)
    clipped = tuple(_ranges(whole, places))
    axes = positions(sample, position)
    return Seen(
        entry.name, entry.type, axis_names(axes), sizes, field,
        Hull(tuple(_unclipped(formula, sizes, places)), clipped),
        Hull(tuple(_ranges(formula, places)), tuple(_ranges(local, places))) if local is not None else None,
        exact=not any(track is not None and _may_see_less(track, places or {}) for track in whole),
    )  # fmt: skip


def _may_see_less(track: Track, places: Collection[int]) -> bool:
    """A unit is exact with all that stands beside it along axes without positions, at a place along them it is not."""
    return track.at_most or not track.varied.isdisjoint(places)


def _unclipped(formula: Layout, sizes: Sequence[Dim], places: dict[int, int] | None) -> Iterator[Range | None]:
    """By the formula; what sees everything sees the input from its start to its end."""
    for track, size, seen in zip(formula, sizes, _ranges(formula, places), strict=True):
        if track is not None and track.everywhere:
            yield Range(0, size - 1) if isinstance(size, int) else None
        else:
            yield seen


def _ranges(layout: Layout, places: dict[int, int] | None) -> Iterator[Range | None]:
    for track in layout:
        if track is None:
            yield Range(*NOTHING)
        elif track.unsized is not None or (places is None and not _is_same(track)):
            yield None
        else:
            yield Range(*track.field(places or {}))


def _is_same(track: Track) -> bool:
    """All units see the same."""
    return not _laid(track)


def _outside(seen: Range | None, size: Dim) -> tuple[int, int] | None:
    if seen is None or not isinstance(size, int):
        return None
    return (max(0, -seen.first), max(0, seen.last - size + 1)) if seen.size else (0, 0)


def _size(size: Dim) -> int | str:
    text = show(size)
    return int(text) if text.isdecimal() else text


def _pair(seen: Range | None) -> list[int] | None:
    if seen is None:
        return None
    return list(seen) if seen.size else []
