"""Regions for people: tables, and pictures of the input."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

from archspec.analysis.receptive_field import ReceptiveField
from archspec.analysis.region import Hull, Range, Region, Seen
from archspec.dims import Dim, show

WIDTH, HEIGHT = 48, 16  # of a picture, at most


def to_text(found: Region, width: int | None = None) -> str:
    """A table for each input, in two parts where `width` asks for it, and where the unit was chosen a picture of it."""
    return "\n".join(_lines(found, width))


def _lines(found: Region, width: int | None) -> Iterator[str]:
    yield from _words(f"{found.path}  {found.op}  {found.type}{_unit(found)}", width)
    if not found.inputs:
        yield "depends on no input that has positions"
    for seen in found.inputs:
        yield ""
        yield from _input(found, seen, width)


def _input(found: Region, seen: Seen, width: int | None) -> Iterator[str]:
    field = seen.field
    yield from _words(f"sees of `{seen.input}` {seen.type}: {_kind(field)}", width)
    hull, local = (None, None) if found.at is None else (seen.hull, seen.local)
    yield from _table(seen, field, hull, width)
    if field.local is not None:
        yield ""
        yield from _words(
            f"{'what is pooled' if seen.local is None else 'the local path'}: {_kind(field.local)}", width
        )
        yield from _table(seen, field.local, local, width)
    yield ""
    yield from _words(_remark(seen), width)
    if found.chosen and not seen.nothing:
        yield from _picture(seen)


def _words(text: str, width: int | None) -> list[str]:
    if width is None:
        return [text]
    return textwrap.wrap(text, max(width, 1), subsequent_indent="  ", break_long_words=False)


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
        return ", every unit"
    place = ", ".join(map(str, found.at))
    return f", unit ({place})" if len(found.at) > 1 else f", unit {place}"


def _table(seen: Seen, field: ReceptiveField, hull: Hull | None, width: int | None) -> Iterator[str]:
    """A line for each axis: the field, then what the unit sees; this in lines of its own where there is no room."""
    names = ("axis", *seen.axes)
    of_all = [
        ("size", *map(show, field.size)),
        ("stride", *map(_number, field.stride)),
        ("padding", *map(_number, field.padding)),
    ]
    of_one: list[tuple[str, ...]] = []
    if hull is not None and any(hull.unclipped + hull.clipped):
        of_one = [
            ("sees", *map(_range, hull.unclipped)),
            ("inside", *map(_range, hull.clipped)),
            ("outside", *map(_outside, hull.unclipped, seen.sizes)),
        ]
    whole = _aligned([names, *of_all, *of_one])
    if width is None or max(map(len, whole)) <= width:
        yield from whole
    else:
        yield from _aligned([names, *of_all])
        yield from _aligned([names, *of_one])


def _aligned(columns: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table of those columns that have something below their heading."""
    used = [column for column in columns if any(column[1:])]
    widths = [max(map(len, column)) for column in used]
    lines: list[str] = []
    for first, *others in zip(*used, strict=True):
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
        lines.append("  " + "  ".join(cells).rstrip())
    return lines


def _number(value: Fraction | int) -> str:
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


def _remark(seen: Seen) -> str:
    at_most = "" if seen.exact else "at most "
    covered = seen.covered
    if seen.nothing:
        return "the unit depends on nothing: all that it would see is padding"
    if covered is None:
        return "what is in the input follows from sizes that are not known: give them with `--input`"
    return f"from the first to the last position that matters: {at_most}{_percent(covered)} of the input"


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
