"""Constructor arguments: what differs between the uses of a class, under the names the spec gives it where it does.

A constant that is not the same in all uses is, in this order: a param of the block, an item of a param that is a
list, a simple function of a param, the size of the module's input or a simple function of that, or an argument of its
own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archspec import dims
from archspec.emit.expression import Const
from archspec.emit.literals import identifier, is_literal, literal
from archspec.emit.structure import Unit
from archspec.emit.targets import ENTRY
from archspec.ir import Graph
from archspec.objects import record

_NUMBERS = re.compile(r"^(?:\d+_)+(?=[A-Za-z])")
"""The numbered children that a hint begins with."""
FACTORS = (2, 3, 4, 6, 8)
NEUTRAL = frozenset({"0", "1", "None", "True", "False", "0.0", "1.0"})
"""Values that are fit to be defaults."""

Column = tuple[Any, ...]
"""The values of one constant over all uses."""


@record
class Fit:
    """A constant by arguments: `{0} * 4` over the named ones. No names: a literal."""

    template: str
    names: tuple[str, ...] = ()

    def text(self, owner: str = "") -> str:
        """The expression; `owner` is put before each argument (`self.`)."""
        return self.template.format(*(owner + name for name in self.names)) if self.names else self.template


@record
class Argument:
    """An argument of a class' constructor. `default`: its literal, None when it has none."""

    name: str
    column: Column
    default: str | None

    @property
    def annotation(self) -> str:
        kinds = dict.fromkeys(_annotation(value) for value in self.column)
        return " | ".join(sorted(kinds, key=lambda kind: kind == "None"))


@dataclass(slots=True)
class _Bases:
    """What constants can be expressed by: `entry` holds the size of the input, `items` those of params that are lists.
    The `used` ones become arguments."""

    entry: dict[str, Column]
    params: dict[str, Column]
    items: dict[str, Column]
    own: dict[str, Column] = field(default_factory=dict[str, Column])
    used: set[str] = field(default_factory=set[str])

    def columns(self) -> Mapping[str, Column]:
        """All of them, in the order they have as arguments."""
        return {**self.entry, **self.params, **self.own}


def fit(
    graph: Graph, units: Sequence[Unit], columns: Sequence[tuple[Const, Column]], taken: Collection[str]
) -> tuple[list[Argument], list[Fit]]:
    """The arguments that a class needs, and each constant (with its values over all uses) by them."""
    bases = _bases(graph, units)
    names = {key: identifier(key, taken) for key in bases.columns()}
    fits: list[Fit] = []
    hints = {const.hint for const, column in columns if len(set(_texts(column))) > 1}
    for const, column in columns:
        texts = _texts(column)
        if len(set(texts)) == 1:
            fits.append(Fit(texts[0]))
            continue
        found = _express(const.hint, column, bases)
        if found is None:
            name = _argument_name(const.hint, hints, {*taken, *names.values()})
            kind = bases.entry if const.hint in ENTRY else bases.own
            kind[name] = column
            names[name] = name
            found = Fit("{0}", (name,))
        bases.used.update(found.names)
        fits.append(Fit(found.template, tuple(names[name] for name in found.names)))
    arguments = [
        Argument(names[key], column, _default(column)) for key, column in bases.columns().items() if key in bases.used
    ]
    return sorted(arguments, key=lambda argument: argument.default is not None), fits


def _argument_name(hint: str, hints: Collection[str], taken: Collection[str]) -> str:
    """What to call an argument of its own: `padding` for `0_padding`, unless that could be another's."""
    short = _short(hint)
    alone = sum(_short(other) == short for other in hints) == 1
    return short if alone and short not in ENTRY and identifier(short, taken) == short else identifier(hint, taken)


def _short(hint: str) -> str:
    """Without the numbers of children, which tell a reader little."""
    return _NUMBERS.sub("", hint)


def _bases(graph: Graph, units: Sequence[Unit]) -> _Bases:
    params: dict[str, Column] = {}
    for name in units[0].scope.params if units[0].scope.block else ():
        column = tuple(_frozen(unit.scope.params.get(name)) for unit in units)
        if all(is_literal(value) for value in column):
            params[name] = column
    entry: dict[str, Column] = {}
    types = [graph.type_of(unit.received[0]) if unit.received else None for unit in units]
    for name, axis, ranks in (("in_channels", 1, (4, 5)), ("in_features", -1, (2, 3))):
        sizes = tuple(
            dims.value(kind.shape[axis]) if kind is not None and kind.rank in ranks else None for kind in types
        )
        if None not in sizes and sizes not in params.values():
            entry[name] = sizes
            params.pop(name, None)  # of a network: the size of an input that it does not have here
    items: dict[str, Column] = {}
    for name, column in params.items():
        if all(isinstance(value, tuple) for value in column):
            for position in range(min(len(value) for value in column)):
                items[f"{name}[{position}]"] = tuple(value[position] for value in column)
    return _Bases(entry, params, items)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value  # pyright: ignore[reportUnknownVariableType]


def _texts(column: Column) -> tuple[str, ...]:
    """Tells 1, 1.0 and True apart."""
    return tuple(literal(value) for value in column)


def _express(hint: str, column: Column, bases: _Bases) -> Fit | None:
    """The column by what there is already, None when nothing fits."""
    texts = _texts(column)
    if hint in ENTRY:
        for name, other in bases.entry.items():
            if _texts(other) == texts:
                return Fit("{0}", (name,))
    same = [name for name, other in bases.params.items() if _texts(other) == texts]
    if same:
        return Fit("{0}", (next((name for name in same if hint.endswith(name)), same[0]),))
    for item, other in bases.items.items():
        if _texts(other) == texts:
            name, index = item.split("[")
            return Fit("{0}[" + index, (name,))
    fixed = {other[0] for other in bases.params.values() if len(set(_texts(other))) == 1 and type(other[0]) is int}
    numeric = all(type(value) is int for value in column)
    derived = (*_multiples(column, bases.params, fixed), *_derived(column, bases.params)) if numeric else ()
    exact = [
        Fit("{0}", (name,)) for own in (bases.entry, bases.own) for name, other in own.items() if _texts(other) == texts
    ]
    rest = (*_derived(column, bases.entry), *_products(column, bases.columns())) if numeric else ()
    return next(iter((*derived, *exact, *rest)), None)


def _numbers(columns: Mapping[str, Column]) -> Iterator[tuple[str, Column]]:
    """The columns of integers that are not all the same."""
    for name, column in columns.items():
        if all(type(value) is int for value in column) and len(set(column)) > 1:
            yield name, column


def _multiples(column: Column, columns: Mapping[str, Column], factors: Collection[int]) -> Iterator[Fit]:
    for name, values in _numbers(columns):
        for factor in sorted(factors):
            if factor > 1 and all(a == b * factor for a, b in zip(column, values, strict=True)):
                yield Fit(f"{{0}} * {factor}", (name,))


def _derived(column: Column, columns: Mapping[str, Column]) -> Iterator[Fit]:
    """One of the columns times, divided by or plus a small number."""
    yield from _multiples(column, columns, FACTORS)
    for name, values in _numbers(columns):
        for divisor in (2, 3, 4, 8, 16):
            if all(a == b // divisor for a, b in zip(column, values, strict=True)):
                yield Fit(f"{{0}} // {divisor}", (name,))
        shift = column[0] - values[0]
        if all(a - b == shift for a, b in zip(column, values, strict=True)):
            yield Fit(f"{{0}} {'+' if shift > 0 else '-'} {abs(shift)}", (name,))


def _products(column: Column, columns: Mapping[str, Column]) -> Iterator[Fit]:
    numbers = list(_numbers(columns))
    for i, (first, left) in enumerate(numbers):
        for second, right in numbers[i + 1 :]:
            if all(a == b * c for a, b, c in zip(column, left, right, strict=True)):
                yield Fit("{0} * {1}", (first, second))


def _default(column: Column) -> str | None:
    """The literal that most uses have, when it is a neutral one."""
    texts = _texts(column)
    most = max(dict.fromkeys(texts), key=texts.count)
    return most if most in NEUTRAL and 2 * texts.count(most) >= len(texts) else None


def _annotation(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, tuple | list):
        kinds: list[str] = [_annotation(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
        return f"{type(value).__name__}[{', '.join(kinds)}]" if kinds else type(value).__name__  # pyright: ignore[reportUnknownArgumentType]
    return type(value).__name__
