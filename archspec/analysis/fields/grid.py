"""Which positions of one axis a unit depends on, for a whole grid of units at once.

A `Map` gives the first and the last position for unit 0, 1, ... of an unbounded grid. Networks make maps that repeat:
after `period` units everything has moved on by `advance` positions. A convolution has period 1, a transposed
convolution of stride 2 has period 2. Composition is indexing, a merge takes the hull.

A bounded map lists the units that there are. Whatever reads them finds nothing beyond the ends, which makes it exact at
the borders too.

Araujo, Norris, Sim, "Computing receptive fields of convolutional neural networks", Distill (2019), has the formulas
for period 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import lru_cache
from operator import gt, le, sub
from typing import NamedTuple

LONGEST = 256  # phases of an unbounded grid; beyond them the units that exist are listed
MOST = 4096  # phases where it is not known how many units exist

Field = tuple[int, int]
"""The first and the last position that a unit depends on; none where the first is greater."""

NOTHING: Field = (1, 0)


class Unsized(Exception):
    """What a unit depends on follows from a size that is not known."""


class Map(NamedTuple):
    """Unit `u` depends on positions `lo[u % period] + u // period * advance` to `hi[...] + ...`; on none where the
    first is greater than the last.

    A layer reads every `step`-th of them. What is composed of layers has step 1: a hull. Of a bounded map, `units` is
    how many there are; `lo` and `hi` list them.
    """

    period: int
    advance: int
    lo: tuple[int, ...]
    hi: tuple[int, ...]
    step: int = 1
    units: int | None = None

    def first(self, unit: int) -> int:
        """The first position that `unit` depends on."""
        turns, phase = divmod(unit, self.period)
        return self.lo[phase] + turns * self.advance

    def last(self, unit: int) -> int:
        """The last position that `unit` depends on."""
        turns, phase = divmod(unit, self.period)
        return self.hi[phase] + turns * self.advance

    def field(self, unit: int) -> Field:
        """Both."""
        return self.first(unit), self.last(unit)

    @property
    def stride(self) -> Fraction:
        """Positions from one unit to the next, on average."""
        return _ratio(self.advance, self.period)

    @property
    def size(self) -> int:
        """The widest field of a unit."""
        if self.period == 1:
            return self.hi[0] - self.lo[0] + 1
        return max(map(sub, self.hi, self.lo)) + 1

    @property
    def is_affine(self) -> bool:
        """Every unit sees the same, one stride further."""
        return self.period == 1

    @property
    def has_gaps(self) -> bool:
        """Some unit depends on nothing."""
        return any(map(gt, self.lo, self.hi))


IDENTITY = Map(1, 1, (0,), (0,))
ORIGIN = Map(1, 0, (0,), (0,))
"""Every unit reads position 0."""


def spread(before: int, after: int, stride: int = 1, step: int = 1) -> Map:
    """Unit `u` depends on every `step`-th position from `before` to `after` around `u * stride`."""
    return Map(1, stride, (before,), (after,), step)


def listed(field: Callable[[int], Field], units: int, advance: int, step: int = 1) -> Map:
    """A map from the field of each of `units` units, which then repeat by `advance`."""
    fields = [field(unit) for unit in range(units)]
    return _shortest(Map(units, advance, tuple(lo for lo, _ in fields), tuple(hi for _, hi in fields), step))


def bounded(field: Callable[[int], Field], units: int) -> Map:
    """A map of `units` units and no more."""
    fields = [field(unit) for unit in range(units)]
    return Map(units, 0, tuple(lo for lo, _ in fields), tuple(hi for _, hi in fields), 1, units)


# Composition


def through(outer: Map, inner: Map, units: int | None = None) -> Map:
    """What a unit of `outer` depends on, when `outer` reads the units of `inner`. `units`: how many there are.

    Raises Unsized where that is needed and not known.
    """
    if _is_steady(inner) and _is_steady(outer):
        by = inner.advance
        return Map(1, outer.advance * by, (inner.lo[0] + outer.lo[0] * by,), (inner.hi[0] + outer.hi[0] * by,))
    return _through(outer, inner, units) if inner.units is None else _through_bounded(outer, inner, units)


@lru_cache(maxsize=1 << 14)
def _through(outer: Map, inner: Map, units: int | None) -> Map:
    turns = inner.period // math.gcd(inner.period, outer.advance)
    period, advance = outer.period * turns, outer.advance * turns // inner.period * inner.advance
    field = _composed(outer, inner)
    if units is not None and period > max(units, LONGEST):
        return listed(field, units, round(outer.stride * inner.stride * units))
    if period > MOST and units is None:
        raise Unsized
    return listed(field, period, advance)


@lru_cache(maxsize=1 << 8)  # these are long
def _through_bounded(outer: Map, inner: Map, units: int | None) -> Map:
    if units is None:
        raise Unsized
    return bounded(_composed(outer, inner), units)


def _composed(outer: Map, inner: Map) -> Callable[[int], Field]:
    ordered, count, step = _ordered(inner), inner.units, outer.step

    def field(unit: int) -> Field:
        first, last = outer.field(unit)
        if count is not None:
            first, last = within(first, last, step, count)
        if first > last:
            return NOTHING
        if ordered:
            return inner.first(first), inner.last(last)
        return union(inner.field(i) for i in range(first, last + 1, step))

    return field


def within(first: int, last: int, step: int, count: int) -> Field:
    """The ends of what is among the first `count` of every `step`-th position."""
    if first < 0:
        first += -(first // step) * step
    if last >= count:
        last += (count - 1 - last) // step * step
    return first, last


def hull(a: Map, b: Map, units: int | None = None) -> Map | None:
    """What a unit depends on that reads the same unit of both; None where their strides differ. Raises Unsized."""
    if a == b:
        return a
    if a.advance == b.advance and _is_steady(a) and _is_steady(b):
        return spread(min(a.lo[0], b.lo[0]), max(a.hi[0], b.hi[0]), a.advance)
    if a.units is not None and a.units == b.units and not (a.has_gaps or b.has_gaps):
        return Map(a.units, 0, tuple(map(min, a.lo, b.lo)), tuple(map(max, a.hi, b.hi)), 1, a.units)
    if a.units is not None and b.units is not None:
        return bounded(both(a, b), min(a.units, b.units))
    return _hull(a, b, units)


@lru_cache(maxsize=1 << 14)
def _hull(a: Map, b: Map, units: int | None) -> Map | None:
    if a.stride != b.stride:
        return None
    period = math.lcm(a.period, b.period)
    if units is not None and period > max(units, LONGEST):
        return listed(both(a, b), units, round(a.stride * units))
    if period > MOST and units is None:
        raise Unsized
    return listed(both(a, b), period, a.advance * (period // a.period))


def both(a: Map, b: Map) -> Callable[[int], Field]:
    """The field of a unit that reads the same unit of two maps."""
    return lambda unit: union((a.field(unit), b.field(unit)))


def union(fields: Iterable[Field]) -> Field:
    """The hull of several."""
    seen = [field for field in fields if field[0] <= field[1]]
    return (min(lo for lo, _ in seen), max(hi for _, hi in seen)) if seen else NOTHING


def _is_steady(m: Map) -> bool:
    """Affine and unbounded, every unit depends on something, and a later one on nothing earlier."""
    return m.period == 1 and m.units is None and m.advance >= 0 and m.lo[0] <= m.hi[0]


@lru_cache(maxsize=1 << 10)
def _ratio(advance: int, period: int) -> Fraction:
    return Fraction(advance, period)


def _ordered(m: Map) -> bool:
    """Every unit depends on something, and a later one on nothing earlier: the ends of a range decide."""
    if m.has_gaps:
        return False
    turned = m.units is not None or (m.lo[-1] <= m.lo[0] + m.advance and m.hi[-1] <= m.hi[0] + m.advance)
    return turned and all(map(le, m.lo, m.lo[1:])) and all(map(le, m.hi, m.hi[1:]))


def _shortest(m: Map) -> Map:
    """The map with the shortest period that says the same."""
    for short in range(1, m.period // 2 + 1):
        if m.period % short or m.advance * short % m.period:
            continue
        by = m.advance * short // m.period
        if all(ends[i + short] - ends[i] == by for ends in (m.lo, m.hi) for i in range(m.period - short)):
            return Map(short, by, m.lo[:short], m.hi[:short], m.step)
    return m
