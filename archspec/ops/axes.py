"""Axes by number, and shapes that are brought together."""

from __future__ import annotations

from collections.abc import Sequence

from archspec import dims
from archspec.dims import Dim, show
from archspec.ops.base import Ints, Reach
from archspec.ops.needs import Needs, OpError
from archspec.values import TensorType

Axes = int | Ints
"""One axis or several, as torch's `dim` takes them."""


def axis_of(x: TensorType, dim: int, *, op: str, argument: str = "dim", new: int = 0) -> int:
    """Axis `dim` of `x` counted from the front; `new` axes are about to be added. Raises OpError bad-axis."""
    rank = x.rank + new
    if -rank <= dim < rank:
        return dim % rank
    message = f"`{op}` of {x} has no axis {dim}"
    raise OpError(
        "bad-axis", message, argument=argument, label=f"axes are {-rank} to {rank - 1}" if rank else "no axes"
    )


def axes_of(x: TensorType, dim: int | tuple[int, ...], *, op: str, argument: str = "dim") -> tuple[int, ...]:
    """Several axes of `x` counted from the front, each named once, at least one. Raises OpError bad-axis."""
    wanted = dim if isinstance(dim, tuple) else (dim,)
    if not wanted:
        raise OpError("bad-axis", f"`{op}` needs at least one axis, got none", argument=argument)
    axes = tuple(axis_of(x, one, op=op, argument=argument) for one in wanted)
    if len(set(axes)) < len(axes):
        raise OpError("bad-axis", f"`{op}` names an axis of {x} twice: {list(wanted)}", argument=argument)
    return axes


def reach_along(dim: int | tuple[int, ...], *, kept: bool = True) -> Reach:
    """What an op that mixes these axes reads: one place of a map if they are its channels (and stay, `kept`)."""
    channels = all(axis in (0, 1) for axis in (dim if isinstance(dim, tuple) else (dim,)))
    return "pointwise" if channels and kept else "global"


def replace_axis(shape: tuple[Dim, ...], axis: int, *sizes: Dim) -> tuple[Dim, ...]:
    """`shape` with other sizes (none: removed; several: split) in place of one."""
    return (*shape[:axis], *sizes, *shape[axis + 1 :])


def equal_axis(need: Needs, message: str, axis: int, left: Dim, right: Dim, *, operand: int, rank: int | None) -> Dim:
    """`left` and `right`, the sizes at `axis` of two inputs, are the same; `operand` is the second of them.

    `rank`: how many axes they have, where that tells what the axis means.
    """
    label = f"axis {axis} differs: {show(left)} and {show(right)}"
    if axis == 0 and fixes(left, right):
        raise OpError(
            "shape-mismatch", message, operand=operand, label=label,
            help="give one of them size 1 in axis 0: a number there would fix the batch",
        )  # fmt: skip
    return need.equal(left, right, message, operand=operand, label=label, help=mismatch_help(axis, rank))


def mismatch_help(axis: int, rank: int | None) -> str | None:
    """What brings two feature maps or token lists to one size at `axis`."""
    if rank is None or axis == 0:
        return None
    if rank == 4 and axis == 1:
        return "project one of them with a 1x1 Conv2d"
    if rank == 4 and axis > 1:
        return "bring them to one size with `interpolate` or `crop` and `like:`"
    if axis == rank - 1:
        return "project one of them with a Linear"
    return None


def broadcast(need: Needs, op: str, inputs: Sequence[TensorType], last: int = 0) -> tuple[Dim, ...]:
    """The shape of element-wise operations, `last` axes left out: aligned at the end, size 1 fits all.

    Stricter than torch where alignment would put a batch axis beside another axis: a value of fewer axes must be a
    constant, or made of constants.
    """
    result, shown = _without_last(inputs[0], last), inputs[0]
    for operand, x in enumerate(inputs[1:], 1):
        other = _without_last(x, last)
        if other.shape == result.shape and other.constant == result.constant:  # nothing to ask, as nearly always
            continue
        kind = "shapes that broadcast" if last else "equal shapes"
        message = f"`{op}` needs {kind}, got {shown} and {x}"
        result = _broadcast_pair(need, message, result, other, operand, last)
        shown = result
    return result.shape


def _without_last(x: TensorType, last: int) -> TensorType:
    return TensorType(x.shape[: max(x.rank - last, 0)], x.dtype, x.constant)


def _broadcast_pair(need: Needs, message: str, a: TensorType, b: TensorType, operand: int, last: int) -> TensorType:
    low, high = (a, b) if a.rank < b.rank else (b, a)
    extra = high.rank - low.rank
    if extra and low.rank and not low.constant and (high.constant or dims.proved_equal(low.shape[0], high.shape[0])):
        raise OpError(
            "shape-mismatch", message, operand=operand,
            label=f"{b.rank + last} axes, not {a.rank + last}: the batch {show(low.shape[0])} would meet another axis",
            help="add axes of size 1 with `unsqueeze`, or keep them with `keepdim: true`",
        )  # fmt: skip
    shape: list[Dim] = list(high.shape[:extra])
    rank = None if last else high.rank
    for axis in range(extra, high.rank):
        left, right = (x.shape[axis - high.rank] for x in (a, b))
        if expands(need, left, right):
            shape.append(right)
        elif expands(need, right, left):
            shape.append(left)
        else:
            shape.append(equal_axis(need, message, axis, left, right, operand=operand, rank=rank))
    return TensorType(tuple(shape), high.dtype, a.constant and b.constant)


def expands(need: Needs, size: Dim, to: Dim) -> bool:
    """Whether `size` is 1, for every input or, beside a known size or batch that it cannot equal, for this one."""
    if isinstance(size, int):
        return size == 1
    other = dims.value(to)
    if size.value != 1 or other == 1 or (other is None and need.batch.isdisjoint(dims.symbols(to))):
        return False
    need.equal(size, 1, "")
    return True


def fixes(a: Dim, b: Dim) -> bool:
    """Whether one is a number and the other a size without a nominal value, as the batch is."""
    return (isinstance(a, int) and dims.value(b) is None) or (isinstance(b, int) and dims.value(a) is None)
