"""What an expression can read of a node: its sizes, by name."""

from __future__ import annotations

from typing import NamedTuple

from archspec.diagnostics import did_you_mean
from archspec.expr.context import NodeLike
from archspec.expr.errors import Fault
from archspec.values import Axis, RuntimeSize, TensorType, Value


class NodeView(NamedTuple):
    """A node, or one of the values of a node of several."""

    label: str
    values: tuple[Value, ...]
    types: tuple[TensorType, ...]
    node: NodeLike | None


class Property(NamedTuple):
    """A name for the size of an axis, on shapes of these ranks."""

    axis: int
    ranks: range
    needs: str


PROPERTIES = {
    "channels": Property(1, range(2, 99), "at least two axes, as [N, C]"),
    "features": Property(-1, range(2, 99), "at least two axes, as [N, C]"),
    "length": Property(-1, range(3, 4), "a sequence [N, C, L]"),
    "depth": Property(-3, range(5, 6), "a volume [N, C, D, H, W]"),
    "height": Property(-2, range(4, 6), "an image [N, C, H, W]"),
    "width": Property(-1, range(4, 6), "an image [N, C, H, W]"),
}


def view(node: NodeLike) -> NodeView:
    return NodeView(node.label, node.values, node.types, node)


def part(whole: NodeView, position: int) -> NodeView:
    """Value `position` of a node of several."""
    count = len(whole.values)
    if not -count <= position < count:
        has = "1 value" if count == 1 else f"{count} values"
        raise Fault("index-error", f"index {position} is out of range: `{whole.label}` has {has}")
    position %= count
    return NodeView(f"{whole.label}.{position}", (whole.values[position],), (whole.types[position],), None)


def member(base: NodeView, name: str) -> object:
    """`base.name`: a node inside (a `NodeView`), a value of several, or a property."""
    inner = base.node.child(name) if base.node else None
    if inner is not None:
        return view(inner)
    if name.isdecimal():
        return part(base, int(name))
    if name not in PROPERTIES and name not in ("shape", "ndim"):
        valid = [*PROPERTIES, "shape", "ndim"]
        raise Fault("unknown-name", f"`{base.label}` has no `{name}`", did_you_mean(name, valid))
    if len(base.values) != 1:
        raise Fault(
            "wrong-rank",
            f"`{base.label}.{name}` is ambiguous: `{base.label}` has {len(base.values)} values",
            f"choose one: `{base.label}[0].{name}`",
        )
    value, type_ = base.values[0], base.types[0]
    if name == "ndim":
        return type_.rank
    if name == "shape":
        return [size(value, type_, axis) for axis in range(type_.rank)]
    wanted = PROPERTIES[name]
    if type_.rank not in wanted.ranks:
        raise Fault("wrong-rank", f"`{base.label}.{name}` needs {wanted.needs}, got {type_}")
    return size(value, type_, wanted.axis % type_.rank)


def size(value: Value, type_: TensorType, axis: int) -> int | RuntimeSize:
    """The size of one axis: a number, or something to read at run time."""
    dim = type_.shape[axis]
    return dim if isinstance(dim, int) else RuntimeSize(dim, Axis(value, axis))
