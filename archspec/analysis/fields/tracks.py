"""How one axis of the input is laid out in a tensor, and what each unit depends on.

The units along the tensor's axes stand for the positions of a grid (`Digit` by `Digit`, as axes are split and merged);
a `Map` says what each grid position sees of the input.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise
from typing import NamedTuple

from archspec.analysis.fields import grid
from archspec.analysis.fields.grid import Map, spread, through
from archspec.dims import Dim


class Digit(NamedTuple):
    """The position `u` along a tensor's axis adds `u // inner % size * weight` to the grid position."""

    axis: int
    inner: int
    size: int | None  # None: not known
    weight: int


@dataclass(frozen=True, slots=True)
class Track:
    """One axis of the input, as a tensor carries it. Without digits, every unit sees what grid position 0 sees.

    `everywhere`: some path reaches the whole axis, and `map` is the local path beside it. `pooled`: no local path is
    left, and `map` is what was pooled. `unaligned`: the node that joined paths of different strides.
    """

    map: Map
    digits: tuple[Digit, ...]
    length: int | None  # of the grid
    everywhere: bool = False
    pooled: bool = False
    unaligned: str | None = None


def source(axis: int, size: Dim) -> Track:
    """An axis of the input itself."""
    return _plain(Track(grid.IDENTITY, (), None), grid.IDENTITY, axis, _known(size))


def lost(track: Track) -> Track:
    """Every unit depends on every position."""
    return replace(track, digits=(), everywhere=True, pooled=True)


def moved(track: Track, axes: Mapping[int, int]) -> Track:
    """Under other axis numbers; an axis that is not mentioned had one unit, and goes."""
    if all(axes.get(digit.axis) == digit.axis for digit in track.digits):
        return track
    digits = tuple(digit._replace(axis=axes[digit.axis]) for digit in track.digits if digit.axis in axes)
    return replace(track, digits=digits)


def mixed(track: Track, axes: Collection[int]) -> Track:
    """After every unit read all units along these axes."""
    along = [digit for digit in track.digits if digit.axis in axes]
    if not along:
        return track
    rest = tuple(digit for digit in track.digits if digit.axis not in axes)
    if all(digit.size == 1 for digit in along):
        return replace(track, digits=rest)
    if all(digit.size == 1 for digit in rest):
        return lost(track)
    if any(digit.size is None for digit in along):
        return lost(track)
    widest = sum(((digit.size or 1) - 1) * digit.weight for digit in along)
    step = math.gcd(*(digit.weight for digit in along))
    return replace(track, map=through(spread(0, widest, step=step), track.map, track.length), digits=rest)


def picked(track: Track, axis: int, index: int) -> Track:
    """Unit `index` of an axis, which stays as an axis without meaning."""
    offset = sum(
        index // digit.inner % (digit.size or index + 1) * digit.weight for digit in track.digits if digit.axis == axis
    )
    rest = tuple(digit for digit in track.digits if digit.axis != axis)
    return replace(track, map=through(spread(offset, offset), track.map, track.length), digits=rest)


def read(track: Track, axis: int, size: Dim, layer: Map, units: Dim) -> Track:
    """After a layer that turns `size` units along `axis` into `units`."""
    along = [digit for digit in track.digits if digit.axis == axis]
    if not along:
        return track
    flat = plain(track, axis, _known(size))
    if flat is not None:
        return _plain(flat, layer, axis, _known(units))
    match along:
        case [Digit(_, 1, count, weight)] if layer.is_affine and count == size:
            reach = spread(layer.lo[0] * weight, layer.hi[0] * weight, step=layer.step * weight)
            digit = Digit(axis, 1, _known(units), weight * layer.advance)
            rest = tuple(digit if each.axis == axis else each for each in track.digits)
            return replace(track, map=through(reach, track.map), digits=rest)
        case _:
            return lost(track)


def plain(track: Track, axis: int, size: int | None) -> Track | None:
    """The same with the units of `axis` as its grid; None where other axes have a part in it."""
    match track.digits:
        case (Digit(at, 1, _, 1),) if at == axis:
            return track
        case ():
            return _plain(track, Map(1, 0, (0,), (0,)), axis, size)
        case (Digit(at, inner, count, weight),) if at == axis and count is not None and inner * count == size:
            return _plain(track, Map(inner, weight, (0,) * inner, (0,) * inner), axis, size)
        case digits if all(digit.axis == axis for digit in digits) and size is not None:

            def position(unit: int) -> tuple[int, int]:
                at = sum(unit // inner % (count or 1) * weight for _, inner, count, weight in digits)
                return at, at

            return _plain(track, grid.listed(position, size, track.length or size), axis, size)
        case _:
            return None


def reshaped(track: Track, old: Sequence[Dim], new: Sequence[Dim]) -> Track:
    """After the same elements, in the same order, were given other axes."""
    if not track.digits:
        return track
    same = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    if all(digit.axis < same for digit in track.digits):
        return track
    before, after = _steps(old), _steps(new)
    digits: list[Digit] = []
    for axis, inner, count, weight in track.digits:
        step = before[axis]
        if step is None or count is None or None in after:
            return lost(track)
        low, high = inner * step, inner * step * count
        pieces: list[Digit] = []
        for at, (size, start) in enumerate(zip(new, after, strict=True)):
            assert isinstance(size, int) and start is not None
            bottom, top = max(low, start), min(high, start * size)
            if bottom >= top:
                continue
            if bottom % low or bottom % start or top % bottom:
                return lost(track)
            pieces.append(Digit(at, bottom // start, top // bottom, weight * (bottom // low)))
        if math.prod(piece.size or 1 for piece in pieces) != count:
            return lost(track)
        digits += pieces
    return replace(track, digits=tuple(digits))


def merged(tracks: Sequence[Track], at: str, shape: Sequence[Dim]) -> Track:
    """A unit that reads the same unit of several tensors. Pooled ones, gates, leave the local path as it is."""
    everywhere = any(track.everywhere for track in tracks)
    local = [track for track in tracks if not track.pooled]
    if not local:
        return max(tracks, key=lambda track: track.map.size)
    result = reduce(lambda a, b: _joined(a, b, at, shape), local)
    return replace(result, everywhere=True) if everywhere and not result.everywhere else result


def _joined(a: Track, b: Track, at: str, shape: Sequence[Dim]) -> Track:
    if a.digits != b.digits:
        common = _common(a, b, shape)
        if common is None:
            return lost(a)
        a, b = common
    unaligned = a.unaligned or b.unaligned
    joint = grid.hull(a.map, b.map, a.length)
    if joint is None:
        if a.length is None or not a.digits:
            return lost(a)
        joint = grid.listed(grid.both(a.map, b.map), a.length, round(a.map.stride * a.length))
        unaligned = unaligned or at
    if joint == a.map and unaligned == a.unaligned:
        return a
    return replace(a, map=joint, unaligned=unaligned)


def _common(a: Track, b: Track, shape: Sequence[Dim]) -> tuple[Track, Track] | None:
    """Both over the same digits: those of either, or the units of the one axis that has them all."""
    digits = tuple(sorted({*a.digits, *b.digits}, key=lambda digit: digit.weight))
    if a.length == b.length and all(
        low.size is not None and high.weight % (low.weight * low.size) == 0 for low, high in pairwise(digits)
    ):
        left, right = _over(a, digits), _over(b, digits)
    else:
        axis = digits[0].axis
        left, right = (plain(track, axis, _known(shape[axis])) for track in (a, b))
    return None if left is None or right is None else (left, right)


def _over(track: Track, digits: tuple[Digit, ...]) -> Track | None:
    """The same over more digits, which make no difference."""
    if set(track.digits) == set(digits):
        return replace(track, digits=digits)
    if track.length is None:
        return None

    def position(at: int) -> tuple[int, int]:
        kept = sum(at // weight % (size or 1) * weight for _, _, size, weight in track.digits)
        return kept, kept

    blank = grid.listed(position, track.length, track.length if track.digits else 0)
    return replace(track, map=through(blank, track.map, track.length), digits=digits)


def concatenated(tracks: Sequence[Track | None], sizes: Sequence[Dim], axis: int, at: str) -> Track | None:
    """One after the other along an axis that carries positions; None stands for a tensor that sees nothing."""
    present = [track for track in tracks if track is not None]
    known = [size for size in sizes if isinstance(size, int)]
    flat = [
        None if track is None else plain(track, axis, _known(size)) for track, size in zip(tracks, sizes, strict=True)
    ]
    if not present:
        return None
    if len(known) < len(sizes) or any(a is None and b is not None for a, b in zip(flat, tracks, strict=True)):
        return lost(present[0])
    fields = [
        (track.map.first(unit), track.map.last(unit)) if track is not None else (1, 0)
        for track, size in zip(flat, known, strict=True)
        for unit in range(size)
    ]
    first = next(track for track in flat if track is not None)
    seams = [lo for lo, hi in fields if lo <= hi]
    advance = max((b - a for a, b in pairwise(seams)), default=0) * len(fields)
    return replace(
        first, map=grid.listed(fields.__getitem__, len(fields), advance), digits=(Digit(axis, 1, len(fields), 1),),
        length=len(fields), everywhere=any(track.everywhere for track in present), unaligned=first.unaligned or at,
    )  # fmt: skip


def _plain(track: Track, layer: Map, axis: int, units: int | None) -> Track:
    return replace(track, map=through(layer, track.map, units), digits=(Digit(axis, 1, units, 1),), length=units)


def _steps(shape: Sequence[Dim]) -> list[int | None]:
    """How many elements lie between neighbours along each axis."""
    steps: list[int | None] = [1]
    for size in reversed(shape[1:]):
        last = steps[-1]
        steps.append(last * size if last is not None and isinstance(size, int) else None)
    return steps[::-1]


def _known(size: Dim) -> int | None:
    return size if isinstance(size, int) else None
