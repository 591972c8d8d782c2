"""The maps of layers: sliding windows, transposed windows, adaptive windows, resizing, borders that are filled."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

from archspec.analysis.fields.grid import NOTHING, Field, Map, Unsized, listed, spread
from archspec.ops.base import Window

CUBIC = "bicubic"
_REACH = {"linear": 1, "bilinear": 1, "trilinear": 1, CUBIC: 2}
_FINEST = 10_000  # the denominators of scale factors, which are meant as decimal numbers


@lru_cache(maxsize=1024)
def window(w: Window) -> Map:
    """A sliding window: unit `u` sees `u * stride - pad` and the positions `dilation` apart after it."""
    return spread(-w.pad_before, -w.pad_before + w.dilation * (w.kernel - 1), w.stride, w.dilation)


@lru_cache(maxsize=1024)
def transposed(w: Window) -> Map:
    """A transposed window: position `i` reaches the units `i * stride - pad + dilation * j`, `j` below `kernel`."""

    def field(unit: int) -> Field:
        at = unit + w.pad_before
        lowest, highest = -((w.dilation * (w.kernel - 1) - at) // w.stride), at // w.stride
        reached = [i for i in range(lowest, highest + 1) if (at - i * w.stride) % w.dilation == 0]
        return (reached[0], reached[-1]) if reached else NOTHING

    return listed(field, w.stride, 1, w.dilation // math.gcd(w.dilation, w.stride))


def bordered(mode: str, size: int, before: int, after: int) -> Map:
    """The positions that `before` units before the start and `after` beyond the end show: mirrored ones (`reflect`),
    those from the other end of what is not cropped (`circular`), or those of the border (`replicate`)."""
    start, units = max(-before, 0), size + before + after
    kept = size - start - max(-after, 0)

    def field(unit: int) -> Field:
        at = unit - before
        if mode == "circular":
            at = (at - start) % kept + start
        elif mode == "replicate":
            at = min(max(at, 0), size - 1)
        else:
            at = abs(at) if at < size else 2 * (size - 1) - at
        return at, at

    return listed(field, units, size)


@lru_cache(maxsize=1024)
def adaptive(size: int, units: int) -> Map:
    """Windows that cover `size` positions evenly, as torch.nn.AdaptiveAvgPool2d cuts them."""
    common = math.gcd(size, units)
    return listed(
        lambda unit: (unit * size // units, -(-(unit + 1) * size // units) - 1), units // common, size // common
    )


@lru_cache(maxsize=1024)
def interpolated(mode: str, align_corners: bool, antialias: bool, ratio: Fraction) -> Map:
    """The positions that have weight when a map is resized (torch.nn.functional.interpolate).

    `ratio`: positions from one unit to the next, as `resized_by` has it.
    """
    reach = _REACH.get(mode)
    aligned = align_corners and reach is not None and not antialias
    offset = Fraction(0) if mode == "nearest" or aligned else (ratio - 1) / 2

    def field(unit: int) -> Field:
        centre = unit * ratio + offset
        if reach is None:  # nearest: the position itself
            at = math.floor(centre if mode == "nearest" else centre + Fraction(1, 2))
            return at, at
        wide = max(ratio, Fraction(1)) if antialias else Fraction(1)
        near, far = math.floor(centre - reach * wide) + 1, math.ceil(centre + reach * wide) - 1
        while mode == CUBIC and abs(near - centre) == wide:  # where a cubic is 0 as well
            near += 1
        while mode == CUBIC and abs(far - centre) == wide:
            far -= 1
        return near, far

    return listed(field, ratio.denominator, ratio.numerator)


def resized_by(
    mode: str, align_corners: bool, antialias: bool, size: int | None, units: int | None, factor: float | None
) -> Fraction:
    """Positions from one unit to the next. `factor`: the scale given by the author, which torch uses in place of the
    ratio of the sizes, unless corners are aligned or nothing changes. Raises Unsized."""
    if size is not None and size == units and (antialias or _REACH.get(mode) == 1):
        return Fraction(1)  # torch copies
    aligned = align_corners and mode in _REACH
    if factor is not None and not aligned:
        return 1 / Fraction(repr(factor)).limit_denominator(_FINEST)
    if size is None or units is None:
        raise Unsized
    if aligned:
        return Fraction(size - 1, units - 1) if units > 1 else Fraction(0)
    return Fraction(size, units)
