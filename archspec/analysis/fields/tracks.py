"""How one axis of the input is laid out in a tensor, and what each unit depends on.

The units along the tensor's axes stand for the positions of a grid (`Digit` by `Digit`, as axes are split and merged);
a `Map` says what each grid position sees of the input.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import pairwise, product
from typing import Literal, NamedTuple

from archspec.analysis.fields import grid
from archspec.analysis.fields.grid import NOTHING, Field, Map, Unsized, spread, through
from archspec.dims import Dim

View = Literal["formula", "local", "whole"]
"""formula: of a unit far from the borders, and beside what sees everything, of the paths that do not. local: the same,
exact at the borders. whole: of all paths, exact at the borders."""

HERE = "<here>"
"""In place of the path of the node that is looked at: nodes that are alike have one rule, which knows no path."""


class Digit(NamedTuple):
    """The position `u` along a tensor's axis adds `u // inner % size * weight` to the grid position."""

    axis: int
    inner: int
    size: int | None  # None: not known
    weight: int

    def at(self, unit: int) -> int:
        """What a unit adds."""
        turns = unit // self.inner
        return (turns if self.size is None else turns % self.size) * self.weight


class Track(NamedTuple):
    """One axis of the input, as a tensor carries it. Without digits, every unit sees what grid position 0 sees.

    `everywhere`: some path reaches the whole axis, and `map` is the local path beside it. `pooled`: no local path is
    left, and `map` is what was pooled. `unaligned`: the node that joined paths of different strides. `unsized`: the
    node whose sizes are not known. `at_most`: units may see less. `varied`: axes along which they do, such as channels
    that were put side by side; `map` has what all units along them see together.
    """

    map: Map
    digits: tuple[Digit, ...]
    length: int | None  # of the grid
    view: View = "formula"
    everywhere: bool = False
    pooled: bool = False
    unaligned: str | None = None
    unsized: str | None = None
    at_most: bool = False
    varied: frozenset[int] = frozenset()

    def field(self, at: Mapping[int, int]) -> Field:
        """What the unit at these positions sees; the first along axes that are not given."""
        return self.map.field(sum(digit.at(at.get(digit.axis, 0)) for digit in self.digits))


def source(axis: int, size: Dim, view: View = "formula") -> Track:
    """An axis of the input itself. Raises Unsized where its size is needed."""
    length = known(size)
    if view == "formula":
        return Track(grid.IDENTITY, (Digit(axis, 1, length, 1),), length)
    if length is None:
        raise Unsized
    return Track(grid.bounded(_itself, length), (Digit(axis, 1, length, 1),), length, view)


def lost(track: Track) -> Track:
    """Every unit depends on every position."""
    if track.view != "whole":
        return track._replace(digits=(), everywhere=True, pooled=True)
    if not track.digits:
        return track
    seen = grid.union(map(track.map.field, _positions(track)))
    return track._replace(map=grid.bounded(lambda _: seen, 1), digits=(), length=1)


def prefix(track: Track, axis: int, size: Dim, units: Dim) -> Track:
    """After each of `units` units along an axis read all up to its own place."""
    if track.view != "whole" or not isinstance(size, int) or not isinstance(units, int):
        return mixed(track, {axis})
    return read(track, axis, size, grid.bounded(lambda unit: (0, unit), units), units)


def moved(track: Track, axes: Mapping[int, int]) -> Track:
    """Under other axis numbers; an axis that is not mentioned had one unit, and goes."""
    if all(axes.get(digit.axis) == digit.axis for digit in track.digits) and not track.varied:
        return track
    digits = tuple(digit._replace(axis=axes[digit.axis]) for digit in track.digits if digit.axis in axes)
    return track._replace(digits=digits, varied=frozenset([axes[axis] for axis in track.varied if axis in axes]))


def chosen(track: Track, axis: int) -> Track:
    """Some units along an axis without positions, or others at other places: it is not known which see what."""
    return track._replace(at_most=True) if axis in track.varied else track


def uneven(track: Track, axis: int) -> Track:
    """Units along an axis without positions may see different ones."""
    return track if axis in track.varied else track._replace(varied=track.varied | {axis})


def evened(track: Track, axis: int) -> Track:
    """Each unit along an axis read all of them."""
    return track._replace(varied=track.varied - {axis}) if axis in track.varied else track


def mixed(track: Track, axes: Collection[int]) -> Track:
    """After every unit read all units along these axes."""
    along = [digit for digit in track.digits if digit.axis in axes]
    if not along:
        return track
    rest = tuple(digit for digit in track.digits if digit.axis not in axes)
    if all(digit.size == 1 for digit in along):
        return track._replace(digits=rest)
    if all(digit.size == 1 for digit in rest):
        return lost(track)
    found = track.map
    for digit in along:
        if digit.size is None:
            raise Unsized
        reach = spread(0, (digit.size - 1) * digit.weight, step=digit.weight)
        found = through(reach, found, track.length)
    return track._replace(map=found, digits=rest)


def normed(track: Track, axes: Collection[int]) -> Track:
    """After every unit was set against statistics of all units along these axes: a gate of its own, beside which the
    local path is left as it is."""
    found = mixed(track, axes)
    if not found.pooled or track.pooled:
        return found
    return track if track.everywhere else track._replace(everywhere=True)


def picked(track: Track, axis: int, index: int) -> Track:
    """Unit `index` of an axis, which stays as an axis without meaning."""
    offset = sum(digit.at(index) for digit in track.digits if digit.axis == axis)
    rest = tuple(digit for digit in track.digits if digit.axis != axis)
    return track._replace(map=through(spread(offset, offset), track.map, track.length), digits=rest)


def read(track: Track, axis: int, size: Dim, layer: Map, units: Dim, bare: bool = False) -> Track:
    """After a layer that turns `size` units along `axis` into `units`. Raises Unsized.

    `bare`: no axis of the input is laid out along this one, where all units see the same.
    """
    along = [digit for digit in track.digits if digit.axis == axis]
    if not along:
        track = chosen(track, axis)
        return _gaps(track, axis, size, layer, units) if bare else track
    if len(along) == len(track.digits):
        return _plain(plain(track, axis, known(size)), layer, axis, known(units))
    if not isinstance(size, int) or not isinstance(units, int):
        raise Unsized
    match along:
        case [Digit(_, 1, count, weight)] if count == size and _stays(layer, size, units):
            reach = spread(layer.lo[0] * weight, layer.hi[0] * weight, step=layer.step * weight)
            digit = Digit(axis, 1, units, weight * layer.advance)
            rest = tuple(digit if each.axis == axis else each for each in track.digits)
            return track._replace(map=through(reach, track.map, track.length), digits=rest)
        case _:
            return _beside(track, axis, size, layer, units)


def _gaps(track: Track, axis: int, size: Dim, layer: Map, units: Dim) -> Track:
    """After a layer along an axis where all units see the same: units that read only what is beyond it see nothing."""
    if track.view != "whole" or not isinstance(size, int) or not isinstance(units, int):
        return track
    ends = [grid.within(*layer.field(unit), layer.step, size) for unit in range(units)]
    if all(first <= last for first, last in ends):
        return track
    length = track.length if track.digits and track.length else 1

    def field(unit: int) -> Field:
        first, last = ends[unit // length]
        return track.map.field(unit % length) if first <= last else NOTHING

    return listed(track, field, length * units, (*track.digits, Digit(axis, 1, units, length)))


def _stays(layer: Map, size: int, units: int) -> bool:
    """A layer that moves steadily, and on axes that other axes share a grid with reads nothing beyond the ends."""
    return layer.is_affine and layer.advance > 0 and layer.lo[0] >= 0 and layer.last(units - 1) < size


def _beside(track: Track, axis: int, size: int, layer: Map, units: int) -> Track:
    """`read` along one of several axes that make up the grid: a grid of its own, unit by unit."""
    along = [digit for digit in track.digits if digit.axis == axis]
    rest = [digit for digit in track.digits if digit.axis != axis]
    starts = [sum(places) for places in product(*(_places(digit) for digit in reversed(rest)))]
    inside = [sum(digit.at(unit) for digit in along) for unit in range(size)]
    step = layer.step

    def field(unit: int) -> Field:
        start, own = starts[unit // units], unit % units
        first, last = grid.within(*layer.field(own), step, size)
        return grid.union(track.map.field(start + inside[i]) for i in range(first, last + 1, step))

    digits, weight = [Digit(axis, 1, units, 1)], units
    for digit in rest:
        digits.append(digit._replace(weight=weight))
        weight *= digit.size or 1
    return listed(track, field, weight, tuple(digits))


def plain(track: Track, axis: int, size: int | None) -> Track:
    """The same with the units of `axis`, the only one that has a part in it, as its grid. Raises Unsized."""
    if track.length == size and track.digits == ((axis, 1, size, 1),):
        return track
    match track.digits:
        case ():
            return _plain(track, grid.ORIGIN, axis, size)
        case (Digit(_, inner, count, weight),) if count is not None and inner * count == size:
            layer = Map(inner, weight, (0,) * inner, (0,) * inner)
            return _plain(track, layer, axis, size)
        case digits if size is not None:
            units = size

            def position(unit: int) -> Field:
                at = sum(digit.at(unit) for digit in digits)
                return at, at

            return _plain(track, grid.listed(position, units, track.length or units), axis, size)
        case _:
            raise Unsized


def reshaped(track: Track, old: Sequence[Dim], new: Sequence[Dim]) -> Track:
    """After the same elements, in the same order, were given other axes. Raises Unsized."""
    if not track.digits and not track.varied:
        return track
    same = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    if any(axis >= same for axis in track.varied):
        track = track._replace(at_most=True, varied=frozenset(axis for axis in track.varied if axis < same))
    if all(digit.axis < same for digit in track.digits):
        return track
    before, after = _steps(old), _steps(new)
    digits: list[Digit] = []
    for axis, inner, count, weight in track.digits:
        step = before[axis]
        if step is None or count is None or None in after:
            raise Unsized
        low, high = inner * step, inner * step * count
        pieces: list[Digit] = []
        for at, (size, start) in enumerate(zip(new, after, strict=True)):
            assert isinstance(size, int) and start is not None
            bottom, top = max(low, start), min(high, start * size)
            if bottom >= top:
                continue
            if bottom % low or bottom % start or top % bottom:
                return lost(track)._replace(at_most=True)
            pieces.append(Digit(at, bottom // start, top // bottom, weight * (bottom // low)))
        if math.prod(piece.size or 1 for piece in pieces) != count:
            return lost(track)._replace(at_most=True)
        digits += pieces
    return track._replace(digits=tuple(digits))


def _plain(track: Track, layer: Map, axis: int, units: int | None) -> Track:
    digits = track.digits
    if digits != ((axis, 1, units, 1),):
        digits = (Digit(axis, 1, units, 1),)
    return Track(through(layer, track.map, units), digits, units, *track[3:])


def listed(track: Track, field: Callable[[int], Field], units: int, digits: tuple[Digit, ...]) -> Track:
    """The same axis of the input on another grid, from the field of each of its units."""
    if track.view != "formula":
        return track._replace(map=grid.bounded(field, units), digits=digits, length=units)
    fields = [field(unit) for unit in range(units)]
    seams = [lo for lo, hi in fields if lo <= hi]
    advance = max((b - a for a, b in pairwise(seams)), default=0) * units
    return track._replace(map=grid.listed(fields.__getitem__, units, advance), digits=digits, length=units)


def _positions(track: Track) -> list[int]:
    """The grid positions that units stand for."""
    return [sum(places) for places in product(*map(_places, track.digits))]


def _places(digit: Digit) -> list[int]:
    if digit.size is None:
        raise Unsized
    return [unit * digit.weight for unit in range(digit.size)]


def _steps(shape: Sequence[Dim]) -> list[int | None]:
    """How many elements lie between neighbours along each axis."""
    steps: list[int | None] = [1]
    for size in reversed(shape[1:]):
        last = steps[-1]
        steps.append(last * size if last is not None and isinstance(size, int) else None)
    return steps[::-1]


def known(size: Dim) -> int | None:
    """A size that is a number."""
    return size if isinstance(size, int) else None


def sized(size: Dim) -> int:
    """A size that has to be one. Raises Unsized."""
    if not isinstance(size, int):
        raise Unsized
    return size


def _itself(unit: int) -> Field:
    return unit, unit
