"""Parts of a tensor, by position."""

import re
from itertools import product
from typing import Annotated, ClassVar

from pydantic import BeforeValidator

from archspec import dims
from archspec.dims import Dim, show
from archspec.ops.axes import Axes, axes_of, axis_of, replace_axis
from archspec.ops.base import (
    Category,
    Example,
    Inputs,
    Ints,
    Needs,
    Op,
    OpError,
    Reach,
    RuntimeInt,
    Signature,
    elements,
)  # fmt: skip
from archspec.ops.functional import MethodFunction
from archspec.ops.guards import indices
from archspec.ops.target import Arg, Call, Index, Operand, Target
from archspec.values import SizeArg, TensorType, dim_of

_ALL = slice(None)


class _Indexing(Op, abstract=True):
    """A part of the input, sharing its memory."""

    category: ClassVar[Category] = "reshape"
    reach: ClassVar[Reach] = "reshape"
    is_view: ClassVar[bool] = True


def at_axis(item: Arg, axis: int) -> Index:
    """The subscription `x[:, :, item]`."""
    return Index((*(_ALL,) * axis, item))


def element(need: Needs, size: Dim, index: SizeArg, *, op: str, axis: int, argument: str) -> None:
    """`index` is one of an axis of `size`; negative numbers count from the end."""
    at = dim_of(index)
    room = dims.sub(size, at) if not isinstance(at, int) or at >= 0 else dims.add(size, at + 1)
    message = f"`{op}` has no index {show(at)} in axis {axis} of size {show(size)}"
    need.at_least(room, 1, message, code="bad-axis", argument=argument)


def span(need: Needs, size: Dim, start: SizeArg | None, end: SizeArg | None, step: int, *, op: str, axis: int) -> Dim:
    """How many elements `start:end:step` takes of an axis of `size`; at least one."""
    starts, ends = _starts(size, start), _ends(size, end)
    taken = dims.ceil_div(dims.sub(ends[0], starts[0]), step)
    text = ":".join("" if bound is None else show(dim_of(bound)) for bound in (start, end))
    message = f"`{op}` of {text} leaves nothing of axis {axis}, which has size {show(size)}"
    need.at_least(taken, 1, message)
    # At other sizes another bound may hold: as many are taken while it does not cut off the last one.
    before = dims.mul(dims.sub(taken, 1), step)
    for first, last in list(product(starts, ends))[1:]:
        need.at_least(dims.sub(dims.sub(last, first), before), 1, "")
    return taken


def _starts(size: Dim, bound: SizeArg | None) -> tuple[Dim, ...]:
    """Where a slice may start, of which the largest holds, counted from the front: what holds first."""
    at = _from_front(size, bound, 0)
    return _in_order(at, 0, within=at)


def _ends(size: Dim, bound: SizeArg | None) -> tuple[Dim, ...]:
    """Where a slice may end, of which the smallest holds, counted from the front: what holds first."""
    at = _from_front(size, bound, size)
    return _in_order(at, size, within=dims.sub(size, at))


def _from_front(size: Dim, bound: SizeArg | None, default: Dim) -> Dim:
    at = default if bound is None else dim_of(bound)
    return dims.add(size, at) if isinstance(at, int) and at < 0 else at


def _in_order(bound: Dim, limit: Dim, *, within: Dim) -> tuple[Dim, ...]:
    """A bound and the limit it is brought to where `within` is negative; the bound alone where it never is."""
    if dims.proved_at_least(within, 0):
        return (bound,)
    return (limit, bound) if dims.known_at_least(within, 0) is False else (bound, limit)


class Slice(_Indexing):
    """The elements `start:end:step` of axis `dim`: `[N, C, H, W]` with `dim: 1, end: 8` to `[N, 8, H, W]`. Bounds below
    0 count from the end, and those beyond it are brought to it, as in Python."""

    name: ClassVar[str] = "slice"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 1, "start": 2, "end": 5}),
        Example({"dim": -1, "start": -3}),
        Example({"dim": 2, "step": 2}),
    )

    dim: int
    start: RuntimeInt | None = None
    end: RuntimeInt | None = None
    step: int = 1

    def taken(self, need: Needs, x: TensorType) -> tuple[int, Dim, Dim]:
        """The axis, where the part starts and how many elements it has. Raises OpError."""
        axis = axis_of(x, self.dim, op=self.name)
        if self.step < 1:
            raise OpError(
                "bad-argument",
                f"`step` must be positive, got {self.step}",
                argument="step",
                help="`flip` reverses an axis",
            )
        size = x.shape[axis]
        taken = span(need, size, self.start, self.end, self.step, op=self.name, axis=axis)
        return axis, _starts(size, self.start)[0], taken

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        axis, _, taken = self.taken(need, inputs[0])
        return inputs[0].with_shape(replace_axis(inputs[0].shape, axis, taken))

    def target(self, inputs: Inputs) -> Target:
        step = None if self.step == 1 else self.step
        return at_axis(slice(self.start, self.end, step), axis_of(inputs[0], self.dim, op=self.name))


class Select(_Indexing):
    """Element `index` of axis `dim`, which goes: the class token of `[N, L, D]` is `dim: 1, index: 0`, of `[N, D]`."""

    name: ClassVar[str] = "select"
    examples: ClassVar[tuple[Example, ...]] = (Example({"dim": 1, "index": 0}), Example({"dim": -1, "index": -2}))

    dim: int
    index: RuntimeInt

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        axis = axis_of(x, self.dim, op=self.name)
        element(need, x.shape[axis], self.index, op=self.name, axis=axis, argument="index")
        return x.with_shape(replace_axis(x.shape, axis))

    def target(self, inputs: Inputs) -> Target:
        return at_axis(self.index, axis_of(inputs[0], self.dim, op=self.name))


class Narrow(MethodFunction, _Indexing):
    """`length` elements of axis `dim` from `start` on: `[N, C, *]` to `[N, length, *]`."""

    name: ClassVar[str] = "narrow"
    examples: ClassVar[tuple[Example, ...]] = (Example({"dim": 1, "start": 2, "length": 3}),)

    dim: int
    start: RuntimeInt
    length: RuntimeInt

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        axis = axis_of(x, self.dim, op=self.name)
        size, start, length = x.shape[axis], dim_of(self.start), dim_of(self.length)
        need.at_least(length, 1, f"`narrow` of length {show(length)} leaves nothing of axis {axis}", argument="length")
        if isinstance(start, int) and start < 0:
            need.at_least(
                dims.add(size, start), 0, f"`narrow` from {start} starts before axis {axis}", argument="start"
            )
            start = dims.add(size, start)
        message = f"`narrow` from {show(start)} by {show(length)} ends beyond axis {axis} of size {show(size)}"
        need.at_least(dims.sub(size, dims.add(start, length)), 0, message, argument="length")
        return x.with_shape(replace_axis(x.shape, axis, length))


_ITEM = re.compile(r"None|\.\.\.|-?\d+|(-?\d+)?:(-?\d+)?(:\d*)?")


def _items(value: object) -> object:
    """An index as torch writes it, `":, 0"`, or its items one by one, as text without spaces."""
    items = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]  # pyright: ignore[reportUnknownVariableType]
    texts = tuple(str(item).replace(" ", "") for item in items)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if all(_ITEM.fullmatch(text) for text in texts):
        return texts
    raise ValueError("must be integers, slices such as `1:` or `::2`, `...` or null")


Indices = Annotated[tuple[str, ...], BeforeValidator(_items)]


def parse_item(text: str) -> Arg:
    """One item of an index as Python has it: an integer, a slice, an ellipsis or None."""
    if text in ("None", "..."):
        return None if text == "None" else Ellipsis
    bounds = [int(bound) if bound else None for bound in text.split(":")]
    return slice(*bounds) if ":" in text else bounds[0]


class GetItem(_Indexing):
    """torch's subscription: `index: ":, 0"` is `x[:, 0]`. Items are integers (the axis goes), slices, `...` (all axes
    between) and null or `None` (a new axis of size 1); they may be a list: `index: [":", 0]`."""

    name: ClassVar[str] = "getitem"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"index": ":, 0"}),
        Example({"index": ["...", -1, "::2"]}),
        Example({"index": ":, None, 1:-1"}),
    )

    index: Indices

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        used = sum(item not in ("None", "...") for item in self.index)
        if used > x.rank or self.index.count("...") > 1:
            message = f"`getitem` of {x} needs at most {x.rank} items and one `...`, got {len(self.index)}"
            raise OpError("bad-axis", message, argument="index")
        shape: list[Dim] = []
        axis = 0
        for item in map(parse_item, self.index):
            if item is None:
                shape.append(1)
            elif item is Ellipsis:
                shape += x.shape[axis : axis + x.rank - used]
                axis += x.rank - used
            elif isinstance(item, int):
                element(need, x.shape[axis], item, op=self.name, axis=axis, argument="index")
                axis += 1
            else:
                if item.step == 0:
                    raise OpError("bad-argument", "the step of a slice must not be 0", argument="index")
                shape.append(span(need, x.shape[axis], item.start, item.stop, item.step or 1, op=self.name, axis=axis))
                axis += 1
        return x.with_shape((*shape, *x.shape[axis:]))

    def target(self, inputs: Inputs) -> Target:
        return Index(tuple(map(parse_item, self.index)))


class IndexSelect(_Indexing):
    """The elements of axis `dim` at these positions, in this order: `[N, C, *]` with `dim: 1, index: [0, 2]` to
    `[N, 2, *]`. The positions may be an int64 tensor `[K]`, a second operand: `from: [table, index]`."""

    name: ClassVar[str] = "index_select"
    signature: ClassVar[Signature] = Signature(("input",), ("index",))
    saves_inputs: ClassVar[tuple[str, ...]] = ("index",)
    is_view: ClassVar[bool] = False
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 1, "index": [0, 2, 2]}),
        Example({"dim": -1, "index": [3]}),
        Example({"dim": 1}, ((2, 8, 3), (5,)), ("float32", "int64")),
    )

    dim: int
    index: Ints | None = None

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x, index = inputs[0], inputs.get("index")
        axis = axis_of(x, self.dim, op=self.name)
        if (self.index is None) == (index is None):
            given = "both" if index else "neither"
            raise OpError(
                "bad-argument", f"`index_select` takes `index` as a list or as a tensor, got {given}",
                argument="index" if index else None, help="write `index: [0, 2]`, or `from: [table, index]`",
            )  # fmt: skip
        if index is not None:
            indices(index, op=self.name, operand=1)
            need.rank(index, 1, op=self.name, layout="an `index` of [K]", operand=1)
            return x.with_shape(replace_axis(x.shape, axis, index.shape[0]))
        assert self.index is not None
        if not self.index or min(self.index) < 0:
            raise OpError(
                "bad-argument", f"`index` must be positions from 0 on, got {list(self.index)}", argument="index"
            )
        element(need, x.shape[axis], max(self.index), op=self.name, axis=axis, argument="index")
        return x.with_shape(replace_axis(x.shape, axis, len(self.index)))

    def target(self, inputs: Inputs) -> Target:
        if self.index is None:
            return Call("torch.index_select", (Operand(0), self.dim, Operand(1)))
        return at_axis(list(self.index), axis_of(inputs[0], self.dim, op=self.name))

    def gathers(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return elements(outputs[0])

    def makes(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return (TensorType((len(self.index),), "int64"),) if self.index is not None else ()


class Roll(MethodFunction):
    """Elements moved along axes `dims` by `shifts`; what leaves at the end comes back at the start: shifted windows."""

    name: ClassVar[str] = "roll"
    category: ClassVar[Category] = "reshape"
    reach: ClassVar[Reach] = "reshape"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"shifts": [-1, 2], "dims": [2, 3]}),
        Example({"shifts": 1, "dims": -1}),
    )

    shifts: int | Ints
    dims: Axes

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        axes = tuple(axis_of(x, one, op=self.name, argument="dims") for one in _tuple(self.dims))
        if len(axes) != len(_tuple(self.shifts)) or not axes:
            message = f"`roll` needs a shift for each axis, got {len(_tuple(self.shifts))} for {len(axes)}"
            raise OpError("bad-argument", message, argument="shifts")
        return x.with_shape(x.shape)


def _tuple(value: int | tuple[int, ...]) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)


class Flip(MethodFunction):
    """Axes `dims` in reverse."""

    name: ClassVar[str] = "flip"
    category: ClassVar[Category] = "reshape"
    reach: ClassVar[Reach] = "reshape"
    examples: ClassVar[tuple[Example, ...]] = (Example({"dims": [3]}), Example({"dims": [-1, 1]}))

    dims: Axes

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        axes_of(inputs[0], self.dims, op=self.name, argument="dims")
        return inputs[0].with_shape(inputs[0].shape)
