"""What names stand for while a spec is run: tensors, finished graphs, sizes in expressions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from archspec import dims
from archspec.dims import Dim, Size
from archspec.ops.base import Inputs, Op
from archspec.values import RuntimeSize, TensorType
from tests.random_specs.sketch import Child, Statement

BATCH = "N"


class Refused(Exception):
    """An op does not take its arguments or inputs; or the network is not to be written so. `child` is the node."""

    def __init__(
        self, reason: object, op: type[Op] | None = None, args: Mapping[str, Any] | None = None,
        inputs: Inputs | None = None, child: Child | None = None,
    ) -> None:  # fmt: skip
        super().__init__(f"{op.name}: {reason}" if op is not None else str(reason))
        self.reason, self.op, self.given, self.inputs, self.child = reason, op, plain(args or {}), inputs, child


class TooLarge(Refused):
    """More than a test can run."""


@dataclass(frozen=True, eq=False)
class Val:
    """A tensor: its producer (below 0 an input), and where it is found in the unrolled and in the written network."""

    type: TensorType
    node: int
    handle: tuple[str, ...]
    path: tuple[str, ...]

    @cached_property
    def per_sample(self) -> bool:
        """Whether axis 0 is the batch, and no other is."""
        batch, *rest = [BATCH in dims.symbols(dim) for dim in self.type.shape]
        return batch and not any(rest)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """The nominal sizes, of a batch of two."""
        return tuple(map(nominal, self.type.shape))


@dataclass(eq=False)
class Bound:
    """What a name stands for. `inside`: the finished graph, a block's where `is_block`; `absent`: removed by `when`.

    For `reuse`: the `definition` that is run again, the `inputs` it was run with, the `ops` it made, its `handle`.
    """

    vals: tuple[Val, ...]
    named: dict[str, Val] = field(default_factory=dict[str, Val])
    inside: Frame | None = None
    is_block: bool = False
    absent: bool = False
    definition: tuple[Child, dict[str, Any]] | None = None
    inputs: tuple[Val, ...] = ()
    ops: list[Op] = field(default_factory=list[Op])
    handle: tuple[str, ...] = ()

    def child(self, name: str) -> Bound:
        """`a.b`: a child of an inline graph, then an output or part, then a node inside a block. Raises LookupError."""
        inner = self.inside.table if self.inside is not None else {}
        if self.inside is not None and self.inside.numbered and not self.is_block and name.isdigit():
            raise LookupError(name)  # the number of an item, which has none here
        if name in inner and not self.is_block:
            return inner[name]
        if name in self.named:
            return Bound((self.named[name],))
        if name.isdigit() and int(name) < len(self.vals) > 1:
            return Bound((self.vals[int(name)],))
        return inner[name]


@dataclass(eq=False)
class Frame:
    """A graph being run. `parent` is where names are looked up next (none beyond a block's edge), `around` the frame it
    stands in; `out` is what it comes to, unrolled."""

    input: tuple[Val, ...]
    numbered: bool
    parent: Frame | None = None
    around: Frame | None = None
    handle: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    table: dict[str, Bound] = field(default_factory=dict[str, Bound])
    out: list[Statement] = field(default_factory=list[Statement])
    previous: tuple[Val, ...] = ()

    def __post_init__(self) -> None:
        self.previous = self.input

    def define(self, name: str, bound: Bound) -> None:
        """Gives a node its name. Raises Refused for a second one."""
        if name in self.table:
            raise Refused(f"{name} is taken")
        self.table[name] = bound

    def find(self, text: str) -> Bound:
        """What a reference stands for, its `$` filled in; `m.*` is all children of a graph. Raises LookupError."""
        first, *rest = text.split(".")
        frame: Frame | None = self
        while frame is not None and first not in frame.table and first != "input":
            frame = frame.parent
        if frame is None:
            raise LookupError(text)
        bound = Bound(self.input) if first == "input" else frame.table[first]
        for name in rest:
            if name == "*" and bound.inside is not None and not bound.is_block:
                bound = Bound(tuple(val for child in bound.inside.table.values() for val in child.vals))
            elif name != "*":
                bound = bound.child(name)
        return bound

    def reference(self, val: Val) -> str:
        """How the unrolled network names a tensor here."""
        if val in self.input:
            return "input" if len(self.input) == 1 else f"input.{self.input.index(val)}"
        return self.relative(val.handle)

    def relative(self, handle: tuple[str, ...]) -> str:
        """The rest of a path, from the nearest frame around that it starts with."""
        frame = self
        while handle[: len(frame.handle)] != frame.handle:
            assert frame.around is not None
            frame = frame.around
        return ".".join(handle[len(frame.handle) :])


class Live(int):
    """A size in an expression: its nominal value, and the dimension it is."""

    dim: Dim

    def __new__(cls, dim: Dim) -> Live:
        self = super().__new__(cls, nominal(dim))
        self.dim = dim
        return self

    def __add__(self, other: int) -> Live:
        return Live(dims.add(self.dim, getattr(other, "dim", other)))

    def __mul__(self, other: int) -> Live:
        return Live(dims.mul(self.dim, getattr(other, "dim", other)))

    def __floordiv__(self, other: int) -> Live:
        return Live(dims.floor_div(self.dim, getattr(other, "dim", other)))

    __radd__, __rmul__ = __add__, __mul__

    def __ne__(self, other: object) -> bool:
        """As a condition, the only one that is written of sizes. Raises Refused for the batch's."""
        if BATCH in dims.symbols(self.dim):
            raise Refused("the batch has no number")
        return int(self) != other


class Shape:
    """A node in an expression."""

    def __init__(self, val: Val) -> None:
        self.shape = [Live(dim) for dim in val.type.shape]
        self.channels, self.features = self.shape[1], self.shape[-1]


class Scope(dict[str, Any]):
    """What an expression sees: variables, then nodes, then functions."""

    functions: Mapping[str, Any] = {
        "len": len, "range": range, "max": max, "min": min, "sum": sum, "reversed": lambda items: items[::-1],
        "enumerate": lambda items: list(enumerate(items)), "zip": lambda *lists: list(zip(*lists, strict=True)),
        "true": True, "false": False, "null": None,
    }  # fmt: skip

    def __init__(self, frame: Frame, env: Mapping[str, Any]) -> None:
        super().__init__(env)
        self.frame = frame

    def __missing__(self, name: str) -> Any:
        return self.functions[name] if name in self.functions else Shape(self.frame.find(name).vals[0])


def evaluate(text: str, frame: Frame, env: Mapping[str, Any]) -> Any:
    """An expression's value: Python's own, in what the strategies write."""
    return eval(text, {"__builtins__": {}}, Scope(frame, env))


def nominal(dim: Dim) -> int:
    """A size at the nominal input, in a batch of two."""
    known = dims.value(dims.substitute(dim, {BATCH: 2}))
    assert known is not None
    return known


def elements(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def plain(value: Any) -> Any:
    """Without sizes: nominal numbers. Raises Refused for the batch's."""
    match value:
        case list() | tuple():
            return [plain(item) for item in value]
        case dict():
            return {name: plain(item) for name, item in value.items()}
        case Live() if BATCH in dims.symbols(value.dim):
            raise Refused("the batch has no number")
        case Live():
            return int(value)
        case RuntimeSize():
            return nominal(value.dim)
        case _:
            return value


def sized(value: Any) -> Any:
    """With sizes as ops take them."""
    if isinstance(value, list | tuple):
        return [sized(item) for item in value]
    if isinstance(value, Live):
        return RuntimeSize(value.dim, 0) if isinstance(value.dim, Size) else value.dim
    return value
