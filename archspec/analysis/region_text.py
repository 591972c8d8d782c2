"""Regions for people: tables, and pictures of the input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise, zip_longest

from archspec.analysis.receptive_field import ReceptiveField
from archspec.analysis.region import Hull, Range, Region, Seen
from archspec.dims import Dim, show

WIDTH, HEIGHT = 48, 16  # of a picture, at most


def to_text(found: Region) -> str:
    """A table for each input, and where the unit was chosen a picture of it."""
    return "\n".join(_lines(found))


def _lines(found: Region) -> Iterator[str]:
    yield f"{found.path}  {found.op}  {found.type}"
    if not found.inputs:
        yield "depends on no input that has positions"
    for seen in found.inputs:
        yield ""
        yield from _input(found, seen)


def _input(found: Region, seen: Seen) -> Iterator[str]:
    field, unit = seen.field, _unit(found)
    yield f"sees of `{seen.input}` {seen.type}: {_kind(field)}"
    yield from _table(seen, field, seen.hull, unit)
    if field.local is not None:
        yield ""
        if seen.local is None:
            yield f"what is pooled: {_kind(field.local)}"
            yield from _table(seen, field.local, None, "")
        else:
            yield f"the local path: {_kind(field.local)}"
            yield from _table(seen, field.local, seen.local, unit)
    yield ""
    yield from _remarks(seen)
    if found.chosen and not seen.nothing:
        yield from _picture(seen)


def _kind(field: ReceptiveField) -> str:
    match field.kind:
        case "global":
            return "global, everything along an axis"
        case "unaligned":
            return f"unaligned, paths of different strides meet at `{field.at}`"
        case "unsized":
            return f"not known, it follows from the size at `{field.at}`"
        case kind:
            return kind


def _unit(found: Region) -> str:
    if found.at is None:
        return ""
    if not found.axes:
        return "every unit"
    place = ", ".join(map(str, found.at))
    return f"unit ({place})" if len(found.at) > 1 else f"unit {place}"


def _table(seen: Seen, field: ReceptiveField, hull: Hull | None, unit: str) -> Iterator[str]:
    """A line for each axis: the field, then what the unit sees."""
    header = ["axis", "size", "stride", "padding"]
    rows = [
        [name, show(size), _number(stride), _number(padding)]
        for name, size, stride, padding in zip_longest(seen.axes, field.size, field.stride, field.padding)
    ]
    if hull is not None and unit and any(hull.unclipped + hull.clipped):
        header += [f"{unit} sees", "of the input", "outside"]
        for row, free, kept, size in zip(rows, hull.unclipped, hull.clipped, seen.sizes, strict=True):
            row += [_range(free), _range(kept), _outside(free, size)]
    yield from _aligned([header, *rows])


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    columns = list(zip(*rows, strict=True))
    used = [column for column in columns if any(column[1:])]
    widths = [max(map(len, column)) for column in used]
    for row in zip(*used, strict=True):
        cells = [
            cell.rjust(width) if i > 0 else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  " + "  ".join(cells).rstrip()


def _number(value: Fraction | int | None) -> str:
    if value is None:
        return ""
    return str(value) if value == int(value) else f"{float(value):.4g}"


def _range(seen: Range | None) -> str:
    if seen is None:
        return "?"
    return f"{seen.first} to {seen.last}" if seen.size else "nothing"


def _outside(seen: Range | None, size: Dim) -> str:
    if seen is None or not seen.size:
        return ""
    before = max(0, -seen.first)
    after = max(0, seen.last - size + 1) if isinstance(size, int) else 0
    return ", ".join(f"{count} {where}" for count, where in ((before, "before"), (after, "after")) if count)


def _remarks(seen: Seen) -> Iterator[str]:
    at_most = "" if seen.exact else "at most "
    covered = seen.covered
    if seen.nothing:
        yield "the unit depends on nothing: all that it would see is padding"
    elif covered is None:
        yield "what is in the input follows from sizes that are not known: give them with `--input`"
    else:
        yield f"from the first to the last position that matters: {at_most}{_percent(covered)} of the input"


def _percent(part: Fraction) -> str:
    return f"{float(part) * 100:.3g} %"


def _picture(seen: Seen) -> Iterator[str]:
    """The input with what is seen, `#`; what only paths see that see everything, `+`."""
    sizes = [size for size in seen.sizes if isinstance(size, int)]
    outer = [each for each in seen.hull.clipped if each is not None]
    inner = [each for each in (seen.local or seen.hull).clipped if each is not None]
    if not len(sizes) == len(outer) == len(inner) == len(seen.sizes):
        return
    yield ""
    if len(sizes) == 2:
        width = min(WIDTH, 2 * HEIGHT * sizes[1] // sizes[0], 2 * sizes[1]) or 1
        height = min(HEIGHT, max(width * sizes[0] // sizes[1] // 2, 1))
        all_rows, all_columns = (_cells(outer[i], sizes[i], n) for i, n in ((0, height), (1, width)))
        rows, columns = (_cells(inner[i], sizes[i], n) for i, n in ((0, height), (1, width)))
        yield "  +" + "-" * width + "+"
        for y in range(height):
            line = (_mark(rows[y] and columns[x], all_rows[y] and all_columns[x]) for x in range(width))
            yield f"  |{''.join(line)}|"
        yield "  +" + "-" * width + "+"
    else:
        wide = max(map(len, seen.axes))
        for name, size, near, far in zip(seen.axes, sizes, inner, outer, strict=True):
            width = min(WIDTH, size)
            bar = map(_mark, _cells(near, size, width), _cells(far, size, width))
            yield f"  {name:<{wide}} |{''.join(bar)}|"


def _cells(seen: Range, size: int, count: int) -> list[bool]:
    """Which of `count` cells over `size` positions hold some that are seen."""
    starts = [cell * size // count for cell in range(count + 1)]
    ends = [max(start, after - 1) for start, after in pairwise(starts)]
    return [
        seen.size > 0 and start <= seen.last and seen.first <= end for start, end in zip(starts, ends, strict=False)
    ]


def _mark(near: bool, far: bool) -> str:
    return "#" if near else "+" if far else "."
