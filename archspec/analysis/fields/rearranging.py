"""Ops that move axes, take parts of them, and put them together."""

from __future__ import annotations

# Ops that rearrange


def _reshape(site: Site) -> Transfer:
    old, new = site.x.shape, site.shape
    return site.first(lambda track: reshaped(track, old, new))


def _permute(order: Callable[[Site], Sequence[int]]) -> Callable[[Site], Transfer]:
    def rule(site: Site) -> Transfer:
        axes: dict[int, int | None] = {old: new for new, old in enumerate(order(site))}
        return site.first(lambda track: moved(track, axes))

    return rule


def _transpose(site: Site) -> Sequence[int]:
    order = list(range(site.rank))
    a, b = site.op.axes(site.x)
    order[a], order[b] = order[b], order[a]
    return order


def _squeeze(site: Site) -> Transfer:
    gone = {axis for axis in site.axes(site.op.dim) if site.x.shape[axis] == 1}
    left = {axis: i for i, axis in enumerate(axis for axis in range(site.rank) if axis not in gone)}
    return site.first(lambda track: moved(track, left))


def _unsqueeze(site: Site) -> Transfer:
    new = site.op.dim % (site.rank + 1)
    axes: dict[int, int | None] = {axis: axis + (axis >= new) for axis in range(site.rank)}
    return site.first(lambda track: moved(track, axes))


def _expand(site: Site) -> Transfer:
    return site.first(broadcast(site.x, site.outputs[0]))


def _repeat(site: Site) -> Transfer:
    new = site.outputs[0].rank - site.rank
    changed = {axis for axis in range(site.rank) if site.x.shape[axis] != site.shape[axis + new]}
    axes: dict[int, int | None] = {axis: axis + new for axis in range(site.rank)}

    def step(track: Track) -> Track:
        tiled = any(digit.axis in changed for digit in track.digits)
        return lost(track) if tiled else moved(track, axes)

    return site.first(step)


def _embedding(site: Site) -> Transfer:
    return site.first(keep)


# Ops that take parts, and put them together


def _cut(site: Site, axis: int, start: Dim | None, step: int = 1) -> Step:
    at = dims.value(start) if start is not None else 0
    return layers(site, {axis: spread(at or 0, at or 0, step)})


def _slice(site: Site) -> Transfer:
    axis, start, _ = site.op.taken(Needs(), site.x)
    return site.first(_cut(site, axis, start, site.op.step))


def _narrow(site: Site) -> Transfer:
    (axis,) = site.axes(site.op.dim)
    start = dim_of(site.op.start)
    if isinstance(start, int) and start < 0:
        start = dims.add(site.x.shape[axis], start)
    return site.first(_cut(site, axis, start))


def _select(site: Site) -> Transfer:
    (axis,) = site.axes(site.op.dim)
    size, index = dims.value(site.x.shape[axis]), dims.value(dim_of(site.op.index))
    if size is None or index is None:
        return everything(site)
    return site.first(_selected(site.rank, axis, index % size))


def _selected(rank: int, axis: int, index: int) -> Step:
    left: dict[int, int | None] = {other: other - (other > axis) for other in range(rank) if other != axis}
    return lambda track: moved(picked(track, axis, index), left)


def _getitem(site: Site) -> Transfer:
    """Integers pick, slices cut, null adds an axis: one after the other."""
    steps: list[Step] = []
    axes: dict[int, int | None] = {}
    old = new = 0
    for item in _whole_index(site):
        if item is None:
            new += 1
            continue
        size = site.x.shape[old]
        if item == ":":
            axes[old], new = new, new + 1
        elif not isinstance(size, int):
            return everything(site)
        elif isinstance(item, int):
            steps.append(_picker(old, item % size))
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


def _whole_index(site: Site) -> list[int | str | None]:
    """An item for each axis, those under `...` and after the last one spelled out."""
    given: tuple[int | str | None, ...] = site.op.index
    rest = [":"] * (site.rank - sum(item is not None and item != "..." for item in given))
    at = given.index("...") if "..." in given else len(given)
    return [*given[:at], *rest, *given[at + 1 :]]


def _picker(axis: int, index: int) -> Step:
    return lambda track: picked(track, axis, index)


def _reader(axis: int, size: int, layer: Map, units: int) -> Step:
    return lambda track: read(track, axis, size, layer, units)


def _gathered(positions: Callable[[Site, int], Mapping[int, Sequence[int]]]) -> Callable[[Site], Transfer]:
    """The units of an axis, listed one by one."""

    def rule(site: Site) -> Transfer:
        if not all(isinstance(size, int) for size in site.x.shape):
            return everything(site)
        layers = {
            axis: grid.listed(lambda unit, at=at: (at[unit], at[unit]), len(at), _span(site.x.shape[axis]))
            for axis in range(site.rank)
            for at in [positions(site, axis).get(axis)]
            if at is not None
        }
        return site.first(layers(site, layers))

    return rule


def _span(size: Dim) -> int:
    assert isinstance(size, int)
    return size


def _selection(site: Site, axis: int) -> Mapping[int, Sequence[int]]:
    return {site.axes(site.op.dim)[0]: site.op.index}


def _rolled(site: Site, axis: int) -> Mapping[int, Sequence[int]]:
    size = _span(site.x.shape[axis])
    shifts = site.op.shifts if isinstance(site.op.shifts, tuple) else (site.op.shifts,)
    by = dict(zip(site.axes(site.op.dims), shifts, strict=True))
    return {axis: [(unit - by[axis]) % size for unit in range(size)]} if axis in by else {}


def _flipped(site: Site, axis: int) -> Mapping[int, Sequence[int]]:
    size = _span(site.x.shape[axis])
    return {axis: range(size - 1, -1, -1)} if axis in site.axes(site.op.dims) else {}


def _pad(site: Site) -> Transfer:
    pads = {axis: dims.value(before) or 0 for axis, before, _ in site.op.pairs(site.x)}
    return site.first(layers(site, {axis: spread(-before, -before) for axis, before in pads.items()}))


def _cat(site: Site) -> Transfer:
    axis = site.op.dim % site.outputs[0].rank
    sizes = [x.shape[axis] for x in site.inputs]
    steps = [broadcast(x, site.outputs[0]) if x.constant else keep for x in site.inputs]
    together = site.joined(steps)

    def apply(tracks: Tracks) -> Tracks:
        if any(track is not None and any(digit.axis == axis for digit in track.digits) for track in tracks):
            return alike(site, concatenated(tracks, sizes, axis, site.path))
        return together(tracks)

    return apply


def _stack(site: Site) -> Transfer:
    new = site.op.dim % site.outputs[0].rank
    axes: dict[int, int | None] = {axis: axis + (axis >= new) for axis in range(site.rank)}
    return site.joined([lambda track: moved(track, axes)] * len(site.inputs))


def _parts(site: Site) -> Transfer:
    """`chunk` and `split`: each part has its own place on the axis."""
    axis = site.op.dim % site.rank
    sizes = [part.shape[axis] for part in site.outputs]
    starts = list(accumulate(sizes[:-1], dims.add, initial=0))

    def apply(tracks: Tracks) -> Tracks:
        track = tracks[0]
        if track is None or all(digit.axis != axis for digit in track.digits):
            return alike(site, track)
        places = ((dims.value(start) or 0, size) for start, size in zip(starts, sizes, strict=True))
        return [read(track, axis, site.x.shape[axis], spread(at, at), size) for at, size in places]

    return apply


def _unbind(site: Site) -> Transfer:
    axis = site.op.dim % site.rank
    steps = [_selected(site.rank, axis, index) for index in range(len(site.outputs))]

    def apply(tracks: Tracks) -> Tracks:
        return [tracks[0] and step(tracks[0]) for step in steps]

    return apply


