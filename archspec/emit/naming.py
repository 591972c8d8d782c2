"""Names of the emitted classes: the block's own, and for its other forms what tells them from the simplest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from archspec.emit.expression import Expr, Group, Joined, Loop, Named
from archspec.emit.literals import RESERVED, camel, is_plain, unique
from archspec.emit.structure import Unit
from archspec.ops import names as op_names

SHORT = 2
"""Names of so few letters are preceded by their owner's."""


def class_names(grouped: Sequence[Sequence[Unit]], root_name: str, reserved: set[str]) -> list[str]:
    """A name for each class of units: `Bottleneck`, `BottleneckDownsample`, `ConvNormIdentity`, `MBConvExpansion1`."""
    taken = {*reserved, *RESERVED, root_name}
    names: list[str] = [root_name] * len(grouped)
    alike: dict[str, list[int]] = {}
    blocks = {unit.path: unit.scope.block for found in grouped for unit in found if unit.scope.block}
    for number, found in enumerate(grouped):
        if found[0].path:
            alike.setdefault(_plain_name(found, blocks), []).append(number)
    for plain, numbers in alike.items():
        ranked = sorted(numbers, key=lambda number: (len(_children(grouped[number][0])), -len(grouped[number]), number))
        simplest = grouped[ranked[0]]
        for number in ranked:
            suffix = "" if number == ranked[0] else _difference(grouped[number], simplest)
            names[number] = unique(plain + suffix, taken)
            taken.add(names[number])
    return names


def network_name(name: str, taken: set[str]) -> str:
    """The name of the network's own class."""
    return unique(_safe(camel(name), "Net"), taken)


def _safe(name: str, suffix: str) -> str:
    return f"{name}{suffix}" if name in op_names() or not is_plain(name) else name


def _plain_name(units: Sequence[Unit], blocks: Mapping[str, str]) -> str:
    """The name before it is told from others; `blocks` are names of blocks by the path of a use."""
    scope = units[0].scope
    if scope.block:
        return _safe(camel(scope.block.rsplit(".", 1)[-1]), "Block")
    *above, last = scope.module.split(".")
    words = [part for part in above if not part.isdigit()]
    if last.isdigit():
        owner = words[-1] if words else "block"
        return _safe(camel(f"{owner}_{last}" if len(units) == 1 else f"{owner}_item"), "Block")
    stem = (last.rstrip("0123456789_") if len(units) > 1 else "") or last
    if len(stem) <= SHORT and words:
        owners = (blocks.get(".".join(above[:depth])) for depth in range(len(above), 0, -1))
        stem = f"{next(filter(None, owners), words[-1])}_{stem}"
    return _safe(camel(stem), "Block")


def _difference(units: Sequence[Unit], simplest: Sequence[Unit]) -> str:
    """A child that only this form has, else a layer, else the value of a param; nothing when none tells them apart."""
    known = _children(simplest[0])
    for name in _children(units[0]):
        if name not in known and not name.isdigit():
            return camel(name)
    layers = set(_layers(simplest[0]))
    for layer in _layers(units[0]):
        if layer not in layers:
            return layer
    for param in units[0].scope.params if units[0].scope.block else ():
        values = {_word(unit.scope.params.get(param)) for unit in units}
        others = {_word(unit.scope.params.get(param)) for unit in simplest}
        if len(values) == 1 and not values & others and (word := values.pop()):
            return camel(param) + word
    return ""


def _children(unit: Unit) -> list[str]:
    return list(dict.fromkeys([*(item.name for item in unit.members), *(step.name for step in unit.steps)]))


def _layers(unit: Unit) -> Iterator[str]:
    """The torch layers that a unit itself constructs: `Conv2d`."""
    for item in unit.members:
        yield from _opened(item.expr)


def _opened(expr: Expr) -> Iterator[str]:
    match expr:
        case Group():
            if expr.open.startswith("nn."):
                yield expr.open[3:-1]
            for item in expr.items:
                yield from _opened(item)
        case Named():
            yield from _opened(expr.expr)
        case Joined():
            for part in expr.parts:
                yield from _opened(part)
        case Loop():
            yield from _opened(expr.element)
        case _:
            pass


def _word(value: Any) -> str:
    return camel(f"_{value}").removeprefix("Net") if isinstance(value, int | str) else ""
