"""How each op carries the input's axes from its operands to its results.

`transfer` gives a function of the operands' tracks for one axis of the input. Most ops follow from their `reach`; those
that mix or move particular axes are listed by name. An op that is not understood mixes everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from archspec import dims
from archspec.analysis import grid
from archspec.analysis.grid import Map, spread
from archspec.analysis.tracks import Track, concatenated, lost, merged, mixed, moved, picked, read, reshaped
from archspec.dims import Dim
from archspec.ops.base import Inputs
from archspec.ops.needs import Needs
from archspec.values import TensorType, dim_of

Tracks = Sequence[Track | None]
"""Per operand or per result; None: it does not depend on the input."""
Transfer = Callable[[Tracks], Tracks]
Step = Callable[[Track], Track]


@dataclass(frozen=True, slots=True)
class Site:
    """An op where it is used, with the sizes of one sample."""

    op: Any
    inputs: Inputs
    outputs: tuple[TensorType, ...]
    path: str

    @property
    def x(self) -> TensorType:
        return self.inputs[0]

    @property
    def shape(self) -> tuple[Dim, ...]:
        """The first result's."""
        return self.outputs[0].shape

    @property
    def rank(self) -> int:
        return self.x.rank

    def axes(self, given: int | tuple[int, ...]) -> tuple[int, ...]:
        """Axes of the first operand, counted from the front."""
        return tuple(axis % self.rank for axis in (given if isinstance(given, tuple) else (given,)))

    def first(self, step: Step) -> Transfer:
        """All results follow from the first operand."""

        def transfer(tracks: Tracks) -> Tracks:
            return _alike(self, tracks[0] and step(tracks[0]))

        return transfer

    def joined(self, steps: Sequence[Step]) -> Transfer:
        """The results follow from all operands, each after its own step."""

        def transfer(tracks: Tracks) -> Tracks:
            present = [step(track) for step, track in zip(steps, tracks, strict=False) if track is not None]
            return _alike(self, merged(present, self.path, self.shape) if present else None)

        return transfer


def transfer(site: Site) -> Transfer:
    """How the results of an op depend on its operands."""
    rule = RULES.get(site.op.name) or REACHES.get(site.op.reach, _everything)
    return rule(site)


def mixes(site: Site) -> frozenset[int]:
    """The axes of the first operand that an op of reach "global" mixes, as far as that is known."""
    rule = MIXED.get(site.op.name)
    return frozenset(rule(site)) if rule else frozenset()


def _alike(site: Site, track: Track | None) -> Tracks:
    return (track,) * len(site.outputs)


def _keep(track: Track) -> Track:
    return track


def _everything(site: Site) -> Transfer:
    return site.joined([lost] * len(site.inputs))


# By reach


def _elementwise(site: Site) -> Transfer:
    if len(site.inputs) == 1:
        return site.first(_keep)
    return site.joined([_broadcast(x, site.outputs[0]) for x in site.inputs])


def _broadcast(x: TensorType, to: TensorType, last: int = 0) -> Step:
    """Axes are aligned at the end, where the `last` ones are left alone; those of size 1 lose their meaning."""
    new = to.rank - x.rank
    axes: dict[int, int | None] = {
        axis: None if size == 1 and axis < x.rank - last and axis + new >= 0 and to.shape[axis + new] != 1 else axis + new
        for axis, size in enumerate(x.shape)
    }
    return lambda track: moved(track, axes)


def _layers(site: Site, layers: Mapping[int, Map]) -> Step:
    """Maps along some axes, one after the other."""
    sizes, units = site.x.shape, site.shape

    def step(track: Track) -> Track:
        for axis, layer in layers.items():
            if layer != grid.IDENTITY or sizes[axis] != units[axis]:
                track = read(track, axis, sizes[axis], layer, units[axis])
        return track

    return step


def _last_axes(site: Site, layers: Iterable[Map]) -> dict[int, Map]:
    maps = tuple(layers)
    return dict(enumerate(maps, site.rank - len(maps)))


def _windows(site: Site) -> Transfer:
    step = _layers(site, _last_axes(site, map(grid.window, site.op.windows(site.inputs))))
    return site.first(step)


def _transposed(site: Site) -> Transfer:
    step = _layers(site, _last_axes(site, map(grid.transposed, site.op.windows(site.inputs))))
    return site.joined([step] * len(site.inputs))


def _resized(site: Site) -> Transfer:
    op = site.op
    mode = getattr(op, "mode", "bilinear" if op.name == "UpsamplingBilinear2d" else "nearest")
    aligned = op.align_corners is True if hasattr(op, "align_corners") else op.name == "UpsamplingBilinear2d"
    factors = None if getattr(op, "recompute_scale_factor", False) else getattr(op, "scale_factor", None)
    layers: dict[int, Map] = {}
    for axis in range(2, site.rank):
        size, units = site.x.shape[axis], site.shape[axis]
        if not isinstance(size, int) or not isinstance(units, int):
            return _everything(site)
        factor = factors[axis - 2] if isinstance(factors, tuple) else factors
        layers[axis] = grid.interpolated(size, units, mode, aligned, getattr(op, "antialias", False), factor)
    return site.first(_layers(site, layers))


REACHES: Mapping[str, Callable[[Site], Transfer]] = {
    "pointwise": _elementwise, "window": _windows, "transposed": _transposed, "resize": _resized,
}  # fmt: skip


# Ops that mix axes


def _mixing(site: Site) -> Transfer:
    axes = mixes(site)
    return site.first(lambda track: mixed(track, axes))


def _reduction(site: Site) -> Transfer:
    axes = mixes(site)
    if site.op.keepdim:
        return site.first(lambda track: mixed(track, axes))
    left = {axis: i for i, axis in enumerate(axis for axis in range(site.rank) if axis not in axes)}
    return site.first(lambda track: moved(mixed(track, axes), left))


def _trailing(site: Site) -> range:
    shape = site.op.normalized(site.inputs) if hasattr(site.op, "normalized") else site.op.normalized_shape
    return range(site.rank - len(shape), site.rank)


def _adaptive(site: Site) -> Transfer:
    whole: set[int] = set()
    layers: dict[int, Map] = {}
    for axis, (size, units) in enumerate(zip(site.x.shape[2:], site.shape[2:], strict=True), 2):
        if units == 1:
            whole.add(axis)
        elif isinstance(size, int) and isinstance(units, int):
            layers[axis] = grid.adaptive(size, units)
        elif not dims.proved_equal(size, units):
            return _everything(site)
    step = _layers(site, layers)
    return site.first(lambda track: mixed(step(track), whole))


def _matmul(site: Site) -> Transfer:
    a, b = site.inputs
    out = site.outputs[0]
    if min(a.rank, b.rank) < 2:
        return _everything(site)
    left, right = _broadcast(a, out, 2), _broadcast(b, out, 2)
    return site.joined([
        lambda track: left(mixed(track, {a.rank - 1})),
        lambda track: right(mixed(track, {b.rank - 2})),
    ])  # fmt: skip


def _einsum(site: Site) -> Transfer:
    terms, result = site.op.parse(site.inputs)
    return site.joined([_summed(x, term, result, site.shape) for x, term in zip(site.inputs, terms, strict=True)])


def _summed(x: TensorType, term: list[str], result: list[str], shape: tuple[Dim, ...]) -> Step:
    gone = {axis for axis, label in enumerate(term) if label not in result}
    axes: dict[int, int | None] = {
        axis: None if x.shape[axis] == 1 and shape[result.index(label)] != 1 else result.index(label)
        for axis, label in enumerate(term)
        if label in result
    }
    return lambda track: moved(mixed(track, gone), axes)


def _attention(site: Site) -> Transfer:
    """`scaled_dot_product_attention`: a query sees all keys and values beside it."""
    out = site.outputs[0]

    def operand(position: int) -> Step:
        x = site.inputs[position]
        aligned = _broadcast(x, out, 2)
        gone = {0: {x.rank - 1}, 1: {x.rank - 1, x.rank - 2}, 2: {x.rank - 2}}.get(position, set(range(x.rank)))
        return lambda track: aligned(mixed(track, gone))

    return site.joined([operand(position) for position in range(len(site.inputs))])


def _multihead(site: Site) -> Transfer:
    """`MultiheadAttention`; alone, the query is key and value too."""
    sequence = 1 if site.op.batch_first else 0
    query: Step = lambda track: mixed(track, {2})  # noqa: E731
    others: Step = lambda track: mixed(track, {sequence, 2})  # noqa: E731

    def apply(tracks: Tracks) -> Tracks:
        rest = tracks[1:] if "key" in site.inputs.names else (tracks[0], *tracks[1:])
        present = [query(tracks[0])] if tracks[0] is not None else []
        present += [others(track) for track in rest if track is not None]
        return _alike(site, merged(present, site.path, site.shape) if present else None)

    return apply


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
    return site.first(_broadcast(site.x, site.outputs[0]))


def _repeat(site: Site) -> Transfer:
    new = site.outputs[0].rank - site.rank
    changed = {axis for axis in range(site.rank) if site.x.shape[axis] != site.shape[axis + new]}
    axes: dict[int, int | None] = {axis: axis + new for axis in range(site.rank)}

    def step(track: Track) -> Track:
        tiled = any(digit.axis in changed for digit in track.digits)
        return lost(track) if tiled else moved(track, axes)

    return site.first(step)


def _embedding(site: Site) -> Transfer:
    return site.first(_keep)


# Ops that take parts, and put them together


def _cut(site: Site, axis: int, start: Dim | None, step: int = 1) -> Step:
    at = dims.value(start) if start is not None else 0
    return _layers(site, {axis: spread(at or 0, at or 0, step)})


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
        return _everything(site)
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
            return _everything(site)
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
            return _everything(site)
        layers = {
            axis: grid.listed(lambda unit, at=at: (at[unit], at[unit]), len(at), _span(site.x.shape[axis]))
            for axis in range(site.rank)
            for at in [positions(site, axis).get(axis)]
            if at is not None
        }
        return site.first(_layers(site, layers))

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
    return site.first(_layers(site, {axis: spread(-before, -before) for axis, before in pads.items()}))


def _cat(site: Site) -> Transfer:
    axis = site.op.dim % site.outputs[0].rank
    sizes = [x.shape[axis] for x in site.inputs]
    steps = [_broadcast(x, site.outputs[0]) if x.constant else _keep for x in site.inputs]
    together = site.joined(steps)

    def apply(tracks: Tracks) -> Tracks:
        if any(track is not None and any(digit.axis == axis for digit in track.digits) for track in tracks):
            return _alike(site, concatenated(tracks, sizes, axis, site.path))
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
            return _alike(site, track)
        places = ((dims.value(start) or 0, size) for start, size in zip(starts, sizes, strict=True))
        return [read(track, axis, site.x.shape[axis], spread(at, at), size) for at, size in places]

    return apply


def _unbind(site: Site) -> Transfer:
    axis = site.op.dim % site.rank
    steps = [_selected(site.rank, axis, index) for index in range(len(site.outputs))]

    def apply(tracks: Tracks) -> Tracks:
        return [tracks[0] and step(tracks[0]) for step in steps]

    return apply


def _each(names: str, rule: Callable[[Site], Any]) -> dict[str, Callable[[Site], Any]]:
    return dict.fromkeys(names.split(), rule)


MIXED: Mapping[str, Callable[[Site], Iterable[int]]] = {
    **_each("Linear Bilinear", lambda site: (site.rank - 1,)),
    **_each("LayerNorm RMSNorm layer_norm", _trailing),
    **_each(
        "Softmax LogSoftmax Softmin GLU softmax log_softmax glu normalize cumsum mean sum amax amin prod var std argmax "
        "logsumexp norm",
        lambda site: site.axes(site.op.dim),
    ),
    **_each("GroupNorm", lambda site: range(1, site.rank)),
    **_each("InstanceNorm1d InstanceNorm2d InstanceNorm3d", lambda site: range(2, site.rank)),
}
"""Ops of which it is known what they mix: the axes, by name."""

_REDUCTIONS = "mean sum amax amin prod var std argmax logsumexp norm"

RULES: Mapping[str, Callable[[Site], Transfer]] = {
    **dict.fromkeys(MIXED, _mixing),
    **_each(_REDUCTIONS, _reduction),
    "Bilinear": _everything,
    **_each("AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d adaptive_avg_pool2d", _adaptive),
    **_each("AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d", _adaptive),
    "matmul": _matmul,
    "einsum": _einsum,
    "scaled_dot_product_attention": _attention,
    "MultiheadAttention": _multihead,
    **_each("Flatten Unflatten flatten unflatten reshape view", _reshape),
    "permute": _permute(lambda site: site.op.order(site.x)),
    "movedim": _permute(lambda site: site.op.order(site.x)),
    "transpose": _permute(_transpose),
    "squeeze": _squeeze,
    "unsqueeze": _unsqueeze,
    "expand": _expand,
    "repeat": _repeat,
    "Embedding": _embedding,
    "slice": _slice,
    "narrow": _narrow,
    "select": _select,
    "getitem": _getitem,
    "index_select": _gathered(_selection),
    "roll": _gathered(_rolled),
    "flip": _gathered(_flipped),
    "pad": _pad,
    "cat": _cat,
    "stack": _stack,
    "chunk": _parts,
    "split": _parts,
    "unbind": _unbind,
}
"""Ops whose rule is not that of their reach."""
