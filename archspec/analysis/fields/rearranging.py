"""Ops that move axes, take parts of them, and put them together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

from archspec import dims
from archspec.analysis.fields import grid
from archspec.analysis.fields.grid import Map, spread
from archspec.analysis.fields.site import (
    Site,
    Step,
    Tracks,
    Transfer,
    alike,
    along,
    broadcast,
    everything,
    keep,
    renamed,
)
from archspec.analysis.fields.tracks import Track, concatenated, lost, moved, picked, read, reshaped
from archspec.dims import Dim
from archspec.ops.needs import Needs
from archspec.values import dim_of

# Other axes


def _reshape(site: Site) -> Transfer:
    old, new = site.x.shape, site.shape
    return site.first(lambda track: reshaped(track, old, new))


def _permute(site: Site) -> Transfer:
    order: tuple[int, ...] = site.op.order(site.x)
    return site.first(renamed({old: new for new, old in enumerate(order)}))


def _transpose(site: Site) -> Transfer:
    a, b = site.axes((site.op.dim0, site.op.dim1))
    return site.first(renamed({axis: {a: b, b: a}.get(axis, axis) for axis in range(site.rank)}))


def _squeeze(site: Site) -> Transfer:
    gone = {axis for axis in site.axes(site.op.dim) if site.x.shape[axis] == 1}
    left = [axis for axis in range(site.rank) if axis not in gone]
    return site.first(renamed({old: new for new, old in enumerate(left)}))


def _unsqueeze(site: Site) -> Transfer:
    return site.first(_beside(site, site.op.dim % (site.rank + 1)))


def _beside(site: Site, new: int) -> Step:
    """Room for a new axis."""
    return renamed({axis: axis + (axis >= new) for axis in range(site.rank)})


def _expand(site: Site) -> Transfer:
    return site.first(broadcast(site.x, site.outputs[0]))


def _repeat(site: Site) -> Transfer:
    new = site.outputs[0].rank - site.rank
    tiled = {axis for axis in range(site.rank) if site.x.shape[axis] != site.shape[axis + new]}
    step = renamed({axis: axis + new for axis in range(site.rank)})
    return site.first(lambda track: lost(track) if any(d.axis in tiled for d in track.digits) else step(track))


def _embedding(site: Site) -> Transfer:
    return site.joined([keep, lost][: len(site.inputs)])


# Parts


def _cut(site: Site, axis: int, start: Dim, step: int = 1) -> Transfer:
    at = dims.value(start)
    return everything(site) if at is None else site.first(along(site, {axis: spread(at, at, step)}))


def _slice(site: Site) -> Transfer:
    axis, start, _ = site.op.taken(Needs(), site.x)
    return _cut(site, axis, start, site.op.step)


def _narrow(site: Site) -> Transfer:
    (axis,) = site.axes(site.op.dim)
    start = dim_of(site.op.start)
    return _cut(site, axis, dims.add(site.x.shape[axis], start) if isinstance(start, int) and start < 0 else start)


def _select(site: Site) -> Transfer:
    (axis,) = site.axes(site.op.dim)
    size, index = site.x.shape[axis], dims.value(dim_of(site.op.index))
    if not isinstance(size, int) or index is None:
        return everything(site)
    return site.first(_selected(site, axis, index % size))


def _selected(site: Site, axis: int, index: int) -> Step:
    left = {other: other - (other > axis) for other in range(site.rank) if other != axis}
    return lambda track: moved(picked(track, axis, index), left)


def _getitem(site: Site) -> Transfer:
    """Integers pick, slices cut, null adds an axis: one after the other."""
    steps: list[Step] = []
    axes: dict[int, int] = {}
    old = new = 0
    for item in _whole_index(site):
        if item == "None":
            new += 1
            continue
        size = site.x.shape[old]
        if item == ":":
            axes[old], new = new, new + 1
        elif not isinstance(size, int):
            return everything(site)
        elif ":" not in item:
            steps.append(_picker(old, int(item) % size))
        else:
            start, stop, step = slice(*(int(part) if part else None for part in item.split(":"))).indices(size)
            steps.append(_reader(old, size, spread(start, start, step), len(range(start, stop, step))))
            axes[old], new = new, new + 1
        old += 1

    def apply(track: Track) -> Track:
        for step in steps:
            track = step(track)
        return moved(track, axes)

    return site.first(apply)


def _whole_index(site: Site) -> list[str]:
    """An item for each axis, those under `...` and after the last one spelled out."""
    given: tuple[str, ...] = site.op.index
    rest = [":"] * (site.rank - sum(item not in ("None", "...") for item in given))
    at = given.index("...") if "..." in given else len(given)
    return [*given[:at], *rest, *given[at + 1 :]]


def _picker(axis: int, index: int) -> Step:
    return lambda track: picked(track, axis, index)


def _reader(axis: int, size: int, part: Map, units: int) -> Step:
    return lambda track: read(track, axis, size, part, units)


# Units in another order


def _gathered(site: Site, positions: Mapping[int, Sequence[int]]) -> Transfer:
    """The units of some axes, listed one by one."""
    maps: dict[int, Map] = {}
    for axis, at in positions.items():
        size = site.x.shape[axis]
        assert isinstance(size, int)
        maps[axis] = grid.listed(_at(at), len(at), size)
    return site.first(along(site, maps))


def _at(positions: Sequence[int]) -> Callable[[int], tuple[int, int]]:
    return lambda unit: (positions[unit], positions[unit])


def _index_select(site: Site) -> Transfer:
    (axis,) = site.axes(site.op.dim)
    index: Sequence[int] | None = site.op.index
    if index is None or not isinstance(site.x.shape[axis], int):
        return everything(site)
    return _gathered(site, {axis: index})


def _roll(site: Site) -> Transfer:
    given: int | tuple[int, ...] = site.op.shifts
    shifts = given if isinstance(given, tuple) else (given,)
    found: dict[int, Sequence[int]] = {}
    for axis, shift in zip(site.axes(site.op.dims), shifts, strict=True):
        size = site.x.shape[axis]
        if not isinstance(size, int):
            return everything(site)
        found[axis] = [(unit - shift) % size for unit in range(size)]
    return _gathered(site, found)


def _flip(site: Site) -> Transfer:
    sizes = {axis: site.x.shape[axis] for axis in site.axes(site.op.dims)}
    known = {axis: range(size - 1, -1, -1) for axis, size in sizes.items() if isinstance(size, int)}
    return _gathered(site, known) if len(known) == len(sizes) else everything(site)


# Put together, taken apart


def _pad(site: Site) -> Transfer:
    pairs: list[tuple[int, Dim, Dim]] = site.op.pairs(site.x)
    pads = {axis: dims.value(before) or 0 for axis, before, _ in pairs}
    return site.first(along(site, {axis: spread(-before, -before) for axis, before in pads.items()}))


def _cat(site: Site) -> Transfer:
    axis: int = site.op.dim % site.outputs[0].rank
    sizes = [x.shape[axis] for x in site.inputs]
    together = site.joined([broadcast(x, site.outputs[0]) if x.constant else keep for x in site.inputs])

    def apply(tracks: Tracks) -> Tracks:
        if any(track is not None and any(digit.axis == axis for digit in track.digits) for track in tracks):
            return alike(site, concatenated(tracks, sizes, axis, site.path))
        return together(tracks)

    return apply


def _stack(site: Site) -> Transfer:
    return site.joined([_beside(site, site.op.dim % site.outputs[0].rank)] * len(site.inputs))


def _parts(site: Site) -> Transfer:
    """`chunk` and `split`: each part has its own place on the axis."""
    (axis,) = site.axes(site.op.dim)
    sizes = [part.shape[axis] for part in site.outputs]
    starts = list(accumulate(sizes[:-1], dims.add, initial=0))

    def apply(tracks: Tracks) -> Tracks:
        track = tracks[0]
        if track is None or all(digit.axis != axis for digit in track.digits):
            return alike(site, track)
        found: list[Track] = []
        for start, size in zip(starts, sizes, strict=True):
            at = dims.value(start)
            found.append(lost(track) if at is None else read(track, axis, site.x.shape[axis], spread(at, at), size))
        return found

    return apply


def _unbind(site: Site) -> Transfer:
    (axis,) = site.axes(site.op.dim)
    steps = [_selected(site, axis, index) for index in range(len(site.outputs))]

    def apply(tracks: Tracks) -> Tracks:
        track = tracks[0]
        return [None if track is None else step(track) for step in steps]

    return apply


REARRANGING: Mapping[str, Callable[[Site], Transfer]] = {
    **dict.fromkeys(("Flatten", "Unflatten", "flatten", "unflatten", "reshape", "view"), _reshape),
    "permute": _permute,
    "movedim": _permute,
    "transpose": _transpose,
    "squeeze": _squeeze,
    "unsqueeze": _unsqueeze,
    "expand": _expand,
    "repeat": _repeat,
    "Embedding": _embedding,
    "embedding": _embedding,
    "slice": _slice,
    "narrow": _narrow,
    "select": _select,
    "getitem": _getitem,
    "index_select": _index_select,
    "roll": _roll,
    "flip": _flip,
    "pad": _pad,
    "cat": _cat,
    "stack": _stack,
    "chunk": _parts,
    "split": _parts,
    "unbind": _unbind,
}
