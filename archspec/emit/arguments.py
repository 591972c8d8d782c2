"""Constructor arguments: what differs between the uses of a class, under the names the spec gives it where it does.

A constant that is not the same in all uses is, in this order: a param of the block, the number of input channels, an item
of a param that is a list, one of these times, plus or divided by a small integer, the product of two, or an argument of
its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from archspec.emit.expression import Const
from archspec.emit.literals import identifier, is_literal, literal
from archspec.ir import Graph, Scope

NEUTRAL = frozenset({"0", "1", "None", "True", "False", "0.0", "1.0"})
"""Values that are fit to be defaults."""

Column = tuple[Any, ...]
"""The values of one constant over all uses."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A constant by arguments: `{0} * 4` over the named ones. No names: a literal."""

    template: str
    names: tuple[str, ...] = ()

    def text(self, owner: str = "") -> str:
        """The expression; `owner` is put before each argument (`self.`)."""
        return self.template.format(*(owner + name for name in self.names)) if self.names else self.template


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a class' constructor. `default`: its literal, None when it has none."""

    name: str
    column: Column
    default: str | None

    @property
    def annotation(self) -> str:
        return " | ".join(dict.fromkeys(_annotation(value) for value in self.column))


@dataclass(slots=True)
class _Bases:
    """What constants can be expressed by, in order of preference; `used` become arguments."""

    columns: dict[str, Column]
    order: list[str]
    items: dict[str, Column]
    used: set[str] = field(default_factory=set[str])


def fit(
    graph: Graph, scopes: Sequence[Scope], columns: Sequence[tuple[Const, Column]], taken: Collection[str]
) -> tuple[list[Argument], list[Fit]]:
    """The arguments that a class used as `scopes` needs, and each constant (with its values over all uses) by them."""
    bases = _bases(graph, scopes)
    names = {key: identifier(key, taken) for key in bases.columns}
    own: dict[tuple[str, ...], str] = {}
    fits: list[Fit] = []
    for const, column in columns:
        texts = tuple(literal(value) for value in column)
        if len(set(texts)) == 1:
            fits.append(Fit(texts[0]))
            continue
        found = _express(const.hint, column, texts, bases)
        if found is None:
            name = own.get(texts) or identifier(const.hint, {*taken, *names.values(), *own.values()})
            if texts not in own:
                own[texts] = name
                bases.columns[name] = column
                bases.order.append(name)
                names[name] = name
            found = Fit("{0}", (name,))
            bases.used.add(name)
        fits.append(Fit(found.template, tuple(names[name] for name in found.names)))
    arguments = [
        Argument(names[key], bases.columns[key], _default(bases.columns[key])) for key in bases.order if key in bases.used
    ]
    return sorted(arguments, key=lambda argument: argument.default is not None), fits


def _bases(graph: Graph, scopes: Sequence[Scope]) -> _Bases:
    columns: dict[str, Column] = {}
    items: dict[str, Column] = {}
    types = [graph.type_of(scope.inputs[0]) if scope.inputs else None for scope in scopes]
    for name, axis, ranks in (("in_channels", 1, (4, 5)), ("in_features", -1, (2, 3))):
        sizes = tuple(kind.shape[axis] if kind is not None and kind.rank in ranks else None for kind in types)
        if all(isinstance(size, int) for size in sizes):
            columns[name] = sizes
    for param in scopes[0].params if scopes[0].block else ():
        column = tuple(scope.params.get(param) for scope in scopes)
        if not all(is_literal(value) for value in column):
            continue
        columns[param] = column
        if all(isinstance(value, list | tuple) for value in column):
            for position in range(min(len(value) for value in column)):
                items[f"{param}[{position}]"] = tuple(value[position] for value in column)
            columns[param] = tuple(tuple(value) for value in column)
    return _Bases(columns, list(columns), items)


def _express(hint: str, column: Column, texts: tuple[str, ...], bases: _Bases) -> Fit | None:
    """The column by what there is already, None when nothing fits."""
    same = [name for name, other in bases.columns.items() if tuple(literal(value) for value in other) == texts]
    if same:
        params = [name for name in same if name not in ("in_channels", "in_features")]
        inputs = hint.endswith(("in_channels", "in_features", "num_features"))
        pick = next((name for name in params if hint.endswith(name)), None)
        pick = pick or (same[0] if inputs else params[0] if params else same[0])
        bases.used.add(pick)
        return Fit("{0}", (pick,))
    for item, other in bases.items.items():
        if tuple(literal(value) for value in other) == texts:
            name, index = item.split("[")
            bases.used.add(name)
            return Fit("{0}[" + index, (name,))
    if not all(type(value) is int for value in column):
        return None
    for found in _derived(column, bases):
        bases.used.update(found.names)
        return found
    return None


def _derived(column: Column, bases: _Bases) -> Iterator[Fit]:
    numbers = {
        name: values for name in bases.order for values in [bases.columns[name]]
        if all(type(value) is int for value in values) and len(set(values)) > 1
    }  # fmt: skip
    for name, values in numbers.items():
        if all(values) and len({(a / b) for a, b in zip(column, values, strict=True)}) == 1:
            if column[0] % values[0] == 0 and 2 <= column[0] // values[0] <= 64:
                yield Fit(f"{{0}} * {column[0] // values[0]}", (name,))
    for name, values in numbers.items():
        for divisor in (2, 3, 4, 8, 16):
            if all(a == b // divisor for a, b in zip(column, values, strict=True)):
                yield Fit(f"{{0}} // {divisor}", (name,))
    for name, values in numbers.items():
        shift = column[0] - values[0]
        if all(a - b == shift for a, b in zip(column, values, strict=True)):
            yield Fit(f"{{0}} {'+' if shift > 0 else '-'} {abs(shift)}", (name,))
    names = list(numbers)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            pairs = zip(column, numbers[first], numbers[second], strict=True)
            if all(a == b * c for a, b, c in pairs):
                yield Fit("{0} * {1}", (first, second))


def _default(column: Column) -> str | None:
    """The literal that most uses have, when it is a neutral one."""
    texts = [literal(value) for value in column]
    most = max(dict.fromkeys(texts), key=texts.count)
    return most if most in NEUTRAL and 2 * texts.count(most) >= len(texts) else None


def _annotation(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, tuple | list):
        kinds = [_annotation(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
        uniform = len(set(kinds)) == 1 and isinstance(value, list)
        inner = kinds[0] if uniform and kinds else ", ".join(kinds)
        return f"{type(value).__name__}[{inner}]" if kinds else type(value).__name__  # pyright: ignore[reportUnknownArgumentType]
    return type(value).__name__
