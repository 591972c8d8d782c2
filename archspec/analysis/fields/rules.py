"""How each op carries the input's axes from its operands to its results.

`transfer` gives a function of the operands' tracks for one axis of the input. Most ops follow from their `reach`; those
that mix or move particular axes are listed by name. An op that is not understood mixes everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from archspec import dims
from archspec.analysis.fields import windows
from archspec.analysis.fields.grid import Map, Unsized, spread
from archspec.analysis.fields.mixing import MIXED, MIXING
from archspec.analysis.fields.rearranging import REARRANGING
from archspec.analysis.fields.sequences import SEQUENCES
from archspec.analysis.fields.site import (
    Site,
    Step,
    Transfer,
    along,
    at_most_everything,
    broadcast,
    everything,
    keep,
)
from archspec.analysis.fields.tracks import Track, chosen, evened, lost, mixed, read, reshaped, uneven
from archspec.dims import Dim, window_out
from archspec.ops.base import Op, Window


def transfer(site: Site) -> Transfer:
    """How the results of an op depend on its operands. Raises Unsized, as what it returns does."""
    rule = RULES.get(site.op.name) or REACHES.get(site.op.reach, at_most_everything)
    return rule(site)


def keeps_units(op: Op) -> bool:
    """Whether each unit depends on its own place alone, of one operand: known without looking at sizes."""
    if op.name not in RULES:
        return op.reach == "pointwise"
    return op.name in _BATCH_NORMS and getattr(op, "track_running_stats", False)


_BATCH_NORMS = frozenset(("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"))


def mixes(site: Site) -> frozenset[int]:
    """The axes of the first operand that an op mixes, where that is known."""
    axes = MIXED.get(site.op.name)
    return frozenset(axes(site)) if axes else frozenset()


def _elementwise(site: Site) -> Transfer:
    if len(site.inputs) == 1:
        return site.first(keep)
    return site.joined([broadcast(x, site.outputs[0]) for x in site.inputs.types])


def _windows(site: Site) -> Transfer:
    return _with_weights(site, _sliding(site))


def _with_weights(site: Site, step: Step) -> Transfer:
    """Weights that are operands reach all units."""
    return site.first(step) if len(site.inputs) == 1 else site.joined([step, *[lost] * (len(site.inputs) - 1)])


def _sliding(site: Site) -> Step:
    """Windows along the last axes. The axis before them is that of the channels, which pools alone leave apart."""
    found: tuple[Window, ...] = site.op.windows(site.inputs)
    first = site.rank - len(found)
    border = _border(site)
    if border is None:
        step = along(site, dict(enumerate(map(windows.window, found), first)))
    else:
        step = _beyond(site, border, dict(enumerate(found, first)))
    return step if site.op.category in _CHANNELS_APART else _across_channels(site, step, first - 1)


def _border(site: Site) -> str | None:
    """What is beyond the borders, where that counts and is not a constant."""
    if site.view == "formula":
        return None
    words = (str(getattr(site.op, name, "")) for name in ("padding_mode", "mode"))
    by_name = next((mode for start, mode in _BORDER_LAYERS.items() if site.op.name.startswith(start)), None)
    return by_name or next((word for word in words if word in _BORDER_LAYERS.values()), None)


_BORDER_LAYERS = {"Reflection": "reflect", "Replication": "replicate", "Circular": "circular"}


def _beyond(site: Site, border: str, found: Mapping[int, Window]) -> Step:
    """Windows on a map whose borders were filled with positions of its own."""

    def step(track: Track) -> Track:
        for axis, w in found.items():
            size, units = site.x.shape[axis], site.shape[axis]
            if not isinstance(size, int):
                raise Unsized
            padded = size + w.pad_before + w.pad_after
            filled = windows.bordered(border, size, w.pad_before, w.pad_after)
            track = read(track, axis, size, filled, padded)
            track = read(track, axis, padded, windows.window(w._replace(pad_before=0, pad_after=0)), units)
        return track

    return step


def _across_channels(site: Site, step: Step, channels: int) -> Step:
    """Channels are mixed, in groups or all of them, or turned into positions, or positions into channels."""
    axes = {channels}
    match site.op.name:
        case "PixelUnshuffle" | "pixel_unshuffle":
            return lambda track: uneven(step(mixed(track, axes)), channels)
        case "PixelShuffle" | "pixel_shuffle":
            return lambda track: step(chosen(mixed(track, axes), channels))
        case _ if site.op.groups == 1:
            return lambda track: step(evened(mixed(track, axes), channels))
        case _:
            return lambda track: step(mixed(track, axes))


_CHANNELS_APART = ("pooling", "padding")


def _crop(site: Site) -> Transfer:
    spare = map(dims.sub, site.x.shape[2:], site.op.wanted(site.inputs))
    starts = (dims.value(dims.floor_div(size, 2)) for size in spare)
    return site.first(along(site, {axis: None if at is None else spread(at, at) for axis, at in enumerate(starts, 2)}))


def _pad(site: Site) -> Transfer:
    pairs: list[tuple[int, Dim, Dim]] = site.op.pairs(site.x)
    pads = {axis: (dims.value(before), dims.value(after)) for axis, before, after in pairs}
    border = _border(site)
    if border is not None:
        known = {axis: Window(1, 1, a, b) for axis, (a, b) in pads.items() if a is not None and b is not None}
        return site.first(_beyond(site, border, known))
    maps = {axis: None if a is None else windows.window(Window(1, 1, a)) for axis, (a, _) in pads.items()}
    return site.first(along(site, maps))


def _transposed(site: Site) -> Transfer:
    found: tuple[Window, ...] = site.op.windows(site.inputs)
    first = site.rank - len(found)
    step = along(site, dict(enumerate(map(windows.transposed, found), first)))
    if site.op.category in _CHANNELS_APART:  # unpooling: values, and where they go
        return site.joined([step] * len(site.inputs))
    return _with_weights(site, _across_channels(site, step, first - 1))


def _columns(site: Site) -> tuple[tuple[Window, ...], tuple[Dim, ...], tuple[Dim, ...]]:
    """The windows of `Fold` and `Unfold`, the map's sizes, and how many windows there are along each."""
    op = site.op
    found: tuple[Window, ...] = op.windows_of(op.kernel_size, op.dilation, op.padding, op.stride)
    sizes: tuple[Dim, ...] = op.output_size if op.name == "Fold" else site.x.shape[2:]
    counts = tuple(
        window_out(size, w.kernel, w.stride, w.pad_before, w.pad_after, w.dilation)
        for size, w in zip(sizes, found, strict=True)
    )
    return found, sizes, counts


def _unfold(site: Site) -> Transfer:
    found, sizes, counts = _columns(site)
    grown, flat = (*site.x.shape[:2], *counts), (*site.x.shape[:2], site.shape[2])

    def step(track: Track) -> Track:
        track = mixed(track, {1})
        for axis, (w, size, count) in enumerate(zip(found, sizes, counts, strict=True), 2):
            track = read(track, axis, size, windows.window(w), count, axis in site.bare)
        return uneven(reshaped(track, grown, flat), 1)

    return site.first(step)


def _fold(site: Site) -> Transfer:
    found, sizes, counts = _columns(site)
    grown = (*site.x.shape[:2], *counts)

    def step(track: Track) -> Track:
        track = reshaped(chosen(mixed(track, {1}), 1), site.x.shape, grown)
        for axis, (w, size, count) in enumerate(zip(found, sizes, counts, strict=True), 2):
            track = read(track, axis, count, windows.transposed(w), size, 2 in site.bare or count == 1)
        return track

    return site.first(step)


def _resized(site: Site) -> Transfer:
    op = site.op
    bilinear = op.name == "UpsamplingBilinear2d"
    mode: str = getattr(op, "mode", "bilinear" if bilinear else "nearest")
    aligned = bool(getattr(op, "align_corners", bilinear))
    antialias: bool = getattr(op, "antialias", False)
    given: float | tuple[float, ...] | None = None if getattr(op, "recompute_scale_factor", False) else op.scale_factor

    def along_axis(axis: int) -> Map | None:
        size, units = site.x.shape[axis], site.shape[axis]
        both = (size, units) if isinstance(size, int) and isinstance(units, int) else None
        factor = given[axis - 2] if isinstance(given, tuple) else given
        if mode == "nearest" and site.rank == 4 and both and units in (size, 2 * both[0]):
            factor = None  # torch takes sizes here, of images but not of lines and volumes
        try:
            if mode == "area":
                return windows.adaptive(*both) if both else None
            ratio = windows.resized_by(mode, aligned, antialias, *(both or (None, None)), factor)
            return windows.interpolated(mode, aligned, antialias, ratio)
        except Unsized:
            return None

    return site.first(along(site, {axis: along_axis(axis) for axis in range(2, site.rank)}))


RULES: Mapping[str, Callable[[Site], Transfer]] = {
    **MIXING,
    **REARRANGING,
    **SEQUENCES,
    "pad": _pad,
    "crop": _crop,
    "Unfold": _unfold,
    "Fold": _fold,
    "arange": everything,
}
"""Ops whose rule is not that of their reach."""

REACHES: Mapping[str, Callable[[Site], Transfer]] = {
    "pointwise": _elementwise, "window": _windows, "transposed": _transposed, "resize": _resized,
}  # fmt: skip
"""The rules that follow from how an op reaches; the others are not understood."""
