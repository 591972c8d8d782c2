"""Ops that move axes, take parts of them, and put them together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate

from archspec import dims
from archspec.analysis.fields import grid
from archspec.analysis.fields.grid import Map, Unsized, spread
from archspec.analysis.fields.joining import concatenated
from archspec.analysis.fields.site import (
    Site,
    Step,
    Tracks,
    Transfer,
    alike,
    along,
    at_most_everything,
    broadcast,
    keep,
    renamed,
)
from archspec.analysis.fields.tracks import Track, chosen, lost, moved, picked, read, reshaped, uneven
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


def _embedding(site: Site) -> Transfer:
    return site.joined([keep, lost][: len(site.inputs)])


# Parts


def _cut(site: Site, axis: int, start: Dim, step: int = 1) -> Transfer:
    at = dims.value(start)
    return site.first(along(site, {axis: None if at is None else spread(at, at, step)}))


def _slice(site: Site) -> Transfer:
    axis, start, _ = site.op.taken(Needs(), site.x)
    return _cut(site, axis, start, site.op.step)


def _narrow(site: Site) -> Transfer:
    (axis,) = site.axes(site.op.dim)
    start = dim_of(site.op.start)
    return _cut(site, axis, dims.add(site.x.shape[axis], start) if isinstance(start, int) and start < 0 else start)


def _select(site: Site) -> Transfer:
    (axis,) = site.axes(site.op.dim)
    return site.first(_selected(site, axis, dims.value(dim_of(site.op.index))))


def _selected(site: Site, axis: int, index: int | None) -> Step:
    left = {other: other - (other > axis) for other in range(site.rank) if other != axis}
    step = _picker(axis, site.x.shape[axis], index)
    return lambda track: moved(step(track), left)


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
        elif ":" not in item:
            steps.append(_picker(old, size, int(item)))
        else:
            steps.append(_cutter(old, size, item))
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


def _picker(axis: int, size: Dim, index: int | None) -> Step:
    def step(track: Track) -> Track:
        if all(digit.axis != axis for digit in track.digits):
            return chosen(track, axis)
        if index is None or (index < 0 and not isinstance(size, int)):
            raise Unsized
        return picked(track, axis, index % size if isinstance(size, int) else index)

    return step


def _cutter(axis: int, size: Dim, written: str) -> Step:
    """`1:-1:2`, of an axis."""

    def apply(track: Track) -> Track:
        if all(digit.axis != axis for digit in track.digits):
            return chosen(track, axis)
        if not isinstance(size, int):
            raise Unsized
        start, stop, step = slice(*(int(part) if part else None for part in written.split(":"))).indices(size)
        return read(track, axis, size, spread(start, start, step), len(range(start, stop, step)))

    return apply


# Units in another order


def _gathered(site: Site, order: Callable[[int, int], Sequence[int]], axes: Iterable[int]) -> Transfer:
    """The units of some axes, listed one by one: `order` of an axis and its size."""
    maps: dict[int, Map | None] = {}
    for axis in axes:
        size = site.x.shape[axis]
        maps[axis] = _listing(order(axis, size), size) if isinstance(size, int) else None
    return site.first(along(site, maps))


def _listing(positions: Sequence[int], advance: int) -> Map:
    return grid.listed(lambda unit: (positions[unit], positions[unit]), len(positions), advance)


def _index_select(site: Site) -> Transfer:
    index: Sequence[int] | None = site.op.index
    if index is None:
        return at_most_everything(site)
    return _gathered(site, lambda _, size: [at % size for at in index], site.axes(site.op.dim))


def _roll(site: Site) -> Transfer:
    given: int | tuple[int, ...] = site.op.shifts
    shifts = dict(zip(site.axes(site.op.dims), given if isinstance(given, tuple) else (given,), strict=True))
    return _gathered(site, lambda axis, size: [(unit - shifts[axis]) % size for unit in range(size)], shifts)


def _flip(site: Site) -> Transfer:
    return _gathered(site, lambda _, size: range(size - 1, -1, -1), site.axes(site.op.dims))


def _repeat(site: Site) -> Transfer:
    """Copies, one after the other."""
    new = site.outputs[0].rank - site.rank
    maps: dict[int, Map | None] = {}
    for axis, size in enumerate(site.x.shape):
        units = site.shape[axis + new]
        if dims.proved_equal(size, units):
            continue
        if isinstance(size, int) and isinstance(units, int):
            maps[axis] = _listing([unit % size for unit in range(units)], units)
        else:
            maps[axis] = None
    old, step = site.x.shape, renamed({axis: axis + new for axis in range(site.rank)})

    def apply(track: Track) -> Track:
        for axis, one in maps.items():
            if any(digit.axis == axis for digit in track.digits):
                if one is None:
                    raise Unsized
                track = read(track, axis, old[axis], one, site.shape[axis + new])
        return step(track)

    return site.first(apply)


# Put together, taken apart


def _cat(site: Site) -> Transfer:
    axis: int = site.op.dim % site.outputs[0].rank
    shapes = [x.shape for x in site.inputs]
    together = site.joined([broadcast(x, site.outputs[0]) if x.constant else keep for x in site.inputs])

    def apply(tracks: Tracks) -> Tracks:
        if any(track is not None and any(digit.axis == axis for digit in track.digits) for track in tracks):
            return alike(site, concatenated(tracks, shapes, axis))
        return _varied(tracks, together(tracks), axis)

    return apply


def _stack(site: Site) -> Transfer:
    axis: int = site.op.dim % site.outputs[0].rank
    together = site.joined([_beside(site, axis)] * len(site.inputs))
    return lambda tracks: _varied(tracks, together(tracks), axis)


def _varied(operands: Tracks, results: Tracks, axis: int) -> Tracks:
    """Side by side along an axis without positions, they may see different ones."""
    if operands.count(operands[0]) == len(operands):
        return results
    return [track and uneven(track, axis) for track in results]


def _parts(site: Site) -> Transfer:
    """`chunk` and `split`: each part has its own place on the axis."""
    (axis,) = site.axes(site.op.dim)
    sizes = [part.shape[axis] for part in site.outputs]
    starts = list(accumulate(sizes[:-1], dims.add, initial=0))

    def apply(tracks: Tracks) -> Tracks:
        track = tracks[0]
        if track is None or all(digit.axis != axis for digit in track.digits):
            return alike(site, track and chosen(track, axis))
        found: list[Track] = []
        for start, size in zip(starts, sizes, strict=True):
            at = dims.value(start)
            if at is None:
                raise Unsized
            found.append(read(track, axis, site.x.shape[axis], spread(at, at), size))
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
    "cat": _cat,
    "stack": _stack,
    "chunk": _parts,
    "split": _parts,
    "unbind": _unbind,
}
