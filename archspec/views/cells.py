"""What cells say, whatever table they are in."""

from __future__ import annotations

from collections.abc import Sequence

from archspec.analysis.receptive_field import ReceptiveField
from archspec.dims import Dim, shown
from archspec.ops.base import INFERRED, Op, collapse, is_marked
from archspec.ops.custom import Custom
from archspec.values import RuntimeSize
from archspec.views import numbers
from archspec.views.symbolic import cost_texts
from archspec.views.table import UNKNOWN, Cell

_SHOWN = 2  # inputs, or results, that are shown of several


def arguments(op: Op, *, inferred: bool = False) -> dict[str, str]:
    """What an op was given, by name: what differs from torch's defaults, and with `inferred` what follows from the
    input too."""
    if isinstance(op, Custom):
        return {name: str(value) for name, value in op.arguments}
    found: dict[str, str] = {}
    for name, info in type(op).model_fields.items():
        value = getattr(op, name)
        if (info.is_required() or value != info.default) and (inferred or not is_marked(info, INFERRED)):
            found[name] = _text(value)
    return found


def default(op: Op, name: str) -> str | None:
    """What an argument is where it is not given; None where nothing says so."""
    info = type(op).model_fields.get(name)
    return None if info is None or info.is_required() else _text(info.default)


def _text(value: object) -> str:
    value = collapse(value)
    return repr(value) if isinstance(value, RuntimeSize) else str(value)


def few(texts: Sequence[str]) -> str:
    """Inputs or results: the first, and how many more there are."""
    more = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def count_cell(number: Dim) -> Cell:
    """A number of things; a closed form where it depends on unknown sizes."""
    long, short = cost_texts(number)
    return Cell(shown(number), (long, long, short))


def bytes_cell(size: int | None) -> Cell:
    """An amount of memory; None is unknown."""
    if size is None:
        return UNKNOWN
    long, short = numbers.bytes_text(size), numbers.short_bytes(size)
    return Cell(size, (long, long, short))


def field_cell(field: ReceptiveField | None) -> Cell:
    """A receptive field."""
    text = field_text(field)
    return Cell(None if field is None else text, (text, field_text(field, short=True)))


def field_text(field: ReceptiveField | None, short: bool = False) -> str:
    """A receptive field in a few letters: `427`, `<= 204`, `global (427)`, the local path in parentheses; in short
    `(427)`."""
    if field is None:
        return numbers.NOTHING
    if field.kind == "global":
        local = f"({field_text(field.local)})" if field.local is not None else ""
        return local if short and local else f"global {local}".rstrip()
    text = once_if_equal([str(shown(size)) for size in field.size])
    return text if field.kind == "affine" else f"<= {text}"


def once_if_equal(texts: Sequence[str]) -> str:
    """`3`, or `3x5`."""
    return texts[0] if len(set(texts)) == 1 else "x".join(texts)
