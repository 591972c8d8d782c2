"""Which positions of one axis a unit depends on, for a whole grid of units at once.

A `Map` gives the first and the last position for unit 0, 1, ... of an unbounded grid. Networks make maps that repeat:
after `period` units everything has moved on by `advance` positions. A convolution has period 1, a transposed
convolution of stride 2 has period 2. Composition is indexing, a merge takes the hull.

Araujo, Norris, Sim, "Computing receptive fields of convolutional neural networks", Distill (2019), has the formulas
for period 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from archspec.ops.base import Window

LONGEST = 256  # phases of an unbounded grid; beyond them the units that exist are listed


class Map(NamedTuple):
    """Unit `u` depends on positions `lo[u % period] + u // period * advance` to `hi[...] + ...`; on none where the
    first is greater than the last.

    A layer reads every `step`-th of them. What is composed of layers has step 1: a hull.
    """

    period: int
    advance: int
    lo: tuple[int, ...]
    hi: tuple[int, ...]
    step: int = 1

    def first(self, unit: int) -> int:
        """The first position that `unit` depends on."""
        turns, phase = divmod(unit, self.period)
        return self.lo[phase] + turns * self.advance

    def last(self, unit: int) -> int:
        """The last position that `unit` depends on."""
        turns, phase = divmod(unit, self.period)
        return self.hi[phase] + turns * self.advance

    @property
    def stride(self) -> Fraction:
        """Positions from one unit to the next, on average."""
        return Fraction(self.advance, self.period)

    @property
    def size(self) -> int:
        """The widest field of a unit."""
        return max(last - first for first, last in zip(self.lo, self.hi, strict=True)) + 1

    @property
    def is_affine(self) -> bool:
        """Every unit sees the same, one stride further."""
        return self.period == 1


IDENTITY = Map(1, 1, (0,), (0,))


def spread(before: int, after: int, stride: int = 1, step: int = 1) -> Map:
    """Unit `u` depends on every `step`-th position from `before` to `after` around `u * stride`."""
    return Map(1, stride, (before,), (after,), step)


def listed(field: Callable[[int], tuple[int, int]], units: int, advance: int, step: int = 1) -> Map:
    """A map from the field of each of `units` units, which then repeat by `advance`."""
    fields = [field(unit) for unit in range(units)]
    return _shortest(Map(units, advance, tuple(lo for lo, _ in fields), tuple(hi for _, hi in fields), step))


# What layers do


def window(w: Window) -> Map:
    """A sliding window: unit `u` sees `u * stride - pad` and the positions `dilation` apart after it."""
    return spread(-w.pad_before, -w.pad_before + w.dilation * (w.kernel - 1), w.stride, w.dilation)


@lru_cache(maxsize=1024)
def transposed(w: Window) -> Map:
    """A transposed window: position `i` reaches the units `i * stride - pad + dilation * j`, `j` below `kernel`."""

    def field(unit: int) -> tuple[int, int]:
        at = unit + w.pad_before
        lowest, highest = -((w.dilation * (w.kernel - 1) - at) // w.stride), at // w.stride
        reached = [i for i in range(lowest, highest + 1) if (at - i * w.stride) % w.dilation == 0]
        return (reached[0], reached[-1]) if reached else (1, 0)

    return listed(field, w.stride, 1, w.dilation // math.gcd(w.dilation, w.stride))


@lru_cache(maxsize=1024)
def adaptive(size: int, units: int) -> Map:
    """Windows that cover `size` positions evenly, as torch.nn.AdaptiveAvgPool2d cuts them."""
    common = math.gcd(size, units)
    return listed(
        lambda unit: (unit * size // units, -(-(unit + 1) * size // units) - 1), units // common, size // common
    )


@lru_cache(maxsize=1024)
def interpolated(size: int, units: int, mode: str, align_corners: bool, antialias: bool, factor: float | None) -> Map:
    """The positions that have weight when `size` positions become `units` (torch.nn.functional.interpolate).

    `factor`: the scale given by the author, where torch uses it in place of the ratio of the sizes.
    """
    if mode == "area":
        return adaptive(size, units)
    if align_corners and mode not in ("nearest", "nearest-exact"):
        step = Fraction(size - 1, units - 1) if units > 1 else Fraction(0)
        offset = Fraction(0)
    else:
        step = Fraction(size, units) if factor is None else 1 / Fraction(factor)
        offset = Fraction(0) if mode == "nearest" else (step - 1) / 2
    reach = {"linear": 1, "bilinear": 1, "trilinear": 1, "bicubic": 2}.get(mode)

    def field(unit: int) -> tuple[int, int]:
        centre = unit * step + offset
        if reach is None:  # nearest: the position itself
            at = math.floor(centre if mode == "nearest" else centre + Fraction(1, 2))
            return at, at
        radius = reach * max(step, 1) if antialias else Fraction(reach)
        return math.floor(centre - radius) + 1, math.ceil(centre + radius) - 1

    if step.denominator <= max(units, LONGEST):
        return listed(field, step.denominator, step.numerator)
    return listed(field, units, size)


# Composition


@lru_cache(maxsize=1 << 14)
def through(outer: Map, inner: Map, units: int | None = None) -> Map:
    """What a unit of `outer` depends on, when `outer` reads the units of `inner`. `units`: how many there are."""
    turns = inner.period // math.gcd(inner.period, outer.advance)
    period, advance = outer.period * turns, outer.advance * turns // inner.period * inner.advance
    ordered = _ordered(inner)

    def field(unit: int) -> tuple[int, int]:
        first, last = outer.first(unit), outer.last(unit)
        if first > last:
            return 1, 0
        if ordered:
            return inner.first(first), inner.last(last)
        seen = [(inner.first(i), inner.last(i)) for i in range(first, last + 1, outer.step)]
        seen = [(lo, hi) for lo, hi in seen if lo <= hi]
        return (min(lo for lo, _ in seen), max(hi for _, hi in seen)) if seen else (1, 0)

    if units is not None and period > max(units, LONGEST):
        return listed(field, units, round(outer.stride * inner.stride * units))
    return listed(field, period, advance)


@lru_cache(maxsize=1 << 14)
def hull(a: Map, b: Map, units: int | None = None) -> Map | None:
    """What a unit depends on that reads the same unit of both; None where their strides differ."""
    if a == b:
        return a
    if a.stride != b.stride:
        return None
    period = math.lcm(a.period, b.period)
    if units is not None and period > max(units, LONGEST):
        return listed(both(a, b), units, round(a.stride * units))
    return listed(both(a, b), period, a.advance * (period // a.period))


def both(a: Map, b: Map) -> Callable[[int], tuple[int, int]]:
    """The field of a unit that reads the same unit of two maps."""

    def field(unit: int) -> tuple[int, int]:
        seen = [(m.first(unit), m.last(unit)) for m in (a, b)]
        seen = [(lo, hi) for lo, hi in seen if lo <= hi]
        return (min(lo for lo, _ in seen), max(hi for _, hi in seen)) if seen else (1, 0)

    return field


def _ordered(m: Map) -> bool:
    """Every unit depends on something, and a later one on nothing earlier: the ends of a range decide."""
    if any(lo > hi for lo, hi in zip(m.lo, m.hi, strict=True)):
        return False
    return all(
        left <= right
        for ends in (m.lo, m.hi)
        for left, right in zip(ends, (*ends[1:], ends[0] + m.advance), strict=True)
    )


def _shortest(m: Map) -> Map:
    """The map with the shortest period that says the same."""
    for short in range(1, m.period // 2 + 1):
        if m.period % short or m.advance * short % m.period:
            continue
        by = m.advance * short // m.period
        if all(ends[i + short] - ends[i] == by for ends in (m.lo, m.hi) for i in range(m.period - short)):
            return Map(short, by, m.lo[:short], m.hi[:short], m.step)
    return m
