"""Long runs of equal or evenly growing children, written as comprehensions."""

from __future__ import annotations

import re
from itertools import pairwise

from archspec.emit.expression import Child, Const, Expr, Group, Joined, Local, Loop, Named, Text, flat

SHORTEST = 4


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
    """Runs of a list."""
    result: list[Expr] = []
    at = 0
    texts = [flat(item) for item in items]
    while at < len(items):
        length, element, ends = _run(texts, at)
        if length >= SHORTEST:
            result.append(Loop("*[", Text(element), f"for {ends}", "]"))
            at += length
        else:
            result.append(items[at])
            at += 1
    return tuple(result)


def _folded_names(items: tuple[Expr, ...]) -> tuple[Expr, ...]:
    """A mapping that is one run as a whole: `(f"layer{i}", Layer(64)) for i in range(1, 7)`."""
    names = [re.fullmatch(r"(\D*)(\d+)", item.name) if isinstance(item, Named) else None for item in items]
    if len(items) < SHORTEST or None in names:
        return items
    found = [match for match in names if match is not None]
    start = int(found[0][2])
    if any(match[1] != found[0][1] or match[2] != str(start + i) for i, match in enumerate(found)):
        return items
    texts = [flat(item.expr) for item in items if isinstance(item, Named)]
    pattern, series = _pattern(texts)
    if pattern is None:
        return items
    element = pattern
    for base, step in series:
        offset = base - start * step
        element = element.replace("\0", _linear("i", step, offset), 1)
    stop = start + len(items)
    ends = f"range({stop})" if start == 0 else f"range({start}, {stop})"
    return (Loop("", Text(f'(f"{found[0][1]}{{i}}", {element})'), f"for i in {ends}", ""),)


def _run(texts: list[str], at: int) -> tuple[int, str, str]:
    """The longest run from `at` on: its length, its element, and the clause."""
    end = at + 1
    while end < len(texts) and texts[end] == texts[at]:
        end += 1
    if end - at >= SHORTEST:
        return end - at, texts[at], f"_ in range({end - at})"
    end = at + 2
    while end <= len(texts) and _pattern(texts[at:end])[0] is not None:
        end += 1
    length = end - 1 - at
    if length < SHORTEST:
        return 1, "", ""
    pattern, series = _pattern(texts[at : at + length])
    assert pattern is not None
    (base, step), *others = series
    if any(other != (base, step) for other in others):
        return 1, "", ""
    return (
        length,
        pattern.replace("\0", "i"),
        f"i in range({base}, {base + step * length}, {step})"
        if step != 1
        else (f"i in range({base}, {base + length})"),
    )


def _pattern(texts: list[str]) -> tuple[str | None, list[tuple[int, int]]]:
    """What the texts have in common, with a NUL for each integer that grows evenly; its start and step."""
    split = [re.split(r"(?<![\w.\"])(\d+)(?![\w.\"])", text) for text in texts]
    if any(len(parts) != len(split[0]) for parts in split):
        return None, []
    shape: list[str] = []
    series: list[tuple[int, int]] = []
    for column in zip(*split, strict=True):
        if len(set(column)) == 1:
            shape.append(column[0])
            continue
        if not all(part.isdigit() for part in column):
            return None, []
        numbers = [int(part) for part in column]
        step = numbers[1] - numbers[0]
        if step <= 0 or any(b - a != step for a, b in pairwise(numbers)):
            return None, []
        series.append((numbers[0], step))
        shape.append("\0")
    return "".join(shape), series


def _linear(name: str, step: int, offset: int) -> str:
    term = name if step == 1 else f"{step} * {name}"
    if offset == 0:
        return term
    return f"{offset} + {term}" if offset > 0 else f"{term} - {-offset}"
