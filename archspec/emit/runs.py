"""Long runs of equal or evenly growing children, written as comprehensions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from archspec.emit.expression import Child, Const, Expr, Group, Joined, Local, Loop, Named, Text, flat
from archspec.objects import record

SHORTEST = 4
_NUMBER = re.compile(r"(?:(?<=\()|(?<=, )|(?<==))(\d+)(?=[,)])")
"""An integer that is a whole argument."""
_NUMBERED = re.compile(r"(\D*)(\d+)")


@record
class _Pattern:
    """An argument list with the integers taken out."""

    text: tuple[str, ...]
    numbers: tuple[int, ...]

    @staticmethod
    def of(text: str) -> _Pattern:
        parts = _NUMBER.split(text)
        return _Pattern(tuple(parts[::2]), tuple(map(int, parts[1::2])))

    def steps(self, other: _Pattern) -> tuple[int, ...] | None:
        """How the integers grow to the next one; None when anything else differs, or one shrinks."""
        if self.text != other.text:
            return None
        steps = tuple(b - a for a, b in zip(self.numbers, other.numbers, strict=True))
        return steps if min(steps, default=0) >= 0 else None

    def filled(self, numbers: Sequence[str]) -> str:
        pieces = [piece for pair in zip(self.text, (*numbers, ""), strict=True) for piece in pair]
        return "".join(pieces)


def compressed(expr: Expr) -> Expr:
    """The expression with runs in its `nn.Sequential`s folded: `*[Block(64) for _ in range(6)]`."""
    match expr:
        case Group():
            items = tuple(compressed(item) for item in expr.items)
            if expr.open in ("nn.Sequential(", "super().__init__("):
                items = _folded(items)
            elif expr.open == "OrderedDict(":
                items = _folded_names(items)
            return Group(expr.open, items, expr.close)
        case Named():
            return Named(expr.name, compressed(expr.expr), expr.default)
        case Joined():
            return Joined(tuple(compressed(part) for part in expr.parts))
        case Text() | Const() | Local() | Child() | Loop():
            return expr


def _folded(items: tuple[Expr, ...]) -> tuple[Expr, ...]:
    """Runs of a list, of equal items or of items in which one number grows."""
    patterns = [_Pattern.of(flat(item)) for item in items]
    result: list[Expr] = []
    at = 0
    while at < len(items):
        length, steps = _run(patterns, at)
        clause = _clause(patterns[at].numbers, steps, length) if length >= SHORTEST else None
        if clause is None:
            result.append(items[at])
            at += 1
            continue
        numbers = [str(n) if step == 0 else "i" for n, step in zip(patterns[at].numbers, steps, strict=True)]
        result.append(Loop("*[", Text(patterns[at].filled(numbers)), clause, "]"))
        at += length
    return tuple(result)


def _run(patterns: Sequence[_Pattern], at: int) -> tuple[int, tuple[int, ...]]:
    """The length of the run that starts at a position, and the steps of its numbers."""
    steps = patterns[at].steps(patterns[at + 1]) if at + 1 < len(patterns) else None
    if steps is None:
        return 1, ()
    end = at + 1
    while end + 1 < len(patterns) and patterns[end].steps(patterns[end + 1]) == steps:
        end += 1
    return end + 1 - at, steps


def _clause(numbers: tuple[int, ...], steps: tuple[int, ...], length: int) -> str | None:
    """`for i in range(64, 160, 32)`; None when the numbers that grow do not grow together."""
    series = {(start, step) for start, step in zip(numbers, steps, strict=True) if step}
    if len(series) > 1:
        return None
    for start, step in series:
        return f"for i in range({start}, {start + step * length}{f', {step}' if step != 1 else ''})"
    return f"for _ in range({length})"


def _folded_names(items: tuple[Expr, ...]) -> tuple[Expr, ...]:
    """A mapping that is one run as a whole: `(f"layer{i}", Layer(32 + 32 * i)) for i in range(1, 7)`."""
    named = [item for item in items if isinstance(item, Named)]
    names = [match for item in named if (match := _NUMBERED.fullmatch(item.name))]
    if len(items) < SHORTEST or len(names) < len(items):
        return items
    prefix, first = names[0][1], int(names[0][2])
    if any(match[0] != f"{prefix}{first + at}" for at, match in enumerate(names)):
        return items
    patterns = [_Pattern.of(flat(item.expr)) for item in named]
    length, steps = _run(patterns, 0)
    if length < len(items):
        return items
    numbers = [_linear(step, start - first * step) for start, step in zip(patterns[0].numbers, steps, strict=True)]
    ends = str(first + length) if first == 0 else f"{first}, {first + length}"
    element = f'(f"{prefix}{{i}}", {patterns[0].filled(numbers)})'
    return (Loop("", Text(element), f"for i in range({ends})", ""),)


def _linear(step: int, offset: int) -> str:
    """`step * i + offset`, as one would write it."""
    if step == 0:
        return str(offset)
    term = "i" if step == 1 else f"{step} * i"
    if offset == 0:
        return term
    return f"{offset} + {term}" if offset > 0 else f"{term} - {-offset}"
