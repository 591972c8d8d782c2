"""Units grouped into classes: what differs in constants only is one class, with constructor arguments."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from archspec.elaborate.module_names import RESERVED as MODULE_ATTRIBUTES
from archspec.emit.arguments import Argument, Column, Fit, fit
from archspec.emit.expression import (
    REQUIRED,
    Child,
    Const,
    Expr,
    Local,
    Named,
    Text,
    call,
    children,
    constants,
    form,
    rewrite,
)
from archspec.emit.literals import RESERVED, literal
from archspec.emit.naming import class_names
from archspec.emit.structure import Unit, flatten
from archspec.emit.targets import ENTRY
from archspec.ir import Graph
from archspec.values import Value

POSITIONAL = 2
"""As many required arguments are written without their names."""


@dataclass
class Class:
    """Units of one form. `fits`: for each constant of a unit, in order, what stands in its place."""

    name: str
    units: list[Unit]
    arguments: list[Argument] = field(default_factory=list[Argument])
    fits: list[Fit] = field(default_factory=list[Fit])
    members: list[Expr] = field(default_factory=list[Expr])  # of units[0], children called with their arguments
    height: int = 0  # above the classes that use no other

    @cached_property
    def positions(self) -> dict[str, int]:
        """Where each unit is among them, by path."""
        return {unit.path: position for position, unit in enumerate(self.units)}

    @property
    def unit(self) -> Unit:
        return self.units[0]


def group(graph: Graph, units: Sequence[Unit], root_name: str, reserved: set[str]) -> list[Class]:
    """The classes, each after those it uses; the root's is the last and is called `root_name`."""
    numbers: dict[str, int] = {}
    by_form: dict[Hashable, int] = {}
    grouped: list[list[Unit]] = []
    for unit in units:
        number = by_form.setdefault(_form(unit, numbers), len(grouped))
        if number == len(grouped):
            grouped.append([])
        grouped[number].append(unit)
        numbers[unit.path] = number
    classes = [
        Class(name, found) for name, found in zip(class_names(grouped, root_name, reserved), grouped, strict=True)
    ]
    of_path = {path: classes[number] for path, number in numbers.items()}
    for found in classes:
        _parametrise(graph, found, of_path)
    return sorted(classes, key=lambda found: found.height)


def _form(unit: Unit, numbers: dict[str, int]) -> Hashable:
    """Equal for units that differ in constants only."""
    values: dict[Value, int] = {}
    for value in (*unit.received, *unit.owned):
        values.setdefault(value, len(values))
    for step in unit.steps:
        for value in flatten(step.results):
            values.setdefault(value, len(values))
    members = tuple((m.name, m.register, m.persistent, form(m.expr, values, numbers)) for m in unit.members)
    steps = tuple(
        (step.name, step.mode, form(step.expr, values, numbers), tuple(values[v] for v in step.reads),
         tuple(values[v] for v in flatten(step.results)))
        for step in unit.steps
    )  # fmt: skip
    returned = tuple(values[value] for value in unit.returned) if unit.kind != "chain" else ()
    return (unit.scope.block, unit.kind, members, steps, len(unit.received), returned, unit.path == "")


def _parametrise(graph: Graph, found: Class, classes: dict[str, Class]) -> None:
    """Finds the arguments of a class from all its units; those of the classes it uses are known."""
    used = [[classes[child.path].height for child in children(m.expr)] for m in found.unit.members]
    members = [  # of one form: where the first unit has children, all have
        [_resolved(m.expr, classes) if inner else m.expr for m, inner in zip(unit.members, used, strict=True)]
        for unit in found.units
    ]
    found.members = members[0]
    found.height = max((height for inner in used for height in inner), default=-1) + 1
    every = [
        [const for expr in (*exprs, *(step.expr for step in unit.steps)) for const in constants(expr)]
        for exprs, unit in zip(members, found.units, strict=True)
    ]
    columns: list[tuple[Const, Column]] = [
        (consts[0], tuple(const.value for const in consts)) for consts in zip(*every, strict=True)
    ]
    taken = {m.name for m in found.unit.members} | RESERVED | MODULE_ATTRIBUTES
    found.arguments, found.fits = fit(graph, found.units, columns, taken)


def _resolved(expr: Expr, classes: dict[str, Class]) -> Expr:
    """The expression with the constructor calls of child classes written out."""

    def leaf(open_: Const | Local | Child) -> Expr:
        return _construct(classes[open_.path], open_) if isinstance(open_, Child) else open_

    return rewrite(expr, leaf)


def _construct(found: Class, child: Child) -> Expr:
    """The call that makes one of the units."""
    position = found.positions[child.path]
    required = sum(argument.default is None for argument in found.arguments)
    items: list[Expr] = []
    for argument in found.arguments:
        own = child.entry and argument.name in ENTRY
        const = Const(argument.column[position], argument.name if own else f"{child.hint}_{argument.name}")
        if argument.default is not None:
            items.append(Named(argument.name, const, _value(argument)))
        elif argument.name in ENTRY or required <= POSITIONAL:
            items.append(const)
        else:
            items.append(Named(argument.name, const, REQUIRED))
    return call(found.name, *items)


def _value(argument: Argument) -> object:
    return next(value for value in argument.column if literal(value) == argument.default)


def finished(found: Class) -> tuple[Unit, list[str]]:
    """The unit that stands for the class, with arguments in the place of what differs; and those that steps use."""
    fits = iter(found.fits)
    stored: dict[str, None] = {}

    def in_constructor(open_: Const | Local | Child) -> Expr:
        return Text(next(fits).text()) if isinstance(open_, Const) else open_

    def in_forward(open_: Const | Local | Child) -> Expr:
        if not isinstance(open_, Const):
            return open_
        fitted = next(fits)
        stored.update(dict.fromkeys(fitted.names))
        return Text(fitted.text("self."))

    members = tuple(
        replace(item, expr=rewrite(expr, in_constructor))
        for item, expr in zip(found.unit.members, found.members, strict=True)
    )
    steps = tuple(replace(step, expr=rewrite(step.expr, in_forward)) for step in found.unit.steps)
    return replace(found.unit, members=members, steps=steps), list(stored)
