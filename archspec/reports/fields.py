"""What each unit of each node sees of the inputs, exact at the borders, as tables that a page can draw from.

Almost all tensors carry an axis of the input along one axis of theirs: a table by unit along that axis holds all. Nodes
that keep what they read share it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archspec.analysis.fields.carried import Layout, carried, positions
from archspec.analysis.fields.tracks import Track
from archspec.analysis.receptive_field import field_of, sizes_of
from archspec.analysis.region import axis_names, has_local
from archspec.analysis.sample import Sample
from archspec.values import TensorType, Value

MOST = 4096  # units along an axis, of which each has an entry


@dataclass(slots=True)
class Fields:
    """`of`: per value, the numbers of its entries in `entries`, one for each input that it sees. `tables`: the first
    and the last position that each unit sees, in turns; none where the first is greater."""

    of: dict[Value, list[int]] = field(default_factory=dict[Value, "list[int]"])
    entries: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    tables: list[list[int]] = field(default_factory=list[list[int]])


def fields(sample: Sample) -> Fields:
    """The tables of a graph. What follows from a size that is not known is left out."""
    found = Fields()
    numbers: dict[tuple[int, ...], int] = {}
    for position, given in enumerate(sample.graph.inputs):
        sizes = sizes_of(sample, position)
        if not sizes or not all(isinstance(size, int) for size in sizes):
            continue
        formula, whole, local = (carried(sample, position, view) for view in ("formula", "whole", "local"))
        names = axis_names(positions(sample, position))
        known: dict[tuple[int, int, tuple[Any, ...]], int] = {}
        for value, layout in whole.items():
            if value.node < 0 or None in layout or None in formula.get(value, (None,)):
                continue
            shape = _units(sample.type_of(value), layout, local.get(value))
            key = (id(layout), id(local.get(value)), shape)
            if key not in known:
                near = local.get(value) if has_local(formula[value]) else None
                axes = _axes(layout, near, dict(shape), numbers, found.tables)
                if axes is None:
                    continue
                known[key] = len(found.entries)
                of = field_of(formula[value], sizes)
                named = zip(names, sizes, axes, strict=True)
                entry = {"input": given.name, "kind": of.kind if of else ""}
                found.entries.append({**entry, "axes": [{"name": n, "size": size, **axis} for n, size, axis in named]})
            found.of.setdefault(value, []).append(known[key])
    return found


def _units(x: TensorType, *layouts: Layout | None) -> tuple[tuple[int, int], ...]:
    """The axes that units lie along, and how many there are."""
    axes = {digit.axis for layout in layouts for track in layout or () if track for digit in track.digits}
    return tuple((axis, size) for axis in sorted(axes) if isinstance(size := x.shape[axis], int))


def _axes(
    whole: Layout,
    local: Layout | None,
    units: Mapping[int, int],
    numbers: dict[tuple[int, ...], int],
    tables: list[list[int]],
) -> list[dict[str, Any]] | None:
    """Per axis of the input: the axis that units lie along with its size, and the table; `near`, of the local path.

    None where a table would not do.
    """
    found: list[dict[str, Any]] = []
    for far, near in zip(whole, local or (None,) * len(whole), strict=True):
        axis: dict[str, Any] = {}
        for name, track in (("all", far), ("near", near if local is not None else None)):
            if track is None:
                continue
            table = _table(track, units)
            if table is None:
                return None
            along, listed = table
            number = numbers.setdefault(listed, len(tables))
            if number == len(tables):
                tables.append([*listed])
            axis[name] = number
            if along is not None and axis.setdefault("along", along) != along:
                return None
        if "along" in axis:
            axis["units"] = units[axis["along"]]
        found.append(axis)
    return found


def _table(track: Track, units: Mapping[int, int]) -> tuple[int | None, tuple[int, ...]] | None:
    axes = {digit.axis for digit in track.digits}
    if len(axes) > 1 or track.unsized is not None or any(units.get(axis, MOST + 1) > MOST for axis in axes):
        return None
    if not axes:
        return None, track.field({})
    (axis,) = axes
    return axis, tuple(place for unit in range(units[axis]) for place in track.field({axis: unit}))
