"""What a node's line says of an op, as far as nothing has to be evaluated: worked out once for each line of a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from archspec.elaborate.arguments import Argument, Plan, check_keys, plans
from archspec.elaborate.environment import View
from archspec.elaborate.place import File
from archspec.objects import record
from archspec.ops.base import Op
from archspec.syntax import NodeSyntax
from archspec.yaml_source import Mapping as YamlMapping
from archspec.yaml_source import Node, Scalar


@record(eq=False)
class Computed:
    """An argument that is evaluated for each node. `view`: what it sees, None for what the node itself sees."""

    name: str
    value: Node
    view: View | None
    plan: Plan


@record(eq=False)
class Line:
    """An op with its arguments: as written, then those that come with its name, then by the file's `defaults`.

    `constants` are the literals, by name; `shapes` operands of which only the shape is read (`like: enc1`).
    """

    op: type[Op]
    written: Mapping[str, Node]
    constants: Mapping[str, Any]
    computed: Sequence[Computed]
    shapes: Sequence[tuple[str, Node, View | None]]


def line_of(file: File, syntax: NodeSyntax, op: type[Op], bound: Sequence[Argument]) -> Line:
    """A node's line; `bound` are the arguments that come with the op's name. Raises SpecError for unknown ones."""
    if bound:  # others for each value of a param
        return _line(file, syntax, op, bound)
    key = (id(syntax), op)
    if key not in file.lines:
        file.lines[key] = (syntax, _line(file, syntax, op, bound))  # kept, so that nothing else gets its identity
    return file.lines[key][1]


def _line(file: File, syntax: NodeSyntax, op: type[Op], bound: Sequence[Argument]) -> Line:
    found: dict[str, tuple[Node, View | None]] = {key.text: (value, None) for key, value in syntax.arguments}
    others = [argument for argument in bound if argument.key.text not in found]
    check_keys(op, [*(key for key, _ in syntax.arguments), *(argument.key for argument in others)])
    found.update({argument.key.text: (argument.value, argument.view) for argument in others})
    for key, value in _defaults(file, op):
        found.setdefault(key, (value, View(file.env)))
    known, shapes = plans(op), op.signature.shape_only
    constants: dict[str, Any] = {}
    computed: list[Computed] = []
    for name, (value, view) in found.items():
        if name in shapes:
            continue
        if isinstance(value, Scalar) and not isinstance(value.value, str) and not known[name].inferred:
            constants[name] = value.value
        else:
            computed.append(Computed(name, value, view, known[name]))
    return Line(
        op,
        {name: value for name, (value, _) in found.items()},
        constants,
        computed,
        [(name, value, view) for name, (value, view) in found.items() if name in shapes],
    )


def _defaults(file: File, op: type[Op]) -> Iterator[tuple[str, Node]]:
    """A file's `defaults` for an op; unknown ones are left out."""
    section = file.spec.defaults.get(op.name) if file.spec.defaults is not None else None
    if isinstance(section, YamlMapping):
        known = plans(op)
        yield from ((entry.key.text, entry.value) for entry in section.entries if entry.key.text in known)
