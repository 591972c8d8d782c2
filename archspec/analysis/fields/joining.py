"""Tracks of several tensors that become one: added up unit by unit, or put one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from archspec.analysis.fields import grid
from archspec.analysis.fields.grid import NOTHING, Field, Unsized, through
from archspec.analysis.fields.tracks import HERE, Digit, Track, known, listed, plain, sized
from archspec.dims import Dim


def merged(tracks: Sequence[Track], shape: Sequence[Dim]) -> Track:
    """A unit that reads the same unit of several tensors. Pooled ones, gates, leave the local path as it is."""
    if len(tracks) == 1:
        return tracks[0]
    everywhere = True in [track.everywhere for track in tracks]
    unsized = [track for track in tracks if track.unsized]
    if unsized:
        return unsized[0]._replace(everywhere=everywhere)
    local = [track for track in tracks if not track.pooled]
    if not local:
        return max(tracks, key=lambda track: track.map.size)
    result = local[0]
    for track in local[1:]:
        result = _joined(result, track, shape)
    at_most, varied = True in [track.at_most for track in tracks], _varied(tracks)
    if (everywhere, at_most, varied) == (result.everywhere, result.at_most, result.varied):
        return result
    return result._replace(everywhere=everywhere, at_most=at_most, varied=varied)


def _joined(a: Track, b: Track, shape: Sequence[Dim]) -> Track:
    if a.digits != b.digits:
        a, b = _common(a, b, shape)
    unaligned = a.unaligned or b.unaligned
    length = None if a.length is None or b.length is None else min(a.length, b.length)
    joint = grid.hull(a.map, b.map, length)
    if joint is None:
        if length is None:
            raise Unsized
        joint = grid.listed(grid.both(a.map, b.map), length, round(a.map.stride * length))
        unaligned = unaligned or HERE
    if joint == a.map and unaligned == a.unaligned:
        return a
    return Track(joint, a.digits, length, a.view, a.everywhere, a.pooled, unaligned, *a[7:])


def _common(a: Track, b: Track, shape: Sequence[Dim]) -> tuple[Track, Track]:
    """Both over the same digits: those of either, or the units of all axes that have a part in them."""
    digits = tuple(sorted({*a.digits, *b.digits}, key=lambda digit: digit.weight))
    if a.length == b.length and all(
        low.size is not None and high.weight % (low.weight * low.size) == 0 for low, high in pairwise(digits)
    ):
        return _over(a, digits), _over(b, digits)
    axes = sorted({digit.axis for digit in digits}, reverse=True)
    return _along(a, axes, shape), _along(b, axes, shape)


def _over(track: Track, digits: tuple[Digit, ...]) -> Track:
    """The same over more digits, which make no difference."""
    if set(track.digits) == set(digits):
        return track._replace(digits=digits)
    if track.length is None:
        raise Unsized

    def position(at: int) -> Field:
        kept = sum(at // weight % (size or 1) * weight for _, _, size, weight in track.digits)
        return kept, kept

    blank = grid.listed(position, track.length, track.length if track.digits else 0)
    return track._replace(map=through(blank, track.map, track.length), digits=digits)


def _along(track: Track, axes: Sequence[int], shape: Sequence[Dim]) -> Track:
    """The same over the units of these axes, the first of them moving fastest."""
    if len(axes) == 1:
        return plain(track, axes[0], known(shape[axes[0]]))
    sizes = {axis: size for axis in axes if isinstance(size := shape[axis], int)}
    if len(sizes) < len(axes):
        raise Unsized
    digits: list[Digit] = []
    weight = 1
    for axis, size in sizes.items():
        digits.append(Digit(axis, 1, size, weight))
        weight *= size

    def field(unit: int) -> Field:
        return track.field({digit.axis: unit // digit.weight % (digit.size or 1) for digit in digits})

    return listed(track, field, weight, tuple(digits))


def concatenated(tracks: Sequence[Track | None], shapes: Sequence[Sequence[Dim]], axis: int) -> Track | None:
    """One after the other along an axis that carries positions; None stands for a tensor that sees nothing.

    Raises Unsized.
    """
    present = [track for track in tracks if track is not None]
    if not present:
        return None
    unsized = next((track for track in present if track.unsized), None)
    if unsized is not None:
        return unsized
    parts = [(track, unit) for track, shape in zip(tracks, shapes, strict=True) for unit in range(sized(shape[axis]))]
    digits, weight = [Digit(axis, 1, len(parts), 1)], len(parts)
    for other in sorted({digit.axis for track in present for digit in track.digits} - {axis}, reverse=True):
        digits.append(Digit(other, 1, sized(shapes[0][other]), weight))
        weight *= sized(shapes[0][other])

    def field(unit: int) -> Field:
        track, own = parts[unit % len(parts)]
        beside = {digit.axis: unit // digit.weight % (digit.size or 1) for digit in digits[1:]}
        return NOTHING if track is None else track.field({axis: own, **beside})

    joint = listed(present[0], field, weight, tuple(digits))
    return joint._replace(
        everywhere=any(track.everywhere for track in present), unaligned=present[0].unaligned or HERE,
        pooled=all(track.pooled for track in present), at_most=any(track.at_most for track in present),
        varied=_varied(present),
    )  # fmt: skip


def _varied(tracks: Sequence[Track]) -> frozenset[int]:
    return tracks[0].varied.union(*[track.varied for track in tracks])
